"""Item 3: behind PgBouncer, in each of its modes."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration_guard.running.postgresql import pooler as pooler_module
from migration_guard.usage.statement import Parameter, Statement, dump
from tests.faults.record import rounds
from tests.faults.support import empty
from tests.impact.support import describe, run_traced
from tests.running.support import applied, sleeping, wait_until
from tests.servers import free_port

if TYPE_CHECKING:
    from tests.faults.pgbouncer import Pooler
    from tests.servers import Database

MODES = ("session", "transaction")
LOCKS = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
every_mode = pytest.mark.parametrize("mode", MODES)


def files(count: int = 12) -> dict[str, str]:
    return {
        "0_log.sql": "CREATE TABLE log (at int GENERATED ALWAYS AS IDENTITY, number int)",
        **{
            f"{number}_m.sql": f"CREATE TABLE t{number} (id int);\n"
            f"INSERT INTO log (number) VALUES ({number})"
            for number in range(1, count + 1)
        },
    }


@dataclass
class Pool:
    """Looks at the server's processes that the pooler uses, one after the other."""

    postgres: Database
    pooler: Pooler
    size: int

    def each(self, *statements: str) -> list[list[tuple[Any, ...]]]:
        """Run statements on all of them; return what the last one gave, process by process."""
        clients = [self._client() for _ in range(self.size)]
        try:
            for client in clients:
                client.execute("BEGIN")  # takes a process and keeps it
                client.execute("SELECT 1")
            found = []
            for client in clients:
                for statement in statements:
                    cursor = client.execute(statement)
                found.append(cursor.fetchall() if cursor.description else [])
                client.execute("COMMIT")
            return found
        finally:
            for client in clients:
                client.close()

    def _client(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.pooler.port,
            user=self.postgres.settings["USER"],
            dbname=self.postgres.settings["NAME"],
            autocommit=True,
            prepare_threshold=None,
        )


@pytest.fixture
def pool(postgres, pooler):
    def start(mode: str, size: int = 3, **settings: object) -> Pool:
        started = pooler(pool_mode=mode, default_pool_size=size, **settings)
        return Pool(postgres, started, size)

    return start


# No double run, no stranded lock


@every_mode
def test_race_when_eight_run_through_a_pooler_each_migration_is_applied_once(
    postgres, migrations, runners, pool, tried, mode
):
    pool(mode, size=20)
    migrations(files())

    for _ in range(rounds(bounded=1, full=20)):
        empty(postgres)
        runs = [runners.start("runsqlmigrations") for _ in range(8)]
        ends = [run.wait(90) for run in runs]

        assert [end.code for end in ends] == [0] * 8, [end.err for end in ends]
        assert postgres.execute("SELECT number FROM log ORDER BY at") == [
            (number,) for number in range(1, 13)
        ]
        assert applied(postgres) == ["0_log", *(f"{number}_m" for number in range(1, 13))]
        assert postgres.execute(LOCKS) == []
        tried(
            f"8 runners at once, {mode} mode",
            item=3,
            result="all exit 0; each migration applied once, in order; no lock left",
        )


@every_mode
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda one: one.name)
def test_kill_when_a_migration_runs_through_a_pooler_leaves_no_lock_and_converges(
    postgres, migrations, runners, pool, tried, mode, number
):
    pool(mode)
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "SELECT pg_sleep(60)"})
    runner = runners.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    runner.signal(number)
    runner.wait()
    wait_until(lambda: not postgres.execute(LOCKS), seconds=5)
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "CREATE TABLE b (id int)"})
    again = runners("runsqlmigrations")

    assert again.code == 0, again.err
    assert applied(postgres) == ["1_a", "2_b"]
    tried(
        f"{number.name} within a statement, {mode} mode",
        item=3,
        result="no lock is left; the next run converges",
    )


@every_mode
def test_pooler_when_it_dies_within_a_migration_leaves_no_lock_and_the_next_run_converges(
    postgres, migrations, runners, pool, tried, mode
):
    through = pool(mode)
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "SELECT pg_sleep(60)"})
    runner = runners.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))

    through.pooler.process.kill()
    result = runner.wait(20)
    wait_until(lambda: not postgres.execute(LOCKS))
    pool(mode)
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "CREATE TABLE b (id int)"})
    again = runners("runsqlmigrations")

    assert result.code == 1
    assert "The connection was lost" in result.err
    assert "2_b was rolled back as a whole" in result.err
    assert again.code == 0, again.err
    assert applied(postgres) == ["1_a", "2_b"]
    tried(f"PgBouncer itself is killed, {mode} mode", item=3, result="the next run converges")


def test_pooler_when_its_server_is_away_ends_the_run_instead_of_hanging(
    postgres, migrations, guard, pool, tried
):
    pool("session", server_port=free_port(), client_login_timeout=2)
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})

    start = time.monotonic()
    result = guard("runsqlmigrations")

    assert result.code == 2
    assert time.monotonic() - start < 30
    assert "See that the server behind the pooler runs" in result.err
    tried("the server behind PgBouncer is away", item=3, result="ends in time, and says so")


@every_mode
def test_wait_when_another_run_holds_the_lock_names_the_process_of_the_server(
    postgres, migrations, guard, runners, pool, tried, mode
):
    pool(mode, size=6)
    migrations({"1_a.sql": "SELECT pg_sleep(60)"})
    holder = runners.start("runsqlmigrations")
    wait_until(lambda: sleeping(postgres))
    ((pid,),) = postgres.execute(LOCKS)

    refused = guard("runsqlmigrations", "--no-wait")
    holder.signal(signal.SIGTERM)

    assert refused.code == 1
    assert f"holds the run lock: pid {pid} (migration_guard), since 20" in refused.err
    tried(f"the run lock is held, {mode} mode", item=3, result="names the server's process")


# Time-outs inside, nothing outside

DIRTY = """
SET search_path = pg_catalog;
SET statement_timeout = '50s';
SET work_mem = '77MB';
CREATE TEMPORARY TABLE left_behind (id int);
DECLARE left_open CURSOR WITH HOLD FOR SELECT 1;
LISTEN left_listening;
PREPARE left_prepared AS SELECT 1;
SELECT pg_advisory_lock(42);
SET ROLE pg_monitor;
"""
STATE = (
    "SELECT current_user::text AS who, current_setting('search_path') AS path, "
    "current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock, "
    "current_setting('work_mem') AS memory, (SELECT count(*) FROM pg_cursors WHERE name = 'left_open') AS cursors, "
    "(SELECT count(*) FROM pg_listening_channels()) AS channels, "
    "(SELECT count(*) FROM pg_prepared_statements WHERE from_sql) AS prepared, "
    "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks, "
    "(SELECT count(*) FROM pg_class WHERE relname = 'left_behind') AS temporary"
)
CLEAN = ("postgres", '"$user", public', "0", "0", "4MB", 0, 0, 0, 0, 0)


@every_mode
def test_time_outs_when_a_migration_runs_through_a_pooler_are_in_force(
    postgres, migrations, guard, pool, tried, mode
):
    pool(mode)
    look = "SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement"
    migrations(
        {
            "1_a.sql": f"CREATE TABLE seen AS {look}",
            "2_b.sql": f"-- guard: lock_timeout = 1s\nINSERT INTO seen {look}",
            "3_c.sql": "SELECT pg_sleep(20)",
        },
        LOCK_TIMEOUT="4s",
        STATEMENT_TIMEOUT="700ms",
    )

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "canceling statement due to statement timeout" in result.err
    assert postgres.execute("SELECT * FROM seen") == [("4s", "700ms"), ("1s", "700ms")]
    tried(f"statement_timeout passes, {mode} mode", item=3, result="it ends the statement")


@every_mode
@pytest.mark.parametrize(("chosen", "limit"), [("0", "50s"), ("7s", "7s")])
def test_transaction_when_it_idles_behind_a_pooler_has_a_limit_that_reaches_no_other_client(
    postgres, migrations, guard, pool, mode, chosen, limit
):
    if chosen != "0":
        name = postgres.settings["NAME"]
        setting = f"idle_in_transaction_session_timeout = '{chosen}'"
        postgres.execute(f'ALTER DATABASE "{name}" SET {setting}')
    names = ("idle_in_transaction_session_timeout", "tcp_keepalives_idle", "tcp_user_timeout")
    look = f"SELECT {', '.join(f'current_setting({name!r}) AS {name}' for name in names)}"
    through = pool(mode)
    before = through.each(look)
    migrations({"1_a.sql": f"CREATE TABLE seen AS {look}", "2_b.sql": f"INSERT INTO seen {look}"})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert before == through.each(look) == [[(chosen, *before[0][0][1:])]] * through.size
    assert postgres.execute("SELECT * FROM seen") == [(limit, *before[0][0][1:])] * 2


@every_mode
@pytest.mark.parametrize("end", ["", "SELECT 1/0;"], ids=["applied", "failed"])
def test_session_when_a_file_changes_it_behind_a_pooler_reaches_no_other_client(
    postgres, migrations, guard, pool, tried, mode, end
):
    through = pool(mode)
    through.each("SELECT 1")
    migrations({"1_dirty.sql": DIRTY + end, "2_next.sql": f"CREATE TABLE seen AS {STATE}"})

    result = guard("runsqlmigrations")

    assert result.code == (1 if end else 0), result.err
    assert through.each(STATE) == [[CLEAN]] * through.size
    if not end:
        who, path, statement, lock, *rest = postgres.execute("SELECT * FROM seen")[0]
        assert (who, path, statement, lock) == ("postgres", '"$user", public', "0", "5s")
        assert tuple(rest) == CLEAN[4:]
    tried(
        f"a file that leaves settings, a role, cursors, locks behind, {mode} mode",
        item=3,
        result="no other client of the pool has any of it",
    )


@every_mode
def test_session_when_a_file_sets_it_before_begin_reaches_its_statements_and_no_other_client(
    postgres, migrations, guard, pool, mode
):
    through = pool(mode)
    through.each("SELECT 1")
    migrations(
        {
            "1_a.sql": "SET work_mem = '77MB';\n"
            "SELECT pg_catalog.set_config('search_path', '', false);\nBEGIN;\n"
            "CREATE TABLE public.seen AS SELECT current_setting('work_mem') AS memory;\nCOMMIT;"
        }
    )

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert postgres.execute("SELECT memory FROM seen") == [("77MB",)]
    settings = "SELECT current_setting('work_mem'), current_setting('search_path')"
    assert through.each(settings) == [[("4MB", '"$user", public')]] * through.size


def test_session_when_other_clients_left_settings_does_not_reach_the_migration(
    postgres, migrations, guard, pool, tried
):
    through = pool("transaction")
    through.each("SET work_mem = '77MB'", "SET lock_timeout = '9s'")
    migrations(
        {
            "1_a.sql": "CREATE TABLE seen AS SELECT current_setting('work_mem') AS memory, "
            "current_setting('lock_timeout') AS lock"
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert postgres.execute("SELECT * FROM seen") == [("4MB", "5s")]
    tried("other clients left settings in the pool", item=3, result="the migration has its own")


def test_dates_when_other_clients_left_their_style_are_read_as_ever(
    postgres, migrations, guard, pool, tried
):
    through = pool("transaction", size=2)
    files = {f"{number}_a.sql": "SELECT 1" for number in range(3)}
    migrations({"0_a.sql": files["0_a.sql"]})
    assert guard("runsqlmigrations").code == 0
    through.each("SET DateStyle = 'SQL, DMY'", "SET TIME ZONE 'Asia/Tokyo'")
    migrations(files)

    results = [guard("runsqlmigrations"), guard("runsqlmigrations", "--plan")]

    assert [result.code for result in results] == [0, 0], results
    assert applied(postgres) == ["0_a", "1_a", "2_a"]
    assert "[clock]" not in results[0].err
    tried("other clients left a DateStyle in the pool", item=3, result="times are read as ever")


def test_search_path_when_other_clients_left_one_is_refused(
    postgres, migrations, guard, pool, tried
):
    through = pool("transaction")
    through.each("SET search_path = pg_temp")
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})

    result = guard("runsqlmigrations")

    assert result.code == 2
    assert "The session was given search_path = pg_temp" in result.err
    assert "pooler in transaction mode" in result.err
    assert postgres.execute("SELECT to_regclass('a')") == [(None,)]
    tried(
        "another client left a search_path in the pool", item=3, result="refused, with the reason"
    )


# What needs a session


NEEDS_A_SESSION = {
    "a file with transaction = off": "-- guard: transaction = off\nVACUUM a",
    "a file that sets its isolation": "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT",
}


@pytest.mark.parametrize("kind", NEEDS_A_SESSION)
def test_file_that_needs_a_session_when_the_pool_has_none_is_refused_before_anything_runs(
    kind, postgres, migrations, guard, pool, tried
):
    pool("transaction")
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": NEEDS_A_SESSION[kind]})

    result = guard("runsqlmigrations", "--format", "json")

    assert result.code == 1
    assert result.json["problems"][0]["rule"] == "transaction-pooling"
    assert result.json["problems"][0]["path"].endswith("2_b.sql")
    assert applied(postgres) == []
    tried(
        f"{kind}, transaction mode",
        item=3,
        result="refused before anything runs, with the remedy",
    )


def test_pool_when_it_does_not_know_the_database_names_its_configuration(
    postgres, migrations, guard, pool
):
    pool("transaction")
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})
    postgres.configure(NAME="guard_nowhere")

    result = guard("runsqlmigrations")

    assert result.code == 2
    assert "correct NAME in DATABASES" in result.err


def test_transaction_off_when_the_pool_is_in_session_mode_runs(
    postgres, migrations, guard, pool, tried
):
    pool("session")
    migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int)",
            "2_b.sql": "-- guard: transaction = off\nSET work_mem = '7MB';\n"
            "CREATE INDEX CONCURRENTLY a_id ON a (id);\nVACUUM a;\n"
            "CREATE TABLE seen AS SELECT current_setting('work_mem')",
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert postgres.execute("SELECT * FROM seen") == [("7MB",)]
    tried("a file with transaction = off, session mode", item=3, result="applied in one session")


# Pools that are too small, too strict, or drop what they are told


@every_mode
@pytest.mark.parametrize("who", ["the pooler", "the runner"])
def test_pool_when_it_has_one_connection_ends_the_run_with_the_remedy_instead_of_hanging(
    postgres, migrations, guard, pool, tried, monkeypatch, mode, who
):
    pool(mode, size=1, query_wait_timeout=1 if who == "the pooler" else 0)
    monkeypatch.setattr(pooler_module, "PATIENCE", 60.0 if who == "the pooler" else 1.0)
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})

    start = time.monotonic()
    result = guard("runsqlmigrations")

    assert result.code == 2
    assert time.monotonic() - start < 30
    assert "needs two at once: raise the pool's size to 2 or more" in result.err
    wait_until(lambda: not postgres.execute(LOCKS))
    tried(
        f"a pool of one connection, {mode} mode",
        item=3,
        result=f"{who} gives up after its time-out; the message names the remedy",
    )


def test_pool_when_it_is_in_statement_mode_is_refused_with_the_remedy(
    postgres, migrations, guard, pool, tried
):
    pool("statement")
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})

    result = guard("runsqlmigrations")

    assert result.code == 2
    assert "A pool in statement mode knows no transactions." in result.err
    tried("statement mode", item=3, result="refused, with the remedy")


@pytest.mark.parametrize(
    ("ignored", "message"),
    [
        ({}, "The pooler does not pass this on"),
        ({"ignore_startup_parameters": "options"}, "The pooler ignored what OPTIONS"),
    ],
    ids=["refused by the pooler", "ignored by the pooler"],
)
def test_options_when_the_pooler_drops_them_are_named(
    postgres, migrations, guard, pool, tried, ignored, message
):
    pool("session", **ignored)
    postgres.configure(OPTIONS={"options": "-c search_path=elsewhere"})
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})

    result = guard("runsqlmigrations")

    assert result.code == 2
    assert message in result.err
    assert postgres.execute("SELECT to_regclass('a')") == [(None,)]
    tried("start-up options that the pooler drops", item=3, result="refused, with the remedy")


@every_mode
def test_lock_when_it_is_not_granted_behind_a_small_pool_names_the_blocker(
    postgres, migrations, guard, pool, tried, mode
):
    pool(mode, size=2)
    migrations({"1_a.sql": "CREATE TABLE a (id int)"}, LOCK_TIMEOUT="400ms", LOCK_RETRIES=0)
    guard("runsqlmigrations")
    blocker = postgres.connect()
    blocker.execute("BEGIN")
    blocker.execute("SELECT * FROM a")
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "ALTER TABLE a ADD b int"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert f"pid {blocker.info.backend_pid}" in result.err
    assert "SELECT * FROM a" in result.err
    tried(f"a table is locked, pool of two, {mode} mode", item=3, result="names the blocker")


# A trace


@every_mode
def test_trace_when_it_goes_through_a_pooler_sees_what_a_transaction_locks(
    postgres, migrations, pool, tried, mode
):
    pool(mode)
    migrations({"0001_a.sql": "CREATE TABLE users (id int)"})
    assert run_traced()[0].error is None
    files = {"0001_a.sql": "CREATE TABLE users (id int)", "0002_b.sql": "DROP TABLE users"}
    seen = ["ACCESS EXCLUSIVE"]
    if mode == "session":  # the other one refuses it
        concurrently = "CREATE INDEX CONCURRENTLY a ON users (id)"
        files["0002_b.sql"] = f"-- guard: transaction = off\n{concurrently}; DROP TABLE users"
        seen.insert(0, "SHARE UPDATE EXCLUSIVE, reads")
    migrations(files)

    outcome, traces = run_traced(measures=False)

    assert outcome.error is None
    assert [describe(effect) for trace in traces for effect in trace.effects] == seen
    assert applied(postgres) == ["0001_a", "0002_b"]
    tried(f"a trace, {mode} mode", item=3, result="the locks are seen, and the run goes on")


# The statements that code sends


@every_mode
def test_usage_when_asked_through_a_pooler_is_told_and_leaves_nothing(
    postgres, migrations, guard, pool, tried, mode, tmp_path
):
    postgres.execute("CREATE TABLE books (id int, title text NOT NULL)")
    migrations({"1_a.sql": "SELECT 1"})
    texts = {
        "kept": "SELECT title FROM books WHERE id = $1",
        "broken": "SELECT price FROM books WHERE id = $1",
        "usage-misses-required": "INSERT INTO books (id) VALUES ($1)",
    }
    path = tmp_path / "usage.jsonl"
    types = (Parameter("integer", "integer"),)
    path.write_text(
        dump(Statement(id_, "postgresql", sql, (id_,), types) for id_, sql in texts.items())
    )
    through = pool(mode)

    run = guard("checkschema", "--no-models", "--usage", path)

    assert (run.code, "1 kept, 2 violated" in run.out) == (1, True), run.out + run.err
    assert run.out.count("[usage-misses-required]") == 1
    assert through.each("SELECT name FROM pg_prepared_statements") == [[]] * through.size
    settings = "SELECT current_setting('lock_timeout'), current_setting('transaction_read_only')"
    assert through.each(settings) == [[("0", "off")]] * through.size
    tried(
        f"checkschema --usage, {mode} mode",
        item=3,
        result="each statement is told as on the server itself; no session keeps anything",
    )
