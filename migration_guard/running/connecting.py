"""Opening connections of the app's own, in autocommit and unpooled, whatever the project says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error
from django.utils.connection import ConnectionDoesNotExist

from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.history import PROJECT_NAME
from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.running import interrupts
from migration_guard.running.connection import Connection
from migration_guard.running.errors import StatementError
from migration_guard.running.facts import Facts
from migration_guard.running.failures import Interrupted, step_failure
from migration_guard.running.wrapper_copy import copy_wrapper
from migration_guard.sql.classify import mask_text
from migration_guard.vendors import VENDORS, load

# A shorter password than this could be any word of a message.
_SHORTEST_PASSWORD: Final = 4


def project_connection(alias: str) -> BaseDatabaseWrapper:
    """Return the project's connection ``alias``, of any vendor, not yet opened.

    Raises CannotTell for an unknown alias, and where the driver is missing.
    """
    try:
        return connections[alias]
    except ConnectionDoesNotExist as error:
        raise CannotTell(
            f'There is no database "{alias}" in DATABASES.',
            f"It has {', '.join(sorted(connections))}: name one with --database.",
        ) from error
    except (ImproperlyConfigured, ImportError) as error:
        raise CannotTell(
            f'The database "{alias}" cannot be used: {error}',
            "Correct ENGINE in DATABASES, or install its driver; that of PostgreSQL: "
            'pip install "django-migration-guard[postgres]".',
        ) from error


def supported_connection(
    alias: str = DEFAULT_DB_ALIAS, *, read_only: bool = False
) -> BaseDatabaseWrapper:
    """Return the project's connection ``alias``, not yet opened, if the app can work with it.

    Raises CannotTell as ``project_connection`` does, for an unsupported vendor or driver, and
    inside a transaction; who only reads may do so there (a web request with ``ATOMIC_REQUESTS``).
    """
    connection = project_connection(alias)
    if connection.vendor not in VENDORS:
        raise CannotTell(
            f'The database "{alias}" is {connection.display_name}, which is not supported.',
            "Supported are PostgreSQL, SQLite, MariaDB and MySQL.",
        )
    if connection.vendor == "postgresql":
        _refuse_psycopg2()
    if connection.in_atomic_block and not read_only:
        raise CannotTell(
            "SQL migrations cannot run inside transaction.atomic(): each commits by itself.",
            "Call the command outside the atomic block.",
        )
    return connection


@contextmanager
def open_connection(alias: str, *, read_only: bool = False) -> Iterator[tuple[Connection, Facts]]:
    """Open a connection of the app's own, which stands for ``alias`` until it is closed.

    So Django's own code (its migration recorder, routers, signals) uses the same connection. An
    in-memory SQLite database lives in its one connection, so that one is used as it is.
    ``read_only`` opens an SQLite file so that a missing one is not created.

    Raises CannotTell where the database cannot be reached, and a GuardError for what the database
    refuses and no other place expects.
    """
    original = supported_connection(alias, read_only=read_only)
    in_memory = is_in_memory(original)
    wrapper = original if in_memory else copy_wrapper(original)
    if not in_memory:
        _configure(wrapper, read_only=read_only)
        connections[alias] = wrapper
    try:
        connection, facts = _connect(wrapper, original)
        try:
            yield connection, facts
        except (GuardError, StatementError, Error, connection.driver_error) as error:
            if isinstance(error, Interrupted):
                raise
            if interrupts.is_behind(error):
                raise KeyboardInterrupt from error
            if isinstance(error, GuardError | StatementError):
                raise
            cause = connection.driver_cause(error) or error
            refused = StatementError(cause, connection.kind(cause), None)
            raise step_failure(connection, refused) from error
    finally:
        if not in_memory:
            # Django's SQLite backend would keep one in memory, which stands for a missing file.
            BaseDatabaseWrapper.close(wrapper)
            connections[alias] = original


def is_in_memory(wrapper: BaseDatabaseWrapper) -> bool:
    """Return whether a database lives in its one connection."""
    return wrapper.vendor == "sqlite" and bool(wrapper.is_in_memory_db())  # type: ignore[attr-defined]


def _connect(
    wrapper: BaseDatabaseWrapper, original: BaseDatabaseWrapper
) -> tuple[Connection, Facts]:
    connection = _class_of(wrapper)(wrapper)
    try:
        wrapper.ensure_connection()
        if wrapper is not original:
            connection.follow(original)
        with wrapper.cursor():  # a wrapper that knows tenants chooses the schema here
            pass
        return connection, connection.facts()
    # A driver raises TypeError for an option that it does not know.
    except (Error, connection.driver_error, ImproperlyConfigured, TypeError) as error:
        raise CannotTell(
            f"No connection to {describe(wrapper)}: " + hide_password(wrapper, str(error).strip()),
            connection.remedy(error, None),
        ) from error


def connection_to(alias: str, name: str) -> BaseDatabaseWrapper:
    """Return a connection of its own to another database beside that of ``alias``, not yet open.

    Raises CannotTell as ``supported_connection`` does.
    """
    connection = copy_wrapper(supported_connection(alias))
    connection.settings_dict["NAME"] = name
    _configure(connection, read_only=False)
    return connection


def refuse_hidden(wrapper: BaseDatabaseWrapper) -> None:
    """Raise CannotTell where the project's own connection may not see every own row."""
    wrapper.ensure_connection()
    with wrapper.wrap_database_errors:
        reason = _class_of(wrapper)(wrapper).why_hidden(None, OWN_TABLES)
    if reason is not None:
        raise reason


def refuse_standby(connection: Connection, facts: Facts) -> None:
    """Raise CannotTell on a standby, and Refused where the sessions accept no writes."""
    name = describe(connection.wrapper)
    if facts.standby:
        raise CannotTell(
            f"{name} is a standby, which accepts no writes.",
            "Run against the primary: --database ALIAS.",
        )
    if facts.read_only:
        raise Refused(
            f"{name} is read-only: its sessions accept no writes.",
            "Run as a user who may write, or against the primary (PostgreSQL: "
            "default_transaction_read_only; MySQL: transaction_read_only; SQLite: query_only).",
        )


def hide_password(connection: BaseDatabaseWrapper, message: str) -> str:
    """Return a driver's message without what somebody wrote into the wrong key of DATABASES."""
    password = str(connection.settings_dict.get("PASSWORD") or "")
    if len(password) >= _SHORTEST_PASSWORD:
        message = message.replace(password, "***")
    return mask_text(message)


def describe(connection: BaseDatabaseWrapper) -> str:
    """Return vendor, name, host and user of a database, as a person knows it."""
    settings = connection.settings_dict
    parts = [f'the {VENDORS[connection.vendor].title} database "{settings["NAME"]}"']
    if settings.get("HOST"):
        port = f":{settings['PORT']}" if settings.get("PORT") else ""
        parts.append(f"on {settings['HOST']}{port}")
    if settings.get("USER"):
        parts.append(f'as "{settings["USER"]}"')
    return mask_text(" ".join(parts))


def _refuse_psycopg2() -> None:
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    if not is_psycopg3:
        raise CannotTell(
            "Django uses psycopg 2 here; the app needs psycopg 3.",
            'Install it: pip install "django-migration-guard[postgres]".',
        )


def _configure(wrapper: BaseDatabaseWrapper, *, read_only: bool) -> None:
    # A vendor may write another NAME, to open it in another way.
    wrapper.settings_dict[PROJECT_NAME] = wrapper.settings_dict["NAME"]
    wrapper.settings_dict.update(
        AUTOCOMMIT=True, ATOMIC_REQUESTS=False, CONN_MAX_AGE=0, CONN_HEALTH_CHECKS=False
    )
    _class_of(wrapper).configure(wrapper, read_only=read_only)


def _class_of(wrapper: BaseDatabaseWrapper) -> type[Connection]:
    of_vendor: type[Connection] = load(VENDORS[wrapper.vendor].connection)
    return of_vendor
