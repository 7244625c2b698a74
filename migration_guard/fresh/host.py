"""Where throwaway databases are made: the one thing that a vendor has to say about them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import TypeAlias

# Every throwaway database has such a name; whatever has one and no living owner is a leftover.
PREFIX = "migration_guard_fresh_"
TEMPLATE_PREFIX = "migration_guard_template_"

Tell: TypeAlias = Callable[[str], None]


class Host(ABC):
    """A place beside the configured database in which databases are made and dropped.

    It is open from its making to ``close``. Every act raises CannotTell where it is not allowed.
    """

    templates = False

    @abstractmethod
    def create(self, name: str, template: str = "") -> str:
        """Make an empty database, or a copy of ``template``; return the ``NAME`` for its settings.

        It is equal to the configured one in what is no schema: encoding, collation, defaults. The
        host is its owner until it is dropped or the process ends, so that nobody else drops it.
        """

    @abstractmethod
    def drop(self, name: str) -> None:
        """Drop a database that ``create`` made, whoever is still connected; if it is there."""

    @abstractmethod
    def sweep(self, keep: Collection[str]) -> list[str]:
        """Drop what runs left behind that were killed, but for ``keep``; return their names."""

    @abstractmethod
    def close(self) -> None:
        """Close the host's own connection."""
