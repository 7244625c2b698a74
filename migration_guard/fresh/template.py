"""Template databases: what was built once from the same files is copied.

A template is known by a digest of everything that made it, in its name: with one byte changed there
is no such template. It gets that name only when it is finished.
"""

import sys
from hashlib import sha256
from pathlib import Path

import django
from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from migration_guard import conf
from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import TEMPLATE_PREFIX, Host
from migration_guard.fresh.postgresql import PostgreSQLHost
from migration_guard.planning.names import scan
from migration_guard.running import own_tables


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

    The digest is over the SQL migrations, the source of Django's migrations of all apps, versions,
    environment, and what the server gives to a new database. Other code that a Django migration
    calls is not in it. Raises CannotTell.
    """
    configured = str(connections.settings[alias]["NAME"])
    family = f"{TEMPLATE_PREFIX}{sha256(configured.encode()).hexdigest()[:8]}_"
    digest = sha256()
    circumstances = [one.encode() for one in _circumstances(host, environment)]
    for part in (*circumstances, *_sql(alias), *_django()):
        digest.update(b"%d:%b" % (len(part), part))
    return family, f"{family}{digest.hexdigest()[:24]}"


def _circumstances(host: PostgreSQLHost, environment: str) -> list[str]:
    versions = (sys.version, django.get_version())
    return [host.likeness(), environment, repr(versions), repr(settings.INSTALLED_APPS)]


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
        raise own_tables.broken(error) from error
    parts = []
    for app, name in sorted(loader.disk_migrations):
        module = sys.modules[loader.disk_migrations[app, name].__module__]
        source = Path(module.__file__ or "")
        parts += [f"{app}.{name}".encode(), source.read_bytes() if source.is_file() else b""]
    return parts
