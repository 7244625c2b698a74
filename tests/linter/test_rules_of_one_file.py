"""The rules that look at one file: bad, good, silenced."""

import pytest

from migration_guard.problems import Severity
from tests.linter.cases import found, slugs

OFF = "-- guard: transaction = off\n"
DEV = "-- guard: environments = dev, test\n"
T = "CREATE TABLE t (id bigint, a text);\n"

BAD = [
    ("bad-directive", "-- guard: environments = develop\nSELECT 1", 1),
    ("blanket-delete", "SELECT 1;\nDELETE FROM auth_user;", 2),
    ("blanket-delete", "SELECT 1;\ndelete from only auth_user using auth_user x;", 2),
    ("blanket-delete", "UPDATE auth_user SET email = (SELECT 'x' WHERE true);", 1),
    ("blanket-delete", T + "TRUNCATE t, auth_user;", 2),
    ("blanket-delete", "-- guard: environments = production, staging\nTRUNCATE auth_user;", 2),
    ("blanket-delete", "CREATE TABLE IF NOT EXISTS t (a int);\nDROP TABLE t;", 2),
    ("blanket-delete", "WITH gone AS (DELETE FROM auth_user RETURNING *) SELECT 1 FROM gone WHERE true;", 1),
    ("blanket-delete", "SELECT 1;\nWITH x AS (SELECT 1 WHERE true)\nDELETE FROM auth_user;", 2),
    ("checks-off", "SELECT 1;\nALTER TABLE auth_user DISABLE TRIGGER ALL;", 2),
    ("dev-only-in-production", "SELECT 1;\n-- DEV/TEST ONLY\nSELECT 2;", 2),
    ("dev-only-in-production", "SELECT 'for dev/test only';", 1),
    ("enum-value-used", "ALTER TYPE mood ADD VALUE 'calm';\nSELECT 'calm'::mood;", 2),
    ("partition-scan", "ALTER TABLE p ATTACH PARTITION q FOR VALUES IN (1);", 1),
    ("row-security-off", "ALTER TABLE auth_user DISABLE ROW LEVEL SECURITY;", 1),
    ("table-rewrite", "CLUSTER auth_user USING auth_user_pkey;", 1),
    ("empty", "-- nothing\n", None),
    ("meta-command", "\\i more.sql\nSELECT 1;", 1),
    ("misplaced-directive", "SELECT 1;\n-- guard: environments = dev\n", 2),
    ("mixed-concurrently", T + "CREATE INDEX CONCURRENTLY i ON t (a);", 2),
    ("near-miss", "-- about t\n-- gaurd: environments = dev\nSELECT 1;", 2),
    ("near-miss", "/*\n * DEV ONLY\n */\nSELECT 1;", 2),
    ("nul-byte", "SELECT 1;\0", 1),
    ("session-setting", "SELECT 1;\nSET search_path = public;", 2),
    ("session-setting", "SELECT set_config('a.b', 'c', false);", 1),
    ("session-setting", "SET SESSION work_mem = '1GB';", 1),
    ("syntax-error", T + "\nALTER TABLE t ADD COLUMN é text DEFUALT 1;", 3),
    ("touches-history", "DELETE FROM applied_migrations WHERE id = 'x';", 1),
    ("transaction-control", "SELECT 1;\nCOMMIT;\nSELECT 2;", 2),
    ("unknown-directive", "-- guard: enviroments = dev\nSELECT 1", 1),
    ("unknown-relation", "ALTER TABLE nobody ADD COLUMN a int;", 1),
    ("unknown-relation", T + "\nCREATE INDEX i ON t (b);", 3),
    ("unterminated", "SELECT 'x", 1),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "text", "line"), BAD)
def test_file_when_it_is_bad_is_a_problem_with_its_line_and_a_remedy(tmp_path, slug, text, line):
    problems = [p for p in found(tmp_path / "m", {"0001_a.sql": text}) if p.rule == slug]

    assert [problem.line for problem in problems] == [line]
    assert problems[0].hint


@pytest.mark.parametrize(
    "text",
    [
        T + "DELETE FROM t WHERE id > 3;",
        T + "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING;\nSELECT * FROM t FOR UPDATE;",
        T + "CREATE UNIQUE INDEX i ON t (id);\nINSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 'x';",
        T + "CREATE TABLE u (id bigint);\nDROP TABLE u;",
        DEV + T + "TRUNCATE t;",
        T + "COMMENT ON TABLE t IS 'DELETE FROM t';",
        DEV + "-- DEV/TEST ONLY\nSELECT 1;",
        "/* DEV/TEST ONLY */\nSELECT 1;",
        DEV + "-- DEV ONLY\nSELECT 1;",
        "SET LOCAL search_path = public;\nSELECT 1;",
        "SELECT set_config('a.b', 'c', true);",
        OFF + "SET statement_timeout = 0;\nVACUUM;",
        OFF + "CREATE INDEX CONCURRENTLY i ON pg_catalog.pg_class (relname);",
        OFF + "SET lock_timeout = 0;\nDROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE INDEX CONCURRENTLY i ON pg_class (relname);",
        "SELECT 'concurrently';",
        "BEGIN;\nSELECT 1;\nCOMMIT;",
        "-- guard: allow = empty\n",
    ],
)  # fmt: skip
def test_file_when_it_is_good_has_no_problem(tmp_path, text):
    assert found(tmp_path / "m", {"0001_a.sql": text}) == []


@pytest.mark.parametrize(
    ("slug", "text"),
    [(slug, text) for slug, text, _ in BAD if slug in {
        "already-exists", "alter-before-create", "blanket-delete", "dev-only-in-production",
        "checks-off", "enum-value-used", "partition-scan", "row-security-off", "table-rewrite",
        "mixed-concurrently", "near-miss", "session-setting", "syntax-error", "touches-history", "unknown-relation",
    }],
)  # fmt: skip
def test_file_when_the_rule_is_allowed_with_a_reason_is_silent(tmp_path, slug, text):
    allowed = f"-- guard: allow = {slug}, looked at in review\n{text}"

    assert slug not in slugs(found(tmp_path / "m", {"0001_a.sql": allowed}))


@pytest.mark.parametrize(
    ("slug", "files"),
    [
        ("bad-name", {"profiles.sql": "SELECT 1"}),
        ("duplicate-number", {"1_a.sql": "SELECT 1", "01_b.sql": "SELECT 1"}),
        ("gap", {"0001_a.sql": "SELECT 1", "0004_b.sql": "SELECT 1"}),
        ("max-migration-missing", {"0001_a.sql": "SELECT 1", "max_migration.txt": None}),
        ("max-migration-stale", {"0001_a.sql": "SELECT 1", "max_migration.txt": "0007_x"}),
        ("not-utf8", {"0001_a.sql": b"SELECT '\xe9'"}),
        ("no-variant", {"0001_a.sqlite.sql": "SELECT 1"}),
    ],
)
def test_set_when_it_is_bad_is_a_problem(tmp_path, slug, files):
    assert slug in slugs(found(tmp_path / "m", files))


def test_set_when_one_id_is_in_two_folders_is_a_problem(tmp_path):
    found(tmp_path / "m", {"0001_a.sql": "SELECT 1"})

    problems = found(tmp_path / "n", {"0001_a.sql": "SELECT 1"}, folders=[tmp_path / "m"])

    assert "duplicate-id" in slugs(problems)


def test_setting_when_its_key_is_unknown_is_a_problem(tmp_path, settings):
    settings.MIGRATION_GUARD = {"ENVIROMENT": "dev"}

    problems = found(tmp_path / "m", {"0001_a.sql": "SELECT 1"})

    assert [(p.rule, p.hint) for p in problems] == [
        ("unknown-setting", 'Did you mean "ENVIRONMENT"?')
    ]


def test_gap_when_numbers_are_times_is_silent(tmp_path):
    files = {"20260101120000_a.sql": "SELECT 1", "20260203120000_b.sql": "SELECT 1"}

    assert found(tmp_path / "m", files) == []


def test_concurrent_index_when_it_stands_beside_other_work_is_a_warning(tmp_path):
    text = OFF + T + "CREATE INDEX CONCURRENTLY i ON t (a);"

    problems = found(tmp_path / "m", {"0001_a.sql": text})

    assert [(p.rule, p.severity, p.line) for p in problems] == [
        ("mixed-concurrently", Severity.WARNING, 2)
    ]


@pytest.mark.parametrize("vendor", ["sqlite", "mysql"])
def test_blanket_delete_when_the_vendor_is_another_is_found_too(tmp_path, vendor):
    assert slugs(found(tmp_path / "m", {"0001_a.sql": "DELETE FROM t"}, vendor)) == [
        "blanket-delete"
    ]
