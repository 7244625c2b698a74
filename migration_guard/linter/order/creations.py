"""CREATE of indexes, sequences, types, functions and the like. Tables and views are elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.linter.order import constraints, routines, tables
from migration_guard.linter.order.builtin_types import BUILTIN_TYPES
from migration_guard.linter.order.enumerations import object_type
from migration_guard.linter.order.keys import Key
from migration_guard.linter.order.names import Name, name_of, qualified_name, strings
from migration_guard.linter.order.scopes import scope_of
from migration_guard.linter.order.use_kinds import CallUse, ColumnUse, TypeUse, ValueUse
from migration_guard.linter.order.uses import type_use, uses

if TYPE_CHECKING:
    from migration_guard.linter.order.relations import Relation
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
    index_key = sim.catalogue.new_key(Name(name.schema, node.idxname))
    with sim.used_by(table.key._replace(name=node.idxname) if table else index_key):
        sim.require(use for use in index_uses if isinstance(use, CallUse))
    sim.require(use for use in index_uses if not isinstance(use, CallUse))
    if table is None:
        # If the table exists after all, the index does now too.
        sim.catalogue.doubt(frozenset({node.idxname}), sim.place())
        key = sim.catalogue.new_key(Name(node.relation.schemaname, node.idxname))
        sim.catalogue.record_making(key, sim.place(), plain=not node.if_not_exists)
        return
    for column in columns:
        sim.require_column(table, column, node.relation.location)
    for element in elements:
        for operator_class in strings(element.opclass)[-1:]:
            sim.require_object("operator class", Name("", operator_class))
    keys = frozenset(param.index_elem.name for param in node.index_params)
    if node.unique and all(keys):  # ON CONFLICT may take a partial one too
        constraints.add_unique(sim, table, keys)
    if not node.idxname:
        words = [element.name or "expr" for element in elements]
        constraints.add_owned(sim, table, "_".join((table.key.name, *words, "idx")), "index")
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
    key = _create_type(sim, strings(node.type_name))
    if node.DESCRIPTOR.name == "CreateEnumStmt":
        for value in strings(node.vals):
            add_value(sim, key, value, plain=True)


def alter_enum(sim: Simulation, node: Any) -> None:
    """Apply ALTER TYPE … ADD VALUE or RENAME VALUE."""
    name = qualified_name(strings(node.type_name))
    sim.require_type(name, 0)
    key = sim.catalogue.find_type(name)
    if key is None:
        return
    values = sim.catalogue.objects.get(key._replace(what="enum"), {})
    if node.old_val:
        sim.require(ValueUse(use, 0, name) for use in [node.old_val])
        sim.catalogue.remove_object(key._replace(what="enum"), node.old_val, sim.place())
        sim.catalogue.removals[value_key(key, node.old_val)].append(sim.place())
        made = values.get(node.old_val)
        add_value(sim, key, node.new_val, plain=True)
        if made is not None:
            sim.catalogue.objects[key._replace(what="enum")][node.new_val] = made
    elif node.new_val not in values:
        add_value(sim, key, node.new_val, plain=not node.skip_if_new_val_exists)
    elif not node.skip_if_new_val_exists:
        sim.add_value_clash(key, node.new_val)


def add_value(sim: Simulation, key: Key, value: str, *, plain: bool) -> None:
    """Add a value to an enum."""
    sim.catalogue.add_object(key._replace(what="enum"), value, sim.place(), plain=False)
    sim.catalogue.record_making(value_key(key, value), sim.place(), plain=plain)


def value_key(key: Key, value: str) -> Key:
    """Return the key of a value of an enum."""
    return Key("enum value", key.schema, key.name, value)


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
        routines.create_aggregate(sim, node)


def create_composite_type(sim: Simulation, node: Any) -> None:
    """Apply CREATE TYPE … AS (…)."""
    for column in node.coldeflist:
        sim.require(type_use(column.column_def.type_name))
    relation = sim.create_relation(name_of(node.typevar), "type")
    sim.catalogue.record_making(relation.key._replace(what="type"), sim.place(), plain=True)
    for column in node.coldeflist:
        sim.catalogue.add_column(relation, column.column_def.colname, sim.place(), plain=True)


def _create_type(sim: Simulation, identifiers: list[str]) -> Key:
    name = qualified_name(identifiers)
    sim.require_schema(name.schema)
    key = sim.catalogue.new_key(name, "type")
    sim.add_type_clash(name, key)
    sim.catalogue.record_making(key, sim.place(), plain=True)
    sim.catalogue.types[key] = sim.place()
    return key
