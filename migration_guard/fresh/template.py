"""Template databases: a database that was built once from the same files is copied.

The name of a template contains a digest of everything that it was built from, so a changed byte
needs another template. A template gets its name when it is finished.
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
from migration_guard.fresh.host import TEMPLATE_PREFIX, Host, TemplateHost
from migration_guard.planning.names import scan
from migration_guard.planning.regular_files import read_bytes
from migration_guard.running.django_loading import loading

# The settings that change which tables Django's migrations make.
_SETTINGS: Final = (
    *("INSTALLED_APPS", "AUTH_USER_MODEL", "DEFAULT_AUTO_FIELD"),
    *("DEFAULT_TABLESPACE", "DEFAULT_INDEX_TABLESPACE"),
)


def require_templates(host: Host) -> TemplateHost:
    """Return the host. Raises CannotTell if it has no templates."""
    if not isinstance(host, TemplateHost):
        raise CannotTell(
            "--template needs PostgreSQL: no other database can copy a database.",
            "Leave it out.",
        )
    return host


def names(alias: str, host: TemplateHost, environment: str) -> tuple[str, str]:
    """Return the prefix of all templates of a database, and the name of the current one.

    The digest contains the SQL migrations; Django's migrations of all apps with their SQL and the
    modules of the functions that they call; routers, settings, versions and environment; and what
    the server gives to a new database. It does not contain what such a function reads or calls.
    Raises CannotTell.
    """
    configured = str(connections.settings[alias]["NAME"])
    family = f"{TEMPLATE_PREFIX}{sha256(configured.encode()).hexdigest()[:8]}_"
    digest = sha256()
    surroundings = _surroundings(host, environment)
    for part in (*surroundings, *_routers(), *_sql_files(alias), *_django_migrations()):
        digest.update(b"%d:%b" % (len(part), part))
    return family, f"{family}{digest.hexdigest()[:24]}"


def _surroundings(host: TemplateHost, environment: str) -> list[bytes]:
    versions = (sys.version, django.get_version())
    values = [repr(getattr(settings, name)) for name in _SETTINGS]
    return [text.encode() for text in (host.likeness(), environment, repr(versions), *values)]


def _routers() -> list[bytes]:
    classes = [type(instance) for instance in router.routers]
    return [part for cls in classes for part in (repr(cls).encode(), _source(cls.__module__))]


def _sql_files(alias: str) -> list[bytes]:
    """Return the names and bytes of all SQL files, also of those for other vendors."""
    parts = []
    names_, _ = scan(conf.load().folders(alias))
    for name in names_:
        try:
            parts += [name.path.name.encode(), read_bytes(name.file)]
        except OSError as error:
            raise CannotTell(
                f"{name.path} cannot be read: {error.strerror}.", "Mend it, and run it again."
            ) from error
    return parts


def _django_migrations() -> list[bytes]:
    with loading():
        loader = MigrationLoader(None)
    parts = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        parts += [f"{app}.{name}".encode(), _source(migration.__module__)]
        parts += [part for operation in migration.operations for part in _contents(operation)]
    return parts


def _contents(operation: Operation) -> Iterator[bytes]:
    """Yield what an operation runs and its migration's own file need not contain."""
    if isinstance(operation, RunSQL):
        yield repr(operation.sql).encode()
    elif isinstance(operation, RunPython):
        yield _source(getattr(operation.code, "__module__", ""))
    elif isinstance(operation, SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _contents(inner)


def _source(module: str) -> bytes:
    source = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    return source.read_bytes() if source.is_file() else b""
