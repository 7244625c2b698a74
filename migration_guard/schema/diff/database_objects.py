"""A snapshot as a flat list of things, each with its aspects in words, so that two can be compared.

Pure. A thing is what one statement makes: a table, a column, an index, a constraint. What only
repeats another thing (the index under a unique constraint, the columns of a view, MariaDB's check
under JSON) is no thing of its own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from migration_guard.schema.diff import properties
from migration_guard.schema.objects import UNKNOWN, Column, Fact, Program, Snapshot, Table

# Names that the server made up: equal schemas may have others. The first group, if there is one, is
# what they have in common; PostgreSQL only counts where the plain name is taken.
_MADE_UP: Final = {
    "sqlite": re.compile(r"sqlite_autoindex_.*"),
    "mysql": re.compile(r".*_ibfk_\d+|.*_chk_\d+|CONSTRAINT_\d+"),
    "postgresql": re.compile(r"(.+_(?:key|idx|fkey|check|excl))\d+"),
}
# PostgreSQL says ``IN ('a', 'b')`` over a varchar with one cast of the array; where a dump of that
# was restored or the column's type altered, with a cast of each value.
_LITERAL: Final = r"'(?:[^']|'')*'"
_VARCHAR: Final = "::character varying"
_CAST_AT_ONCE: Final = re.compile(
    rf"\(ARRAY\[({_LITERAL}{_VARCHAR}(?:, {_LITERAL}{_VARCHAR})*)\]\)::text\[\]"
)
_CAST_EACH: Final = re.compile(rf"\(({_LITERAL}){_VARCHAR}\)::text\b")
_MAY_BE_UNNAMED: Final = {"index", "unique", "foreign key", "check", "exclusion"}
# What may not be listed in full, by the names of ``Unknown.object``; "": nothing could be read.
LISTS: Final = {"", "tables", "triggers", "events", "routines"}
# How the kind of a program ends that goes with a column, by whose name it is known.
OF_COLUMN: Final = " of column"
_NEVER: Final = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """One thing of a database.

    ``table`` is the label of its table ("" for what hangs on none), ``kind`` a word such as
    "column", ``name`` "" for what has none or one that says nothing. ``columns`` are those that it
    is over. ``aspects`` say in words what it is like; a word may be "". ``stem`` is the name
    without what the server counts, "" for none.
    """

    table: str
    kind: str
    name: str
    properties: Mapping[str, Fact[str]]
    columns: tuple[str, ...] = ()
    stem: str = ""

    @property
    def object(self) -> str:
        """``column email``, or what tells it from others where it has no name; "": the table."""
        if self.kind == "table":
            return ""
        if self.name or self.columns:
            return f"{self.kind} {self.name or '(' + ', '.join(self.columns) + ')'}"
        return str(self) or self.kind

    def __str__(self) -> str:
        """Return all its aspects in one line."""
        return " ".join(said for said in self.properties.values() if said is not UNKNOWN and said)


def things(snapshot: Snapshot) -> Iterator[DatabaseObject]:
    """Yield all things, each table before what belongs to it."""
    for thing in chain(_tables(snapshot), _elsewhere(snapshot)):
        yield _stemmed(_respelt(thing, snapshot.vendor), snapshot.vendor)


def untold(thing: DatabaseObject) -> bool:
    """Tell whether a thing stands for all of its kind, which could not be read."""
    return thing.properties == {thing.kind: UNKNOWN}


def _tables(snapshot: Snapshot) -> Iterator[DatabaseObject]:
    programs = () if snapshot.programs is UNKNOWN else snapshot.programs
    options = {(one.table, one.kind): one.definition for one in programs if not one.name}
    for table in snapshot.tables:
        said: dict[str, Fact[str]] = {
            option: options.get((table.label, option), "") for option in properties.OPTIONS
        }
        if snapshot.programs is UNKNOWN:
            said = dict.fromkeys(properties.OPTIONS, UNKNOWN)
        yield DatabaseObject(table.label, "table", table.label, {**properties.table(table), **said})
        yield from _of_table(table, snapshot.vendor)


def _elsewhere(snapshot: Snapshot) -> Iterator[DatabaseObject]:
    if snapshot.enums is UNKNOWN:
        yield _untold("", "enums")
    else:
        for enum in snapshot.enums:
            yield DatabaseObject("", "enum", enum.label, {"values": ", ".join(enum.values)})
    if snapshot.extensions is UNKNOWN:
        yield _untold("", "extensions")
    else:
        for one in snapshot.extensions:
            yield DatabaseObject("", "extension", one.name, {"version": f"version {one.version}"})
    if snapshot.programs is UNKNOWN:
        yield _untold("", "programs")
    else:
        yield from map(_program, (one for one in snapshot.programs if one.name))

    for note in snapshot.unknown:
        if not note.table and note.object in LISTS:
            yield _untold("", note.object or "database")


def _program(program: Program) -> DatabaseObject:
    definition = {"definition": program.definition}
    columns = (program.name,) if program.kind.endswith(OF_COLUMN) else ()
    return DatabaseObject(program.table, program.kind, program.name, definition, columns)


def _of_table(table: Table, vendor: str) -> Iterator[DatabaseObject]:
    label = table.label
    yield from _columns(table, vendor)
    if table.primary_key is UNKNOWN:
        yield _untold(label, "primary key")
    elif table.primary_key is not None:
        key = table.primary_key
        # Its name is the vendor's habit, and is nothing that a statement relies on.
        yield DatabaseObject(label, "primary key", "", properties.key(key), key.columns)
    yield from _unique_and_indexes(table)
    yield from _constraints(table)


def _columns(table: Table, vendor: str) -> Iterator[DatabaseObject]:
    columns = table.columns
    if table.kind is not UNKNOWN and "view" in table.kind:
        # They follow from its query; only PostgreSQL lets them have more.
        if vendor == "postgresql" and columns is not UNKNOWN:
            yield from chain.from_iterable(_given_to_view(table.label, one) for one in columns)
    elif columns is UNKNOWN:
        yield _untold(table.label, "columns")
    else:
        for column in columns:
            said = properties.column(column)
            yield DatabaseObject(table.label, "column", column.name, said, (column.name,))


def _given_to_view(label: str, column: Column) -> Iterator[DatabaseObject]:
    for aspect in ("default", "comment"):
        said = properties.column(column)[aspect]
        if said is UNKNOWN or said:
            yield DatabaseObject(
                label, f"column {aspect}", column.name, {aspect: said}, (column.name,)
            )


def _constraints(table: Table) -> Iterator[DatabaseObject]:
    label = table.label
    if table.foreign_keys is UNKNOWN:
        yield _untold(label, "foreign keys")
    else:
        for key in table.foreign_keys:
            yield DatabaseObject(
                label, "foreign key", key.name, properties.foreign_key(key), key.columns
            )
    if table.checks is UNKNOWN:
        yield _untold(label, "checks")
    else:
        json = _json_checks(table)
        for check in table.checks:
            if (check.name, check.expression) not in json:
                yield DatabaseObject(label, "check", check.name, properties.check(check))
    if table.exclusions is UNKNOWN:
        yield _untold(label, "exclusions")
    else:
        for one in table.exclusions:
            yield DatabaseObject(label, "exclusion", one.name, {"definition": one.definition})


def _json_checks(table: Table) -> set[tuple[str, str]]:
    """Return name and text of the checks that MariaDB gives to columns of the type JSON."""
    columns: Iterable[Column] = () if table.columns is UNKNOWN else table.columns
    return {
        (one.name, f"json_valid(`{one.name}`)")
        for one in columns
        if one.type == "json" and one.base_type == "longtext"
    }


def _unique_and_indexes(table: Table) -> Iterator[DatabaseObject]:
    """Yield indexes, and keys that stand on none; not the indexes under other constraints."""
    label = table.label
    if table.indexes is UNKNOWN:
        yield _untold(label, "indexes")
        return
    names = {index.name for index in table.indexes}
    # SQLite: the constraint has a name or none, and its index another.
    uniques = () if table.uniques is UNKNOWN else table.uniques
    keys = [one for one in uniques if one.name not in names]
    for index in table.indexes:
        columns = tuple(one for one in index.columns if one is not None)
        key = next((one for one in keys if one.columns == columns), None)
        if index.backs == "unique":
            name = index.name
            if key is not None:
                keys.remove(key)
                name = key.name
            yield DatabaseObject(label, "unique", name, properties.index(index), columns)
        elif index.backs is UNKNOWN or not index.backs:
            yield DatabaseObject(label, "index", index.name, properties.index(index), columns)
    for key in keys:
        yield DatabaseObject(label, "unique", key.name, properties.key(key), key.columns)


def _respelt(thing: DatabaseObject, vendor: str) -> DatabaseObject:
    """Say in one way what a server says in two."""
    if vendor != "postgresql":
        return thing
    return replace(
        thing, properties={name: _one_way(said) for name, said in thing.properties.items()}
    )


def _one_way(said: Fact[str]) -> Fact[str]:
    if said is UNKNOWN or _VARCHAR not in said:
        return said
    as_text = _CAST_AT_ONCE.sub(lambda one: f"ARRAY[{one[1].replace(_VARCHAR, '::text')}]", said)
    return _CAST_EACH.sub(r"\1::text", as_text)


def _stemmed(thing: DatabaseObject, vendor: str) -> DatabaseObject:
    """Take from a name what the server made up."""
    if thing.kind not in _MAY_BE_UNNAMED:
        return replace(thing, stem=thing.name)
    made_up = _MADE_UP.get(vendor, _NEVER).fullmatch(thing.name)
    if made_up is not None and not made_up.re.groups:
        return replace(thing, name="")
    if made_up is not None:
        return replace(thing, stem=made_up[1])
    if vendor == "mysql" and thing.columns and thing.kind in {"index", "unique"}:
        # An index without a name is called after its first column: a, a_2, a_3.
        first = thing.columns[0]
        if re.fullmatch(rf"{re.escape(first)}(_\d+)?", thing.name):
            return replace(thing, stem=first)
    return replace(thing, stem=thing.name)


def _untold(table: str, kind: str) -> DatabaseObject:
    return DatabaseObject(table, kind, "", {kind: UNKNOWN})
