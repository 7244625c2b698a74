"""ALTER TABLE and the like, pass after pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from migration_guard.linter.order import constraints
from migration_guard.linter.order.enumerations import (
    alter_table_type,
    constraint_type,
    is_cascade,
    object_type,
)
from migration_guard.linter.order.names import Name, name_of, qualified_name, strings
from migration_guard.linter.order.relations import Relation, column_key
from migration_guard.linter.order.scopes import EMPTY, scope_of
from migration_guard.linter.order.tables import (
    add_sequence,
    apply_column_parts,
    require_table,
    set_type,
)
from migration_guard.linter.order.uses import type_use, uses

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from migration_guard.linter.order.simulation import Simulation


def alter(sim: Simulation, node: Any) -> None:
    """Apply ALTER TABLE, INDEX, VIEW, SEQUENCE, …: pass after pass, as the server does."""
    name = name_of(node.relation)
    what = object_type(node.objtype).lower().replace("matview", "materialized view")
    if what == "type":
        _alter_type(sim, node, name)
        return
    table = sim.require_relation(name, node.relation.location, what, missing_ok=node.missing_ok)
    commands = [message.alter_table_cmd for message in node.cmds]
    if table is None:
        for command in commands:
            if alter_table_type(command.subtype) == "AddColumn":
                sim.ignore_column(name, getattr(command, "def").column_def.colname)
        return
    new_columns: list[Any] = []
    for command in sorted(commands, key=_pass):
        kind = alter_table_type(command.subtype)
        if new_columns and _pass(command) > _ADD_COLUMN:
            _apply_new_columns(sim, table, name, new_columns)
        if kind != "AddColumn":
            _HANDLERS.get(kind, _check_column_command)(sim, table, name, command)
        elif _add_column(sim, table, command):
            new_columns.append(command)
    _apply_new_columns(sim, table, name, new_columns)


def _pass(command: Any) -> int:
    """Return the pass of ALTER TABLE in which a command runs (``AlterTablePass`` of the server)."""
    kind, definition = alter_table_type(command.subtype), getattr(command, "def")
    if kind == "AddConstraint":
        is_index = constraint_type(definition.constraint.contype) in constraints.INDEX_KINDS
        return _ADD_INDEX if is_index else _ADD_OTHER
    if kind == "ColumnDefault":
        return _ADD_OTHER if command.HasField("def") else _DROP
    return _PASSES.get(kind, _OTHER)


def _apply_new_columns(sim: Simulation, table: Relation, name: Name, commands: list[Any]) -> None:
    """Apply the constraints of new columns, which see all of them."""
    for command in commands:
        column = getattr(command, "def").column_def
        with _muted(sim, table, command):
            apply_column_parts(sim, table, name, column)
    commands.clear()


def _muted(sim: Simulation, table: Relation, command: Any) -> AbstractContextManager[None]:
    names = [table.key.name, getattr(command, "def").column_def.colname]
    return sim.mute_if_may_exist(names, if_not_exists=command.missing_ok)


def _alter_type(sim: Simulation, node: Any, name: Name) -> None:
    """Apply ALTER TYPE … ADD ATTRIBUTE and the like to a composite type."""
    relation = sim.catalogue.find(name)
    if relation is None:
        sim.require_type(name, node.relation.location)
        return
    for message in node.cmds:
        command = message.alter_table_cmd
        if alter_table_type(command.subtype) == "AddColumn":
            column = getattr(command, "def").column_def
            sim.catalogue.add_column(relation, column.colname, sim.place(), plain=True)


def _add_column(sim: Simulation, table: Relation, command: Any) -> bool:
    """Add a column without its constraints. Return False if it is there and need not be added."""
    column = getattr(command, "def").column_def
    if column.colname in table.columns:
        if command.missing_ok:
            key = column_key(table, column.colname)
            sim.catalogue.record_making(key, sim.place(), plain=False)
            return False
        if table.columns[column.colname] and table.is_sure:
            sim.add_clash("column", f"{table.key.name}.{column.colname}", table, column.colname)
    with _muted(sim, table, command), sim.used_by(column_key(table, column.colname)):
        sim.require(type_use(column.type_name))
    place = sim.place(column.location)
    sim.catalogue.add_column(table, column.colname, place, plain=not command.missing_ok)
    set_type(table, column, sim.place())
    return True


def _drop_column(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    if not command.missing_ok:
        sim.require_column(table, command.name, 0)
    if not is_cascade(command.behavior):
        sim.require_unused(column_key(table, command.name))
    sim.catalogue.remove_column(table, command.name, sim.place())


def _alter_column_type(sim: Simulation, table: Relation, name: Name, command: Any) -> None:
    column = getattr(command, "def").column_def
    sim.require_column(table, command.name, column.location)
    sim.require(type_use(column.type_name))
    sim.require(uses(column.raw_default, scope_of(name)))
    sim.require_unchanged(table, command.name)
    table.defined.pop(command.name, None)
    table.types.pop(command.name, None)
    names = strings(column.type_name.names)
    if names and not column.type_name.array_bounds:
        table.types[command.name] = qualified_name(names)


def _add_identity(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    sim.require_column(table, command.name, 0)
    add_sequence(sim, table, command.name, getattr(command, "def").constraint.options)


def _add_constraint(sim: Simulation, table: Relation, name: Name, command: Any) -> None:
    constraints.apply(sim, table, name, getattr(command, "def").constraint)


def _check_trigger(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    sim.require_part(table, "trigger", command.name)


def _check_owner(sim: Simulation, _table: Relation, _name: Name, command: Any) -> None:
    if command.newowner.rolename:
        sim.require_object("role", Name("", command.newowner.rolename))


def _attach_partition(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    part = getattr(command, "def").partition_cmd.name
    child = sim.require_relation(name_of(part), part.location)
    if child is not None and child.kind != "index":
        table.children.append(child)
        child.parents += 1
        child.is_vague = True


def _detach_partition(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    part = getattr(command, "def").partition_cmd.name
    child = sim.require_relation(name_of(part), part.location)
    table.children[:] = [other for other in table.children if other is not child]
    if child is not None:
        child.inherited.clear()


def _add_parent(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    parent = require_table(sim, getattr(command, "def").range_var)
    table.parents += 1
    if parent is not None:
        parent.children.append(table)
    else:
        table.is_doubtful = True


def _remove_parent(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    parent = require_table(sim, getattr(command, "def").range_var)
    if parent is not None:
        parent.children[:] = [other for other in parent.children if other is not table]
        table.inherited.clear()


def _check_index_command(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    sim.require_relation(Name(table.key.schema, command.name), 0, "index")


def _check_column_command(sim: Simulation, table: Relation, name: Name, command: Any) -> None:
    kind = alter_table_type(command.subtype)
    if kind in _COLUMN_COMMANDS and command.name and not command.missing_ok:
        sim.require_column(table, command.name, 0)
    if kind in {"ColumnDefault", "SetExpression"}:
        scope = EMPTY if kind == "ColumnDefault" else scope_of(name)
        sim.require(uses(getattr(command, "def"), scope))
        table.defined.pop(command.name, None)
        if kind == "ColumnDefault":
            constraints.require_default(sim, table, command.name, getattr(command, "def"))


# https://github.com/postgres/postgres/blob/master/src/backend/commands/tablecmds.c, AlterTablePass
_DROP, _TYPE, _ADD_COLUMN, _ATTRIBUTE, _ADD_INDEX, _ADD_OTHER, _OTHER = range(7)
_PASSES: Final = {
    "DropColumn": _DROP,
    "DropConstraint": _DROP,
    "DropNotNull": _DROP,
    "DropExpression": _DROP,
    "DropIdentity": _DROP,
    "AlterColumnType": _TYPE,
    "SetExpression": _TYPE,
    "AddColumn": _ADD_COLUMN,
    "SetNotNull": _ATTRIBUTE,
    "SetIdentity": _ATTRIBUTE,
    "AddIdentity": _ADD_OTHER,
}
_COLUMN_COMMANDS: Final = frozenset(
    {
        "ColumnDefault",
        "DropNotNull",
        "SetNotNull",
        "SetExpression",
        "DropExpression",
        "SetStatistics",
        "SetOptions",
        "ResetOptions",
        "SetStorage",
        "SetCompression",
        "SetIdentity",
        "DropIdentity",
    }
)
_HANDLERS: Final[dict[str, Callable[[Simulation, Relation, Name, Any], None]]] = {
    "DropColumn": _drop_column,
    "DropConstraint": constraints.drop,
    "ValidateConstraint": constraints.check,
    "EnableTrig": _check_trigger,
    "DisableTrig": _check_trigger,
    "EnableAlwaysTrig": _check_trigger,
    "EnableReplicaTrig": _check_trigger,
    "ChangeOwner": _check_owner,
    "AlterColumnType": _alter_column_type,
    "AddConstraint": _add_constraint,
    "AddIdentity": _add_identity,
    "AttachPartition": _attach_partition,
    "DetachPartition": _detach_partition,
    "AddInherit": _add_parent,
    "DropInherit": _remove_parent,
    "ClusterOn": _check_index_command,
}
