"""RENAME and SET SCHEMA: objects that get another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.linter.order import constraints
from migration_guard.linter.order.enumerations import (
    PART_KINDS,
    RELATION_KINDS,
    ROUTINE_KINDS,
    TYPE_KINDS,
    object_type,
)
from migration_guard.linter.order.keys import Key
from migration_guard.linter.order.names import Name, name_of, object_name, qualified_name, strings
from migration_guard.linter.order.relations import Relation, column_key

if TYPE_CHECKING:
    from migration_guard.linter.order.simulation import Simulation


def rename(sim: Simulation, node: Any) -> None:
    """Apply ALTER … RENAME."""
    kind = object_type(node.rename_type)
    if kind in RELATION_KINDS:
        _rename_relation(sim, node, RELATION_KINDS[kind])
    elif kind in {"COLUMN", "ATTRIBUTE"}:
        _rename_column(sim, node)
    elif kind in TYPE_KINDS:
        _rename_type(sim, node)
    elif kind == "SCHEMA":
        _rename_schema(sim, node)
    elif kind in PART_KINDS:
        table = _require_table(sim, node)
        if table is not None:
            _rename_part(sim, table, kind, node)
    elif kind in ROUTINE_KINDS:
        _rename_routine(sim, node)


def _rename_part(sim: Simulation, table: Relation, kind: str, node: Any) -> None:
    """Give a trigger, policy, rule or constraint another name."""
    what, old = PART_KINDS[kind], node.subname
    if what == "constraint":
        constraints.require(sim, table, old)
        constraints.add_owned(sim, table, node.newname, "index")
    else:
        sim.require_part(table, what, old)
    constraints.rename(sim, table, old, node.newname, what)


def _rename_routine(sim: Simulation, node: Any) -> None:
    """Give a function another name."""
    target = node.object.object_with_args
    name = qualified_name(strings(target.objname))
    sim.require_function(name, 0)
    if name.name in sim.functions:
        sim.functions[node.newname] = sim.functions[name.name]
    for key in sim.catalogue.candidates(name, "function"):
        if key in sim.catalogue.objects:
            _move_objects(sim, key, key._replace(name=node.newname))
            return
    sim.doubt_rename(name, node.newname, "function")


def _move_objects(sim: Simulation, key: Key, new_key: Key) -> None:
    """Give functions or the values of an enum another key."""
    details = sim.catalogue.objects.get(key)
    if details is None:
        return
    for detail, made_at in list(details.items()):
        sim.catalogue.remove_object(key, detail, sim.place())
        sim.catalogue.add_object(new_key, detail, sim.place(), plain=False)
        sim.catalogue.objects[new_key][detail] = made_at
        part = "enum value" if key.what == "enum" else key.what
        name = detail if key.what == "enum" else f"({detail})"
        sim.catalogue.record_making(
            new_key._replace(what=part, column=name), sim.place(), plain=False
        )


def set_schema(sim: Simulation, node: Any) -> None:
    """Apply ALTER … SET SCHEMA."""
    kind = object_type(node.object_type)
    sim.require_schema(node.newschema)
    if kind in RELATION_KINDS:
        _set_schema_of_relation(sim, node, RELATION_KINDS[kind])
    elif kind in TYPE_KINDS:
        name = object_name(node.object)
        sim.require_type(name, 0)
        key = sim.catalogue.find_type(name)
        if key is not None and not sim.catalogue.is_flat and key.schema != node.newschema:
            _move_type(sim, key, key._replace(schema=node.newschema))
    elif kind in ROUTINE_KINDS:
        name = qualified_name(strings(node.object.object_with_args.objname))
        sim.require_function(name, 0)
        for key in sim.catalogue.candidates(name, "function"):
            if not sim.catalogue.is_flat and key.schema != node.newschema:
                _move_objects(sim, key, key._replace(schema=node.newschema))


def _require_table(sim: Simulation, node: Any) -> Relation | None:
    return sim.require_relation(
        name_of(node.relation), node.relation.location, missing_ok=node.missing_ok
    )


def _rename_relation(sim: Simulation, node: Any, what: str) -> None:
    name = name_of(node.relation)
    relation = sim.require_relation(name, node.relation.location, what, missing_ok=node.missing_ok)
    if relation is not None:
        old = relation.key
        _move(sim, relation, relation.key._replace(name=node.newname))
        if relation.kind == "index":
            for table in sim.catalogue.relations.values():
                if ("constraint", old.name) in table.parts and table.key.schema == old.schema:
                    constraints.rename(sim, table, old.name, node.newname)
    else:
        sim.doubt_rename(name, node.newname)
        key = sim.catalogue.new_key(Name(name.schema, node.newname))
        sim.catalogue.record_making(key, sim.place(), plain=True)


def _rename_column(sim: Simulation, node: Any) -> None:
    table = _require_table(sim, node)
    if table is None:
        sim.ignore_column(name_of(node.relation), node.newname)
        return
    if table.columns.get(node.newname):
        sim.add_clash("column", f"{table.key.name}.{node.newname}", table, node.newname)
    sim.require_column(table, node.subname, node.relation.location)
    sim.catalogue.removals[column_key(table, node.subname)].append(sim.place())
    if not sim.catalogue.is_flat:
        table.columns.pop(node.subname, None)
    sim.catalogue.add_column(table, node.newname, sim.place(), plain=True)
    if node.subname in table.types:
        table.types[node.newname] = table.types.pop(node.subname)
    for key, part in list(table.parts.items()):
        if node.subname in part.columns:
            columns = part.columns - {node.subname} | {node.newname}
            table.parts[key] = part._replace(columns=columns)
            if key[0] == "unique key":
                constraints.add_unique(sim, table, columns)


def _rename_type(sim: Simulation, node: Any) -> None:
    name = object_name(node.object)
    sim.require_type(name, 0)
    key = sim.catalogue.find_type(name)
    if key is not None:
        _move_type(sim, key, key._replace(name=node.newname))
    else:
        sim.doubt_rename(name, node.newname, "type")
        new_key = sim.catalogue.new_key(Name(name.schema, node.newname), "type")
        sim.catalogue.record_making(new_key, sim.place(), plain=True)


def _rename_schema(sim: Simulation, node: Any) -> None:
    sim.require_schema(node.subname)
    sim.catalogue.schemas.add(node.newname)
    key = Key("schema", node.newname, node.newname)
    sim.catalogue.record_making(key, sim.place(), plain=True)
    if sim.catalogue.is_flat:
        return
    sim.catalogue.schemas.discard(node.subname)
    for relation in list(sim.catalogue.relations.values()):
        if relation.key.schema == node.subname:
            _move(sim, relation, relation.key._replace(schema=node.newname))
    for key in [key for key in sim.catalogue.types if key.schema == node.subname]:
        _move_type(sim, key, key._replace(schema=node.newname))


def _set_schema_of_relation(sim: Simulation, node: Any, what: str) -> None:
    name = name_of(node.relation)
    relation = sim.require_relation(name, node.relation.location, what, missing_ok=node.missing_ok)
    if relation is None:
        sim.catalogue.record_attempt(name, sim.place())
        key = sim.catalogue.new_key(Name(node.newschema, name.name))
        # Not plain, since the relation may be in that schema already.
        sim.catalogue.record_making(key, sim.place(), plain=False)
    elif relation.key.schema != node.newschema and not sim.catalogue.is_flat:
        _move(sim, relation, relation.key._replace(schema=node.newschema))
        for owned in relation.owned:
            sim.catalogue.move(owned, owned.key._replace(schema=node.newschema), sim.place())


def _move(sim: Simulation, relation: Relation, key: Key) -> None:
    """Give a relation another key. Report a clash if a relation surely has it."""
    before = sim.catalogue.relations.get(key)
    if before is not None:
        sim.add_clash(before.kind, key.name, before)
    sim.catalogue.move(relation, key, sim.place())


def _move_type(sim: Simulation, key: Key, new_key: Key) -> None:
    """Give a type, or a relation with its row type, another key."""
    if key.what == "relation":
        _move(sim, sim.catalogue.relations[key], new_key._replace(what="relation"))
        return
    sim.add_type_clash(Name(new_key.schema, new_key.name), new_key)
    made = sim.catalogue.types[key]
    sim.catalogue.remove_type(key, sim.place())
    sim.catalogue.types[new_key] = sim.place() if made is not None else None
    sim.catalogue.record_making(new_key, sim.place(), plain=True)
    _move_objects(sim, key._replace(what="enum"), new_key._replace(what="enum"))
