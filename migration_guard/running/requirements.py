"""``-- guard: requires``: Django migrations that must be applied before a file may run."""

from collections.abc import Sequence

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from migration_guard.conf import nearest
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem
from migration_guard.running.own_tables import (
    LOADER_ERRORS,
    applied_django_migrations,
    broken,
)
from migration_guard.running.session import Session


def unmet(session: Session, files: Sequence[MigrationFile]) -> list[Problem]:
    """Return a problem for each Django migration that ``files`` require and that is not applied."""
    required = {key for file in files for key in file.directives.requires}
    if not required or required <= applied_django_migrations(session):
        return []
    # The loader knows which migrations a squashed one replaces; it is slow, so it comes second.
    loader = _loader(session)
    alias = session.connection.alias
    return [
        _problem(file, key, loader, alias)
        for file in files
        for key in file.directives.requires
        if key not in loader.applied_migrations and not _switched_off(key[0])
    ]


def _switched_off(app: str) -> bool:
    """Tell whether ``app`` has its tables from its models: a test run with ``--no-migrations``."""
    if app not in apps.app_configs:
        return False
    module, explicit = MigrationLoader.migrations_module(app)
    return explicit and module is None


def _problem(
    file: MigrationFile, key: tuple[str, str], loader: MigrationLoader, alias: str
) -> Problem:
    app, name = key
    if key not in loader.disk_migrations:
        near = nearest(name, [known for label, known in loader.disk_migrations if label == app])
        return Problem(
            "unknown-requirement",
            f"{file.id} requires {app}.{name}, which is no Django migration of this project",
            f"Did you mean {app}.{near}?" if near else f"Is {app} in INSTALLED_APPS?",
            path=file.path,
        )
    database = "" if alias == "default" else f" --database {alias}"
    return Problem(
        "unmet-requirement",
        f"{file.id} requires the Django migration {app}.{name}, which is not applied",
        f"manage.py migrate {app} {name}{database}",
        path=file.path,
    )


def _loader(session: Session) -> MigrationLoader:
    try:
        return MigrationLoader(session.connection)
    except LOADER_ERRORS as error:
        raise broken(error) from error
