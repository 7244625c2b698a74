"""Where throwaway databases are made: the one thing that a vendor has to say about them."""

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection

# Every throwaway database has such a name; what has one and no living owner is a leftover.
PREFIX = "migration_guard_fresh_"
TEMPLATE_PREFIX = "migration_guard_template_"

_NAME = re.compile(rf"{PREFIX}[0-9a-f]{{16}}")


def new_name() -> str:
    """Return the name of a throwaway database that nobody has."""
    return f"{PREFIX}{uuid.uuid4().hex[:16]}"


def is_throwaway(name: str) -> bool:
    """Tell whether ``new_name`` may have made this name: no other is ever dropped."""
    return _NAME.fullmatch(name) is not None


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
