"""Read a database: choose the reader that the vendor has, and keep its waits short.

The set-wise readers ask the catalogues once for all tables; the plain one asks Django, table by
table, and works on every backend.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import Snapshot, Unknown
from migration_guard.schema.readers.lock_limits import brief_waits, reason
from migration_guard.vendors import VENDORS, load

# A label (``users``, ``billing.users``), or schema and name apart.
Name: TypeAlias = str | tuple[str, str]
Reader: TypeAlias = Callable[[BaseDatabaseWrapper, tuple[Name, ...] | None], Snapshot]

_PLAIN = "migration_guard.schema.readers.django_introspection.read"


def read_snapshot(
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
    vendor = VENDORS.get(connection.vendor) if setwise else None
    reader = cast("Reader", load(vendor.reader if vendor else _PLAIN))
    asked = None if tables is None else tuple(tables)
    try:
        with brief_waits(connection):
            return reader(connection, asked)
    except DatabaseError as error:
        if not connection.is_usable():
            raise
        return Snapshot(connection.vendor, (), unknown=(Unknown("", "", reason(error)),))
