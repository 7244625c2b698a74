"""PostgreSQL: one migration, one transaction; clean sessions; the rules of the history."""

import pytest

from migration_guard.running.postgresql import cleaning
from tests.running.support import applied

TABLE = "CREATE TABLE {} (id integer PRIMARY KEY)"


def exists(database, name: str) -> bool:
    return database.execute("SELECT to_regclass(%s) IS NOT NULL", (name,))[0][0]


def test_run_when_database_is_empty_applies_all_in_numeric_order(postgres, migrations, guard):
    migrations(
        {
            "10_c.sql": "ALTER TABLE b ADD c integer",
            "2_b.sql": "ALTER TABLE a RENAME TO b",
            "0001_a.sql": TABLE.format("a"),
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(postgres) == ["0001_a", "2_b", "10_c"]
    assert result.out.startswith("Applied migrations in order:\n  1. 0001_a @ ")


def test_run_when_repeated_applies_nothing_and_reports_the_same(postgres, migrations, guard):
    migrations({"1_a.sql": TABLE.format("a"), "2_b.sql": TABLE.format("b")})

    first, second = guard("runsqlmigrations"), guard("runsqlmigrations")

    assert first.out == second.out
    assert guard("runsqlmigrations", "--format", "json").json["applied"] == []


def test_times_when_many_are_applied_increase_strictly(postgres, migrations, guard):
    migrations({f"{n}_t.sql": "SELECT 1" for n in range(1, 41)})

    guard("runsqlmigrations")

    times = postgres.execute("SELECT applied_at FROM applied_migrations ORDER BY number")
    assert times == sorted(set(times))


def test_row_when_applied_holds_what_was_run(postgres, migrations, guard):
    migrations({"7_a.sql": "-- why\nSELECT '100%', '%s';"}, ENVIRONMENT="staging")

    guard("runsqlmigrations")

    row = postgres.execute(
        "SELECT number, sql, how, environment, database_user, duration_ms >= 0, length(checksum), "
        "length(fingerprint) FROM applied_migrations"
    )
    assert row == [
        ("7".zfill(40), "-- why\nSELECT '100%', '%s';", "run", "staging", "postgres", True, 64, 64)
    ]


def test_session_when_a_file_leaves_what_its_role_may_not_change_then_the_next_finds_none_of_it(
    postgres, migrations, guard
):
    seen = "current_user, session_user, current_setting('session_replication_role') AS triggers"
    left = "SET session_replication_role = replica; SET {} pg_monitor"
    migrations(
        {
            "1_role.sql": left.format("ROLE"),
            "2_seen.sql": f"CREATE TABLE seen AS SELECT {seen}",
            "3_user.sql": left.format("SESSION AUTHORIZATION"),
            "4_seen.sql": f"INSERT INTO seen SELECT {seen}",
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert postgres.execute("SELECT * FROM seen") == [("postgres", "postgres", "origin")] * 2


def test_run_when_the_database_writes_dates_in_german_reads_them_and_keeps_their_order(
    postgres, migrations, guard
):
    name = postgres.settings["NAME"]
    postgres.execute(f"ALTER DATABASE \"{name}\" SET DateStyle = 'German, DMY'")
    files = {"1_a.sql": "CREATE TABLE a AS SELECT date '2.1.2026' AS day", "2_b.sql": "SELECT 1"}
    migrations(files)

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(postgres) == ["1_a", "2_b"]
    assert postgres.execute("SELECT to_char(day, 'DD Mon') FROM a") == [("02 Jan",)]


def test_commit_when_only_the_clean_up_behind_it_fails_counts_and_the_run_goes_on(
    postgres, migrations, guard, monkeypatch
):
    monkeypatch.setattr(cleaning, "CLEAN_BUT_PREPARED", "SELECT 1 / 0")
    migrations({"1_a.sql": TABLE.format("a"), "2_b.sql": TABLE.format("b")})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(postgres) == ["1_a", "2_b"]
    assert exists(postgres, "b")


def test_commit_when_it_fails_records_nothing_though_the_clean_up_comes_with_it(
    postgres, migrations, guard
):
    postgres.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''not today''; END'"
    )
    migrations({"1_a.sql": TABLE.format("a")})
    assert guard("runsqlmigrations").code == 0
    postgres.execute(
        "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON applied_migrations "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    migrations({"1_a.sql": TABLE.format("a"), "2_b.sql": TABLE.format("b")})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "not today" in result.err
    assert applied(postgres) == ["1_a"]
    assert not exists(postgres, "b")


def test_history_when_a_file_gives_its_column_another_type_is_refused(postgres, migrations, guard):
    alter = (
        "-- guard: environments = dev\nALTER TABLE applied_migrations ALTER duration_ms TYPE bigint"
    )
    files = {"1_a.sql": "SELECT 1", "2_b.sql": "SELECT 1", "3_c.sql": alter, "4_d.sql": "SELECT 1"}
    migrations(files, ENVIRONMENT="dev")

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "whose definition no migration may change" in result.err
    assert applied(postgres) == []


@pytest.mark.parametrize("answers", [1, 20_000], ids=["at the end", "on the way"])
def test_failure_when_the_answers_of_a_batch_come_at_the_end_or_before_names_its_statement(
    postgres, migrations, guard, answers
):
    many = f"SELECT repeat('x', {answers});\n"
    migrations({"1_a.sql": f"{TABLE.format('a')};\n{many * 30}SELECT 1/0;\n{many * 30}"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "division by zero" in result.err
    assert "line 32" in result.err or ":32" in result.err
    assert not exists(postgres, "a")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE x (id int); SELECT 1/0",
        "CREATE TABLE x (id int); INSERT INTO x VALUES ('no')",
        # Deferred to the commit: found before it, under the file's own settings.
        "CREATE TABLE x (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); "
        "INSERT INTO x VALUES (1), (1)",
        "CREATE TABLE x (id int); " + "-- long\n" * 20_000 + "SELECT 1/0",
    ],
    ids=["division", "type", "deferred", "too large for a pipeline"],
)
def test_failure_when_a_later_statement_fails_leaves_nothing_of_the_file(
    postgres, migrations, guard, sql
):
    migrations({"1_ok.sql": TABLE.format("a"), "2_bad.sql": sql, "3_next.sql": TABLE.format("c")})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "2_bad was rolled back as a whole" in result.err
    assert "Applied before it in this run: 1_ok." in result.err
    assert applied(postgres) == ["1_ok"]
    assert not exists(postgres, "x")


@pytest.mark.parametrize("filler", [0, 20_000], ids=["pipeline", "one by one"])
def test_failure_when_a_statement_fails_names_file_line_and_statement(
    postgres, migrations, guard, filler
):
    text = (
        "CREATE TABLE x (id int);\n" + "-- long\n" * filler + "SELECT 1;\nSELECT\n  nothing_here;\n"
    )
    migrations({"1_bad.sql": text + "SELECT 2;"})

    result = guard("runsqlmigrations", "--format", "json")

    problem = result.json["problems"][0]
    assert problem["rule"] == "migration-failed"
    assert problem["line"] == filler + 4
    assert "statement 3 of 4" in problem["message"]
    assert 'column "nothing_here" does not exist' in problem["message"]


def test_failure_when_the_file_is_corrected_goes_on_in_the_next_run(postgres, migrations, guard):
    files = {"1_a.sql": TABLE.format("a"), "2_b.sql": "SELECT 1/0"}
    migrations(files)
    assert guard("runsqlmigrations").code == 1

    migrations({**files, "2_b.sql": TABLE.format("b")})

    assert guard("runsqlmigrations").code == 0
    assert applied(postgres) == ["1_a", "2_b"]


def test_outer_begin_commit_when_present_is_dropped(postgres, migrations, guard):
    migrations({"1_a.sql": f"BEGIN;\n{TABLE.format('a')};\nCOMMIT;"})

    assert guard("runsqlmigrations").code == 0
    assert exists(postgres, "a")


def test_savepoints_when_used_in_a_file_are_allowed(postgres, migrations, guard):
    migrations(
        {"1_a.sql": "CREATE TABLE a (id int); SAVEPOINT s; DROP TABLE a; ROLLBACK TO s; RELEASE s"}
    )

    assert guard("runsqlmigrations").code == 0
    assert exists(postgres, "a")


def test_copy_when_data_is_inline_is_streamed(postgres, migrations, guard):
    rows = "".join(f"{n}\tname {n} \\\\ %s\n" for n in range(5000))
    migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int, name text);\nCOPY a FROM stdin;\n"
            + rows
            + "\\.\nINSERT INTO a VALUES (-1, 'after');"
        }
    )

    assert guard("runsqlmigrations").code == 0
    assert postgres.execute("SELECT count(*), min(id) FROM a") == [(5001, -1)]
    assert postgres.execute("SELECT name FROM a WHERE id = 7") == [("name 7 \\ %s",)]


def test_temporary_table_when_it_shadows_the_history_misplaces_no_row(postgres, migrations, guard):
    migrations(
        {
            "1_shadow.sql": "-- guard: environments = test\n"
            "CREATE TEMPORARY TABLE applied_migrations (id text)",
            "2_next.sql": "SELECT 1",
        },
        ENVIRONMENT="test",
    )

    assert guard("runsqlmigrations").code == 0
    assert applied(postgres) == ["1_shadow", "2_next"]


def test_history_when_a_file_of_dev_clears_markers_applies_those_again_in_the_same_run(
    postgres, migrations, guard
):
    clear = "-- guard: environments = dev\nDELETE FROM applied_migrations WHERE id = '1_a'"
    files = {"1_a.sql": "CREATE TABLE IF NOT EXISTS a (id int)", "2_b.sql": TABLE.format("b")}
    migrations(files, ENVIRONMENT="dev")
    guard("runsqlmigrations")

    migrations({**files, "3_clear.sql": clear, "4_last.sql": TABLE.format("d")}, ENVIRONMENT="dev")
    result = guard("runsqlmigrations", "--format", "json")

    assert result.code == 0, result.err
    assert result.json["applied"] == ["3_clear", "1_a", "4_last"]
    assert postgres.execute("SELECT action, migration_id FROM migration_guard_audit") == [
        ("cleared", "1_a")
    ]


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO applied_migrations (id, number, how, applied_at, database_user, environment) "
        "VALUES ('9_x', '9', 'run', now(), '', '')",
        "UPDATE applied_migrations SET environment = 'x'",
        "DELETE FROM applied_migrations",
        "TRUNCATE applied_migrations",
        "DROP TABLE applied_migrations",
    ],
)
def test_history_when_a_file_of_dev_does_more_than_clear_is_rolled_back(
    postgres, migrations, guard, change
):
    migrations(
        {
            "1_a.sql": TABLE.format("a"),
            "2_bad.sql": "-- guard: environments = dev\n-- guard: allow = touches-history, a test\n"
            + change,
        },
        ENVIRONMENT="dev",
    )

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert applied(postgres) == ["1_a"]


@pytest.mark.parametrize("stamp", ["production", "dev"])
def test_dev_only_when_setting_or_stamp_says_production_is_skipped(
    postgres, migrations, guard, stamp
):
    migrations({"1_a.sql": TABLE.format("a")}, ENVIRONMENT=stamp)
    guard("runsqlmigrations")

    other = "dev" if stamp == "production" else "production"
    files = {"1_a.sql": TABLE.format("a"), "2_dev.sql": "-- DEV/TEST ONLY\nDROP TABLE a"}
    migrations(files, ENVIRONMENT=other)
    result = guard("runsqlmigrations", "--format", "json")

    assert result.code == 0
    assert [m["state"] for m in result.json["migrations"]] == ["applied", "skipped"]
    assert [p["rule"] for p in result.json["problems"]] == ["environment-mismatch"]
    assert exists(postgres, "a")


def test_plan_and_check_when_nothing_was_ever_run_write_nothing(postgres, migrations, guard):
    migrations({"1_a.sql": TABLE.format("a")})

    plan, check = guard("runsqlmigrations", "--plan"), guard("runsqlmigrations", "--check")

    assert (plan.code, check.code) == (0, 1)
    assert "pending  1_a" in plan.out
    assert "1 pending: 1_a" in check.err
    assert postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_target_when_given_stops_there(postgres, migrations, guard):
    migrations({f"{n}_t.sql": "SELECT 1" for n in (1, 5, 10)})

    assert guard("runsqlmigrations", "--target", "5").code == 0
    assert applied(postgres) == ["1_t", "5_t"]
