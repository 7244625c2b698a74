"""Pragmas that change the file, and that SQLite may ignore in silence.

Sources: sqlite.org, "PRAGMA auto_vacuum", "PRAGMA page_size", "PRAGMA encoding", "VACUUM".
"""

from collections.abc import Sequence
from typing import Final

from migration_guard.running.connection import Connection
from migration_guard.running.errors import Kind, NotDoneError, StatementError
from migration_guard.sql.pragmas import Pragma, read_pragma
from migration_guard.sql.statements import Statement

_VACUUM: Final = (
    "a database that has tables changes with VACUUM only: with -- guard: transaction = off, write "
    "VACUUM; behind it"
)
_NEEDS: Final = {
    "journal_mode": "no other connection may be open, the file must lie where WAL works, and the "
    "modes are DELETE, TRUNCATE, PERSIST, MEMORY, WAL and OFF",
    "auto_vacuum": _VACUUM,
    "page_size": f"{_VACUUM}, and PRAGMA journal_mode = DELETE; before both where the file is in "
    "WAL mode; the size is a power of two from 512 to 65536",
    "encoding": "SQLite takes it only before the first table of a database: make a new database, "
    "or remove the statement",
}
_WORDS: Final = {"none": "0", "full": "1", "incremental": "2"}


def refuse_ignored(connection: Connection, statements: Sequence[Statement]) -> None:
    """Raise StatementError for the first pragma of ``statements`` that the file does not show.

    Of several values for one pragma, the last one counts.
    """
    if connection.wrapper.is_in_memory_db():  # type: ignore[attr-defined]
        return  # a test database has no file to change
    last: dict[tuple[str, str], tuple[Statement, Pragma]] = {}
    for statement in statements:
        pragma = read_pragma(statement.text)
        if pragma is not None and pragma.value and pragma.name in _NEEDS:
            last[pragma.name, pragma.schema.lower()] = (statement, pragma)
    for statement, pragma in last.values():
        with connection.failing(statement):
            value = str(connection.fetch(pragma.qualified)[0][0])
        if not _is_as_set(pragma, value):
            reason = f"{pragma.name} is {value} after it; {_NEEDS[pragma.name]}"
            raise StatementError(NotDoneError(reason), Kind.OTHER, statement)


def _is_as_set(pragma: Pragma, value: str) -> bool:
    stated = pragma.value.lower()
    if pragma.name == "encoding":
        # UTF-16 means that of the machine, and is read back with its byte order.
        return value.lower().replace("-", "").startswith(stated.replace("-", ""))
    return value == _WORDS.get(stated, stated)
