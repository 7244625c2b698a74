"""Template databases: what was built once from the same files is copied.

A template is known by a digest of everything that made it, in its name: with one byte changed there
is no such template. It gets that name only when it is finished.
"""

import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import django
from django.conf import settings
from django.db import connections, router
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation

from migration_guard import conf
from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import TEMPLATE_PREFIX, Host
from migration_guard.fresh.postgresql import PostgreSQLHost
from migration_guard.planning.names import scan
from migration_guard.running import own_tables

# What decides which tables Django's migrations make.
_SETTINGS: Final = (
    *("INSTALLED_APPS", "AUTH_USER_MODEL", "DEFAULT_AUTO_FIELD"),
    *("DEFAULT_TABLESPACE", "DEFAULT_INDEX_TABLESPACE"),
)


def required(host: Host) -> PostgreSQLHost:
    """Return the host if it has templates; raise CannotTell."""
    if not isinstance(host, PostgreSQLHost):
        raise CannotTell(
            "--template needs PostgreSQL: no other database can copy a database.",
            "Leave it out.",
        )
    return host


def names(alias: str, host: PostgreSQLHost, environment: str) -> tuple[str, str]:
    """Return the prefix of the templates of this database, and the name of the one for its files.

    The digest is over the SQL migrations; over Django's migrations of all apps, with the SQL that
    they were given and the modules of the functions that they call; over routers, settings,
    versions, environment, and what the server gives to a new database. What such a function reads
    or calls in turn is not in it. Raises CannotTell.
    """
    configured = str(connections.settings[alias]["NAME"])
    family = f"{TEMPLATE_PREFIX}{sha256(configured.encode()).hexdigest()[:8]}_"
    digest = sha256()
    circumstances = [one.encode() for one in _circumstances(host, environment)]
    for part in (*circumstances, *_routers(), *_sql(alias), *_django()):
        digest.update(b"%d:%b" % (len(part), part))
    return family, f"{family}{digest.hexdigest()[:24]}"


def _circumstances(host: PostgreSQLHost, environment: str) -> list[str]:
    versions = (sys.version, django.get_version())
    chosen = [repr(getattr(settings, name)) for name in _SETTINGS]
    return [host.likeness(), environment, repr(versions), *chosen]


def _routers() -> list[bytes]:
    classes = [type(one) for one in router.routers]
    return [part for one in classes for part in (repr(one).encode(), _source(one.__module__))]


def _sql(alias: str) -> list[bytes]:
    """Return names and bytes; also of files for other vendors, which are cheap to read."""
    parts = []
    names_, _ = scan(conf.load().folders(alias))
    for name in names_:
        try:
            parts += [name.path.name.encode(), name.path.read_bytes()]
        except OSError as error:
            raise CannotTell(
                f"{name.path} cannot be read: {error.strerror}.", "Mend it, and run it again."
            ) from error
    return parts


def _django() -> list[bytes]:
    try:
        loader = MigrationLoader(None)
    except own_tables.LOADER_ERRORS as error:
        raise own_tables.loader_error(error) from error
    parts = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        parts += [f"{app}.{name}".encode(), _source(migration.__module__)]
        parts += [part for one in migration.operations for part in _given(one)]
    return parts


def _given(operation: Operation) -> Iterator[bytes]:
    """Yield what an operation does that need not stand in its migration's own file."""
    if isinstance(operation, RunSQL):
        yield repr(operation.sql).encode()
    elif isinstance(operation, RunPython):
        yield _source(getattr(operation.code, "__module__", ""))
    elif isinstance(operation, SeparateDatabaseAndState):
        for one in operation.database_operations:
            yield from _given(one)


def _source(module: str) -> bytes:
    source = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    return source.read_bytes() if source.is_file() else b""
