"""Reads a database by the reader of its vendor, and keeps its waits short.

The vendors' readers ask the catalogue once for all tables. The reader for all other vendors asks
Django's introspection, table by table.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, cast

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import Snapshot, Unknown
from migration_guard.schema.readers.lock_limits import brief_waits, reason
from migration_guard.vendors import VENDORS, load

# A label (``users``, ``billing.users``), or a pair of schema and name.
Name: TypeAlias = str | tuple[str, str]
Reader: TypeAlias = Callable[[BaseDatabaseWrapper, tuple[Name, ...] | None], Snapshot]

_DJANGO: Final = "migration_guard.schema.readers.django_introspection.read"


def read_snapshot(
    connection: BaseDatabaseWrapper, tables: Iterable[Name] | None = None, *, setwise: bool = True
) -> Snapshot:
    """Return the objects of all tables of a database, or of those named.

    Pass the names where a missing table means something. On MySQL a table without privileges looks
    like one that does not exist, and only tables that are named are tried. What cannot be read, for
    a lock or a privilege, is UNKNOWN, with the reason in ``Snapshot.unknown``. ``setwise=False``
    asks Django's introspection on any vendor. Raises Django's errors for a connection that fails.
    """
    connection.ensure_connection()
    # Imported late: a run reads one vendor.
    vendor = VENDORS.get(connection.vendor) if setwise else None
    reader = cast("Reader", load(vendor.reader if vendor else _DJANGO))
    names = None if tables is None else tuple(tables)
    try:
        with brief_waits(connection):
            return reader(connection, names)
    except DatabaseError as error:
        if not connection.is_usable():
            raise
        return Snapshot(connection.vendor, (), unknown=(Unknown("", "", reason(error)),))
