"""Read a database: choose the reader that the vendor has, and keep its waits short.

The set-wise readers ask the catalogues once for all tables; the plain one asks Django, table by
table, and works on every backend.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Final, TypeAlias, cast

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import Snapshot, Unknown
from migration_guard.schema.waiting import brief_waits, reason

# A label (``users``, ``billing.users``), or schema and name apart.
Name: TypeAlias = str | tuple[str, str]
Reader: TypeAlias = Callable[[BaseDatabaseWrapper, tuple[Name, ...] | None], Snapshot]

_SETWISE: Final = frozenset({"mysql", "postgresql", "sqlite"})


def snapshot(
    connection: BaseDatabaseWrapper, tables: Iterable[Name] | None = None, *, setwise: bool = True
) -> Snapshot:
    """Return what the database holds, of all tables or of those named.

    Pass the names where a missing table means something: on MySQL a table without privileges looks
    like one that does not exist, and only those asked for are looked into. What cannot be read, for
    a lock or a privilege, is UNKNOWN with the reason in ``Snapshot.unknown``. Errors that come
    before any reading, such as a failing connection, are Django's and are raised.
    """
    connection.ensure_connection()
    # Imported late: a run reads one vendor.
    name = connection.vendor if setwise and connection.vendor in _SETWISE else "plain"
    reader = cast("Reader", import_module(f"migration_guard.schema.{name}").read)
    asked = None if tables is None else tuple(tables)
    try:
        with brief_waits(connection):
            return reader(connection, asked)
    except DatabaseError as error:
        if not connection.is_usable():
            raise
        return Snapshot(connection.vendor, (), unknown=(Unknown("", "", reason(error)),))
