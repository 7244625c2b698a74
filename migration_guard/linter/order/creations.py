"""CREATE of indexes, sequences, types, functions and the like. Tables and views are elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.linter.order import tables
from migration_guard.linter.order.builtin_types import BUILTIN_TYPES
from migration_guard.linter.order.enumerations import object_type
from migration_guard.linter.order.names import Name, name_of, qualified_name, strings
from migration_guard.linter.order.scopes import scope_of
from migration_guard.linter.order.uses import CallUse, ColumnUse, TypeUse, type_use, uses

if TYPE_CHECKING:
    from migration_guard.linter.order.catalogue import Relation
    from migration_guard.linter.order.simulation import Simulation


def create_foreign_table(sim: Simulation, node: Any) -> None:
    """Apply CREATE FOREIGN TABLE."""
    tables.create(sim, node.base_stmt, "foreign table")


def create_index(sim: Simulation, node: Any) -> None:
    """Apply CREATE INDEX."""
    name = name_of(node.relation)
    table = sim.require_relation(name, node.relation.location)
    elements = [param.index_elem for param in (*node.index_params, *node.index_including_params)]
    columns = [element.name for element in elements if element.name]
    parts = (*elements, node.where_clause)
    index_uses = [use for part in parts for use in uses(part, scope_of(name))]
    sim.require(index_uses)
    if table is None:
        # If the table exists after all, the index does now too.
        sim.catalogue.doubt(frozenset({node.idxname}), sim.place())
        key = sim.catalogue.new_key(Name(node.relation.schemaname, node.idxname))
        sim.catalogue.record_making(key, sim.place(), plain=not node.if_not_exists)
        return
    for column in columns:
        sim.require_column(table, column, node.relation.location)
    if not node.idxname:
        words = [element.name or "expr" for element in elements]
        tables.add_owned(sim, table, "_".join((table.key.name, *words, "idx")), "index")
        return
    index_name = Name(table.key.schema, node.idxname)
    exists = sim.catalogue.new_key(index_name) in sim.catalogue.relations
    index = sim.create_relation(index_name, "index", if_not_exists=node.if_not_exists)
    index.is_open = True
    if exists and node.if_not_exists:
        return  # it may be another table's
    # The index goes when a column that it is built on goes.
    columns += [use.column for use in index_uses if isinstance(use, ColumnUse)]
    index.columns = dict.fromkeys(columns, True)
    table.owned.append(index)


def create_sequence(sim: Simulation, node: Any) -> None:
    """Apply CREATE SEQUENCE."""
    sequence = sim.create_relation(
        name_of(node.sequence),
        "sequence",
        if_not_exists=node.if_not_exists,
        temporary=node.sequence.relpersistence == "t",
    )
    sequence.is_open = True
    _set_owner(sim, node, sequence)


def alter_sequence(sim: Simulation, node: Any) -> None:
    """Apply ALTER SEQUENCE."""
    name, location = name_of(node.sequence), node.sequence.location
    sequence = sim.require_relation(name, location, "sequence", missing_ok=node.missing_ok)
    if sequence is not None:
        _set_owner(sim, node, sequence)


def _set_owner(sim: Simulation, node: Any, sequence: Relation) -> None:
    """Apply the option OWNED BY."""
    for option in node.options:
        if option.def_elem.defname == "owned_by":
            names = strings(option.def_elem.arg.list.items)
            if len(names) > 1:
                table = sim.require_relation(qualified_name(names[:-1]), 0)
                if table is not None:
                    sim.require_column(table, names[-1], 0)
                    table.owned.append(sequence)
                    sequence.columns = {names[-1]: True}


def create_enum_or_range(sim: Simulation, node: Any) -> None:
    """Apply CREATE TYPE … AS ENUM or AS RANGE."""
    _create_type(sim, strings(node.type_name))


def create_domain(sim: Simulation, node: Any) -> None:
    """Apply CREATE DOMAIN."""
    base = type_use(node.type_name)
    sim.require(base)
    identifiers = strings(node.domainname)
    _create_type(sim, identifiers)
    if any(isinstance(use, TypeUse) and use.name.name not in BUILTIN_TYPES for use in base):
        # The CASCADE of another type may remove the domain too.
        sim.catalogue.types[sim.catalogue.new_key(qualified_name(identifiers), "type")] = None


def create_base_type_or_aggregate(sim: Simulation, node: Any) -> None:
    """Apply CREATE TYPE of a base type or a shell type, and CREATE AGGREGATE."""
    if object_type(node.kind) == "TYPE":
        key = sim.catalogue.new_key(qualified_name(strings(node.defnames)), "type")
        sim.catalogue.record_making(key, sim.place(), plain=False)
        sim.catalogue.types[key] = None
    elif object_type(node.kind) == "AGGREGATE":
        sim.define_function(strings(node.defnames)[-1], "")


def create_composite_type(sim: Simulation, node: Any) -> None:
    """Apply CREATE TYPE … AS (…)."""
    for column in node.coldeflist:
        sim.require(type_use(column.column_def.type_name))
    relation = sim.create_relation(name_of(node.typevar), "type")
    sim.catalogue.record_making(relation.key._replace(what="type"), sim.place(), plain=True)
    for column in node.coldeflist:
        sim.catalogue.add_column(relation, column.column_def.colname, sim.place(), plain=True)


def _create_type(sim: Simulation, identifiers: list[str]) -> None:
    name = qualified_name(identifiers)
    sim.require_schema(name.schema)
    key = sim.catalogue.new_key(name, "type")
    sim.add_type_clash(name, key)
    sim.catalogue.record_making(key, sim.place(), plain=True)
    sim.catalogue.types[key] = sim.place()


def create_trigger(sim: Simulation, node: Any) -> None:
    """Apply CREATE TRIGGER, whose function may run in any later statement."""
    table = sim.require_relation(name_of(node.relation), node.relation.location)
    for column in strings(node.columns):
        if table is not None:
            sim.require_column(table, column, node.relation.location)
    sim.call_function(CallUse(strings(node.funcname)[-1], ()))


def create_function(sim: Simulation, node: Any) -> None:
    """Apply CREATE FUNCTION and CREATE PROCEDURE."""
    bodies = [
        text
        for option in node.options
        if option.def_elem.defname == "as"
        for text in strings(option.def_elem.arg.list.items)
    ]
    sim.define_function(strings(node.funcname)[-1], " ".join(bodies))


def create_policy(sim: Simulation, node: Any) -> None:
    """Check CREATE POLICY and ALTER POLICY."""
    name = name_of(node.table)
    sim.require_relation(name, node.table.location)
    sim.require(uses(node.qual, scope_of(name)))
    sim.require(uses(node.with_check, scope_of(name)))


def create_rule(sim: Simulation, node: Any) -> None:
    """Check CREATE RULE."""
    sim.require_relation(name_of(node.relation), node.relation.location)
