"""Files that are no single transaction: killed in any gap, and what a killed statement leaves."""

import signal
from contextlib import contextmanager

import pytest

from tests import servers
from tests.conftest import installed
from tests.faults import record
from tests.faults.gaps import Runs
from tests.faults.state import journal, state
from tests.running.support import applied, kill, wait_until

OFF = "-- guard: transaction = off\n"
SAFE = "-- guard: rerun = safe\n"

# No statement of these can be in doubt: the database itself says whether they took effect.
POSTGRESQL = [
    "CREATE TYPE mood AS ENUM ('sad')",
    "ALTER TYPE mood ADD VALUE 'glad'",
    "CREATE TABLE a (id int, m mood DEFAULT 'glad')",
    "INSERT INTO a SELECT generate_series(1, 10)",
    "VACUUM ANALYZE a",
    "CREATE INDEX CONCURRENTLY a_id ON a (id)",
    "DO $$ BEGIN UPDATE a SET id = id + 100 WHERE id = 3; END $$",
    "SET search_path = public",
    "BEGIN",
    "INSERT INTO a VALUES (11)",
    "UPDATE a SET id = id + 1000 WHERE id = 11",
    "COMMIT",
    "REINDEX INDEX CONCURRENTLY a_id",
    "CREATE UNIQUE INDEX CONCURRENTLY ON a (id)",
    "DROP INDEX CONCURRENTLY a_id",
    "ALTER TABLE a ADD COLUMN n int DEFAULT 7",
]
# One transaction, whose snapshot no statement of the runner's may take.
SNAPSHOT = [
    "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "LOCK TABLE pg_catalog.pg_class IN ACCESS SHARE MODE",
    "CREATE TABLE a (id int PRIMARY KEY)",
    "INSERT INTO a SELECT generate_series(1, 10)",
    "UPDATE a SET id = id + 100 WHERE id = 3",
    "COMMIT",
]
# Code that commits on its way, written so that it may run again.
COMMITTING = [
    "CREATE TABLE a (id int PRIMARY KEY)",
    "DO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO a VALUES (i) ON CONFLICT DO NOTHING; COMMIT; "
    "END LOOP; END $$",
    "CREATE PROCEDURE p() LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO a VALUES (99) ON CONFLICT DO NOTHING; COMMIT; END $$",
    "CALL p()",
    "CREATE INDEX CONCURRENTLY a_id ON a (id)",
    "INSERT INTO a VALUES (4)",
]
MARIADB = [
    "CREATE TABLE a (id int PRIMARY KEY, t text)",
    "INSERT INTO a VALUES (1, 'one'), (2, 'two')",
    "ALTER TABLE a ADD COLUMN n int NOT NULL DEFAULT 0",
    "CREATE INDEX a_n ON a (n)",
    "BEGIN",
    "UPDATE a SET n = n + 1",
    "INSERT INTO a VALUES (3, 'three', 3)",
    "COMMIT",
    "CREATE TABLE b LIKE a",
    "SET @x = 5",
    "RENAME TABLE b TO c",
    "INSERT INTO c SELECT id, t, n + @x FROM a",
    "CREATE VIEW v AS SELECT id FROM c",
    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
    "DROP INDEX a_n ON a",
    "ALTER TABLE a ADD INDEX (n)",
    "ALTER TABLE a ENGINE = InnoDB",
    "CREATE OR REPLACE VIEW v AS SELECT id, n FROM c",
    "UPDATE c SET n = n + 1",
    "DROP TABLE a",
]
SQLITE = [
    "PRAGMA journal_mode = WAL",
    "CREATE TABLE a (id integer PRIMARY KEY, n int)",
    "INSERT INTO a VALUES (1, 1)",
    "VACUUM",
    "BEGIN",
    "INSERT INTO a VALUES (2, 2)",
    "UPDATE a SET n = n + 1",
    "COMMIT",
    "CREATE INDEX a_n ON a (n)",
    "PRAGMA foreign_keys = OFF",
    "UPDATE a SET n = n + 1",
]
FILES = {
    "postgresql": {"1_a.sql": OFF + ";\n".join(POSTGRESQL)},
    "snapshot": {"1_a.sql": ";\n".join(SNAPSHOT)},
    "committing": {"1_a.sql": OFF + SAFE + ";\n".join(COMMITTING)},
    "mariadb": {"1_a.sql": ";\n".join(MARIADB)},
    "sqlite": {"1_a.sql": OFF + ";\n".join(SQLITE)},
}
FAULTS = {
    "kill": "SIGKILL of the runner",
    "lose": "the server ends the runner's connection",
}


@pytest.fixture
def runs(guard_process):
    runs = Runs(guard_process)
    yield runs
    runs.stop()


@pytest.fixture
def fresh(request, tmp_path, django_db_blocker):
    """Give `fresh(vendor)`: a context with one more empty database as Django's `default`."""
    numbers = iter(range(10**6))

    @contextmanager
    def make(vendor):
        if vendor == "sqlite":
            context = servers.sqlite_database(tmp_path / f"{next(numbers)}.sqlite3")
        else:
            server = {"mariadb": "mariadb_server"}.get(vendor, "postgres_server")
            context = request.getfixturevalue(server).database()
        with context as database, installed(database, django_db_blocker):
            yield database

    return make


def strided(total: int) -> range:
    """All gaps in the full run, else some all over the run, the first among them."""
    return range(1, total + 1, record.stride(bounded=max(1, total // 9)))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        pytest.param(name, how, marks=[pytest.mark.mariadb] if name == "mariadb" else [])
        for name in FILES
        for how in FAULTS
        if (name, how) != ("sqlite", "lose")
    ],
)
def test_gap_when_the_run_ends_in_it_then_the_next_run_converges(
    name, how, fresh, migrations, runs, guard, tried
):
    migrations(FILES[name])
    with fresh(name) as database:
        undisturbed = runs(how=how)
        assert undisturbed.code == 0
        expected = state(database)

    for gap in strided(undisturbed.messages):
        with fresh(name) as database:
            struck = runs(gap, how)
            result = guard("runsqlmigrations")

            context = f"gap {gap} of {undisturbed.messages}"
            if how == "kill":
                assert struck == (-signal.SIGKILL, gap - 1), context
            assert result.code == 0, f"{context}: {result.err}"
            assert state(database) == expected, context
            assert (applied(database), journal(database)) == (["1_a"], []), context
        tried(
            f"{FAULTS[how]} between any two messages, {TITLES[name]}",
            item=4,
            result="the next run goes on by itself, each statement done once",
        )


def test_gap_when_the_run_ends_in_code_that_commits_is_refused_until_the_file_says_safe(
    fresh, migrations, runs, guard, tried
):
    """Nobody can tell how far a block that commits on its way had come: only there it asks."""
    text = ";\n".join(COMMITTING)
    migrations({"1_a.sql": OFF + text})
    with fresh("committing") as database:
        undisturbed = runs()
        expected = state(database)
    asked = 0

    for gap in strided(undisturbed.messages):
        migrations({"1_a.sql": OFF + text})
        with fresh("committing") as database:
            runs(gap)
            result = guard("runsqlmigrations")
            if result.code:
                asked += 1
                assert "commits by itself and was interrupted" in result.err
                assert "add -- guard: rerun = safe" in result.err
                migrations({"1_a.sql": OFF + SAFE + text})
                result = guard("runsqlmigrations")

            assert result.code == 0, f"gap {gap}: {result.err}"
            assert state(database) == expected, gap
            assert (applied(database), journal(database)) == (["1_a"], []), gap
        tried(
            "SIGKILL around code that commits on its way, without rerun = safe",
            item=4,
            result="goes on by itself, or asks whether that statement may run again",
        )
    assert asked < undisturbed.messages / 5


TITLES = {
    "postgresql": "PostgreSQL with transaction = off (VACUUM, ADD VALUE, DO, CONCURRENTLY)",
    "snapshot": "PostgreSQL in REPEATABLE READ, one transaction",
    "committing": "PostgreSQL code that commits on its way, with rerun = safe",
    "mariadb": "MariaDB (DDL, data, routines, groups)",
    "sqlite": "SQLite with transaction = off (PRAGMA, VACUUM)",
}


# -- indexes


def indexes(database):
    """Return (name, is it valid) of all indexes of the tables a, and of their TOAST tables."""
    return database.execute(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname = 'a' OR t.oid IN "
        "(SELECT reltoastrelid FROM pg_class WHERE relname = 'a') ORDER BY c.relname"
    )


def blocked(database):
    """Make a table a with an index, and a transaction that a concurrent build waits for."""
    database.execute("CREATE TABLE a (id int, t text)")
    database.execute("CREATE INDEX a_id ON a (id)")
    return reader(database)


def reader(database):
    blocker = database.connect()
    blocker.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    blocker.execute("INSERT INTO a VALUES (1)")
    return blocker


@pytest.mark.parametrize(
    "within", ["in the runner", "in the server"][: record.rounds(bounded=1, full=2)]
)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY new ON a (id)",
        "CREATE INDEX CONCURRENTLY ON a (id)",
        'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "Neu; x" ON public.a (t)',
        "REINDEX INDEX CONCURRENTLY a_id",
        "REINDEX TABLE CONCURRENTLY a",
        "REINDEX (VERBOSE, CONCURRENTLY) TABLE public.a",
        "REINDEX SCHEMA CONCURRENTLY public",
        "DROP INDEX CONCURRENTLY a_id",
    ],
)
def test_index_when_its_concurrent_command_is_killed_then_no_invalid_one_is_left(
    statement, within, postgres, migrations, guard, guard_process, tried
):
    blocker = blocked(postgres)
    migrations({"1_a.sql": f"{OFF}{statement}"})
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: [valid for _, valid in indexes(postgres) if not valid], 60)
    if within == "in the runner":
        kill(postgres, process)
    else:
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s", (statement,)
        )
        _out, err = process.communicate(timeout=30)
        assert process.returncode == 1, err
        assert "Traceback" not in err
    blocker.execute("COMMIT")
    assert (False in dict(indexes(postgres)).values()) or "DROP" in statement

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    left = indexes(postgres)
    assert [name for name, valid in left if not valid] == []
    assert not any("_cc" in name for name, _ in left)
    assert len(left) == {"CREATE": 3, "REINDE": 2, "DROP I": 1}[statement[:6]]
    assert applied(postgres) == ["1_a"]
    tried(
        f"{statement.split()[0]} INDEX CONCURRENTLY killed within",
        item=4,
        result="no INVALID index is left, none counts as success; the next run builds it again",
    )


@pytest.mark.parametrize("statement", ["REINDEX INDEX CONCURRENTLY a_id"])
def test_reindex_when_it_fails_leaves_no_copy(statement, postgres, migrations, guard, tried):
    blocker = blocked(postgres)
    limit = "-- guard: lock_timeout = 300ms\n"
    migrations({"1_a.sql": f"{OFF}{limit}{statement}"}, LOCK_RETRIES=0)

    result = guard("runsqlmigrations")

    assert result.code == 1
    blocker.execute("COMMIT")
    assert guard("runsqlmigrations").code == 0
    assert [name for name, _ in indexes(postgres) if "_cc" in name] == []
    tried(
        "REINDEX CONCURRENTLY fails at a lock", item=4, result="its copy is dropped by the next run"
    )


def test_reindex_when_somebody_elses_copy_was_there_leaves_it(postgres, migrations, guard):
    blocker = blocked(postgres)
    other = postgres.connect()
    other.execute("SET statement_timeout = 500")
    with pytest.raises(Exception, match="statement timeout"):
        other.execute("REINDEX INDEX CONCURRENTLY a_id")
    blocker.execute("COMMIT")
    migrations({"1_a.sql": f"{OFF}REINDEX INDEX CONCURRENTLY a_id"})

    assert guard("runsqlmigrations").code == 0

    assert ("a_id_ccnew", False) in indexes(postgres)


def lose_lock(database):
    """End the session that holds the run lock, and see it gone."""
    database.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY new ON a (id)",
        "DO $$ BEGIN INSERT INTO a VALUES (7); COMMIT; PERFORM pg_sleep(4); END $$",
    ],
    ids=["index", "code"],
)
def test_statement_when_the_server_still_runs_it_is_waited_for_and_done_once(
    statement, postgres, migrations, guard_process, tried
):
    """Only the run lock is lost: the runner stands still, its statement goes on in the server."""
    blocker = blocked(postgres)
    migrations({"1_a.sql": f"{OFF}{SAFE}{statement}"}, LOCK_RETRIES=30)
    first = guard_process.start("runsqlmigrations")
    running = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = %s"
    wait_until(lambda: postgres.execute(running, (statement,)))
    if statement.startswith("CREATE"):
        wait_until(lambda: ("new", False) in indexes(postgres))
    else:
        wait_until(lambda: postgres.execute("SELECT count(*) FROM a") == [(1,)])
    first.send_signal(signal.SIGSTOP)
    lose_lock(postgres)

    second = guard_process.start("runsqlmigrations")
    lines = iter(second.stderr.readline, "")
    assert any("still runs the statement that was interrupted" in line for line in lines)
    built = dict(indexes(postgres))
    blocker.execute("COMMIT")
    _out, err = second.communicate(timeout=60)

    assert second.returncode == 0, err
    assert applied(postgres) == ["1_a"]
    if statement.startswith("CREATE"):
        assert built["new"] is False
        assert ("new", True) in indexes(postgres)
        oid = "SELECT count(*) FROM pg_class WHERE relname LIKE 'new%'"
        assert postgres.execute(oid) == [(1,)]
    first.send_signal(signal.SIGCONT)
    _out, err = first.communicate(timeout=30)
    assert "Traceback" not in err
    tried(
        "the run lock is lost while the server still runs the statement",
        item=4,
        result="the next run waits for its end",
    )
