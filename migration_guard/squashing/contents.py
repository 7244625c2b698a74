"""The rows and counters of two databases, compared. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

_TIME: Final = re.compile(r"'?\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\S{0,6})?'?")


T = TypeVar("T")


class Rows(NamedTuple):
    """The rows of a table as text, None for NULL; ``times`` are the columns of a type of time."""

    columns: tuple[str, ...]
    times: frozenset[str]
    rows: tuple[tuple[str | None, ...], ...]

    def column(self, name: str) -> Counter[str | None]:
        """Return how often each value stands in a column."""
        place = self.columns.index(name)
        return Counter(row[place] for row in self.rows)

    def without(self, columns: frozenset[str]) -> Counter[tuple[str | None, ...]]:
        """Return how often each row is there, some columns left out."""
        places = [n for n, column in enumerate(self.columns) if column not in columns]
        return Counter(tuple(row[place] for place in places) for row in self.rows)


class Contents(NamedTuple):
    """The rows by table, and the values of sequences and other counters by name."""

    tables: Mapping[str, Rows]
    counters: Mapping[str, str]


class Varying(NamedTuple):
    """The columns whose values two builds of the same files gave another value."""

    times: tuple[str, ...]
    others: tuple[str, ...]


def find_varying(first: Contents, second: Contents) -> Varying:
    """Return what two builds of the same files made different, as ``table.column``."""
    times: list[str] = []
    others = [name for name, _, _ in _pairs(first.counters, second.counters)]
    for table, rows, other in _pairs(first.tables, second.tables):
        if rows is None or other is None or rows.columns != other.columns:
            others.append(table)
            continue
        columns = [name for name in rows.columns if rows.column(name) != other.column(name)]
        of_time = frozenset(name for name in columns if _is_time(rows, name))
        times += [f"{table}.{name}" for name in sorted(of_time)]
        varying = [name for name in columns if name not in of_time]
        if varying:
            others += [f"{table}.{name}" for name in varying]
        elif rows.without(of_time) != other.without(of_time):
            others.append(table)
    return Varying(tuple(times), tuple(others))


def find_differences(first: Contents, second: Contents) -> list[str]:
    """Return the tables and counters that are not equal."""
    return [
        name
        for pairs in (
            _pairs(first.counters, second.counters),
            _pairs(
                {name: rows.without(frozenset()) for name, rows in first.tables.items()},
                {name: rows.without(frozenset()) for name, rows in second.tables.items()},
            ),
        )
        for name, _, _ in pairs
    ]


def _pairs(
    first: Mapping[str, T], second: Mapping[str, T]
) -> Iterator[tuple[str, T | None, T | None]]:
    """Yield what is not equal in two mappings."""
    for name in sorted({*first, *second}):
        if first.get(name) != second.get(name):
            yield name, first.get(name), second.get(name)


def _is_time(rows: Rows, column: str) -> bool:
    """Return whether a column holds times: by its type, or by all of its values."""
    if column in rows.times:
        return True
    values = [value for value in rows.column(column) if value not in (None, "NULL")]
    return bool(values) and all(_TIME.fullmatch(value or "") for value in values)
