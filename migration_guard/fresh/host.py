"""What a vendor provides for throwaway databases: a host that makes and drops them."""

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from enum import Enum, auto
from typing import Any, ClassVar, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell

# The name of each throwaway database begins so. One whose owner is gone is a leftover.
PREFIX: Final = "migration_guard_fresh_"

_NAME: Final = re.compile(rf"{PREFIX}[0-9a-f]{{16}}")


def new_name() -> str:
    """Return a new, unique name for a throwaway database."""
    return f"{PREFIX}{uuid.uuid4().hex[:16]}"


def is_throwaway(name: str) -> bool:
    """Return whether ``new_name`` may have made this name. No other database is ever dropped."""
    return _NAME.fullmatch(name) is not None


class Missing(Enum):
    """What a fresh database lacks, and another database may have."""

    ROWS = auto()
    OBJECTS = auto()  # schemas, types, functions


class Host(ABC):
    """A place beside the configured database in which databases are made and dropped.

    It is open until ``close``. A method raises CannotTell if the server does not allow its work.
    ``current_database`` is the query for the ``NAME`` of the database that a connection leads to.
    ``relax`` lets the commits of a database ``{}`` not wait for the disk, "" where none need to.
    """

    current_database: ClassVar[str]
    relax: ClassVar[str] = ""

    @abstractmethod
    def create(self, name: str, template: str = "") -> str:
        """Make an empty database, or a copy of ``template``. Return the ``NAME`` for its settings.

        Encoding, collation and defaults are those of the configured database. The host owns the new
        one until it is dropped or the process ends, so that no other process drops it.
        """

    @abstractmethod
    def drop(self, name: str) -> None:
        """Drop a database that ``create`` made, if it exists, also while others are connected."""

    @abstractmethod
    def sweep(self, keep: Collection[str]) -> list[str]:
        """Drop the leftovers of killed runs, except ``keep``. Return their names."""

    @abstractmethod
    def close(self) -> None:
        """Close the host's own connection."""

    @abstractmethod
    def database_of(self, connection: BaseDatabaseWrapper) -> str:
        """Return the ``NAME`` of the database that a connection leads to."""

    def end_sessions(self, name: str) -> None:
        """End this user's sessions in a database, such as those of a pooler."""

    def likeness(self) -> str | None:
        """Return, as text, what a new database gets; None where databases cannot be copied."""
        return None

    @abstractmethod
    def missing(self, error: BaseException) -> Missing | None:
        """Return what a fresh database may lack, if that can cause this error of the driver."""


class ServerHost(Host):
    """A host on a server, with a connection of its own."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def close(self) -> None:
        """Close the connection, which releases the locks of what the host owns."""
        self._connection.close()

    def database_of(self, connection: BaseDatabaseWrapper) -> str:
        """Return the name of the connection's database, as the server reports it."""
        with connection.cursor() as cursor:
            cursor.execute(self.current_database)
            return str(cursor.fetchone()[0])

    def _ensure_connection(self) -> None:
        if not self._connection.is_usable():
            self._connection.close()  # the next query opens it again

    def _query(self, sql: str, *params: str) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []

    @staticmethod
    def _not_created(message: str) -> CannotTell:
        return CannotTell(
            f"The throwaway database could not be created: {message}.",
            "Nothing was changed. Remove the cause, and run it again.",
        )
