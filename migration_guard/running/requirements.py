"""What a file needs before it may run: Django migrations, a session that lasts, and room."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from migration_guard.conf import database_option, nearest
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.one_order import Key
from migration_guard.planning.scripts import Script, in_one_transaction, is_journaled
from migration_guard.problems import Problem
from migration_guard.running.connection import Connection
from migration_guard.running.django_loading import loading
from migration_guard.running.own_tables import applied_django_migrations

_MOST_BYTES: Final = 4  # of a character in UTF-8
DIRECTLY: Final = (
    "Let the runner connect to the server itself, or to a pool in session mode: an alias of its "
    "own in DATABASES, and --database ALIAS."
)


def missing_session(connection: Connection, scripts: Iterable[Script]) -> list[Problem]:
    """Return a problem for each file that needs a session where a pooler keeps none."""
    if connection.keeps_session:
        return []
    return [
        Problem(
            "transaction-pooling",
            f"{script.file.id} {_why_journaled(script, connection.vendor)}, so it needs a session "
            "of its own, and the connection goes through a pooler in transaction mode, which has "
            "none",
            DIRECTLY,
            path=script.file.path,
        )
        for script in scripts
        if is_journaled(script, connection.vendor)
    ]


def _why_journaled(script: Script, vendor: str) -> str:
    if in_one_transaction(script.file, vendor):
        return "sets the modes of its transaction"
    return "has transaction = off"


def too_long_statements(connection: Connection, scripts: Collection[Script]) -> list[Problem]:
    """Return a problem for each statement that the server does not take for its length."""
    limit = connection.statement_limit() if scripts else None
    if limit is None:
        return []
    return [
        Problem(
            "statement-too-long",
            f"the statement has {size:,} bytes, and the server takes {limit.bytes:,} at most "
            f"({limit.name})",
            f"Split it, or raise {limit.name}.",
            path=script.file.path,
            line=statement.line,
        )
        for script in scripts
        for statement in script.statements
        if len(statement.text) * _MOST_BYTES > limit.bytes
        and (size := len(statement.text.encode())) > limit.bytes
    ]


def unmet_requirements(
    connection: Connection, files: Sequence[MigrationFile], coming: Collection[Key] = ()
) -> list[Problem]:
    """Return a problem for each Django migration that ``files`` require and that is not applied.

    ``coming`` are those that this run applies.
    """
    required = {key for file in files for key in file.directives.requires} - set(coming)
    if not required or required <= applied_django_migrations(connection):
        return []
    # The loader knows which migrations a squashed one replaces; it is slow, so it comes second.
    loader = _loader(connection)
    alias = connection.wrapper.alias
    return [
        _problem(file, key, loader, alias)
        for file in files
        for key in file.directives.requires
        if key in required and key not in loader.applied_migrations and not _is_switched_off(key[0])
    ]


def _is_switched_off(app: str) -> bool:
    """Return whether a test run with ``--no-migrations`` made the tables of ``app``."""
    if app not in apps.app_configs:
        return False
    module, explicit = MigrationLoader.migrations_module(app)
    return explicit and module is None


def _problem(
    file: MigrationFile, key: tuple[str, str], loader: MigrationLoader, alias: str
) -> Problem:
    app, name = key
    if key not in loader.disk_migrations:
        return Problem(
            "unknown-requirement",
            f"{file.id} requires {app}.{name}, which is no Django migration of this project",
            _suggest(app, name, loader),
            path=file.path,
        )
    database = database_option(alias)
    return Problem(
        "unmet-requirement",
        f"{file.id} requires the Django migration {app}.{name}, which is not applied",
        f"manage.py runsqlmigrations --with-django{database}",
        path=file.path,
    )


def _suggest(app: str, name: str, loader: MigrationLoader) -> str:
    """Return which migration was probably meant; a name may be cut short, as for ``migrate``."""
    labels = {label for label, _ in loader.disk_migrations}
    label = app if app in labels else nearest(app, labels)
    names = sorted(other for other_label, other in loader.disk_migrations if other_label == label)
    if not label:
        return f"Is {app} in INSTALLED_APPS, and has it migrations?"
    begun = [other for other in names if other.startswith(name)]
    if len(begun) > 1:
        return f"Write one of them in full: {', '.join(f'{label}.{other}' for other in begun[:5])}."
    near = begun[0] if begun else nearest(name, names)
    if not near:
        return f"manage.py showmigrations {label} lists them."
    return f"Did you mean {label}.{near}?"


def _loader(connection: Connection) -> MigrationLoader:
    with loading():
        return MigrationLoader(connection.wrapper)
