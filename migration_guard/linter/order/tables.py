"""CREATE TABLE with its columns, constraints and partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.linter.order import constraints
from migration_guard.linter.order.builtin_types import SERIAL_TYPES
from migration_guard.linter.order.enumerations import (
    constraint_type,
)
from migration_guard.linter.order.keys import Place
from migration_guard.linter.order.names import Name, name_of, qualified_name, strings
from migration_guard.linter.order.relations import Relation
from migration_guard.linter.order.scopes import scope_of
from migration_guard.linter.order.uses import type_use, uses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration_guard.linter.order.simulation import Simulation


def create(sim: Simulation, node: Any, kind: str = "table") -> None:
    """Apply CREATE TABLE. With IF NOT EXISTS it does and checks nothing if the table exists."""
    name, temporary = name_of(node.relation), node.relation.relpersistence == "t"
    before = sim.catalogue.relations.get(sim.catalogue.new_key(name, temporary=temporary))
    if before is not None and node.if_not_exists:
        _create_again(sim, before, node)
        return
    with sim.mute_if_may_exist([name.name], if_not_exists=node.if_not_exists):
        _create_new(sim, node, kind, name, temporary=temporary)


def _create_new(sim: Simulation, node: Any, kind: str, name: Name, *, temporary: bool) -> None:
    columns = [element.column_def for element in node.table_elts if element.HasField("column_def")]
    sources = _column_sources(sim, node)
    key = sim.catalogue.new_key(name, temporary=temporary)
    for column in columns:
        with sim.used_by(key._replace(what="column", column=column.colname)):
            sim.require(type_use(column.type_name))
    table = sim.create_relation(name, kind, if_not_exists=node.if_not_exists, temporary=temporary)
    table.is_open |= node.HasField("of_typename") or None in sources
    table.is_doubtful = None in sources
    table.is_vague = table.is_open or bool(sources)
    table.parents, table.is_partitioned = len(node.inh_relations), node.HasField("partspec")
    for source in sources:
        _copy_columns(sim, source, table)
    for source in sources[: len(node.inh_relations)]:
        if source is not None:
            source.children.append(table)
            table.inherited.update(source.columns)
    for column in columns:
        place = sim.place(column.location)
        sim.catalogue.add_column(table, column.colname, place, plain=not node.if_not_exists)
        table.inherited.discard(column.colname)
        table.columns[column.colname] = not table.is_open
        set_type(table, column, sim.place())
    _apply_constraints(sim, table, name, node)


def _create_again(sim: Simulation, before: Relation, node: Any) -> None:
    """Apply IF NOT EXISTS for a table that exists, or that may exist with other columns."""
    sim.catalogue.record_making(before.key, sim.place(), plain=False)
    if not before.is_sure:
        before.is_sure = True
        before.is_open |= bool(node.inh_relations) or node.HasField("of_typename")
        for element in node.table_elts:
            before.is_open |= element.HasField("table_like_clause")
            if element.HasField("column_def"):
                before.columns.setdefault(element.column_def.colname, False)


def _apply_constraints(sim: Simulation, table: Relation, name: Name, node: Any) -> None:
    for element in node.table_elts:
        if element.HasField("column_def"):
            apply_column_parts(sim, table, name, element.column_def)
        elif element.HasField("constraint"):
            constraints.apply(sim, table, name, element.constraint)
    for param in node.partspec.part_params:
        _check_partition_element(sim, table, name, param.partition_elem)


def set_type(table: Relation, column: Any, place: Place) -> None:
    """Keep the type of a column, unless it is an array."""
    names = strings(column.type_name.names)
    table.types.pop(column.colname, None)
    table.defined[column.colname] = place.order
    if names and not column.type_name.array_bounds:
        table.types[column.colname] = qualified_name(names)


def _column_sources(sim: Simulation, node: Any) -> list[Relation | None]:
    """Return the tables whose columns a new one takes over: its parents, then those of LIKE."""
    sources = [relation.range_var for relation in node.inh_relations]
    sources += [
        element.table_like_clause.relation
        for element in node.table_elts
        if element.HasField("table_like_clause")
    ]
    return [require_table(sim, source) for source in sources]


def require_table(sim: Simulation, range_var: Any) -> Relation | None:
    """Return the table that a clause names; if there is none, report it as missing."""
    return sim.require_relation(name_of(range_var), range_var.location)


def _copy_columns(sim: Simulation, source: Relation | None, table: Relation) -> None:
    if source is not None:
        for column in source.columns:
            sim.catalogue.add_column(table, column, sim.place(), plain=False)
        table.types.update(source.types)
        table.is_open |= source.is_open or source.is_doubtful


def _check_partition_element(sim: Simulation, table: Relation, name: Name, element: Any) -> None:
    if element.name:
        sim.require_column(table, element.name, element.location)
    sim.require(uses(element.expr, scope_of(name)))


def apply_column_parts(sim: Simulation, table: Relation, name: Name, column: Any) -> None:
    """Apply the sequence, the default and the constraints of a column."""
    types = strings(column.type_name.names)
    if types[-1:] and types[-1] in SERIAL_TYPES:
        add_sequence(sim, table, column.colname)
    for part in column.constraints:
        if constraint_type(part.constraint.contype) == "IDENTITY":
            add_sequence(sim, table, column.colname, part.constraint.options)
        constraints.apply(sim, table, name, part.constraint, column.colname)


def add_sequence(
    sim: Simulation, table: Relation, column: str, options: Iterable[Any] = ()
) -> None:
    """Add the sequence of a column, under the name that SEQUENCE NAME gives."""
    names = [
        strings(option.def_elem.arg.list.items)
        for option in options
        if option.def_elem.defname == "sequence_name"
    ]
    name = names[0][-1] if names else f"{table.key.name}_{column}_seq"
    constraints.add_owned(sim, table, name, "sequence", [column])
