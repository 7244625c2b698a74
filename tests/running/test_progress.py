"""A run that plans again has come further each time, or it stops."""

import pytest

from tests.running.support import applied

DEV = "-- guard: environments = dev\n"
OFF = DEV + "-- guard: transaction = off\n-- guard: allow = touches-history, a test\n"
TRUNCATE_ALL = (
    "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables "
    "WHERE schemaname = 'public' LOOP EXECUTE format('TRUNCATE %I CASCADE', t); {} END LOOP; "
    "END $$;"
)


@pytest.mark.parametrize(
    "statement",
    [
        TRUNCATE_ALL.format(""),
        TRUNCATE_ALL.format("COMMIT;"),
        "TRUNCATE migration_guard_journal",
        "DELETE FROM migration_guard_journal",
        "UPDATE migration_guard_journal SET done = 7",
    ],
    ids=["truncate", "truncate and commit", "journal", "delete", "count"],
)
def test_run_when_its_own_file_takes_the_journal_away_stops(
    postgres, migrations, guard_process, statement
):
    migrations(
        {"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": OFF + statement}, ENVIRONMENT="dev"
    )

    process = guard_process.start("runsqlmigrations")
    _out, err = process.communicate(timeout=60)

    assert process.returncode == 1, err
    assert err.count("Applied by another process") <= 2
    assert "2_b" in err
    assert "Next:" in err


def test_run_when_two_files_clear_each_other_stops(database, migrations, guard):
    clear = DEV + "DELETE FROM applied_migrations WHERE id = '{}'"
    migrations({"1_a.sql": clear.format("2_b"), "2_b.sql": clear.format("1_a")}, ENVIRONMENT="dev")

    result = guard("runsqlmigrations")

    assert result.code == 1, result.err
    assert "2_b removed markers" in result.err
    assert applied(database) == ["1_a"]
    marked = guard("repairsqlmigrations", "2_b", "--mark-applied", "--reason", "done")
    assert marked.code == 0, marked.err
    assert guard("runsqlmigrations").code == 0


def test_run_when_a_cleared_file_ran_in_the_same_run_applies_it_again(database, migrations, guard):
    clear = DEV + "DELETE FROM applied_migrations WHERE id = '1_a'"
    migrations(
        {"1_a.sql": "CREATE TABLE IF NOT EXISTS a (id int)", "2_b.sql": clear}, ENVIRONMENT="dev"
    )

    result = guard("runsqlmigrations", "--format", "json")

    assert result.code == 0, result.err
    assert result.json["applied"] == ["1_a", "2_b", "1_a"]
