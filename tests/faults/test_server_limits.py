"""Limits and defaults that an administrator gave the role or the database, not the migration."""

from __future__ import annotations

import pytest

from tests.running.support import applied, sleeping, wait_until

OFF = "-- guard: transaction = off\n"
LIMITS = {
    "transaction_timeout": "'700ms'",
    "statement_timeout": "'700ms'",
    "idle_in_transaction_session_timeout": "'300ms'",
    "idle_session_timeout": "'300ms'",
    "lock_timeout": "'300ms'",
}


def alter(postgres, **settings):
    for name, value in settings.items():
        database = postgres.settings["NAME"]
        postgres.execute(f"ALTER DATABASE {database} SET {name} = {value}")


@pytest.mark.parametrize("header", ["", OFF], ids=["transaction", "off"])
@pytest.mark.parametrize("filler", ["", "-- long\n" * 10_000], ids=["small", "large"])
def test_limits_when_the_database_has_some_do_not_end_a_migration(
    header, filler, postgres, migrations, guard, tried
):
    """As the settings say: without STATEMENT_TIMEOUT a migration takes as long as it takes."""
    alter(postgres, **LIMITS)
    slow = "CREATE TABLE a (id int);\nSELECT pg_sleep(0.5);\nSELECT pg_sleep(0.5);\n"
    migrations({"1_a.sql": header + slow + filler, "2_b.sql": "CREATE TABLE b (id int)"})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(postgres) == ["1_a", "2_b"]
    tried(
        f"ALTER DATABASE … SET {', '.join(LIMITS)}, shorter than a migration takes",
        item=7,
        result="applied: the limits of the migration are those of its file and of the settings",
    )


def test_limits_when_the_run_waits_for_another_do_not_end_it(postgres, migrations, runners, tried):
    alter(postgres, **LIMITS)
    migrations({"1_a.sql": "CREATE TABLE a (id int); SELECT pg_sleep(3)"})
    first = runners.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    _second_waits_and_goes_on(runners, first, tried)


def _second_waits_and_goes_on(runners, first, tried):
    second = runners("runsqlmigrations")

    assert first.wait().code == 0
    assert second.code == 0, second.err
    tried(
        "idle_session_timeout or wait_timeout is shorter than the wait for the run lock",
        item=7,
        result="waits, and goes on",
    )


@pytest.mark.mariadb
def test_limits_when_the_run_waits_for_another_do_not_end_it_on_mariadb(
    mariadb, migrations, runners, tried
):
    mariadb.configure(OPTIONS={"init_command": "SET SESSION wait_timeout = 1"})
    migrations({"1_a.sql": "CREATE TABLE a (id int); DO SLEEP(4)"})
    first = runners.start("runsqlmigrations")
    wait_until(
        lambda: mariadb.execute(
            "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'"
        )
    )

    _second_waits_and_goes_on(runners, first, tried)


@pytest.mark.parametrize("header", ["", OFF], ids=["transaction", "off"])
def test_index_when_an_invalid_one_has_its_name_is_no_success_of_if_not_exists(
    header, postgres, migrations, guard, tried
):
    postgres.execute("CREATE TABLE a (id int)")
    postgres.execute("INSERT INTO a VALUES (1), (1)")
    with pytest.raises(Exception, match="duplicate"):
        postgres.execute("CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)")
    migrations({"1_a.sql": f"{header}CREATE INDEX IF NOT EXISTS a_id ON a (id)"})

    result = guard("runsqlmigrations")

    assert result.code == 1, result.out
    assert "1_a.sql:" in result.err
    assert "the index public.a_id is INVALID" in result.err
    assert "DROP INDEX CONCURRENTLY public.a_id" in result.err
    assert applied(postgres) == []
    postgres.execute("DROP INDEX CONCURRENTLY public.a_id")
    assert guard("runsqlmigrations").code == 0
    tried(
        "CREATE INDEX IF NOT EXISTS meets an INVALID index of that name",
        item=4,
        result="no success; names the index and the DROP to type",
    )


def test_index_when_the_one_of_a_partitioned_table_awaits_its_parts_is_a_success(
    postgres, migrations, guard
):
    """It is INVALID by design until the last part is attached."""
    postgres.execute("CREATE TABLE a (id int) PARTITION BY LIST (id)")
    postgres.execute("CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1)")
    sql = "CREATE INDEX IF NOT EXISTS a_id ON ONLY a (id);\n"
    migrations({"1_a.sql": sql * 2, "2_b.sql": OFF + sql})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass"
    assert postgres.execute(query) == [(False,)]


DEFAULTS = {
    "synchronous_commit": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "row_security": "off",
    "client_min_messages": "error",
    "IntervalStyle": "sql_standard",
    "TimeZone": "'Asia/Tokyo'",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "session_replication_role": "replica",
    "check_function_bodies": "off",
    "quote_all_identifiers": "on",
    "track_activities": "off",
    "track_counts": "off",
}


@pytest.mark.parametrize(
    ("defaults", "schema"),
    [(DEFAULTS, "public"), ({"search_path": "elsewhere, public"}, "elsewhere")],
    ids=["all", "search_path"],
)
def test_defaults_when_the_database_has_them_change_nothing(
    defaults, schema, postgres, migrations, guard, tried
):
    postgres.execute("CREATE SCHEMA elsewhere")
    alter(postgres, **defaults)
    migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int, t text); INSERT INTO a VALUES (1, 'one')",
            "2_b.sql": OFF + "CREATE INDEX CONCURRENTLY a_id ON a (id); VACUUM a",
        }
    )

    results = [guard("runsqlmigrations", "--format", "json") for _ in range(2)]

    assert [result.code for result in results] == [0, 0], results
    assert [result.json["applied"] for result in results] == [["1_a", "2_b"], []]
    assert postgres.execute(f"SELECT count(*) FROM {schema}.applied_migrations") == [(2,)]
    assert postgres.execute(f"SELECT * FROM {schema}.a") == [(1, "one")]
    tried(
        f"ALTER DATABASE … SET {', '.join(defaults)}",
        item=7,
        result="each migration applied once; the second run finds nothing to do",
    )


def test_read_only_when_the_database_says_so_is_refused(postgres, migrations, guard):
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})
    alter(postgres, default_transaction_read_only="on")

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "read-only" in result.err
    assert "default_transaction_read_only" in result.err
    assert postgres.execute("SELECT to_regclass('public.applied_migrations')") == [(None,)]
