"""One migration file, as it was read."""

from itertools import chain
from pathlib import Path
from typing import NamedTuple

from migration_guard.planning.directives import Directives
from migration_guard.planning.names import FileName, number_of


class MigrationFile(NamedTuple):
    """One migration file. ``text`` has LF line ends and no byte order mark."""

    name: FileName
    text: str
    checksum: str
    directives: Directives

    @property
    def id(self) -> str:
        """The id of the migration, as in the history."""
        return self.name.id

    @property
    def number(self) -> int:
        """The number, as an integer."""
        return self.name.number

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.name.path

    @property
    def former_ids(self) -> tuple[str, ...]:
        """The other ids under which the history may have what the file does."""
        directives = self.directives
        if not (directives.formerly or directives.replaces):
            return ()
        return tuple(dict.fromkeys((*directives.formerly, *chain(*directives.replaces))))

    def is_named(self, number: int, name: str) -> bool:
        """Return whether a number or an id (``name``) is that of the file, now or before."""
        if name.isdecimal():
            return self.number == number or number in map(number_of, self.former_ids)
        return name in (self.id, *self.former_ids)

    @property
    def key(self) -> tuple[int, str]:
        """The sort key of migrations: the number as an integer, then the id."""
        return self.number, self.id
