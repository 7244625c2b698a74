"""Throwaway databases on a PostgreSQL server.

A session-level advisory lock on its name marks a database as owned; the lock ends with the process.
DROP DATABASE refuses a database that is in use. So a leftover has such a name, no lock and no use.
An advisory lock belongs to the database in which it was taken, but pg_locks lists it in all.

Source: PostgreSQL manual, "CREATE DATABASE", "pg_database", "pg_db_role_setting".
"""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final

from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import PREFIX, Missing, ServerHost, is_throwaway
from migration_guard.running import connecting
from migration_guard.running.postgresql import liveness
from migration_guard.sql.dialects import POSTGRESQL

MAINTENANCE: Final = "postgres"
_NO_PRIVILEGE: Final = "42501"
# The connection that owns a database is idle while that is built.
_NO_TIMEOUTS: Final = """
    SELECT set_config(name, '0', false) FROM pg_settings
    WHERE name IN ('idle_session_timeout', 'statement_timeout', 'lock_timeout')
"""
# The databases of this user that nobody owns. pg_locks has the key of a lock in two halves.
_WITHOUT_OWNER: Final = """
    SELECT d.datname::text FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
    WHERE starts_with(d.datname, %s) AND r.rolname = current_user
        AND NOT EXISTS (
            SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1
                AND l.classid::bigint << 32 | l.objid::bigint = hashtextextended(d.datname::text, 0)
        )
    ORDER BY 1
"""
# Insufficient privilege, object not in prerequisite state, invalid parameter value.
_SETTING_ERRORS: Final = {_NO_PRIVILEGE, "55P02", "22023"}
# Invalid schema name, undefined object, undefined function.
_OBJECT_ERRORS: Final = {"3F000", "42704", "42883"}
# Errors that a missing row can cause: a null, a reference, a check, a division by zero, a query
# that must return one row, or RAISE.
_ROW_ERRORS: Final = {
    *("23502", "23503", "23514", "22012", "21000", "P0001", "P0002", "P0004"),
}
# With this setting nothing could be built.
_READ_ONLY: Final = "default_transaction_read_only"
# Nobody needs a test or throwaway database after a power cut, so that no commit waits for the disk.
NO_WAIT_FOR_DISK: Final = "SET synchronous_commit = off"
quote: Final = POSTGRESQL.quote
# The version since which CREATE DATABASE knows more than one way to copy.
_STRATEGIES: Final = 150000
_PROVIDERS: Final = {"i": "icu", "b": "builtin"}


class PostgreSQLHost(ServerHost):
    """The server of a configured database. Its connection leads to the maintenance database."""

    current_database = "SELECT current_database()"
    relax = f"ALTER DATABASE {{}} {NO_WAIT_FOR_DISK}"

    def __init__(self, alias: str) -> None:
        configured = connecting.supported_connection(alias).settings_dict
        self._configured = str(configured["NAME"] or "")
        self._template = str(configured["TEST"].get("TEMPLATE") or "")
        super().__init__(open_server(alias, self._configured))

    def create(self, name: str, template: str = "") -> str:
        """Make a database with the options of the configured one, or a copy of a template."""
        self._query("SELECT pg_advisory_lock(hashtextextended(%s, 0))", name)
        options = [copy_of(self._connection, template)] if template else self._like_configured()
        try:
            self._query(f"CREATE DATABASE {quote(name)} {' '.join(options)}")
        except DatabaseError as error:
            raise self._not_allowed(error) from error
        try:
            self._configure(name)
        except DatabaseError:
            self.drop(name)
            raise
        return name

    def drop(self, name: str) -> None:
        """Drop a database, also while an interrupted statement runs in it."""
        self._ensure_connection()
        try:
            self._query(f"DROP DATABASE IF EXISTS {quote(name)} WITH (FORCE)")
        except DatabaseError as error:
            # This user may not end some session there, such as an autovacuum worker. Without FORCE
            # the server asks that worker to leave, and waits five seconds for other sessions.
            if sqlstate(error) != _NO_PRIVILEGE:
                raise
            self.end_sessions(name)
            self._query(f"DROP DATABASE IF EXISTS {quote(name)}")
        self._query("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Drop the throwaway databases of this user that nobody owns."""
        swept = []
        for name in self._databases_without_owner(PREFIX):
            if name in keep or not is_throwaway(name):
                continue
            with suppress(OperationalError):  # it is in use; the next run tries again
                self._query(f"DROP DATABASE IF EXISTS {quote(name)}")
                swept.append(name)
        return swept

    def missing(self, error: BaseException) -> Missing | None:
        """Return what the SQLSTATE of the error says."""
        state = getattr(error, "sqlstate", None)
        if state in _OBJECT_ERRORS:
            return Missing.OBJECTS
        return Missing.ROWS if state in _ROW_ERRORS else None

    def likeness(self) -> str:
        """Return, as text, what a new database gets from the configured one."""
        return repr((self._like_configured(), self._settings()))

    # -- the configured database, from the catalogue of all databases

    def _like_configured(self) -> list[str]:
        if self._template:
            return [f"TEMPLATE {quote(self._template)}"]
        rows = self._query(
            "SELECT to_jsonb(d)::text, pg_encoding_to_char(d.encoding) FROM pg_database d "
            "WHERE datname = %s",
            self._configured,
        )
        options = ["TEMPLATE template0"]
        return options + (_locale(json.loads(rows[0][0]), rows[0][1]) if rows else [])

    def _settings(self) -> list[tuple[str, str]]:
        """Return the settings of ALTER DATABASE and ALTER ROLE … IN DATABASE for this user."""
        rows = self._query(
            "SELECT unnest(s.setconfig) FROM pg_db_role_setting s "
            "JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole "
            "WHERE d.datname = %s AND (s.setrole = 0 OR r.rolname = current_user) "
            "ORDER BY s.setrole",
            self._configured,
        )
        settings = (row[0].partition("=") for row in rows)
        return [(name, value) for name, _, value in settings if name != _READ_ONLY]

    def _configure(self, name: str) -> None:
        """Copy the settings of the configured database, except those that need a superuser.

        Such settings are about logs and libraries, and no schema depends on them.
        """
        for setting, value in self._settings():
            try:
                # FROM CURRENT, because a list such as search_path cannot be quoted as one value.
                self._query(
                    "BEGIN; SELECT set_config(%s, %s, true); "
                    f"ALTER DATABASE {quote(name)} SET {_quote_setting(setting)} FROM CURRENT; "
                    "COMMIT",
                    setting,
                    value,
                )
            except DatabaseError as error:
                self._query("ROLLBACK")
                if sqlstate(error) not in _SETTING_ERRORS:
                    raise
        self._query(self.relax.format(quote(name)))

    # -- the server

    def _databases_without_owner(self, prefix: str) -> list[str]:
        return [row[0] for row in self._query(_WITHOUT_OWNER, prefix)]

    def end_sessions(self, name: str) -> None:
        """End this user's sessions in a database, such as those of a pooler."""
        self._query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND usename = current_user",
            name,
        )

    def _not_allowed(self, error: DatabaseError) -> CannotTell:
        message = str(error).strip().splitlines()[0]
        if sqlstate(error) != _NO_PRIVILEGE:
            return self._not_created(message)
        user = self._query("SELECT current_user::text")[0][0]
        return CannotTell(
            f'The user "{user}" may not create databases: {message}.',
            f"A superuser can allow it: ALTER ROLE {quote(user)} CREATEDB;",
        )


def open_server(alias: str, configured: str) -> BaseDatabaseWrapper:
    """Return a connection to the maintenance database or, if that fails, to the configured one."""
    first: Exception | None = None
    for name in dict.fromkeys((MAINTENANCE, configured)):
        connection = connecting.connection_to(alias, name)
        try:
            with connection.cursor() as cursor:
                cursor.execute(_NO_TIMEOUTS)
            # Else what this process owns would outlive its host.
            with connection.wrap_database_errors:
                liveness.bound_connection(connection.connection)
        except DatabaseError as error:
            first = first or error
        else:
            return connection
    raise CannotTell(
        f"No connection to {connecting.describe(connecting.connection_to(alias, MAINTENANCE))}: "
        f"{str(first).strip()}",
        "Check that the server runs, and host, port, user and password in DATABASES. A throwaway "
        "database is made through the server itself, not through a pooler.",
    )


def copy_of(connection: BaseDatabaseWrapper, template: str) -> str:
    """Return the options of CREATE DATABASE for the quickest copy of a template.

    Copied files need no log, but a checkpoint before and after, which waits for the disk. Source:
    PostgreSQL manual, "CREATE DATABASE", STRATEGY.
    """
    options = f"TEMPLATE {quote(template)}"
    with connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        waits = cursor.fetchone() == ("on",)
        is_known = connection.pg_version >= _STRATEGIES  # type: ignore[attr-defined]
    return options if waits or not is_known else f"{options} STRATEGY file_copy"


def _locale(database: Mapping[str, Any], encoding: str) -> list[str]:
    """Return the options of CREATE DATABASE for the encoding and locale of ``database``."""
    options = [
        f"ENCODING {literal(encoding)}",
        f"LC_COLLATE {literal(database['datcollate'])}",
        f"LC_CTYPE {literal(database['datctype'])}",
    ]
    provider = _PROVIDERS.get(database.get("datlocprovider", ""))
    locale = database.get("datlocale") or database.get("daticulocale")
    if provider and locale:
        options.append(f"LOCALE_PROVIDER {provider} {provider}_LOCALE {literal(locale)}")
        if rules := database.get("daticurules"):
            options.append(f"ICU_RULES {literal(rules)}")
    return options


def sqlstate(error: DatabaseError) -> str:
    """Return the SQLSTATE of an error, or an empty string."""
    return str(getattr(error.__cause__, "sqlstate", "") or "")


def _quote_setting(name: str) -> str:
    """Return the quoted name of a setting, which may have a prefix, as in ``app.tenant``."""
    return ".".join(map(quote, name.split(".")))


def literal(text: str) -> str:
    """Return a quoted string."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
