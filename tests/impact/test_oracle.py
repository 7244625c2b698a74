"""Real sessions try to read and to write while a migration stands between its statements.

Who is shut out then is what the trace says, on migrations that are put together by chance.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator

import psycopg

from migration_guard.impact.trace import StatementTrace
from migration_guard.running import events, executor
from migration_guard.running.options import Options
from migration_guard.running.tracer import TraceRequest
from tests.impact.statements import CASES, TABLES

MIGRATIONS = 50
MOST_STATEMENTS = 4
# How somebody reads and writes each table; what only reads has no writer.
READ = "SELECT 1 FROM c{number}.{table} LIMIT 1"
WRITERS = {
    "users": "INSERT INTO c{number}.users (id) VALUES (-1)",
    "messages": "INSERT INTO c{number}.messages DEFAULT VALUES",
    "likes": "INSERT INTO c{number}.likes DEFAULT VALUES",
    "topics": "INSERT INTO c{number}.topics (id) VALUES (50)",
    "topics_1": "INSERT INTO c{number}.topics_1 (id) VALUES (50)",
    "topics_2": "INSERT INTO c{number}.topics_2 (id) VALUES (150)",
}
READERS = (*WRITERS, "names", "counts")
# Who waits as well: a view's readers, a parent's users, and whoever looks up a foreign key.
READ_THROUGH = {"users": ["names"], "topics_1": ["topics"]}
WRITTEN_THROUGH = {"topics_1": ["topics"]}
REFERRING = {"users": ["messages", "likes"]}
NO_KEYS = {"EXCLUSIVE", "ACCESS EXCLUSIVE"}
Act = tuple[str, str]


class Probes:
    """A reader and a writer, who give up at once where they would have to wait."""

    def __init__(self, database):
        self.reader, self.writer = database.connect(), database.connect()
        for session in (self.reader, self.writer):
            session.execute("SET lock_timeout = '1ms'")

    def shut_out(self, number: int) -> set[Act]:
        tries = [("read", self.reader, table, READ) for table in READERS]
        tries += [("write", self.writer, table, sql) for table, sql in WRITERS.items()]
        return {
            (table, act)
            for act, session, table, sql in tries
            if waits(session, sql.format(number=number, table=table))
        }


def waits(session, sql: str) -> bool:
    try:
        session.execute(f"BEGIN; {sql}")
    except psycopg.errors.LockNotAvailable:
        return True
    finally:
        session.execute("ROLLBACK")
    return False


def generate(number: int) -> str:
    chance = random.Random(number)
    pool = [sql for sql in CASES if "SET SCHEMA" not in sql]  # which all share
    statements = chance.sample(pool, chance.randint(1, MOST_STATEMENTS))
    # The last one does nothing: the others have run when it is announced.
    return ";\n".join([f"SET search_path = c{number}", *statements, "SELECT 1"]) + ";\n"


def tell_shut_out(traces: Iterable[StatementTrace], number: int) -> Iterator[set[Act]]:
    """Yield who is shut out before each statement, by the trace."""
    shut: set[Act] = set()
    for trace in traces:
        yield shut
        for effect in trace.effects:
            table = effect.table.removeprefix(f"c{number}.")
            readers = {table, *READ_THROUGH.get(table, ())} if effect.shuts_out_readers else set()
            writers = (
                {table, *WRITTEN_THROUGH.get(table, ())} if effect.shuts_out_writers else set()
            )
            if effect.mode in NO_KEYS:
                writers |= {*REFERRING.get(table, ())}
            shut = shut | {(name, "read") for name in readers & {*READERS}}
            shut |= {(name, "write") for name in writers & {*WRITERS}}


def is_possible(database, sql: str) -> bool:
    """Return whether statements that were put together by chance go together."""
    session = database.connect()
    try:
        session.execute(f"BEGIN; {sql}")
    except psycopg.Error:
        return False
    finally:
        session.execute("ROLLBACK")
        session.close()
    return True


def test_trace_when_readers_and_writers_try_names_who_is_shut_out(postgres, migrations):
    probes = Probes(postgres)
    tried: dict[int, list[set[Act]]] = defaultdict(list)
    files: dict[str, str] = {}
    for number in range(10 * MIGRATIONS):
        if len(files) == MIGRATIONS:
            break
        postgres.execute(f"CREATE SCHEMA c{number}")
        postgres.execute(f"SET search_path = c{number}; {TABLES}")
        if is_possible(postgres, sql := generate(number)):
            files[f"{number:04}_case.sql"] = sql
    migrations(files)
    traced: dict[int, tuple[StatementTrace, ...]] = {}

    def observe(event):
        if isinstance(event, events.Step):
            number = int(event.id.partition("_")[0])
            tried[number].append(probes.shut_out(number))
        elif isinstance(event, events.Traced):
            traced[int(event.id.partition("_")[0])] = event.traces

    outcome = executor.run(options=Options(trace=TraceRequest(), stepwise=True), observe=observe)

    assert outcome.error is None
    assert len(traced) == MIGRATIONS
    for number, traces in traced.items():
        assert tried[number] == [*tell_shut_out(traces, number)], generate(number)
    assert any(shut for steps in tried.values() for shut in steps)
