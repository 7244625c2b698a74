"""Two databases compared, thing by thing: what is only here, only there, or differs.

Pure. Things are matched by name; where names do not match, by what they are like, so that a renamed
index is one difference and not two. The order of columns does not count: a database that was
altered has another order than one that was created so; nor do numbers that the server puts behind a
name that is taken.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from textwrap import shorten
from typing import Final, TypeAlias

from migration_guard.schema.diff import properties
from migration_guard.schema.diff.database_objects import OF_COLUMN, DatabaseObject, things, untold
from migration_guard.schema.objects import UNKNOWN, Snapshot

Pair: TypeAlias = tuple[DatabaseObject, DatabaseObject]

# The field of a table that things of a kind stand in.
_FIELDS: Final = {
    "column": "columns",
    "column default": "columns",
    "column comment": "columns",
    "primary key": "primary_key",
    "index": "indexes",
    "unique": "indexes",
    "foreign key": "foreign_keys",
    "check": "checks",
    "exclusion": "exclusions",
}
_LISTS: Final = {
    "trigger": "triggers",
    "event": "events",
    "procedure": "routines",
    "function": "routines",
}
_WIDTH: Final = 300


class Change(StrEnum):
    """How a thing of the second database stands to the first."""

    SAME = "same"
    MISSING = "missing"
    EXTRA = "extra"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing in two databases; None where it is not there.

    ``expected`` and ``actual`` say in words what differs, or all there is where only one has it.
    """

    change: Change
    first: DatabaseObject | None
    second: DatabaseObject | None
    expected: str = ""
    actual: str = ""

    @property
    def database_object(self) -> DatabaseObject:
        """The thing, as the first database has it if it does."""
        thing = self.first or self.second
        assert thing is not None  # noqa: S101 - one of the two is there by construction
        return thing


def compare(first: Snapshot, second: Snapshot) -> tuple[Comparison, ...]:
    """Compare all things; ``first`` is what should be, ``second`` what is.

    What belongs to a table or a column that only one of them has is not listed: the table or the
    column is. Nor is what a partition only repeats of its parent, and what may be among things that
    could not be read.
    """
    found = list(_of_same_columns(_compare(first, second)))
    parents = dict(_parents(first).items() & _parents(second).items())
    told = {_difference(one, one.database_object.table) for one in found}
    return tuple(
        one
        for one in found
        if not (parent := parents.get(one.database_object.table))
        or one.database_object.kind == "table"
        or one.change is Change.SAME
        or _difference(one, parent) not in told
    )


def _of_same_columns(found: Iterable[Comparison]) -> Iterator[Comparison]:
    """Leave out what goes with a column, and only one has, where the column says so already."""
    told = set()
    for one in found:
        place = one.database_object.table, one.database_object.columns
        if one.database_object.kind == "column" and one.change is not Change.SAME:
            told.add(place)
        goes = one.database_object.kind.endswith(OF_COLUMN) and one.change in {
            Change.MISSING,
            Change.EXTRA,
        }
        if not (goes and place in told):
            yield one


def _difference(one: Comparison, table: str) -> Hashable:
    thing = one.database_object
    return table, thing.kind, thing.columns, one.change, one.expected, one.actual


def _compare(first: Snapshot, second: Snapshot) -> Iterator[Comparison]:
    here, there = list(things(first)), list(things(second))
    tables = _tables(first) ^ _tables(second)
    here = [one for one in here if one.table not in tables or one.kind == "table"]
    there = [one for one in there if one.table not in tables or one.kind == "table"]
    pairs, here, there = _matched(here, there)
    yield from (_judged(one, other) for one, other in pairs)
    alike, here, there = _paired(_likeness, here, there)
    yield from (
        Comparison(Change.DIFFERS, one, other, one.object, other.object) for one, other in alike
    )
    for one in here:
        if not _stood_for(one, second):
            yield _lonely(Change.MISSING, one, None, second)
    for one in there:
        if not _stood_for(one, first):
            yield _lonely(Change.EXTRA, None, one, first)


def _parents(snapshot: Snapshot) -> dict[str, str]:
    """Return the parent of each partition."""
    known = ((table.label, table.partition_of) for table in snapshot.tables)
    return {label: parent for label, parent in known if parent is not UNKNOWN and parent}


def _tables(snapshot: Snapshot) -> set[str]:
    return {table.label for table in snapshot.tables}


# -- which belong together


def _matched(
    here: Sequence[DatabaseObject], there: Sequence[DatabaseObject]
) -> tuple[list[Pair], list[DatabaseObject], list[DatabaseObject]]:
    """Pair what has the same name or none: first what is the same altogether."""
    pairs: list[Pair] = []
    for key in (_sameness, _named, _identity, _nameless):
        found, here, there = _paired(key, here, there)
        pairs += found
    return pairs, list(here), list(there)


def _paired(
    key: Callable[[DatabaseObject], Hashable],
    here: Sequence[DatabaseObject],
    there: Sequence[DatabaseObject],
) -> tuple[list[Pair], list[DatabaseObject], list[DatabaseObject]]:
    """Pair things of the same key, in their order; None is no key. Return what is left too."""
    waiting: dict[Hashable, deque[DatabaseObject]] = defaultdict(deque)
    for one in there:
        waiting[key(one)].append(one)
    pairs, left = [], []
    for one in here:
        candidates = waiting[key(one)] if key(one) is not None else None
        if candidates:
            pairs.append((one, candidates.popleft()))
        else:
            left.append(one)
    still = {id(one) for candidates in waiting.values() for one in candidates}
    return pairs, left, [one for one in there if id(one) in still]


def _sameness(thing: DatabaseObject) -> Hashable:
    return _identity(thing), thing.columns, tuple(thing.properties.items())


def _named(thing: DatabaseObject) -> Hashable:
    return (thing.table, thing.kind, thing.name) if thing.name else None


def _identity(thing: DatabaseObject) -> Hashable:
    """Return what makes two things the same one; of things without a name, what they are over."""
    place = (thing.table, thing.kind)
    if thing.stem or thing.kind == "primary key":
        return *place, thing.stem
    return *place, "", thing.columns or str(thing)


def _nameless(thing: DatabaseObject) -> Hashable:
    """Return what is left of a check without a name: it is over nothing that could be named."""
    return thing.table if thing.kind == "check" and not thing.name else None


def _likeness(thing: DatabaseObject) -> Hashable:
    """Return what a renamed thing keeps; nothing for columns: those are their names."""
    if thing.kind in {"table", "column"} or thing.kind.endswith(OF_COLUMN) or untold(thing):
        return None
    aspects_kept = thing.properties.items()
    if thing.kind not in _FIELDS:  # the text of a program speaks of its name
        name = thing.name.partition("(")[0]
        texts = {key: str(said).replace(name, "") for key, said in aspects_kept}
        return thing.table, thing.kind, tuple(texts.items())
    return thing.table, thing.kind, thing.columns, tuple(aspects_kept)


# -- what became of them


def _judged(one: DatabaseObject, other: DatabaseObject) -> Comparison:
    expected, actual, unclear = [], [], False
    for aspect in {**one.properties, **other.properties}:
        here, there = one.properties.get(aspect, ""), other.properties.get(aspect, "")
        if here is UNKNOWN or there is UNKNOWN:
            # What neither reader can tell of a table is a limit of the vendor, not of this one.
            unclear |= here is not there or not one.table
        elif here != there:
            said = _narrowed(here or properties.absent(aspect), there or properties.absent(aspect))
            expected.append(said[0])
            actual.append(said[1])
    if expected:
        return Comparison(Change.DIFFERS, one, other, ", ".join(expected), ", ".join(actual))
    return Comparison(Change.UNKNOWN if unclear else Change.SAME, one, other)


def _narrowed(here: str, there: str) -> tuple[str, str]:
    """Return the lines in which two texts differ, each text on one line."""
    first, second = here.splitlines(), there.splitlines()
    if len(first) > 1 or len(second) > 1:
        head = _common(first, second)
        tail = _common(first[head:][::-1], second[head:][::-1])
        first = ["…"] * bool(head) + first[head : len(first) - tail] + ["…"] * bool(tail)
        second = ["…"] * bool(head) + second[head : len(second) - tail] + ["…"] * bool(tail)
    return _line(first), _line(second)


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many lines the two have in common at the beginning."""
    same = (one == other for one, other in zip(first, second, strict=False))
    return sum(1 for _ in takewhile(bool, same))


def _line(lines: Sequence[str]) -> str:
    return shorten(" ".join(lines), _WIDTH, placeholder=" …")


def _lonely(
    change: Change, one: DatabaseObject | None, other: DatabaseObject | None, where: Snapshot
) -> Comparison:
    """Return what only one has; unknown where the other may have it."""
    thing = one or other
    assert thing is not None  # noqa: S101 - one of the two is there by construction
    if untold(thing) or _may_be_there(thing, where):
        return Comparison(Change.UNKNOWN, one, other)
    said = _line(str(thing).splitlines())
    if thing.kind != "table" and thing.kind.upper() not in said.upper():
        said = f"{thing.kind} {said}"
    described = (said, "missing") if change is Change.MISSING else ("nothing", said)
    return Comparison(change, one, other, *described)


def _may_be_there(thing: DatabaseObject, where: Snapshot) -> bool:
    """Tell whether this table, or what tables there are, could not be read."""
    objects = {"", "tables"} if thing.kind == "table" else {""}
    return any(note.table in {thing.table, ""} and note.object in objects for note in where.unknown)


def _stood_for(thing: DatabaseObject, where: Snapshot) -> bool:
    """Tell whether another thing says already that nothing of this kind could be read there."""
    if untold(thing) or thing.kind == "table":
        return False
    if thing.kind in _FIELDS:
        table = where.table(thing.table)
        field = _FIELDS[thing.kind]
        return table is not UNKNOWN and table is not None and getattr(table, field) is UNKNOWN
    if thing.kind in {"enum", "extension"}:
        return getattr(where, f"{thing.kind}s") is UNKNOWN
    unlisted = {note.object for note in where.unknown if not note.table}
    return where.programs is UNKNOWN or _LISTS.get(thing.kind) in unlisted
