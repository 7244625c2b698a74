"""What a vendor provides for templates: a place where they are kept, listed, copied and dropped."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar, Final, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.vendors import VENDORS, load

# The name of each template on a server begins so.
TEMPLATE_PREFIX: Final = "migration_guard_template_"
# Seconds; what code reads as it runs is in no key.
LONGEST_AGE: Final = 24 * 3600
MOST: Final = 12
# Of each key in ``Template.steps``.
_DIGITS: Final = 6


class Template(NamedTuple):
    """A finished database that nobody connects to. ``born`` is when its first step ran, in seconds.

    A template that began as a copy of another one is as old as that one. ``steps`` is the beginning
    of the key of each step, "" where the place does not hold it. ``asked`` is the key that was
    built last where this template was the most alike, but not enough.
    """

    name: str
    key: str
    born: float
    bytes: int
    steps: str = ""
    asked: str = ""


class TestDatabase:
    """Tells what became of a test database: one that was kept is neither new nor a copy."""

    __test__ = False  # no test class of pytest
    is_new = False
    is_copy = False


class Obstacle(Exception):
    """Templates cannot be used; the message says why."""


class Shelf(ABC):
    """The templates of one user beside the databases of an alias.

    Any method may raise an error of the database or the file system; then no template is used.
    """

    most_bytes: ClassVar[int] = 2 << 30

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
    def read_all(self, *, sized: bool = True) -> list[Template]:
        """Return all templates of this user; their ``bytes`` may be 0 unless ``sized``."""

    @abstractmethod
    def lock(self, key: str) -> AbstractContextManager[None]:
        """Wait until nobody else builds the database of this key, and keep others waiting."""

    def using(self, template: Template) -> AbstractContextManager[None]:  # noqa: ARG002
        """Keep a template from being dropped inside this block."""
        return nullcontext()

    @abstractmethod
    def creating(
        self, creation: Any, template: Template | None
    ) -> AbstractContextManager[TestDatabase]:
        """Let the test database that ``creation`` makes inside this block be a copy."""

    @abstractmethod
    def keep(self, connection: BaseDatabaseWrapper, keys: Sequence[str], born: float) -> None:
        """Keep the database of a connection as the template of the last key.

        The connection may be closed. Nothing is kept where there is no room, or somebody else uses
        the database.
        """

    def note(self, template: Template, key: str) -> None:
        """Remember in a template that this key was asked for."""

    def is_awaited(self) -> bool:
        """Return whether somebody waits for a key that is locked here."""
        return False

    @abstractmethod
    def drop(self, template: Template) -> bool:
        """Drop a template; return False if it is being copied."""

    @abstractmethod
    def sweep(self) -> list[str]:
        """Drop what killed runs have left unfinished; return the names."""

    @abstractmethod
    def close(self) -> None:
        """Give the place up."""

    def list_usable(self) -> list[Template]:
        """Return the templates that are young enough."""
        now = self.now()
        return [template for template in self.read_all(sized=False) if _is_young(template, now)]

    def make_room(self, size: int) -> bool:
        """Drop what is too old, and the oldest where there is too much, for one of ``size`` bytes.

        Return False, and drop nothing, if that is too large itself.
        """
        if size > self.most_bytes:
            return False
        now = self.now()
        kept = [
            template
            for template in sorted(self.read_all(), key=lambda template: template.born)
            if _is_young(template, now) or not self.drop(template)
        ]
        while kept and (
            len(kept) >= MOST or size + sum(template.bytes for template in kept) > self.most_bytes
        ):
            self.drop(kept.pop(0))
        return True


def _is_young(template: Template, now: float) -> bool:
    """Return whether a template is young enough; a clock set back makes its age unknown."""
    return now - LONGEST_AGE < template.born <= now


@contextmanager
def open_shelf(alias: str, *, any_place: bool) -> Iterator[Shelf]:
    """Open the shelf of an alias. Raises Obstacle where no template is of use, or none can be."""
    vendor = VENDORS.get(connections[alias].vendor)
    if vendor is None or not vendor.shelf:
        raise Obstacle("only PostgreSQL and SQLite can copy a database")
    shelf: Shelf = load(vendor.shelf)(alias)
    try:
        shelf.refuse(any_place=any_place)
        yield shelf
    finally:
        shelf.close()


def longest(keys: Sequence[str], templates: Sequence[Template]) -> tuple[int, Template | None]:
    """Return the longest beginning of an order that has a template; 0 and None without."""
    by_key = {template.key: template for template in templates}
    for length in range(len(keys) - 1, 0, -1):
        if keys[length] in by_key:
            return length, by_key[keys[length]]
    return 0, None


def longest_shared(
    keys: Sequence[str], templates: Sequence[Template]
) -> tuple[int, list[Template]]:
    """Return the longest beginning that templates share, and which do."""
    steps = abbreviate(keys)
    shared = [max(_count_equal(steps, t.steps) // _DIGITS - 1, 0) for t in templates]
    length = max(shared, default=0)
    pairs = zip(shared, templates, strict=True)
    return length, [template for count, template in pairs if count == length > 0]


def _count_equal(text: str, other: str) -> int:
    """Return how many characters are the same from the start."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((place for place, pair in pairs if pair[0] != pair[1]), min(len(text), len(other)))


def abbreviate(keys: Sequence[str]) -> str:
    """Return the beginning of each key."""
    return "".join(key[:_DIGITS] for key in keys)


@contextmanager
def replaced(target: Any, name: str, value: Any) -> Iterator[None]:
    """Let an attribute of a module, a class or an instance be another value inside this block."""
    is_own = name in vars(target)
    before = vars(target).get(name)
    setattr(target, name, value)
    try:
        yield
    finally:
        if is_own:
            setattr(target, name, before)
        else:
            delattr(target, name)
