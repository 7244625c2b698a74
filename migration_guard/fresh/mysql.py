"""Throwaway databases on a MariaDB or MySQL server; each is owned through a lock of its name.

Source: MariaDB manual, "CREATE DATABASE", "GET_LOCK", "GRANT" (wildcards in database names).
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from django.db import DatabaseError

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import PREFIX, Host, is_throwaway
from migration_guard.running import connecting
from migration_guard.running.mysql.lock import YEAR

_ACCESS_DENIED = {1044, 1045, 1142, 1227}


class MySQLHost(Host):
    """The server of a configured database, with no database selected."""

    def __init__(self, alias: str) -> None:
        settings = connecting.supported_connection(alias).settings_dict
        self._configured = str(settings["NAME"] or "")
        self._connection = connecting.connection_to(alias, "")
        try:
            # It owns a database, and has nothing to do while that is built.
            self._query(f"SET SESSION wait_timeout = {YEAR}")
        except DatabaseError as error:
            described = connecting.describe(connecting.connection_to(alias, self._configured))
            raise CannotTell(
                f"No connection to the server of {described}: {str(error).strip()}",
                "Check that the server runs, and host, port, user and password in DATABASES.",
            ) from error

    def create(self, name: str, template: str = "") -> str:  # noqa: ARG002 - has no templates
        """Make a database with the character set and collation of the configured one."""
        self._query("SELECT GET_LOCK(%s, 0)", name)
        rows = self._query(
            "SELECT default_character_set_name, default_collation_name "
            "FROM information_schema.schemata WHERE schema_name = %s",
            self._configured,
        )
        character_set, collation = rows[0] if rows else ("utf8mb4", "utf8mb4_general_ci")
        try:
            self._query(
                f"CREATE DATABASE `{name}` CHARACTER SET {character_set} COLLATE {collation}"
            )
        except DatabaseError as error:
            raise self._not_allowed(error) from error
        return name

    def drop(self, name: str) -> None:
        """Drop it; an interrupted statement ends with its connection."""
        if not self._connection.is_usable():
            self._connection.close()  # the next question opens it again
        self._query(f"DROP DATABASE IF EXISTS `{name}`")

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Drop the databases of that name whose lock nobody holds."""
        rows = self._query(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE %s",
            PREFIX.replace("_", r"\_") + "%",
        )
        swept = []
        for (name,) in rows:
            if (
                name in keep
                or not is_throwaway(name)
                or self._query("SELECT GET_LOCK(%s, 0)", name)[0][0] != 1
            ):
                continue
            with suppress(DatabaseError):  # another user's
                self.drop(name)
                swept.append(name)
            self._query("SELECT RELEASE_LOCK(%s)", name)
        return swept

    def close(self) -> None:
        """Close the connection, and give up what it owns."""
        self._connection.close()

    def _not_allowed(self, error: DatabaseError) -> CannotTell:
        code, message = (*error.args, "")[:2]
        if code in _ACCESS_DENIED:
            name, _, host = self._query("SELECT CURRENT_USER()")[0][0].rpartition("@")
            pattern = PREFIX.replace("_", r"\_") + "%"
            return CannotTell(
                f"The user '{name}'@'{host}' may not create databases: {message}.",
                f"An administrator can allow it: GRANT ALL PRIVILEGES ON `{pattern}`.* "
                f"TO '{name}'@'{host}';",
            )
        return CannotTell(
            f"The throwaway database could not be created: {message}.",
            "Nothing was changed. Remove the cause, and run it again.",
        )

    def _query(self, sql: str, *params: str) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []
