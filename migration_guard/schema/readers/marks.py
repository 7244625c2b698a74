"""The words for what becomes of each column of a vendor's catalogue, for the list in its room."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """What becomes of a column of the catalogue."""

    COMPARED = "compared"  # a change of it alone is a difference
    IDENTITY = "identity"  # the names by which two objects are matched
    PHYSICAL = "physical"  # how one server keeps it; a copy has another value
    OWNER = "owner"  # owners and privileges, which are not compared
    LEFT_OUT = "left out"  # for a reason


class CatalogueTable(NamedTuple):
    """The columns of one catalogue table by their mark; ``left_out`` has a reason for each key."""

    compared: str = ""
    identity: str = ""
    physical: str = ""
    owner: str = ""
    left_out: Mapping[str, str] = {}

    def marks(self) -> Iterator[tuple[str, Mark]]:
        """Yield each column with its mark."""
        for mark in (Mark.COMPARED, Mark.IDENTITY, Mark.PHYSICAL, Mark.OWNER):
            yield from ((name, mark) for name in getattr(self, mark).split())
        for columns in self.left_out:
            yield from ((name, Mark.LEFT_OUT) for name in columns.split())
