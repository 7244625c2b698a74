"""Triggers, policies and rules: parts of a table with a name of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.linter.order.names import name_of, qualified_name, strings
from migration_guard.linter.order.relations import Part, part_key
from migration_guard.linter.order.scopes import scope_of
from migration_guard.linter.order.use_kinds import CallUse
from migration_guard.linter.order.uses import uses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration_guard.linter.order.names import Name
    from migration_guard.linter.order.relations import Relation
    from migration_guard.linter.order.simulation import Simulation


def create_trigger(sim: Simulation, node: Any) -> None:
    """Apply CREATE TRIGGER, whose function may run in any later statement."""
    table = sim.require_relation(name_of(node.relation), node.relation.location)
    columns = strings(node.columns)
    for column in columns:
        if table is not None:
            sim.require_column(table, column, node.relation.location)
    function = qualified_name(strings(node.funcname))
    if table is None:
        sim.require_function(function, node.relation.location)
    else:
        with sim.used_by(part_key(table, "trigger", node.trigname)):
            sim.require_function(function, node.relation.location)
    sim.call_function(CallUse(function.name, ()))
    if table is not None:
        _create(sim, table, "trigger", node.trigname, columns, replace=node.replace)


def create_policy(sim: Simulation, node: Any) -> None:
    """Apply CREATE POLICY."""
    table = _check_policy(sim, node)
    if table is not None:
        _create(sim, table, "policy", node.policy_name)


def alter_policy(sim: Simulation, node: Any) -> None:
    """Check ALTER POLICY."""
    table = _check_policy(sim, node)
    if table is not None:
        sim.require_part(table, "policy", node.policy_name, node.table.location)


def create_rule(sim: Simulation, node: Any) -> None:
    """Apply CREATE RULE."""
    table = sim.require_relation(name_of(node.relation), node.relation.location)
    if table is not None:
        _create(sim, table, "rule", node.rulename, replace=node.replace)


def drop(sim: Simulation, what: str, table_name: Name, name: str, *, missing_ok: bool) -> None:
    """Apply DROP TRIGGER, POLICY or RULE."""
    find = sim.catalogue.find
    table = find(table_name) if missing_ok else sim.require_relation(table_name, 0)
    if table is None:
        return
    if not missing_ok:
        sim.require_part(table, what, name)
    sim.catalogue.remove_part(table, what, name, sim.place())


def _check_policy(sim: Simulation, node: Any) -> Relation | None:
    name = name_of(node.table)
    table = sim.require_relation(name, node.table.location)
    sim.require(uses(node.qual, scope_of(name)))
    sim.require(uses(node.with_check, scope_of(name)))
    sim.require_roles(node.roles)
    return table


def _create(
    sim: Simulation,
    table: Relation,
    what: str,
    name: str,
    columns: Iterable[str] = (),
    *,
    replace: bool = False,
) -> None:
    before = table.parts.get((what, name))
    if before is not None and not replace:
        sim.add_part_clash(table, what, name)
    part = Part(sim.place(), frozenset(columns))
    sim.catalogue.add_part(table, what, name, part, plain=not replace, place=sim.place())
