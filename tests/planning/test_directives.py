"""Directives in the leading comment block."""

import pytest

from migration_guard.planning.directives import Directives, parse

KNOWN = ("production", "staging", "test", "dev")


def directives(text: str) -> Directives:
    found, problems = parse(text, KNOWN)
    assert problems == []
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-- guard: environments = dev, test", Directives(frozenset({"dev", "test"}))),
        ("-- guard: environments = prod", Directives(frozenset({"production"}))),
        ("-- guard: environments = LIVE,Staging", Directives(frozenset({"production", "staging"}))),
        ("-- guard: transaction = off", Directives(transaction=False)),
        ("--guard:transaction=OFF", Directives(transaction=False)),
        ("-- guard: lock_timeout = 5s", Directives(lock_timeout=5)),
        ("-- guard: lock_timeout = 0", Directives(lock_timeout=0)),
        ("-- guard: statement_timeout = 500ms", Directives(statement_timeout=0.5)),
        (
            "-- guard: requires = auth.0001_initial",
            Directives(requires=(("auth", "0001_initial"),)),
        ),
        ("-- guard: rerun = safe", Directives(rerun_safe=True)),
        ("-- guard: formerly = 0001_a", Directives(formerly=("0001_a",))),
        (
            "-- guard: formerly = 1_a\n-- guard: formerly = 2_b",
            Directives(formerly=("1_a", "2_b")),
        ),
        (
            "-- guard: replaces = 1_a\n-- guard: replaces = 2_b or 3_c",
            Directives(replaces=(("1_a",), ("2_b", "3_c"))),
        ),
        ("-- guard: allow = drop-column, since 41", Directives(allow={"drop-column": "since 41"})),
        ("-- guard: allow = empty", Directives(allow={"empty": ""})),
        ("-- DEV/TEST ONLY: clears markers", Directives(frozenset({"dev", "test"}))),
        ("/* dev / test only */", Directives(frozenset({"dev", "test"}))),
        ("-- nothing special", Directives()),
    ],
)
def test_directive_when_it_stands_in_the_header_is_read(line: str, expected: Directives) -> None:
    assert directives(f"-- a comment\n\n{line}\nSELECT 1;") == expected


def test_directives_when_there_are_several_are_all_read() -> None:
    found = directives(
        "-- guard: requires = auth.0001_initial\n"
        "-- guard: requires = sites.0001_initial, sites.0002_alter\n"
        "-- guard: allow = a-rule, because\n"
        "-- guard: allow = b-rule, because\n"
    )

    assert len(found.requires) == 3
    assert set(found.allow) == {"a-rule", "b-rule"}


@pytest.mark.parametrize(
    ("line", "rule", "says"),
    [
        ("-- guard: enviroments = dev", "unknown-directive", 'did you mean "environments"'),
        ("-- guard: transaction", "unknown-directive", "not a directive"),
        ("-- guard:", "unknown-directive", "not a directive"),
        ("-- guard: environments = qa", "bad-directive", '"qa" is not an environment'),
        ("-- guard: environments = prodution", "bad-directive", 'did you mean "production"'),
        ("-- guard: environments = dev,", "bad-directive", '"" is not an environment'),
        ("-- guard: transaction = maybe", "bad-directive", "on or off"),
        ("-- guard: lock_timeout = soon", "bad-directive", "a time is written"),
        ("-- guard: requires = auth", "bad-directive", "app_label.migration_name"),
        ("-- guard: rerun = unsafe", "bad-directive", "can only be safe"),
        ("-- guard: formerly = orders", "bad-directive", "names one id"),
        ("-- guard: formerly = 0001_a, 0002_b", "bad-directive", "names one id"),
        ("-- guard: replaces = 0001_a, 0002_b", "bad-directive", "one migration a line"),
        ("-- guard: allow = drop-column", "bad-directive", "lacks its reason"),
    ],
)
def test_directive_when_it_is_wrong_is_a_problem_with_its_line(
    line: str, rule: str, says: str
) -> None:
    _, problems = parse(f"-- a comment\n{line}\nSELECT 1;", KNOWN)

    assert [problem.rule for problem in problems] == [rule]
    assert says in problems[0].message
    assert problems[0].line == 2


def test_directive_when_it_is_given_twice_is_a_problem() -> None:
    _, problems = parse("-- guard: transaction = on\n-- guard: transaction = off\n", KNOWN)

    assert [problem.line for problem in problems] == [2]


def test_directive_when_it_stands_below_the_first_statement_is_a_problem() -> None:
    _, problems = parse("SELECT 1;\n-- guard: environments = dev\nSELECT 2;", KNOWN)

    assert [(problem.rule, problem.line) for problem in problems] == [("misplaced-directive", 2)]


def test_words_dev_test_only_when_below_the_header_mean_nothing_here() -> None:
    assert directives("SELECT 1;\n-- DEV/TEST ONLY\nSELECT 2;").environments is None


def test_words_dev_test_only_when_the_environments_say_more_are_a_problem() -> None:
    _, problems = parse("-- DEV/TEST ONLY\n-- guard: environments = production", KNOWN)

    assert [problem.rule for problem in problems] == ["bad-directive"]


# -- corrections

CORRECTIONS = {
    "transaction = off;": "transaction = off",
    "transaction = off,": "transaction = off",
    "transaction = 'off'": "transaction = off",
    "transaction = OFF.": "transaction = OFF",
    "transaction = off -- since CONCURRENTLY": "transaction = off",
    "transaction = off # since CONCURRENTLY": "transaction = off",
    "transaction = off /* CONCURRENTLY */": "transaction = off",
    "transaction = false": "transaction = off",
    "transaction = no": "transaction = off",
    "transaction = none;": "transaction = off",
    "transaction = true": "transaction = on",
    "transaction off": "transaction = off",
    "transaction: off;": "transaction = off",
    "transaction == off": "transaction = off",
    "transcation = off": "transaction = off",
    "rerun = yes": "rerun = safe",
    "formerly = sql/0001_a.sql": "formerly = 0001_a",
    "replaces = '0001_a'": "replaces = 0001_a",
    "formely = 0001_a": "formerly = 0001_a",
    "lock_timeout = '5s';": "lock_timeout = 5s",
    "lock-timeout = 5s": "lock_timeout = 5s",
    "lock_timeout = 5 seconds": "lock_timeout = 5s",
    "statement_timeout = 1,5 minutes": "statement_timeout = 1.5min",
    "statement_timeout = off": "statement_timeout = 0",
    "environments = dev;": "environments = dev",
    "environments = dev,": "environments = dev",
    "environments = [dev, test]": "environments = dev, test",
    "environments = 'dev', \"test\"": "environments = dev, test",
    "environments = dev test": "environments = dev, test",
    "environments = dev and test": "environments = dev, test",
    "environments = development, testing, stage": "environments = dev, test, staging",
    "requires = auth.0001_initial;": "requires = auth.0001_initial",
    "requires = auth 0001_initial": "requires = auth.0001_initial",
    "requires = auth/0001_initial.py": "requires = auth.0001_initial",
    "requires = django.contrib.auth.0001_initial": "requires = auth.0001_initial",
    "requires = ('auth', '0001_initial')": "requires = auth.0001_initial",
    "allow = drop-column: since 41": "allow = drop-column, since 41",
    "allow = drop_column - since 41": "allow = drop-column, since 41",
}


@pytest.mark.parametrize("body", CORRECTIONS)
def test_directive_when_its_value_is_written_otherwise_shows_how(body: str) -> None:
    found, (problem,) = parse(f"-- guard: {body}\nSELECT 1;", KNOWN)

    directive = f"-- guard: {CORRECTIONS[body]}"
    assert (found, problem.hint) == (Directives(), f"Write: {directive}")
    assert parse(directive, KNOWN)[1] == []


@pytest.mark.parametrize(
    "body",
    [
        "transaction = maybe;",
        "environments = qua qua",
        "allow = drop-column",
        "lock_timeout = soon",
    ],
)
def test_directive_when_its_value_has_no_likely_meaning_suggests_none(body: str) -> None:
    (problem,) = parse(f"-- guard: {body}\nSELECT 1;", KNOWN)[1]

    assert problem.hint == "Correct the line."
