"""A database as a contract in TOML, as ``--write`` writes it.

Pure. The order is stable and every column, key and constraint has a line of its own, so that a git
diff reads well. A database keeps its own contract: what is unknown or cannot be stated is left out,
with a comment.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from migration_guard.conf import nearest
from migration_guard.contracts.constraints import effective_action
from migration_guard.contracts.index_text import key_texts
from migration_guard.contracts.kept_lines import EXACT, comment, keep_true_lines
from migration_guard.contracts.references import write_reference
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

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_HEAD: Final = """\
# The schema that code relies on: checked by `manage.py checkschema`.
# Written from a database. The file is yours now: delete what no code needs, and write who needs
# the rest (owner = "…", reason = "…").
"""


def write(snapshot: Snapshot, tables: Collection[str] | None = None) -> str:
    """Return the contract of a snapshot: of all its tables, or of those in ``tables``.

    A contract of all tables has the enums and extensions too, and partitions only by their parents.
    Raises CannotTell for a table that is not in the snapshot, or could not be read.
    """
    lines = [_HEAD]
    for table in _choose(snapshot, tables):
        lines += ["", *_table_lines(snapshot, table)]
    if tables is None:
        lines += _enum_and_extension_lines(snapshot)
    return keep_true_lines("\n".join(lines) + "\n", snapshot)


def _choose(snapshot: Snapshot, names: Collection[str] | None) -> list[Table]:
    if names is None:
        return [table for table in snapshot.tables if table.partition_of == ""]
    tables = []
    for name in sorted(names):
        table = snapshot.table(name)
        if not isinstance(table, Table):
            reason = snapshot.why(name) if table is UNKNOWN else "there is no such table"
            suggestion = nearest(name, (table.label for table in snapshot.tables))
            raise CannotTell(
                f'"{name}" cannot be written: {reason}.',
                f'Did you mean "{suggestion}"?' if suggestion else "Name a table of this database.",
            )
        tables.append(table)
    return tables


def _table_lines(snapshot: Snapshot, table: Table) -> Iterator[str]:
    is_view = table.kind is not UNKNOWN and table.kind in VIEWS
    section = "views" if is_view else "tables"
    yield f"[{section}.{_key(table.label)}]"
    for note in snapshot.unknown:
        if note.table == table.label:
            yield comment(f"not told: {note.object or 'anything'} ({note.why})")
    if table.extension:
        yield _of_extension(table.extension, "columns")
    elif table.columns is not UNKNOWN:
        yield EXACT
    if is_view:
        yield f"materialized = {_value(table.kind == 'materialized view')}"
    yield from _key_lines(table)
    if not is_view:
        yield from _constraint_lines(table, snapshot.vendor)
    if table.columns is not UNKNOWN and table.columns:
        yield ""
        yield f"[{section}.{_key(table.label)}.columns]"
        for column in table.columns:
            yield f"{_key(column.name)} = {_value(_column(column, is_view=is_view))}"


def _column(column: Column, *, is_view: bool) -> dict[str, Any]:
    values: dict[str, Any] = {"type": column.type}
    if is_view:
        return _without_unknown(values)
    values["null"] = column.nullable
    generated = column.generated
    if isinstance(generated, Generated):
        values |= {
            "generated": True if generated.expression is UNKNOWN else generated.expression,
            "stored": generated.stored,
        }
    elif column.identity is not UNKNOWN and column.identity != "":
        values["identity"] = column.identity
    elif UNKNOWN not in (column.default, column.identity, generated):
        values["default"] = False if column.default is None else column.default
    return _without_unknown({**values, "collation": column.collation})


def _key_lines(table: Table) -> Iterator[str]:
    uniques = () if table.uniques is UNKNOWN else table.uniques
    indexes = () if table.indexes is UNKNOWN else table.indexes
    if isinstance(table.primary_key, Key) and table.primary_key.disabled_on == ():
        yield f"primary_key = {_value(table.primary_key.columns)}"
    unique_names = {key.name for key in uniques}
    others = [
        index
        for index in indexes
        if index.valid is True
        and index.disabled_on == ()
        and index.backs in {"", "unique"}
        and index.name not in unique_names
    ]
    clauses = [_unique(key) for key in uniques]
    clauses += [_unique_index(index, table) for index in others if index.unique is True]
    yield from _array("unique", clauses)
    yield from _array(
        "indexes", [_index(index, table) for index in others if index.unique is False]
    )


def _unique(key: Key) -> Any:
    options = {"nulls_distinct": key.nulls_distinct, "deferrable": key.deferrable}
    unusual = {name: fact for name, fact in options.items() if fact not in (True, "")}
    return {"columns": key.columns, **_without_unknown(unusual)} if unusual else key.columns


def _unique_index(index: Index, table: Table) -> dict[str, Any]:
    values = _index(index, table)
    nulls = {} if index.nulls_distinct is True else {"nulls_distinct": index.nulls_distinct}
    names = ("columns", "where", "include", "opclasses")
    return _without_unknown({**{name: values[name] for name in names if name in values}, **nulls})


def _index(index: Index, table: Table) -> dict[str, Any]:
    values: dict[str, Any] = {"columns": key_texts(index, table), "exact": True}
    if isinstance(index.predicate, str):
        values["where"] = index.predicate
    if index.include is not UNKNOWN and index.include:
        values["include"] = index.include
    if index.method is not UNKNOWN and index.method.lower() not in {"btree", ""}:
        values["method"] = index.method
    if index.opclasses is not UNKNOWN and any(index.opclasses):
        values["opclasses"] = [opclass or "" for opclass in index.opclasses]
    return values


def _constraint_lines(table: Table, vendor: str) -> Iterator[str]:
    checks = () if table.checks is UNKNOWN else table.checks
    keys = () if table.foreign_keys is UNKNOWN else table.foreign_keys
    exclusions = () if table.exclusions is UNKNOWN else table.exclusions
    yield from _array("checks", [_check(check) for check in checks])
    yield from _array("foreign_keys", [_foreign_key(key, vendor) for key in keys])
    yield from _array(
        "exclusions",
        [_exclusion(exclusion) for exclusion in exclusions if exclusion.disabled_on == ()],
    )


def _check(check: Check) -> dict[str, Any]:
    values = {"name": check.name or None, "expression": check.expression, **_enforcement(check)}
    return _without_unknown(values)


def _foreign_key(key: ForeignKey, vendor: str) -> dict[str, Any]:
    columns = () if key.target_columns is UNKNOWN else key.target_columns
    values: dict[str, Any] = {
        "columns": key.columns,
        "references": write_reference(key.target, columns),
        "on_delete": key.on_delete,
    }
    on_update = key.on_update
    if on_update is not UNKNOWN and effective_action(on_update, vendor) != "no action":
        values["on_update"] = on_update
    if key.deferrable != "":
        values["deferrable"] = key.deferrable
    return _without_unknown({**values, **_enforcement(key)})


def _enforcement(constraint: Check | ForeignKey) -> dict[str, bool]:
    """Return what the constraint leaves unchecked."""
    disabled_on = constraint.disabled_on if isinstance(constraint, ForeignKey) else ()
    if constraint.enforced is not True or disabled_on != ():
        return {"enforced": False}
    return {} if constraint.validated is True else {"valid": False}


def _exclusion(exclusion: Exclusion) -> dict[str, Any]:
    return _without_unknown({"name": exclusion.name, "definition": exclusion.definition})


def _enum_and_extension_lines(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.enums is not UNKNOWN and snapshot.enums:
        yield from ("", "[enums]")
        for enum in snapshot.enums:
            if enum.extension:
                yield f"{_key(enum.label)} = {{}}  {_of_extension(enum.extension, 'values')}"
            else:
                yield f"{_key(enum.label)} = {_value(enum.values)}"
    if snapshot.extensions is not UNKNOWN and snapshot.extensions:
        yield from ("", "[extensions]")
        for extension in snapshot.extensions:
            yield f"{_key(extension.name)} = true"


def _of_extension(extension: str, parts: str) -> str:
    return comment(f"of the extension {extension}, whose next version may have other {parts}")


def _without_unknown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that are unknown or None."""
    return {key: fact for key, fact in values.items() if fact is not UNKNOWN and fact is not None}


def _array(key: str, values: Iterable[Any]) -> Iterator[str]:
    rows = sorted({_value(value) for value in values})
    if rows:
        yield f"{key} = ["
        yield from (f"    {row}," for row in rows)
        yield "]"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {_value(element)}" for key, element in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """Return a basic string; JSON's strings are TOML's too, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
