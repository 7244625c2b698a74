"""Throwaway databases on a PostgreSQL server, and templates to copy them from.

A database is owned through a session-level advisory lock on its name, which goes with the process,
and DROP DATABASE refuses one that is in use: so a leftover is what has the name, and neither. Such
locks are of the database in which they are taken, but listed for all of them.

Source: PostgreSQL manual, "CREATE DATABASE", "pg_database", "pg_db_role_setting".
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import PREFIX, Host, is_throwaway
from migration_guard.running import connecting

MAINTENANCE = "postgres"
_NO_PRIVILEGE = "42501"
# The connection that owns a database has nothing to do while that is built.
_PATIENT = """
    SELECT set_config(name, '0', false) FROM pg_settings
    WHERE name IN ('idle_session_timeout', 'statement_timeout', 'lock_timeout')
"""
# Those of this user; a lock is listed as the two halves of its key.
_OURS = """
    SELECT d.datname::text FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
    WHERE starts_with(d.datname, %s) AND r.rolname = current_user
        AND NOT EXISTS (
            SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1
                AND l.classid::bigint << 32 | l.objid::bigint = hashtextextended(d.datname::text, 0)
        )
    ORDER BY 1
"""
# Insufficient privilege, not while a session lasts, not this value.
_NOT_GIVEN = {_NO_PRIVILEGE, "55P02", "22023"}
# Nothing could be built with it.
_READ_ONLY = "default_transaction_read_only"
_PROVIDERS = {"i": "icu", "b": "builtin"}


class PostgreSQLHost(Host):
    """The server of a configured database, reached through its maintenance database."""

    templates = True

    def __init__(self, alias: str) -> None:
        configured = connecting.supported_connection(alias).settings_dict
        self._configured = str(configured["NAME"] or "")
        self._template = str(configured["TEST"].get("TEMPLATE") or "")
        self._connection = _open(alias, self._configured)

    def create(self, name: str, template: str = "") -> str:
        """Make a database like the configured one, or a copy of a template."""
        self._query("SELECT pg_advisory_lock(hashtextextended(%s, 0))", name)
        options = [f"TEMPLATE {_quote(template)}"] if template else self._like_configured()
        try:
            self._query(f"CREATE DATABASE {_quote(name)} {' '.join(options)}")
        except DatabaseError as error:
            raise self._not_allowed(error) from error
        try:
            self._configure(name)
        except DatabaseError:
            self.drop(name)
            raise
        return name

    def drop(self, name: str) -> None:
        """Drop it, though a statement that was interrupted may still be running.

        WITH (FORCE) gives up at a session that is not this user's to end, such as an autovacuum
        worker; without it the server asks that one to leave, and waits five seconds for others.
        """
        if not self._connection.is_usable():
            self._connection.close()  # the next question opens it again
        try:
            self._query(f"DROP DATABASE IF EXISTS {_quote(name)} WITH (FORCE)")
        except DatabaseError as error:
            if _sqlstate(error) != _NO_PRIVILEGE:
                raise
            self._end_own_sessions(name)
            self._query(f"DROP DATABASE IF EXISTS {_quote(name)}")
        self._query("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Drop the databases with a name of ours that are this user's and nobody's."""
        swept = []
        for name in self._ours(PREFIX):
            if name in keep or not is_throwaway(name):
                continue
            with suppress(OperationalError):  # in use after all: the next run tries again
                self._query(f"DROP DATABASE IF EXISTS {_quote(name)}")
                swept.append(name)
        return swept

    def close(self) -> None:
        """Close the connection, and give up what it owns."""
        self._connection.close()

    # -- templates

    def exists(self, name: str) -> bool:
        """Tell whether there is such a database."""
        return bool(self._query("SELECT 1 FROM pg_database WHERE datname = %s", name))

    def become_template(self, name: str, template: str, family: str) -> None:
        """Rename a finished database, which makes it a template at once or not at all.

        Nobody can connect to it, so that it stays what the files make. Other templates of the
        ``family`` (a prefix) are stale now, and dropped unless in use. Raises CannotTell.
        """
        for old in self._ours(family):
            with suppress(OperationalError):
                self._query(f"DROP DATABASE IF EXISTS {_quote(old)}")
        self._query(f"ALTER DATABASE {_quote(name)} ALLOW_CONNECTIONS false")
        self._end_own_sessions(name)
        try:
            self._query(f"ALTER DATABASE {_quote(name)} RENAME TO {_quote(template)}")
        except DatabaseError as error:
            # A run beside this one may have made it meanwhile, of the same files.
            if not self.exists(template):
                raise CannotTell(
                    f"What was built cannot be kept as a template: {str(error).strip()}",
                    "It is dropped. Run it again, or leave --template out.",
                ) from error

    def likeness(self) -> str:
        """Return what a database made here takes from server and configured database, as text."""
        version = self._query("SELECT version()")
        return repr((version, self._like_configured(), self._settings()))

    # -- the configured database, as far as the catalogue of all databases tells

    def _like_configured(self) -> list[str]:
        if self._template:
            return [f"TEMPLATE {_quote(self._template)}"]
        rows = self._query(
            "SELECT to_jsonb(d)::text, pg_encoding_to_char(d.encoding) FROM pg_database d "
            "WHERE datname = %s",
            self._configured,
        )
        options = ["TEMPLATE template0"]
        return options + (_locale(json.loads(rows[0][0]), rows[0][1]) if rows else [])

    def _settings(self) -> list[tuple[str, str]]:
        """Return the settings that a session gets there, by ALTER DATABASE or for this user."""
        rows = self._query(
            "SELECT unnest(s.setconfig) FROM pg_db_role_setting s "
            "JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole "
            "WHERE d.datname = %s AND (s.setrole = 0 OR r.rolname = current_user) "
            "ORDER BY s.setrole",
            self._configured,
        )
        found = [(name, value) for name, _, value in (row[0].partition("=") for row in rows)]
        return [(name, value) for name, value in found if name != _READ_ONLY]

    def _configure(self, name: str) -> None:
        """Give it the settings, but for those that only a superuser may give.

        Those say what is logged or loaded, and no schema depends on them.
        """
        for setting, value in self._settings():
            try:
                # By way of the session: a list such as search_path cannot be quoted as one value.
                self._query(
                    "BEGIN; SELECT set_config(%s, %s, true); "
                    f"ALTER DATABASE {_quote(name)} SET {_setting(setting)} FROM CURRENT; COMMIT",
                    setting,
                    value,
                )
            except DatabaseError as error:
                self._query("ROLLBACK")
                if _sqlstate(error) not in _NOT_GIVEN:
                    raise

    # -- the server

    def _ours(self, prefix: str) -> list[str]:
        return [row[0] for row in self._query(_OURS, prefix)]

    def _end_own_sessions(self, name: str) -> None:
        """End the sessions of this user there, such as those that a pooler keeps."""
        self._query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND usename = current_user",
            name,
        )

    def _not_allowed(self, error: DatabaseError) -> CannotTell:
        message = str(error).strip().splitlines()[0]
        if _sqlstate(error) == _NO_PRIVILEGE:
            user = self._query("SELECT current_user::text")[0][0]
            return CannotTell(
                f'The user "{user}" may not create databases: {message}.',
                f"A superuser can allow it: ALTER ROLE {_quote(user)} CREATEDB;",
            )
        return CannotTell(
            f"The throwaway database could not be created: {message}.",
            "Nothing was changed. Remove the cause, and run it again.",
        )

    def _query(self, sql: str, *params: str) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []


def _open(alias: str, configured: str) -> BaseDatabaseWrapper:
    """Connect to the maintenance database; where that is forbidden, to the configured one."""
    first: Exception | None = None
    for name in dict.fromkeys((MAINTENANCE, configured)):
        connection = connecting.connection_to(alias, name)
        try:
            with connection.cursor() as cursor:
                cursor.execute(_PATIENT)
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


def _locale(database: Mapping[str, Any], encoding: str) -> list[str]:
    """Return the options that give a new database the encoding and locale of this one."""
    options = [
        f"ENCODING {_literal(encoding)}",
        f"LC_COLLATE {_literal(database['datcollate'])}",
        f"LC_CTYPE {_literal(database['datctype'])}",
    ]
    provider = _PROVIDERS.get(database.get("datlocprovider", ""))
    locale = database.get("datlocale") or database.get("daticulocale")
    if provider and locale:
        options.append(f"LOCALE_PROVIDER {provider} {provider}_LOCALE {_literal(locale)}")
        if rules := database.get("daticurules"):
            options.append(f"ICU_RULES {_literal(rules)}")
    return options


def _sqlstate(error: DatabaseError) -> str:
    return str(getattr(error.__cause__, "sqlstate", "") or "")


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _setting(name: str) -> str:
    """Quote the name of a setting, which may have a prefix: ``app.tenant``."""
    return ".".join(map(_quote, name.split(".")))


def _literal(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
