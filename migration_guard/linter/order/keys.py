"""What the simulation tells objects and statements apart by: keys and places."""

from typing import Final, NamedTuple

from migration_guard.planning.files import MigrationFile

TEMPORARY: Final = "pg_temp"
ANY: Final = ""  # the schema of all objects in a flat catalogue


class Place(NamedTuple):
    """A statement in the order of the run. ``offset`` counts characters in its file."""

    file_at: int
    statement_at: int
    offset: int
    file: MigrationFile | None = None  # None: the baseline

    @property
    def order(self) -> tuple[int, int]:
        """The key to compare places by."""
        return self.file_at, self.statement_at


class Key(NamedTuple):
    """The identity of an object. ``what`` is relation, type, schema, function, role, ….

    ``column`` is the name of a part: of a column, constraint, trigger or enum value.
    """

    what: str
    schema: str
    name: str
    column: str = ""
