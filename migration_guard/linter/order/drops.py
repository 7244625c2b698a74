"""DROP: objects that are removed, with what depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.linter.order import parts, routines
from migration_guard.linter.order.enumerations import (
    PART_KINDS,
    RELATION_KINDS,
    ROUTINE_KINDS,
    TYPE_KINDS,
    is_cascade,
    object_type,
)
from migration_guard.linter.order.keys import Key
from migration_guard.linter.order.names import Name, identifiers, object_name, qualified_name

if TYPE_CHECKING:
    from migration_guard.linter.order.simulation import Simulation


def drop(sim: Simulation, node: Any) -> None:
    """Apply DROP of one or more objects of a kind."""
    kind = object_type(node.remove_type)
    for dropped in node.objects:
        if kind in RELATION_KINDS:
            _drop_relation(sim, node, object_name(dropped), RELATION_KINDS[kind])
        elif kind in TYPE_KINDS:
            _drop_type(sim, node, object_name(dropped))
        elif kind in PART_KINDS:
            *table, name = identifiers(dropped)
            table_name, what = qualified_name(table), PART_KINDS[kind]
            parts.drop(sim, what, table_name, name, missing_ok=node.missing_ok)
        elif kind in ROUTINE_KINDS:
            routines.drop(sim, node, dropped.object_with_args)
        elif kind == "EXTENSION":
            _drop_extension(sim, identifiers(dropped)[-1])
        elif kind == "SCHEMA":
            _drop_schema(sim, node, identifiers(dropped)[-1])
    if is_cascade(node.behavior) and kind not in RELATION_KINDS:
        sim.catalogue.doubt_dependents()


def drop_owned(sim: Simulation, _node: Any) -> None:
    """Take DROP OWNED, which may remove any object."""
    sim.catalogue.doubt(None, sim.place())


def _drop_extension(sim: Simulation, name: str) -> None:
    for key, details in list(sim.catalogue.objects.items()):
        for detail in [detail for detail in details if detail == f"extension {name}"]:
            sim.catalogue.remove_object(key, detail, sim.place())


def _drop_relation(sim: Simulation, node: Any, name: Name, what: str) -> None:
    relation = sim.catalogue.find(name) if node.missing_ok else sim.require_relation(name, 0, what)
    if relation is None:
        sim.catalogue.record_attempt(name, sim.place())
        if is_cascade(node.behavior):
            sim.catalogue.doubt_dependents()
        return
    if is_cascade(node.behavior):
        sim.catalogue.remove_cascade(relation, sim.place())
    else:
        dropped = [sim.catalogue.find(object_name(other)) for other in node.objects]
        sim.require_unused(relation.key, [other.key for other in dropped if other is not None])
        sim.catalogue.remove(relation, sim.place())


def _drop_type(sim: Simulation, node: Any, name: Name) -> None:
    if not node.missing_ok:
        sim.require_type(name, 0)
    key = sim.catalogue.find_type(name)
    if key is None:
        sim.catalogue.record_attempt(name, sim.place(), "type")
        return
    if not is_cascade(node.behavior):
        sim.require_unused(key)
    if key.what == "relation":
        sim.catalogue.remove(sim.catalogue.relations[key], sim.place())
    sim.catalogue.remove_type(key._replace(what="type"), sim.place())


def _drop_schema(sim: Simulation, node: Any, name: str) -> None:
    if not node.missing_ok:
        sim.require_schema(name)
    sim.catalogue.removals[Key("schema", name, name)].append(sim.place())
    if sim.catalogue.is_flat:
        return
    sim.catalogue.schemas.discard(name)
    for relation in list(sim.catalogue.relations.values()):
        if relation.key.schema == name:
            sim.catalogue.remove_cascade(relation, sim.place())
    for key in [key for key in sim.catalogue.types if key.schema == name]:
        sim.catalogue.remove_type(key, sim.place())
    for key in [key for key in sim.catalogue.objects if key.schema == name]:
        sim.catalogue.removals[key].append(sim.place())
        del sim.catalogue.objects[key]
