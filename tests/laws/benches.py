"""Builds a schema and its mutants on a real server, and says what drift and the contract tell.

`judge(database, statements, mutants)` yields each mutant that the server takes with what was told.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from django.db import DatabaseError, connection, transaction

from migration_guard.contracts import examine, parse, write
from migration_guard.fresh.drift import drift
from migration_guard.results import Verdict
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.read import read_snapshot
from tests.laws import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration_guard.contracts import Contract
    from migration_guard.results import Assertion
    from migration_guard.schema.objects import Snapshot
    from tests.laws.mutants import Mutant
    from tests.servers import Database


BETWEEN = ";\n--\n"  # two statements of one text


class Told(NamedTuple):
    """What drift and the written contract tell of a database, each without what is kept."""

    drift: list[Assertion]
    contract: list[Assertion]


class Original(NamedTuple):
    """The schema that mutants are compared with."""

    snapshot: Snapshot
    contract: Contract

    def tell(self) -> Told:
        """Compare the database as it is now."""
        differences = drift(self.snapshot, read_database(connection), None)
        return Told(unkept(differences), unkept(examine(connection, self.contract).assertions))


def unkept(assertions: Sequence[Assertion]) -> list[Assertion]:
    """Return the assertions that are violated or unknown."""
    return [assertion for assertion in assertions if assertion.verdict is not Verdict.KEPT]


def read_original() -> Original:
    """Return the schema of the database as it is, and the contract that is written of it."""
    return Original(read_database(connection), parse(_written()))


def judge(
    database: Database, statements: Sequence[str], mutants: Sequence[Mutant]
) -> Iterator[tuple[Mutant, Told]]:
    """Yield each mutant that the server takes with what is told of it; the database ends empty."""
    if database.vendor == "postgresql":
        yield from _judge_in_transaction(statements, mutants)
        return
    build(database, statements)
    original = read_original()
    for mutant in mutants:
        empty(database)
        texts = [*statements[: mutant.number], mutant.text, *statements[mutant.number + 1 :]]
        try:
            build(database, filter(None, texts))
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"MySQLdb", "sqlite3"}:
                raise
        else:
            yield mutant, original.tell()
    empty(database)


def _judge_in_transaction(
    statements: Sequence[str], mutants: Sequence[Mutant]
) -> Iterator[tuple[Mutant, Told]]:
    with _rolled_back():
        _execute(statements)
        original = read_original()
    with _rolled_back():
        for number, statement in enumerate(statements):
            for mutant in [mutant for mutant in mutants if mutant.number == number]:
                with contextlib.suppress(DatabaseError), _rolled_back():
                    _execute([*filter(None, [mutant.text]), *statements[number + 1 :]])
                    yield mutant, original.tell()
            _execute([statement])


@contextlib.contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _execute(statements: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def build(database: Database, statements: Iterator[str] | Sequence[str]) -> None:
    """Run statements outside Django; a text may hold several."""
    for statement in statements:
        for part in statement.split(BETWEEN):
            database.execute(part)


def empty(database: Database) -> None:
    """Drop all that is in the database."""
    connection.close()
    _EMPTY[database.vendor](database)


def _empty_postgresql(database: Database) -> None:
    for (name,) in database.execute("SELECT evtname FROM pg_event_trigger"):
        database.execute(f'DROP EVENT TRIGGER "{name}"')
    for (name,) in database.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'"
    ):
        database.execute(f'DROP SCHEMA "{name}" CASCADE')
    for (name,) in database.execute("SELECT fdwname FROM pg_foreign_data_wrapper"):
        database.execute(f'DROP FOREIGN DATA WRAPPER "{name}" CASCADE')
    database.execute("CREATE SCHEMA public")


def _empty_mysql(database: Database) -> None:
    name = database.settings["NAME"]
    for statement in (
        "DROP DATABASE `{}`",
        "CREATE DATABASE `{}` CHARACTER SET utf8mb4",
        "USE `{}`",
    ):
        database.execute(statement.format(name))


def _empty_sqlite(database: Database) -> None:
    database.execute("PRAGMA writable_schema = ON")
    database.execute("DELETE FROM sqlite_master")
    database.execute("PRAGMA writable_schema = OFF")
    database.execute("VACUUM")


_EMPTY = {
    "postgresql": _empty_postgresql,
    "mysql": _empty_mysql,
    "sqlite": _empty_sqlite,
}


def _written() -> str:
    return write(read_snapshot(connection)).replace('type = "", ', "").replace('type = ""', "")


def is_equivalent(database: Database, statements: Sequence[str], mutant: Mutant) -> bool:
    """Return whether the server's own dump has no trace of a change; SQLite keeps all texts."""
    if database.vendor == "sqlite":
        return False
    changed = [*statements[: mutant.number], mutant.text, *statements[mutant.number + 1 :]]
    dumped = []
    for texts in (statements, changed):
        empty(database)
        build(database, filter(None, texts))
        # pg_dump draws a new word for each dump.
        lines = dumps.dump(database).splitlines()
        dumped.append(
            [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]
        )
    empty(database)
    return dumped[0] == dumped[1]
