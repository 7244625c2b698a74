"""What a vendor provides for templates: a place where they are kept, listed, copied and dropped."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

# Seconds; what code reads as it runs is in no key.
LONGEST_AGE: Final = 24 * 3600
MOST: Final = 12
MOST_BYTES: Final = 2 << 30


class Template(NamedTuple):
    """A finished database that nobody connects to. ``born`` is when its first step ran, in seconds.

    A template that began as a copy of another one is as old as that one.
    """

    name: str
    key: str
    born: float
    bytes: int


class Obstacle(Exception):
    """Templates cannot be used; the message says why."""


class Shelf(ABC):
    """The templates of one user beside the databases of an alias.

    Any method may raise an error of the database or the file system; then no template is used.
    """

    @abstractmethod
    def refuse(self, *, any_place: bool) -> None:
        """Raise Obstacle where none is of use; with ``any_place``, only where none can be."""

    @abstractmethod
    def likeness(self) -> str:
        """Return, as text, what a new test database gets from the place where it is made."""

    @abstractmethod
    def now(self) -> float:
        """Return the time in seconds by the clock that ``born`` is of."""

    @abstractmethod
    def list(self) -> list[Template]:
        """Return all templates of this user."""

    @abstractmethod
    def lock(self, key: str) -> AbstractContextManager[None]:
        """Wait until nobody else builds the database of this key, and keep others waiting."""

    @abstractmethod
    def copying(self, creation: Any, template: Template) -> AbstractContextManager["Copying"]:
        """Let the test database that ``creation`` makes inside this block be a copy."""

    @abstractmethod
    def keep(self, connection: BaseDatabaseWrapper, key: str, born: float) -> None:
        """Keep the database of a connection as a template; the connection may be closed."""

    @abstractmethod
    def drop(self, template: Template) -> bool:
        """Drop a template; return False if it is being copied."""

    @abstractmethod
    def close(self) -> None:
        """Give the place up."""

    def find(self, keys: Sequence[str]) -> tuple[int, Template] | None:
        """Return the longest beginning that has a template, and the template."""
        oldest = self.now() - LONGEST_AGE
        by_key = {template.key: template for template in self.list() if template.born > oldest}
        return next(
            (
                (length, by_key[keys[length]])
                for length in range(len(keys) - 1, 0, -1)
                if keys[length] in by_key
            ),
            None,
        )

    def make_room(self, size: int) -> bool:
        """Drop what is too old, and the oldest where there is too much, for one of ``size`` bytes.

        Return False if there is no room.
        """
        oldest = self.now() - LONGEST_AGE
        kept = [
            template
            for template in sorted(self.list(), key=lambda template: template.born)
            if template.born > oldest or not self.drop(template)
        ]
        while kept and (
            len(kept) >= MOST or size + sum(template.bytes for template in kept) > MOST_BYTES
        ):
            self.drop(kept.pop(0))
        return size <= MOST_BYTES


class Copying:
    """Tells whether the test database became a copy: a kept one stays as it is."""

    is_done = False
