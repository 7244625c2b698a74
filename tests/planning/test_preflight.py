"""The SQL of a migration before it runs."""

import pytest

from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.planning.directives import parse
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.planning.preflight import prepare
from migration_guard.planning.scripts import Script
from migration_guard.problems import Problem

OFF = "-- guard: transaction = off\n"
DEV = "-- guard: environments = dev, test\n"


def prepared(text: str, vendor: str = "postgresql") -> tuple[Script | None, list[Problem]]:
    name = FileName("0001_a", 1, None, "0001_a.sql")
    directives, problems = parse(text, BUILT_IN_ENVIRONMENTS)
    assert problems == []
    scripts, problems = prepare([MigrationFile(name, text, "", directives)], vendor)
    return scripts.get("0001_a"), problems


def units(text: str, vendor: str = "postgresql") -> list[tuple[int, int, list[str]]]:
    script, problems = prepared(text, vendor)
    assert problems == []
    assert script is not None
    return [(u.first, u.last, [s.text for s in u.statements]) for u in script.units]


@pytest.mark.parametrize(
    ("vendor", "text", "expected"),
    [
        ("postgresql", "A; B", [(1, 2, ["A", "B"])]),
        ("postgresql", "BEGIN; A; B; COMMIT;", [(1, 4, ["A", "B"])]),
        ("postgresql", "START TRANSACTION; A; END", [(1, 3, ["A"])]),
        ("postgresql", "A; SAVEPOINT s; B", [(1, 3, ["A", "SAVEPOINT s", "B"])]),
        ("postgresql", OFF + "A; B", [(1, 1, ["A"]), (2, 2, ["B"])]),
        ("postgresql", OFF + "A; BEGIN; B; C; COMMIT; D", [(1, 1, ["A"]), (2, 5, ["B", "C"]), (6, 6, ["D"])]),
        ("postgresql", OFF + "BEGIN; COMMIT; A", [(3, 3, ["A"])]),
        ("sqlite", "BEGIN IMMEDIATE; A; COMMIT", [(1, 3, ["A"])]),
        ("mysql", "INSERT INTO a VALUES (1); CREATE TABLE b (id int)", [(1, 1, ["INSERT INTO a VALUES (1)"]), (2, 2, ["CREATE TABLE b (id int)"])]),
        ("mysql", "BEGIN; INSERT INTO a VALUES (1); COMMIT", [(1, 3, ["INSERT INTO a VALUES (1)"])]),
    ],
)  # fmt: skip
def test_units_when_a_file_is_split_are_what_commits_together(vendor, text, expected):
    assert units(text, vendor) == expected


@pytest.mark.parametrize(
    ("vendor", "text", "rule", "line"),
    [
        ("postgresql", "A;\nBEGIN;\nB;", "transaction-control", 2),
        ("postgresql", "BEGIN;\nA;", "transaction-control", 1),
        ("postgresql", "A;\nCOMMIT;\nB", "transaction-control", 2),
        ("postgresql", "A;\nEND", "transaction-control", 2),
        ("postgresql", "BEGIN;\nA;\nROLLBACK", "transaction-control", 1),
        ("postgresql", "A;\nABORT", "transaction-control", 2),
        ("postgresql", "BEGIN;\nA;\nCOMMIT AND CHAIN;\nB;\nCOMMIT", "transaction-control", 3),
        ("postgresql", "A;\nPREPARE TRANSACTION 'x'", "transaction-control", 2),
        ("postgresql", OFF + "BEGIN;\nA;", "transaction-control", 2),
        ("postgresql", OFF + "A;\nROLLBACK;", "transaction-control", 3),
        ("mysql", "A;\nSET autocommit = 0", "transaction-control", 2),
        ("mysql", "BEGIN;\nCREATE TABLE a (id int);\nCOMMIT", "transaction-control", 2),
        ("postgresql", "A;\n\\connect other\n", "meta-command", 2),
        ("postgresql", "A;\ncopy a (b) TO STDOUT", "meta-command", 2),
        ("postgresql", "A;\nCOPY (SELECT 1 FROM a) TO stdin", "meta-command", 2),
        ("postgresql", "-- nothing\n", "empty", None),
        ("postgresql", "", "empty", None),
        ("postgresql", "BEGIN; COMMIT", "empty", None),
        ("postgresql", "A;\nSELECT 'never closed", "unterminated", 2),
        ("postgresql", "A;\n$x$ never closed", "unterminated", 2),
        ("postgresql", "A;\n/* never /* closed */", "unterminated", 2),
        ("sqlite", "A;\n/* never closed\nB;", "unterminated", 2),
        ("sqlite", "A;\n/* closed */ /* never closed\nB;", "unterminated", 2),
        ("postgresql", "A;\nDELETE FROM applied_migrations", "touches-history", 2),
        ("postgresql", "A;\nDO $$ DELETE FROM public.Applied_Migrations $$", "touches-history", 2),
    ],
)  # fmt: skip
def test_file_when_it_must_not_run_is_a_problem_with_its_line(vendor, text, rule, line):
    _, problems = prepared(text, vendor)

    assert [(problem.rule, problem.line) for problem in problems[:1]] == [(rule, line)]
    assert problems[0].hint


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '/*'",
        "-- guard: allow = empty\n",
        DEV + "DELETE FROM applied_migrations WHERE id = 'x'",
        "-- guard: allow = touches-history, a view for the dashboard\nSELECT id FROM applied_migrations",
        "-- applied_migrations is only named here\nSELECT 1",
        "SELECT 1 FROM applied_migrations_old",
        "\\restrict abc\nSELECT 1;\n\\unrestrict abc\n",
        "COPY a TO '/tmp/stdout'",
        "COPY a FROM STDIN;\n1\n\\.\n",
    ],
)  # fmt: skip
def test_file_when_it_may_run_has_no_problem(text):
    assert prepared(text)[1] == []
