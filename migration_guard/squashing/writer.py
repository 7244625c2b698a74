"""What a vendor provides to write a database as SQL, and to read what it holds."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.squashing.contents import Contents


class Writer(ABC):
    """The database behind a connection. Relations are named as the vendor's SQL quotes them.

    A method raises CannotTell for what cannot be written.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @abstractmethod
    def require_program(self) -> None:
        """Raise CannotTell where what writes is missing, or the vendor cannot be written."""

    @abstractmethod
    def relations(self) -> dict[str, str]:
        """Return the bare names of all relations, those of extensions left out, by their SQL."""

    @abstractmethod
    def dump(self, without: Collection[str], *, rows: bool, access: bool = True) -> list[str]:
        """Return the statements that make all but some relations, each with its terminator.

        ``access`` is for owners and privileges, where the vendor keeps them in the database.
        """

    @abstractmethod
    def access(self, statements: Iterable[str]) -> list[str]:
        """Return those of a dump's statements that give objects to roles, or grant on them."""

    @abstractmethod
    def contents(self, without: Collection[str]) -> Contents:
        """Return the rows and counters of all but some relations."""
