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
