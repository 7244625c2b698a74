"""A database as a contract in TOML: what ``--write`` writes.

Pure. The order is stable and every column, key and constraint stands on a line of its own, so that
a git diff reads well. A database keeps the contract that was written of it; what could not be told
is left out, with a comment that says so.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from migration_guard.conf import nearest
from migration_guard.contracts.declare import reference
from migration_guard.contracts.index_text import parts
from migration_guard.contracts.table_context import VIEWS
from migration_guard.exceptions import CannotTell
from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Exclusion,
    ForeignKey,
    Generated,
    Index,
    Key,
    Snapshot,
    Table,
)

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEAD = """\
# The schema that code relies on: checked by `manage.py checkschema`.
# Written of a database as it was; from here on it is yours: drop what nobody relies on, and say
# who does on the rest (owner = "…", reason = "…").
"""


def write(snapshot: Snapshot, tables: Collection[str] | None = None) -> str:
    """Return the contract of what a snapshot holds: of all tables, or of those named.

    Partitions are left to their parents unless they are named. Enums and extensions are written
    with all tables. Raises CannotTell for a name that is not there, or that could not be read.
    """
    chosen = _chosen(snapshot, tables)
    lines = [_HEAD]
    for table in chosen:
        lines += ["", *_table(snapshot, table)]
    if tables is None:
        lines += _server_objects(snapshot)
    return "\n".join(lines) + "\n"


def _chosen(snapshot: Snapshot, names: Collection[str] | None) -> list[Table]:
    if names is None:
        return [table for table in snapshot.tables if table.partition_of == ""]
    found = []
    for name in sorted(names):
        table = snapshot.table(name)
        if not isinstance(table, Table):
            near = nearest(name, (one.label for one in snapshot.tables))
            raise CannotTell(
                f'"{name}" cannot be written: {_why_not(snapshot, name)}.',
                f'Did you mean "{near}"?' if near else "Name a table of this database.",
            )
        found.append(table)
    return found


def _why_not(snapshot: Snapshot, name: str) -> str:
    return snapshot.why(name) if snapshot.table(name) is UNKNOWN else "there is no such table"


def _table(snapshot: Snapshot, table: Table) -> Iterator[str]:
    is_view = table.kind is not UNKNOWN and table.kind in VIEWS
    section = "views" if is_view else "tables"
    yield f"[{section}.{_key(table.label)}]"
    for note in snapshot.unknown:
        if note.table == table.label:
            yield f"# not told: {note.object or 'anything'} ({note.why})".replace("\n", " ")
    if table.columns is not UNKNOWN:
        yield "exact = true"
    if is_view:
        yield f"materialized = {_value(table.kind == 'materialized view')}"
    yield from _keys(table)
    if not is_view:
        yield from _constraints(table, snapshot.vendor)
    if table.columns is not UNKNOWN and table.columns:
        yield ""
        yield f"[{section}.{_key(table.label)}.columns]"
        for column in table.columns:
            yield f"{_key(column.name)} = {_value(_column(column, is_view=is_view))}"


def _column(column: Column, *, is_view: bool) -> dict[str, Any]:
    stated: dict[str, Any] = {"type": column.type}
    if is_view:
        return _told(stated)
    stated["null"] = column.nullable
    generated = column.generated
    if isinstance(generated, Generated):
        stated |= {
            "generated": True if generated.expression is UNKNOWN else generated.expression,
            "stored": generated.stored,
        }
    elif column.identity is not UNKNOWN and column.identity != "":
        stated["identity"] = column.identity
    elif UNKNOWN not in (column.default, column.identity, generated):
        stated["default"] = False if column.default is None else column.default
    return _told({**stated, "collation": column.collation})


def _keys(table: Table) -> Iterator[str]:
    uniques = () if table.uniques is UNKNOWN else table.uniques
    indexes = () if table.indexes is UNKNOWN else table.indexes
    if isinstance(table.primary_key, Key):
        yield f"primary_key = {_value(table.primary_key.columns)}"
    plain = {key.name for key in uniques}
    others = [
        one
        for one in indexes
        if one.valid is True and one.backs in {"", "unique"} and one.name not in plain
    ]
    stated = [_unique(key) for key in uniques]
    stated += [_unique_index(one) for one in others if one.unique is True]
    yield from _array("unique", stated)
    yield from _array("indexes", [_index(one) for one in others if one.unique is False])


def _unique(key: Key) -> Any:
    more = {"nulls_distinct": key.nulls_distinct, "deferrable": key.deferrable}
    said = {name: fact for name, fact in more.items() if fact not in (True, "")}
    return {"columns": key.columns, **_told(said)} if said else key.columns


def _unique_index(index: Index) -> dict[str, Any]:
    stated = _index(index)
    nulls = {} if index.nulls_distinct is True else {"nulls_distinct": index.nulls_distinct}
    kept = ("columns", "where", "include")
    return _told({**{key: stated[key] for key in kept if key in stated}, **nulls})


def _index(index: Index) -> dict[str, Any]:
    stated: dict[str, Any] = {"columns": parts(index), "exact": True}
    if isinstance(index.predicate, str):
        stated["where"] = index.predicate
    if index.include is not UNKNOWN and index.include:
        stated["include"] = index.include
    if index.method is not UNKNOWN and index.method.lower() not in {"btree", ""}:
        stated["method"] = index.method
    if index.opclasses is not UNKNOWN and any(index.opclasses):
        stated["opclasses"] = [one or "" for one in index.opclasses]
    return stated


def _constraints(table: Table, vendor: str) -> Iterator[str]:
    checks = () if table.checks is UNKNOWN else table.checks
    keys = () if table.foreign_keys is UNKNOWN else table.foreign_keys
    exclusions = () if table.exclusions is UNKNOWN else table.exclusions
    yield from _array("checks", [_check(one) for one in checks])
    yield from _array("foreign_keys", [_foreign_key(one, vendor) for one in keys])
    yield from _array("exclusions", [_exclusion(one) for one in exclusions])


def _check(check: Check) -> dict[str, Any]:
    valid = {} if check.validated is True else {"valid": False}
    return _told({"name": check.name or None, "expression": check.expression, **valid})


def _foreign_key(key: ForeignKey, vendor: str) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "columns": key.columns,
        "references": reference(
            key.target, () if key.target_columns is UNKNOWN else key.target_columns
        ),
        "on_delete": key.on_delete,
    }
    usual = {"no action", "restrict"} if vendor == "mysql" else {"no action"}
    if key.on_update not in usual:
        stated["on_update"] = key.on_update
    if key.deferrable != "":
        stated["deferrable"] = key.deferrable
    if key.validated is not True:
        stated["valid"] = False
    return _told(stated)


def _exclusion(exclusion: Exclusion) -> dict[str, Any]:
    return _told({"name": exclusion.name, "definition": exclusion.definition})


def _server_objects(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.enums is not UNKNOWN and snapshot.enums:
        yield from ("", "[enums]")
        for enum in snapshot.enums:
            yield f"{_key(enum.label)} = {_value(enum.values)}"
    if snapshot.extensions is not UNKNOWN and snapshot.extensions:
        yield from ("", "[extensions]")
        for extension in snapshot.extensions:
            yield f"{_key(extension.name)} = true"


def _told(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {key: fact for key, fact in stated.items() if fact is not UNKNOWN and fact is not None}


def _array(key: str, values: Iterable[Any]) -> Iterator[str]:
    rows = sorted({_value(value) for value in values})
    if rows:
        yield f"{key} = ["
        yield from (f"    {row}," for row in rows)
        yield "]"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_value(one)}' for key, one in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """Return a basic string: what JSON writes is TOML, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
