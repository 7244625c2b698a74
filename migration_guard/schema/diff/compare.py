"""Two databases compared, object by object: what only one of them has, and what differs.

Pure. Objects are matched by name, and where no name matches, by their properties, so that a renamed
index is one difference and not two. The order of columns does not count, since a database that was
altered has another order than one that was created so. Nor do numbers that the server adds to a
name that is taken.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import takewhile
from textwrap import shorten
from typing import Final, TypeAlias

from migration_guard.schema.defaults import same_default
from migration_guard.schema.diff import properties
from migration_guard.schema.diff.database_objects import (
    OF_COLUMN,
    DatabaseObject,
    database_objects,
)
from migration_guard.schema.meaning import has_same_meaning, normal_text
from migration_guard.schema.objects import COUNTED, UNKNOWN, Snapshot
from migration_guard.schema.unseen import escape_unseen

Pair: TypeAlias = tuple[DatabaseObject, DatabaseObject]

# Properties that hold SQL, which a server may print in several ways.
_SQL: Final = frozenset(
    {"default", "generated", "expression", "predicate", "columns", "query", "module", "definition"}
    | {"partition key", "partition bound"}
    # Of the kinds beside tables; a publication's tables have a WHERE.
    | {"arguments", "constraints", "expressions", "tables"}
)
# Times that a statement may count from when it runs.
_TIMES: Final = frozenset({"starts", "ends", "at"})
# The field of a table that holds the objects of a kind.
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
    "package": "routines",
    "package body": "routines",
}
_WIDTH: Final = 300


class Change(StrEnum):
    """What happened to an object between the first database and the second."""

    SAME = "same"
    MISSING = "missing"
    EXTRA = "extra"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One object in two databases; None where a database does not have it.

    ``expected`` and ``actual`` are the differing properties as text, or all properties where only
    one database has the object.
    """

    change: Change
    first: DatabaseObject | None
    second: DatabaseObject | None
    expected: str = ""
    actual: str = ""

    @property
    def database_object(self) -> DatabaseObject:
        """The object, as the first database has it if it does."""
        object_ = self.first or self.second
        assert object_ is not None  # noqa: S101 - one of the two is there by construction
        return object_


def compare(first: Snapshot, second: Snapshot) -> tuple[Comparison, ...]:
    """Compare all objects; ``first`` is what should be, ``second`` what is.

    Left out are objects of a table or column that only one database has, since that table or column
    is listed; differences of a partition that its parent has too; and objects that may be among
    those that could not be read.
    """
    comparisons = list(_without_parts_of_columns(_compare(first, second)))
    parents = dict(_parents(first).items() & _parents(second).items())
    differences = {
        _difference(comparison, comparison.database_object.table) for comparison in comparisons
    }
    return tuple(
        comparison
        for comparison in comparisons
        if not (parent := parents.get(comparison.database_object.table))
        or comparison.database_object.kind == "table"
        or comparison.change is Change.SAME
        or _difference(comparison, parent) not in differences
    )


def _without_parts_of_columns(comparisons: Iterable[Comparison]) -> Iterator[Comparison]:
    """Drop what belongs to a column and only one has, where the column is reported already."""
    reported = set()
    for comparison in comparisons:
        object_, change = comparison.database_object, comparison.change
        place = object_.table, object_.columns
        if object_.kind == "column" and change is not Change.SAME:
            reported.add(place)
        is_part = object_.kind.endswith(OF_COLUMN) and change in {Change.MISSING, Change.EXTRA}
        if not (is_part and place in reported):
            yield comparison


def _difference(comparison: Comparison, table: str) -> Hashable:
    object_ = comparison.database_object
    texts = comparison.expected, comparison.actual
    return table, object_.kind, object_.columns, comparison.change, texts


def _compare(first: Snapshot, second: Snapshot) -> Iterator[Comparison]:
    tables = _tables(first) ^ _tables(second)
    firsts = _outside_of(tables, first)
    seconds = _outside_of(tables, second)
    pairs, firsts, seconds = _matches(firsts, seconds)
    yield from (_compare_properties(*pair, first.vendor) for pair in pairs)
    similarity = partial(_similarity, vendor=first.vendor)
    renamed, firsts, seconds = _pair_by(similarity, firsts, seconds)
    yield from (
        Comparison(Change.DIFFERS, old, new, old.object, new.object) for old, new in renamed
    )
    for object_ in firsts:
        if not _is_in_unread_list(object_, second):
            yield _compare_with_none(Change.MISSING, object_, second)
    for object_ in seconds:
        if not _is_in_unread_list(object_, first):
            yield _compare_with_none(Change.EXTRA, object_, first)


def _outside_of(tables: set[str], snapshot: Snapshot) -> list[DatabaseObject]:
    """Return the objects that belong to none of these tables, and the tables themselves."""
    return [
        object_
        for object_ in database_objects(snapshot)
        if object_.table not in tables or object_.kind == "table"
    ]


def _parents(snapshot: Snapshot) -> dict[str, str]:
    """Return the parent of each partition."""
    parents = ((table.label, table.partition_of) for table in snapshot.tables)
    return {label: parent for label, parent in parents if parent is not UNKNOWN and parent}


def _tables(snapshot: Snapshot) -> set[str]:
    return {table.label for table in snapshot.tables}


# -- pairs


def _matches(
    firsts: Sequence[DatabaseObject], seconds: Sequence[DatabaseObject]
) -> tuple[list[Pair], list[DatabaseObject], list[DatabaseObject]]:
    """Pair objects of the same name or of none, those that are the same in everything first."""
    matches: list[Pair] = []
    for key in (_all_of, _table_and_name, _identity, _unnamed_check):
        pairs, firsts, seconds = _pair_by(key, firsts, seconds)
        matches += pairs
    return matches, list(firsts), list(seconds)


def _pair_by(
    key: Callable[[DatabaseObject], Hashable],
    firsts: Sequence[DatabaseObject],
    seconds: Sequence[DatabaseObject],
) -> tuple[list[Pair], list[DatabaseObject], list[DatabaseObject]]:
    """Pair objects of the same key, in their order, and return the others too; None is no key."""
    waiting: dict[Hashable, deque[DatabaseObject]] = defaultdict(deque)
    for object_ in seconds:
        waiting[key(object_)].append(object_)
    pairs, left = [], []
    for object_ in firsts:
        candidates = waiting[key(object_)] if key(object_) is not None else None
        if candidates:
            pairs.append((object_, candidates.popleft()))
        else:
            left.append(object_)
    unpaired = {id(object_) for candidates in waiting.values() for object_ in candidates}
    return pairs, left, [object_ for object_ in seconds if id(object_) in unpaired]


def _all_of(object_: DatabaseObject) -> Hashable:
    return _identity(object_), object_.columns, tuple(object_.properties.items())


def _table_and_name(object_: DatabaseObject) -> Hashable:
    return (object_.table, object_.kind, object_.name) if object_.name else None


def _identity(object_: DatabaseObject) -> Hashable:
    """Return what identifies an object, its name or else the columns that it is over."""
    place = (object_.table, object_.kind)
    if object_.stem or object_.kind == "primary key":
        return *place, object_.stem
    return *place, "", object_.columns or str(object_)


def _unnamed_check(object_: DatabaseObject) -> Hashable:
    """Return the table of a check without a name, since no columns identify it."""
    return object_.table if object_.kind == "check" and not object_.name else None


def _similarity(object_: DatabaseObject, vendor: str) -> Hashable:
    """Return what a renamed object keeps. A renamed table or column is another one."""
    is_its_name = object_.kind in {"table", "column"} or object_.kind.endswith(OF_COLUMN)
    if is_its_name or object_.is_unread_list:
        return None
    if object_.kind not in _FIELDS:  # the text of a program has its name in it
        name = object_.name.partition("(")[0]
        texts = tuple(str(text).replace(name, "") for text in object_.properties.values())
        return object_.table, object_.kind, texts
    facts = tuple(
        (key, text if text is UNKNOWN or key not in _SQL else normal_text(text, vendor))
        for key, text in object_.properties.items()
    )
    return object_.table, object_.kind, object_.columns, facts


# -- what a comparison finds


def _compare_properties(first: DatabaseObject, second: DatabaseObject, vendor: str) -> Comparison:
    expected, actual, is_unclear = [], [], False
    for name in {**first.properties, **second.properties}:
        text, other = first.properties.get(name, ""), second.properties.get(name, "")
        if text is UNKNOWN or other is UNKNOWN:
            # What neither reader tells of a table is a limit of the vendor, not of this table.
            is_unclear |= text is not other or not first.table
        elif text != other and not _is_same_sql(name, text, other, vendor):
            absent = properties.absent(name)
            texts = _differing_lines(text or absent, other or absent)
            expected.append(texts[0])
            actual.append(texts[1])
    if expected:
        return Comparison(Change.DIFFERS, first, second, ", ".join(expected), ", ".join(actual))
    return Comparison(Change.UNKNOWN if is_unclear else Change.SAME, first, second)


def _is_same_sql(name: str, text: str, other: str, vendor: str) -> bool:
    if name == "default":
        word = len("DEFAULT ")
        return bool(text and other) and same_default(text[word:], other[word:], vendor)
    if name in _TIMES:
        times = (time.removesuffix(COUNTED) for time in (text, other))
        # What is counted when the files run is another time in each database.
        return len({*times}) == 1 or (text.endswith(COUNTED) and bool(other))
    if name == "srid":
        return not (text and other)  # a dump loses it
    return name in _SQL and has_same_meaning(text, other, vendor)


def _differing_lines(text: str, other: str) -> tuple[str, str]:
    """Return the lines in which two texts differ, each text on one line."""
    escaped = escape_unseen(text, other)
    if escaped != (text, other):
        return _one_line([escaped[0]]), _one_line([escaped[1]])
    first, second = text.splitlines(), other.splitlines()
    if len(first) > 1 or len(second) > 1:
        head = _common_lines(first, second)
        tail = _common_lines(first[head:][::-1], second[head:][::-1])
        first, second = (_part(lines, head, tail) for lines in (first, second))
    return _one_line(first), _one_line(second)


def _part(lines: Sequence[str], head: int, tail: int) -> list[str]:
    """Return the lines between the first and the last ones, which are only hinted at."""
    part = lines[head : len(lines) - tail] or ["no such line"]
    return ["…"] * bool(head) + [*part] + ["…"] * bool(tail)


def _common_lines(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many lines the two have in common at the beginning."""
    are_same = (line == other for line, other in zip(first, second, strict=False))
    return sum(1 for _ in takewhile(bool, are_same))


def _one_line(lines: Sequence[str]) -> str:
    return shorten(" ".join(lines), _WIDTH, placeholder=" …")


def _compare_with_none(change: Change, object_: DatabaseObject, other: Snapshot) -> Comparison:
    """Return the comparison of an object that only one has; unknown if the other may have it."""
    is_missing = change is Change.MISSING
    first, second = (object_, None) if is_missing else (None, object_)
    if object_.is_unread_list or _may_be_there(object_, other):
        return Comparison(Change.UNKNOWN, first, second)
    text = _one_line(str(object_).splitlines())
    if object_.kind != "table" and object_.kind.upper() not in text.upper():
        text = f"{object_.kind} {text}".rstrip()
    expected, actual = (text, "missing") if is_missing else ("nothing", text)
    return Comparison(change, first, second, expected, actual)


def _may_be_there(object_: DatabaseObject, snapshot: Snapshot) -> bool:
    """Return whether this table, or the list of tables, could not be read."""
    objects = {"", "tables"} if object_.kind == "table" else {""}
    tables = {object_.table, ""}
    return any(note.table in tables and note.object in objects for note in snapshot.unknown)


def _is_in_unread_list(object_: DatabaseObject, snapshot: Snapshot) -> bool:
    """Return whether another comparison says that no object of this kind could be read there."""
    if object_.is_unread_list or object_.kind == "table":
        return False
    if object_.kind in _FIELDS:
        table = snapshot.table(object_.table)
        field = _FIELDS[object_.kind]
        return table is not UNKNOWN and table is not None and getattr(table, field) is UNKNOWN
    if object_.kind in {"enum", "extension"}:
        return getattr(snapshot, f"{object_.kind}s") is UNKNOWN
    unlisted = {note.object for note in snapshot.unknown if not note.table}
    return snapshot.programs is UNKNOWN or _LISTS.get(object_.kind) in unlisted
