"""Throwaway databases on a PostgreSQL server, and templates to copy them from.

A database is owned through a session-level advisory lock on its name, which goes with the process,
and DROP DATABASE refuses one that is in use: so a leftover is what has the name, and neither.

Source: PostgreSQL manual, "CREATE DATABASE", "pg_database", "pg_db_role_setting".
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import PREFIX, TEMPLATE_PREFIX, Host
from migration_guard.running import connecting

MAINTENANCE = "postgres"
_NO_PRIVILEGE = "42501"
_PROVIDERS = {"i": "icu", "b": "builtin"}


class PostgreSQLHost(Host):
    """The server of a configured database, reached through its maintenance database."""

    templates = True

    def __init__(self, alias: str) -> None:
        configured = connecting.configured(alias).settings_dict
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
        self._configure(name)
        return name

    def drop(self, name: str) -> None:
        """Drop it WITH (FORCE): a statement that was interrupted may still be running."""
        self._query(f"DROP DATABASE IF EXISTS {_quote(name)} WITH (FORCE)")

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Drop the databases of that name that are this user's and nobody's."""
        swept = []
        for name in self._ours(PREFIX):
            if name in keep or not self._lock(name):
                continue
            with suppress(OperationalError):  # in use after all: the next run tries again
                self._query(f"DROP DATABASE IF EXISTS {_quote(name)}")
                swept.append(name)
            self._query("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)
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

        Other templates of the ``family`` (a prefix) are stale now, and dropped unless in use.
        """
        for old in self._ours(TEMPLATE_PREFIX):
            if old.startswith(family):
                with suppress(OperationalError):
                    self._query(f"DROP DATABASE IF EXISTS {_quote(old)}")
        # A run beside this one may have made it meanwhile, of the same files.
        with suppress(DatabaseError):
            self._query(f"ALTER DATABASE {_quote(name)} RENAME TO {_quote(template)}")

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
        return [(name, value) for name, _, value in (row[0].partition("=") for row in rows)]

    def _configure(self, name: str) -> None:
        for setting, value in self._settings():
            # Through the session, since a list such as search_path cannot be quoted as one value.
            self._query("SELECT set_config(%s, %s, false)", setting, value)
            self._query(f"ALTER DATABASE {_quote(name)} SET {_setting(setting)} FROM CURRENT")
            self._query(f"RESET {_setting(setting)}")

    # -- the server

    def _ours(self, prefix: str) -> list[str]:
        rows = self._query(
            "SELECT datname::text FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba "
            "WHERE starts_with(datname, %s) AND r.rolname = current_user ORDER BY 1",
            prefix,
        )
        return [row[0] for row in rows]

    def _lock(self, name: str) -> bool:
        return bool(self._query("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name)[0][0])

    def _not_allowed(self, error: DatabaseError) -> CannotTell:
        message = str(error).strip().splitlines()[0]
        if getattr(error.__cause__, "sqlstate", "") == _NO_PRIVILEGE:
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
        connection = connecting.elsewhere(alias, name)
        try:
            connection.ensure_connection()
        except DatabaseError as error:
            first = first or error
        else:
            return connection
    raise CannotTell(
        f"No connection to {connecting.describe(connecting.elsewhere(alias, MAINTENANCE))}: "
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


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _setting(name: str) -> str:
    """Quote the name of a setting, which may have a prefix: ``app.tenant``."""
    return ".".join(map(_quote, name.split(".")))


def _literal(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
