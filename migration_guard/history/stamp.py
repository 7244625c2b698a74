"""The stamp: which environment a database is, and where its migrations make tables."""

from collections.abc import Sequence
from typing import Any, Final

from migration_guard import conf
from migration_guard.exceptions import CannotTell
from migration_guard.history.access import Access
from migration_guard.models import EnvironmentStamp
from migration_guard.planning.stamp import STAMP_ID, StampRow, parse_stamp, stamp_command

# The key of a connection's settings for the NAME that the project gave the database.
PROJECT_NAME: Final = "MIGRATION_GUARD_NAME"
# The schema that a stamp records, also where version 0.1 made the table without that column.
SCHEMA_OF_STAMP: Final = {
    "postgresql": "pg_catalog.to_jsonb(stamp) ->> 'schema_name'",
    "mysql": "NULL",
    "sqlite": "NULL",
}


class Stamp:
    """The stamp of one database.

    ``new_tables`` is the schema in which migrations make tables, None where the vendor has none.
    """

    def __init__(self, access: Access, new_tables: str | None) -> None:
        self._access = access
        self._connection = access.connection
        self.new_tables = new_tables
        self.table = access.table_of(EnvironmentStamp)

    def read(self) -> tuple[str | None, str | None]:
        """Return the environment of the stamp, and the schema in which migrations make tables.

        Raises CannotTell for a stamp that cannot be understood.
        """
        rows = self.rows()
        try:
            environment = parse_stamp(rows, conf.load().environments)
        except CannotTell as error:
            names = self._access.wrapper.settings_dict
            database = str(names.get(PROJECT_NAME, names["NAME"]) or "DBNAME")
            command = stamp_command("NAME", database, self._access.wrapper.alias)
            hint = " ".join(filter(None, (error.hint, f"To stamp it again: {command}")))
            raise CannotTell(error.message, hint) from error
        return environment, rows[0].schema if rows else None

    def environment(self) -> str | None:
        """Return the environment that the database is stamped with, if it is."""
        return self.read()[0]

    def rows(self) -> list[StampRow]:
        """Return what the table of the stamp holds; it should be one row."""
        schema = SCHEMA_OF_STAMP[self._access.wrapper.vendor]
        rows = self._connection.fetch(
            f"SELECT id, environment, {schema} FROM {self.table} stamp ORDER BY id"
        )
        return [StampRow(*row) for row in rows]

    def write(self, environment: str) -> None:
        """Stamp the database with its environment and the schema of its tables."""
        now, params = self._connection.clock()
        self._replace(environment, now, params, self._access.identity.who)

    def add_schema(self) -> None:
        """Let the stamp name the schema of new tables; the rest of it stays as it is."""
        # Not UPDATE, a right that nothing else on this table needs.
        rows = self._connection.fetch(f"SELECT environment, stamped_at, who FROM {self.table}")
        for environment, at, who in rows:
            self._replace(environment, "%s", (at,), who)

    def _replace(self, environment: str, at: str, params: Sequence[Any], who: str) -> None:
        self._connection.send(f"DELETE FROM {self.table}")
        self._connection.send(
            f"INSERT INTO {self.table} (id, environment, stamped_at, who, schema_name) "
            f"VALUES ({STAMP_ID}, %s, {at}, %s, %s)",
            (environment, *params, self._access.fit(who), self.new_tables),
        )
