"""PostgreSQL with `transaction = off`: statement by statement, through the journal."""

import pytest

from tests.faults.state import journal
from tests.running.support import applied, kill, sleeping, wait_until, waiting

OFF = "-- guard: transaction = off\n"
SEVEN = [
    "CREATE TABLE a (id integer)",
    "INSERT INTO a VALUES (1)",
    "INSERT INTO a VALUES (2)",
    "ALTER TABLE nowhere ADD b integer",
    "INSERT INTO a VALUES (3)",
    "INSERT INTO a VALUES (4)",
    "INSERT INTO a VALUES (5)",
]
CORRECTED = [*SEVEN[:3], "ALTER TABLE a ADD b integer", *SEVEN[4:]]


def off(*statements: str, header: str = OFF) -> str:
    return header + ";\n".join(statements) + ";\n"


def indexes(database):
    return database.execute(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = 'a'::regclass ORDER BY 1"
    )


def test_failure_when_the_fourth_of_seven_fails_is_remembered_as_three_of_seven(
    postgres, migrations, guard
):
    migrations({"1_a.sql": off(*SEVEN)})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "statement 4 of 7" in result.err
    assert "3 of 7 statements of 1_a are done and stay done" in result.err
    assert journal(postgres) == [("1_a", "failed", 3, 7, 0)]
    assert applied(postgres) == []
    assert "failed  1_a (3 of 7 statements done)" in guard("runsqlmigrations", "--plan").out


def test_next_run_when_the_tail_is_corrected_goes_on_at_the_fourth(postgres, migrations, guard):
    migrations({"1_a.sql": off(*SEVEN)})
    guard("runsqlmigrations")

    migrations({"1_a.sql": off(*CORRECTED)})

    assert guard("runsqlmigrations").code == 0
    assert postgres.execute("SELECT id FROM a ORDER BY id") == [(1,), (2,), (3,), (4,), (5,)]
    assert journal(postgres) == []
    assert applied(postgres) == ["1_a"]


@pytest.mark.parametrize(
    "edited",
    [
        ["CREATE TABLE a (id bigint)", *CORRECTED[1:]],
        CORRECTED[1:],
        CORRECTED[:2],
    ],
    ids=["changed", "removed", "shortened"],
)
def test_next_run_when_the_part_done_was_edited_is_refused(postgres, migrations, guard, edited):
    migrations({"1_a.sql": off(*SEVEN)})
    guard("runsqlmigrations")

    migrations({"1_a.sql": off(*edited)})
    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "That part was edited since" in result.err
    assert "--mark-applied" in result.err
    assert journal(postgres) == [("1_a", "failed", 3, 7, 0)]
    assert postgres.execute("SELECT id FROM a ORDER BY id") == [(1,), (2,)]


def test_next_run_when_only_comments_of_the_part_done_changed_goes_on(postgres, migrations, guard):
    migrations({"1_a.sql": off(*SEVEN)})
    guard("runsqlmigrations")

    migrations({"1_a.sql": off("-- now explained\n" + CORRECTED[0], *CORRECTED[1:])})

    assert guard("runsqlmigrations").code == 0


def test_next_run_when_the_part_done_set_the_session_replays_it(postgres, migrations, guard):
    before = ["CREATE SCHEMA s", "SET search_path = s", "SELECT set_config('my.x', 'y', false)"]
    migrations({"1_a.sql": off(*before, "SELECT 1/0")})
    guard("runsqlmigrations")

    migrations({"1_a.sql": off(*before, "CREATE TABLE t AS SELECT current_setting('my.x') AS x")})

    assert guard("runsqlmigrations").code == 0
    assert postgres.execute("SELECT x FROM s.t") == [("y",)]
    assert applied(postgres) == ["1_a"]


def test_next_run_when_the_part_done_made_a_temporary_table_is_refused(postgres, migrations, guard):
    migrations({"1_a.sql": off("CREATE TEMP TABLE t (id int)", "SELECT 1/0")})
    guard("runsqlmigrations")

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "temporary table" in result.err


def test_group_when_in_begin_commit_is_one_unit(postgres, migrations, guard):
    group = ["CREATE TABLE a (id int)", "BEGIN", "INSERT INTO a VALUES (1)", "SELECT 1/0", "COMMIT"]
    migrations({"1_a.sql": off(*group)})

    assert guard("runsqlmigrations").code == 1
    assert journal(postgres) == [("1_a", "failed", 1, 5, 0)]
    assert postgres.execute("SELECT count(*) FROM a") == [(0,)]

    migrations({"1_a.sql": off(*group[:3], "INSERT INTO a VALUES (2)", "COMMIT")})

    assert guard("runsqlmigrations").code == 0
    assert postgres.execute("SELECT count(*) FROM a") == [(2,)]


def test_statements_when_they_refuse_or_end_a_transaction_all_work(postgres, migrations, guard):
    migrations(
        {
            "1_a.sql": off(
                "CREATE TYPE mood AS ENUM ('sad')",
                "ALTER TYPE mood ADD VALUE 'glad'",
                "CREATE TABLE a (id int, m mood DEFAULT 'glad')",
                "INSERT INTO a SELECT generate_series(1, 10)",
                "VACUUM ANALYZE a",
                "CREATE INDEX CONCURRENTLY a_id ON a (id)",
                "REINDEX INDEX CONCURRENTLY a_id",
                "DO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO a VALUES (i); COMMIT; END LOOP; END $$",
                "CREATE PROCEDURE p() LANGUAGE plpgsql AS "
                "$$ BEGIN INSERT INTO a VALUES (99); COMMIT; END $$",
                "CALL p()",
                "DROP INDEX CONCURRENTLY a_id",
                "CREATE UNIQUE INDEX CONCURRENTLY ON a (id) WHERE id > 50",
            )
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert postgres.execute("SELECT count(*) FROM a") == [(14,)]
    assert indexes(postgres) == [("a_id_idx", True)]


def test_index_when_the_build_fails_leaves_none_and_is_built_after_the_correction(
    postgres, migrations, guard
):
    make = ["CREATE TABLE a (id int)", "INSERT INTO a VALUES (1), (1)"]
    build = "CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)"
    migrations({"1_a.sql": off(*make, build)})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "could not create unique index" in result.err
    assert indexes(postgres) == []
    assert journal(postgres) == [("1_a", "failed", 2, 3, 0)]

    migrations({"1_a.sql": off(*make, "DELETE FROM a", build)})

    assert guard("runsqlmigrations").code == 0
    assert indexes(postgres) == [("a_id", True)]


@pytest.mark.parametrize("name", ["a_id", ""], ids=["named", "unnamed"])
def test_index_when_a_killed_build_left_it_invalid_is_built_again(
    postgres, migrations, guard, guard_process, name
):
    build = f"CREATE INDEX CONCURRENTLY {name} ON a (id)"
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})
    guard("runsqlmigrations")
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": off(build)})
    blocker = postgres.connect()
    blocker.execute("BEGIN")
    blocker.execute("INSERT INTO a VALUES (1)")
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: indexes(postgres))
    kill(postgres, process)
    blocker.execute("COMMIT")
    assert [valid for _name, valid in indexes(postgres)] == [False]

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert indexes(postgres) == [("a_id" if name else "a_id_idx", True)]
    assert applied(postgres) == ["1_a", "2_b"]


def test_index_when_an_invalid_one_of_that_name_was_there_is_no_success(
    postgres, migrations, guard
):
    migrations({"1_a.sql": "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1)"})
    guard("runsqlmigrations")
    with pytest.raises(Exception, match="could not create unique index"):
        postgres.execute("CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)")

    build = "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id)"
    migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1)",
            "2_b.sql": off(build),
        }
    )
    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "DROP INDEX CONCURRENTLY public.a_id" in result.err
    assert applied(postgres) == ["1_a"]

    postgres.execute("DROP INDEX CONCURRENTLY public.a_id")
    assert guard("runsqlmigrations").code == 0
    assert indexes(postgres) == [("a_id", True)]


CODE = "DO $$ BEGIN INSERT INTO a VALUES (1); COMMIT; PERFORM pg_sleep(60); END $$"


def test_code_that_commits_when_it_was_interrupted_is_refused_unless_rerun_is_safe(
    postgres, migrations, guard, guard_process
):
    make = "CREATE TABLE a (id int)"
    migrations({"1_a.sql": off(make, CODE)})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: committed(postgres))
    kill(postgres, process)

    refused = guard("runsqlmigrations")

    assert refused.code == 1
    assert "whether it took effect is not known" in refused.err
    assert "rerun = safe" in refused.err
    assert journal(postgres) == [("1_a", "running", 1, 2, 2)]

    quick = CODE.replace("60", "0")
    migrations({"1_a.sql": off(make, quick, header=OFF + "-- guard: rerun = safe\n")})

    assert guard("runsqlmigrations").code == 0
    assert postgres.execute("SELECT count(*) FROM a") == [(2,)]


def test_statement_when_killed_before_its_commit_runs_once(
    postgres, migrations, guard, guard_process
):
    slow = "INSERT INTO a SELECT 1 FROM pg_sleep(60)"
    migrations({"1_a.sql": off("CREATE TABLE a (id int)", "INSERT INTO a VALUES (0)", slow)})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))
    kill(postgres, process)
    assert journal(postgres) == [("1_a", "running", 2, 3, 0)]

    migrations(
        {
            "1_a.sql": off(
                "CREATE TABLE a (id int)", "INSERT INTO a VALUES (0)", slow.replace("60", "0")
            )
        }
    )

    assert guard("runsqlmigrations").code == 0
    assert postgres.execute("SELECT id FROM a ORDER BY id") == [(0,), (1,)]


def test_commit_when_it_was_on_its_way_as_its_client_died_is_waited_for(
    postgres, migrations, guard, guard_process
):
    migrations({"1_a.sql": off(*SEVEN)})
    guard("runsqlmigrations")
    migrations({"1_a.sql": off(*CORRECTED)})
    late = postgres.connect()
    late.execute("BEGIN")
    late.execute("ALTER TABLE a ADD b integer")
    late.execute("UPDATE migration_guard_journal SET done = 4")
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: waiting(postgres))
    late.execute("DELETE FROM migration_guard_journal")
    late.execute(
        "INSERT INTO applied_migrations (id, number, how, applied_at, database_user, environment) "
        "VALUES ('1_a', lpad('1', 40, '0'), 'run', now(), 'late', 'production')"
    )

    late.execute("COMMIT")
    _out, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    assert "Applied by another process: 1_a" in err
    assert postgres.execute("SELECT count(*) FROM a") == [(2,)]


def test_mark_applied_when_half_done_ends_it(postgres, migrations, guard):
    migrations({"1_a.sql": off(*SEVEN)})
    guard("runsqlmigrations")

    repaired = guard("repairsqlmigrations", "1_a", "--mark-applied", "--reason", "by hand")

    assert repaired.code == 0, repaired.err
    assert applied(postgres) == ["1_a"]
    assert journal(postgres) == []


def committed(database):
    return database.execute("SELECT count(*) FROM a")[0][0] and sleeping(database)
