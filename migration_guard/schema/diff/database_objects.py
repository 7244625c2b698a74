"""A snapshot as a flat list of database objects, so that two snapshots can be compared.

Pure. An object is what one statement makes: a table, a column, an index, a constraint. What only
repeats another object is left out: the index under a unique constraint, the columns of a view,
MariaDB's check under JSON, the exclusion of a key WITHOUT OVERLAPS.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, NamedTuple

from migration_guard.schema.diff import properties
from migration_guard.schema.diff.properties import Properties
from migration_guard.schema.json_checks import is_json_check
from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Fact,
    Index,
    Key,
    Program,
    Snapshot,
    Table,
)

_MAY_BE_UNNAMED: Final = {"index", "unique", "foreign key", "check", "exclusion"}
# What may not be listed in full, by the names of ``Unknown.object``; "": nothing could be read.
LISTS: Final = {"", "tables", "triggers", "events", "routines"}
# The end of a program's kind if it belongs to a column; its name is then that of the column.
OF_COLUMN: Final = " of column"


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """One object of a database.

    ``table`` is the label of its table, "" for an object of none. ``kind`` is a word such as
    "column". ``name`` is "" where the object has none, or one that the server made up. ``columns``
    are those that it is over. ``properties`` are texts; "" is the usual. ``stem`` is the name
    without the number that the server may add, "" for none.
    """

    table: str
    kind: str
    name: str
    properties: Mapping[str, Fact[str]]
    columns: tuple[str, ...] = ()
    stem: str = ""

    @property
    def object(self) -> str:
        """Kind and name, such as ``column email``; without a name its columns; "" for a table."""
        if self.kind == "table":
            return ""
        if self.name or self.columns:
            return f"{self.kind} {self.name or '(' + ', '.join(self.columns) + ')'}"
        return str(self) or self.kind

    @property
    def is_unread_list(self) -> bool:
        """Whether this stands for all objects of its kind, which could not be read."""
        return self.properties == {self.kind: UNKNOWN}

    def __str__(self) -> str:
        """Return all properties in one line, without the name."""
        texts = (text for name, text in self.properties.items() if name != "name")
        return " ".join(text for text in texts if text is not UNKNOWN and text)


def database_objects(snapshot: Snapshot) -> Iterator[DatabaseObject]:
    """Yield all objects, each table before what belongs to it."""
    conventions = _CONVENTIONS.get(snapshot.vendor, _NO_CONVENTIONS)
    for object_ in chain(_tables(snapshot, conventions), _outside_tables(snapshot)):
        yield _with_stem(object_, conventions)


# -- what a vendor does in a way of its own


class _Conventions(NamedTuple):
    """How a vendor names objects.

    ``made_up_name`` matches names that the server makes up; equal schemas may have others. Its
    first group, if it has one, is what such names have in common. With ``index_after_column`` an
    index without a name is called after its first column: a, a_2, a_3. With ``names_primary_key``
    statements can name the constraint.
    """

    made_up_name: re.Pattern[str]
    index_after_column: bool = False
    names_primary_key: bool = False
    view_column_properties: tuple[str, ...] = ()


_CONVENTIONS: Final[Mapping[str, _Conventions]] = {
    "postgresql": _Conventions(
        # It counts only where the plain name is taken.
        re.compile(r"(.+_(?:key|pkey|idx|fkey|check|excl))\d+"),
        names_primary_key=True,
        view_column_properties=("default", "comment"),
    ),
    "mysql": _Conventions(
        re.compile(r".*_ibfk_\d+|.*_chk_\d+|CONSTRAINT_\d+"), index_after_column=True
    ),
    "sqlite": _Conventions(re.compile(r"sqlite_autoindex_.*")),
}
_NO_CONVENTIONS: Final = _Conventions(re.compile(r"(?!)"))


def _with_stem(object_: DatabaseObject, conventions: _Conventions) -> DatabaseObject:
    """Drop a name that the server made up, and set the stem."""
    if object_.kind not in _MAY_BE_UNNAMED:
        return replace(object_, stem=object_.name)
    made_up = conventions.made_up_name.fullmatch(object_.name)
    if made_up is not None and not made_up.re.groups:
        return replace(object_, name="")
    if made_up is not None:
        return replace(object_, stem=made_up[1])
    is_index = object_.kind in {"index", "unique"}
    if conventions.index_after_column and object_.columns and is_index:
        column = object_.columns[0]
        if re.fullmatch(rf"{re.escape(column)}(_\d+)?", object_.name):
            return replace(object_, stem=column)
    return replace(object_, stem=object_.name)


# -- tables and what belongs to them


def _tables(snapshot: Snapshot, conventions: _Conventions) -> Iterator[DatabaseObject]:
    options = _options(snapshot)
    views = {table.label for table in snapshot.tables if table.kind == "materialized view"}
    for table in snapshot.tables:
        own = properties.of_table(table)
        if snapshot.programs is UNKNOWN:
            own["options"] = UNKNOWN
        table_itself = DatabaseObject(table.label, "table", table.label, own)
        for object_ in (table_itself, *_of_table(table, conventions)):
            name = "" if object_ is table_itself else object_.name
            added = options.pop((object_.table, object_.kind, name), {})
            yield replace(object_, properties={**object_.properties, **added})
    # The columns of a view are no objects, unless they have options.
    for (label, kind, name), own in options.items():
        if label in views:
            yield DatabaseObject(label, kind, name, own, (name,))


def _options(snapshot: Snapshot) -> dict[tuple[str, str, str], Properties]:
    """Return what programs add to other objects, by table, kind and name."""
    options: dict[tuple[str, str, str], Properties] = defaultdict(dict)
    for program in () if snapshot.programs is UNKNOWN else snapshot.programs:
        if program.is_option:
            kind, _, option = program.kind.rpartition(": ")
            added = options[program.table, kind or "table", program.name]
            added |= program.properties or {option: program.definition}
    return options


def _of_table(table: Table, conventions: _Conventions) -> Iterator[DatabaseObject]:
    label = table.label
    if table.kind is not UNKNOWN and "view" in table.kind:
        yield from _view_columns(table, conventions.view_column_properties)
    else:
        yield from _columns(table)
    if table.primary_key is UNKNOWN:
        yield _unread_list(label, "primary key")
    elif table.primary_key is not None:
        yield _primary_key(table, table.primary_key, conventions)
    yield from _uniques_and_indexes(table)
    yield from _constraints(table)


def _primary_key(table: Table, key: Key, conventions: _Conventions) -> DatabaseObject:
    """Return the primary key; its name is a property, since a table has but one."""
    own = properties.of_key(key)
    indexes = (index for index in _indexes(table) if index.backs == "primary key")
    own |= next(map(properties.of_index, indexes), {})
    own["unique"] = ""
    # The server names that of a partition.
    if conventions.names_primary_key and table.partition_of == "":
        made_up = conventions.made_up_name.fullmatch(key.name)
        own["name"] = f"CONSTRAINT {made_up[1] if made_up else key.name}"
    return DatabaseObject(table.label, "primary key", "", own, key.columns)


def _columns(table: Table) -> Iterator[DatabaseObject]:
    if table.columns is UNKNOWN:
        yield _unread_list(table.label, "columns")
        return
    for column in table.columns:
        own = properties.of_column(column)
        yield DatabaseObject(table.label, "column", column.name, own, (column.name,))


def _view_columns(table: Table, names: tuple[str, ...]) -> Iterator[DatabaseObject]:
    """Yield the properties that the columns of a view have beside what its query gives them."""
    for column in () if table.columns is UNKNOWN else table.columns:
        for name in names:
            text = properties.of_column(column)[name]
            if text is UNKNOWN or text:
                kind = f"column {name}"
                yield DatabaseObject(table.label, kind, column.name, {name: text}, (column.name,))


def _constraints(table: Table) -> Iterator[DatabaseObject]:
    label = table.label
    if table.foreign_keys is UNKNOWN:
        yield _unread_list(label, "foreign keys")
    else:
        for key in table.foreign_keys:
            own = properties.of_foreign_key(key)
            yield DatabaseObject(label, "foreign key", key.name, own, key.columns)
    if table.checks is UNKNOWN:
        yield _unread_list(label, "checks")
    else:
        json = _json_checks(table)
        for check in table.checks:
            if check not in json:
                # A column gives its check a name, which stays when the column is renamed.
                name = "" if check.of_column else check.name
                yield DatabaseObject(label, "check", name, properties.of_check(check))
    if table.exclusions is UNKNOWN:
        yield _unread_list(label, "exclusions")
    else:
        keys = {index.name for index in _indexes(table) if index.backs in {"primary key", "unique"}}
        for exclusion in table.exclusions:
            if exclusion.name in keys:
                continue
            own = properties.of_exclusion(exclusion)
            yield DatabaseObject(label, "exclusion", exclusion.name, own)


def _json_checks(table: Table) -> set[Check]:
    """Return the checks that MariaDB gives to columns of the type JSON."""
    columns: Iterable[Column] = () if table.columns is UNKNOWN else table.columns
    names = [column.name for column in columns if column.base_type == "longtext"]
    return {
        check
        for check in (() if table.checks is UNKNOWN or not names else table.checks)
        for name in names
        if check.expression is not UNKNOWN and is_json_check(check.expression, name)
    }


def _uniques_and_indexes(table: Table) -> Iterator[DatabaseObject]:
    """Yield indexes, and keys that stand on none; not the indexes under other constraints."""
    label = table.label
    if table.indexes is UNKNOWN:
        yield _unread_list(label, "indexes")
        return
    names = {index.name for index in table.indexes}
    # SQLite: the constraint has a name or none, and its index another.
    uniques = () if table.uniques is UNKNOWN else table.uniques
    keys = [key for key in uniques if key.name not in names]
    for index in table.indexes:
        columns = _whole_columns(index)
        key = next((key for key in keys if key.columns == columns), None)
        if index.backs == "unique":
            name = index.name
            if key is not None:
                keys.remove(key)
                name = key.name
            yield DatabaseObject(label, "unique", name, properties.of_index(index), columns)
        elif index.backs is UNKNOWN or not index.backs:
            own = properties.of_index(index)
            yield DatabaseObject(label, "index", index.name, own, columns)
    for key in keys:
        yield DatabaseObject(label, "unique", key.name, properties.of_key(key), key.columns)


def _indexes(table: Table) -> tuple[Index, ...]:
    return () if table.indexes is UNKNOWN else table.indexes


def _whole_columns(index: Index) -> tuple[str, ...]:
    return tuple(column for column in index.columns if column is not None)


# -- what belongs to no table


def _outside_tables(snapshot: Snapshot) -> Iterator[DatabaseObject]:
    if snapshot.enums is UNKNOWN:
        yield _unread_list("", "enums")
    else:
        for enum in snapshot.enums:
            values = ", ".join(_quoted(value) for value in enum.values)
            yield DatabaseObject("", "enum", enum.label, {"values": values})
    if snapshot.extensions is UNKNOWN:
        yield _unread_list("", "extensions")
    else:
        for extension in snapshot.extensions:
            own: Properties = {
                "version": f"version {extension.version}",
                "schema": extension.schema and f"SCHEMA {extension.schema}",
            }
            yield DatabaseObject("", "extension", extension.name, own)
    if snapshot.programs is UNKNOWN:
        yield _unread_list("", "programs")
    else:
        yield from (_program(program) for program in snapshot.programs if not program.is_option)

    for note in snapshot.unknown:
        if not note.table and note.object in LISTS:
            yield _unread_list("", note.object or "database")


def _program(program: Program) -> DatabaseObject:
    own: Properties = {"definition": program.definition, **program.properties}
    columns = (program.name,) if program.kind.endswith(OF_COLUMN) else ()
    return DatabaseObject(program.table, program.kind, program.name, own, columns)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _unread_list(table: str, kind: str) -> DatabaseObject:
    """Return the object that stands for all of a kind, which could not be read."""
    return DatabaseObject(table, kind, "", {kind: UNKNOWN})
