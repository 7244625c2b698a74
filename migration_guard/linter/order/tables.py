"""CREATE TABLE and ALTER TABLE with their columns, constraints and partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from migration_guard.linter.order import constraints
from migration_guard.linter.order.builtin_types import SERIAL_TYPES
from migration_guard.linter.order.enumerations import (
    alter_table_type,
    constraint_type,
    is_cascade,
    object_type,
)
from migration_guard.linter.order.keys import Place
from migration_guard.linter.order.names import Name, name_of, qualified_name, strings
from migration_guard.linter.order.relations import Relation, column_key
from migration_guard.linter.order.scopes import EMPTY, scope_of
from migration_guard.linter.order.uses import type_use, uses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

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
        _set_type(table, column, sim.place())
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
            _apply_column_parts(sim, table, name, element.column_def)
        elif element.HasField("constraint"):
            constraints.apply(sim, table, name, element.constraint)
    for param in node.partspec.part_params:
        _check_partition_element(sim, table, name, param.partition_elem)


def _set_type(table: Relation, column: Any, place: Place) -> None:
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
    return [_require_table(sim, source) for source in sources]


def _require_table(sim: Simulation, range_var: Any) -> Relation | None:
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


def _apply_column_parts(sim: Simulation, table: Relation, name: Name, column: Any) -> None:
    """Apply the sequence, the default and the constraints of a column."""
    types = strings(column.type_name.names)
    if types[-1:] and types[-1] in SERIAL_TYPES:
        _add_sequence(sim, table, column.colname)
    for part in column.constraints:
        if constraint_type(part.constraint.contype) == "IDENTITY":
            _add_sequence(sim, table, column.colname, part.constraint.options)
        constraints.apply(sim, table, name, part.constraint, column.colname)


def _add_sequence(
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


def _add_identity(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    sim.require_column(table, command.name, 0)
    _add_sequence(sim, table, command.name, getattr(command, "def").constraint.options)


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
            _apply_column_parts(sim, table, name, column)
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
    _set_type(table, column, sim.place())
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
    parent = _require_table(sim, getattr(command, "def").range_var)
    table.parents += 1
    if parent is not None:
        parent.children.append(table)
    else:
        table.is_doubtful = True


def _remove_parent(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    parent = _require_table(sim, getattr(command, "def").range_var)
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
