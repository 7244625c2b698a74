"""Throwaway databases on a MariaDB or MySQL server. A lock with its name marks each as owned.

Source: MariaDB manual, "CREATE DATABASE", "GET_LOCK", "GRANT" (wildcards in database names).
"""

from collections.abc import Collection
from contextlib import suppress
from typing import Final

from django.db import DatabaseError

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import PREFIX, Missing, ServerHost, is_throwaway
from migration_guard.running import connecting
from migration_guard.running.mysql.lock import YEAR

_ACCESS_DENIED: Final = {1044, 1045, 1142, 1227}
# Errors that a missing row can cause: a NOT NULL, foreign key or check constraint, or SIGNAL.
_ROW_ERRORS: Final = {1048, 1364, 1365, 1452, 1644, 4025}
_PATTERN: Final = PREFIX.replace("_", r"\_") + "%"


class MySQLHost(ServerHost):
    """The server of a configured database. Its connection has selected no database."""

    current_database = "SELECT DATABASE()"

    def __init__(self, alias: str) -> None:
        settings = connecting.supported_connection(alias).settings_dict
        self._configured = str(settings["NAME"] or "")
        super().__init__(connecting.connection_to(alias, ""))
        try:
            # The connection owns a database, and is idle while that is built.
            self._query(f"SET SESSION wait_timeout = {YEAR}")
        except DatabaseError as error:
            server = connecting.describe(connecting.connection_to(alias, self._configured))
            raise CannotTell(
                f"No connection to the server of {server}: {str(error).strip()}",
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
        """Drop a database, also while a statement of a killed process runs in it."""
        self._ensure_connection()
        sessions = self._query(
            "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> CONNECTION_ID()",
            name,
        )
        for (session,) in sessions:
            with suppress(DatabaseError):  # it has ended, or is another user's
                self._query(f"KILL {session}")
        self._query(f"DROP DATABASE IF EXISTS `{name}`")

    def sweep(self, keep: Collection[str]) -> list[str]:
        """Drop the throwaway databases whose lock nobody holds."""
        rows = self._query(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE %s",
            _PATTERN,
        )
        swept = []
        for (name,) in rows:
            if (
                name in keep
                or not is_throwaway(name)
                or self._query("SELECT GET_LOCK(%s, 0)", name)[0][0] != 1
            ):
                continue
            with suppress(DatabaseError):  # it belongs to another user
                self.drop(name)
                swept.append(name)
            self._query("SELECT RELEASE_LOCK(%s)", name)
        return swept

    def missing(self, error: BaseException) -> Missing | None:
        """Return ROWS for errors of constraints and of SIGNAL."""
        code = error.args[0] if error.args else None
        return Missing.ROWS if isinstance(code, int) and code in _ROW_ERRORS else None

    def _not_allowed(self, error: DatabaseError) -> CannotTell:
        code, message = (*error.args, "")[:2]
        if code not in _ACCESS_DENIED:
            return self._not_created(message)
        name, _, host = self._query("SELECT CURRENT_USER()")[0][0].rpartition("@")
        return CannotTell(
            f"The user '{name}'@'{host}' may not create databases: {message}.",
            f"An administrator can allow it: GRANT ALL PRIVILEGES ON `{_PATTERN}`.* "
            f"TO '{name}'@'{host}';",
        )
