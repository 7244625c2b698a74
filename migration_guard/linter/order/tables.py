"""CREATE TABLE and ALTER TABLE: what they need and do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.linter.order.builtin_types import SERIAL_TYPES
from migration_guard.linter.order.catalogue import Relation
from migration_guard.linter.order.names import alter_table_type, constraint_type, object_type
from migration_guard.linter.order.uses import (
    EMPTY,
    Name,
    Scope,
    name_of,
    of_relation,
    strings,
    type_use,
    uses,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migration_guard.linter.order.simulation import Simulation


def create(sim: Simulation, node: Any, kind: str = "table") -> None:
    """CREATE TABLE. One that is there already makes IF NOT EXISTS do and check nothing."""
    name, temporary = name_of(node.relation), node.relation.relpersistence == "t"
    before = sim.catalogue.relations.get(sim.catalogue.home(name, temporary=temporary))
    if before is not None and node.if_not_exists:
        _create_again(sim, before, node)
        return
    with sim.perhaps([name.name], if_not_exists=node.if_not_exists):
        _create_new(sim, node, kind, name, temporary=temporary)


def _create_new(sim: Simulation, node: Any, kind: str, name: Name, *, temporary: bool) -> None:
    columns = [each.column_def for each in node.table_elts if each.HasField("column_def")]
    sources = _sources(sim, node)
    for column in columns:
        sim.need(type_use(column.type_name))
    table = sim.make(name, kind, if_not_exists=node.if_not_exists, temporary=temporary)
    table.is_open |= node.HasField("of_typename") or None in sources
    table.is_doubtful = None in sources
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
    _constraints(sim, table, name, node)


def _create_again(sim: Simulation, before: Relation, node: Any) -> None:
    """IF NOT EXISTS of what is there: nothing happens; of what may be there: either."""
    sim.catalogue.note(before.key, sim.place(), plain=False)
    if not before.sure:
        before.sure = True
        before.is_open |= bool(node.inh_relations) or node.HasField("of_typename")
        for each in node.table_elts:
            before.is_open |= each.HasField("table_like_clause")
            if each.HasField("column_def"):
                before.columns.setdefault(each.column_def.colname, False)


def _constraints(sim: Simulation, table: Relation, name: Name, node: Any) -> None:
    for each in node.table_elts:
        if each.HasField("column_def"):
            _column_parts(sim, table, name, each.column_def)
        elif each.HasField("constraint"):
            constraint(sim, table, name, each.constraint)
    for each in node.partspec.part_params:
        _partition_element(sim, table, name, each.partition_elem)


def _sources(sim: Simulation, node: Any) -> list[Relation | None]:
    """Return the tables whose columns a new one takes over: parents first, then those of LIKE."""
    parents = [_parent(sim, each.range_var) for each in node.inh_relations]
    like = (
        each.table_like_clause for each in node.table_elts if each.HasField("table_like_clause")
    )
    return [*parents, *(_parent(sim, each.relation) for each in like)]


def _parent(sim: Simulation, range_var: Any) -> Relation | None:
    return sim.relation(name_of(range_var), range_var.location)


def _copy_columns(sim: Simulation, source: Relation | None, table: Relation) -> None:
    if source is not None:
        for column in source.columns:
            sim.catalogue.add_column(table, column, sim.place(), plain=False)
        table.is_open |= source.is_open or source.is_doubtful


def _partition_element(sim: Simulation, table: Relation, name: Name, element: Any) -> None:
    if element.name:
        sim.column(table, element.name, element.location)
    sim.need(uses(element.expr, of_relation(name)))


def _column_parts(sim: Simulation, table: Relation, name: Name, column: Any) -> None:
    """Take what comes with a column: its sequence, default and constraints."""
    types = strings(column.type_name.names)
    kinds = [constraint_type(each.constraint.contype) for each in column.constraints]
    if (types[-1:] and types[-1] in SERIAL_TYPES) or "IDENTITY" in kinds:
        sequence = f"{table.key.name}_{column.colname}_seq"
        owned(sim, table, sequence, "sequence", [column.colname])
    for each in column.constraints:
        constraint(sim, table, name, each.constraint, column.colname)


def constraint(sim: Simulation, table: Relation, name: Name, node: Any, column: str = "") -> None:
    """Take a constraint of a table, or of one ``column`` of it."""
    kind = constraint_type(node.contype)
    keys = strings(node.keys) or ([column] if column else [])
    if kind in {"PRIMARY", "UNIQUE", "EXCLUSION"}:
        for key in strings(node.keys):
            sim.column(table, key, node.location)
        if node.indexname:
            sim.relation(Name(table.key.schema, node.indexname), node.location, "index")
        owned(sim, table, node.conname or _index_name(table, kind, keys), "index")
    elif kind == "FOREIGN":
        for key in strings(node.fk_attrs):
            sim.column(table, key, node.location)
        target = sim.relation(name_of(node.pktable), node.pktable.location)
        for key in strings(node.pk_attrs):
            if target is not None:
                sim.column(target, key, node.pktable.location)
    elif node.HasField("raw_expr"):
        # A default sees no column; a CHECK and a generated column see those of the table.
        sim.need(uses(node.raw_expr, EMPTY if kind == "DEFAULT" else of_relation(name)))


def _index_name(table: Relation, kind: str, columns: Iterable[str]) -> str:
    if kind == "PRIMARY":
        return f"{table.key.name}_pkey"
    suffix = "key" if kind == "UNIQUE" else "excl"
    return "_".join((table.key.name, *columns, suffix))


def owned(
    sim: Simulation, table: Relation, name: str, kind: str, columns: Iterable[str] = ()
) -> None:
    """Add what the server names itself; the name may come out otherwise, so it is not sure."""
    key = table.key._replace(name=name[:63])
    if key not in sim.catalogue.relations:
        made = Relation(key, kind, sim.place(), sure=False, is_open=True)
        made.columns = dict.fromkeys(columns, True)
        sim.catalogue.add(made, plain=False)
        table.owned.append(made)


def alter(sim: Simulation, node: Any) -> None:
    """ALTER TABLE, INDEX, VIEW, SEQUENCE, …, one command after the other."""
    name = name_of(node.relation)
    what = object_type(node.objtype).lower().replace("matview", "materialized view")
    if what == "type":
        _alter_type(sim, node, name)
        return
    table = sim.relation(name, node.relation.location, what, missing_ok=node.missing_ok)
    for each in node.cmds:
        command = each.alter_table_cmd
        kind = alter_table_type(command.subtype)
        if table is not None:
            _COMMANDS.get(kind, _column_command)(sim, table, name, command)
        elif kind == "AddColumn":
            sim.ghost(name, getattr(command, "def").column_def.colname)


def _alter_type(sim: Simulation, node: Any, name: Name) -> None:
    """ALTER TYPE … ADD ATTRIBUTE and its like, on a composite type."""
    found = sim.catalogue.find(name)
    if found is None:
        sim.type(name, node.relation.location)
        return
    for each in node.cmds:
        command = each.alter_table_cmd
        if alter_table_type(command.subtype) == "AddColumn":
            column = getattr(command, "def").column_def
            sim.catalogue.add_column(found, column.colname, sim.place(), plain=True)


def _add_column(sim: Simulation, table: Relation, name: Name, command: Any) -> None:
    column = getattr(command, "def").column_def
    if column.colname in table.columns:
        if command.missing_ok:
            sim.catalogue.note(
                table.key._replace(what="column", column=column.colname), sim.place(), plain=False
            )
            return
        if table.columns[column.colname] and table.sure:
            sim.clash("column", f"{table.key.name}.{column.colname}", table, column.colname)
    with sim.perhaps([table.key.name, column.colname], if_not_exists=command.missing_ok):
        sim.need(type_use(column.type_name))
        place = sim.place(column.location)
        sim.catalogue.add_column(table, column.colname, place, plain=not command.missing_ok)
        _column_parts(sim, table, name, column)


def _drop_column(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    if not command.missing_ok:
        sim.column(table, command.name, 0)
    sim.catalogue.remove_column(table, command.name, sim.place())


def _alter_column_type(sim: Simulation, table: Relation, name: Name, command: Any) -> None:
    column = getattr(command, "def").column_def
    sim.column(table, command.name, column.location)
    sim.need(type_use(column.type_name))
    sim.need(uses(column.raw_default, of_relation(name)))


def _add_constraint(sim: Simulation, table: Relation, name: Name, command: Any) -> None:
    constraint(sim, table, name, getattr(command, "def").constraint)


def _attach(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    part = getattr(command, "def").partition_cmd.name
    child = sim.relation(name_of(part), part.location)
    if child is not None and child.kind != "index":
        table.children.append(child)
        child.parents += 1


def _detach(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    part = getattr(command, "def").partition_cmd.name
    child = sim.relation(name_of(part), part.location)
    table.children[:] = [each for each in table.children if each is not child]
    if child is not None:
        child.inherited.clear()


def _inherit(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    parent = _parent(sim, getattr(command, "def").range_var)
    table.parents += 1
    if parent is not None:
        parent.children.append(table)
    else:
        table.is_doubtful = True


def _no_inherit(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    parent = _parent(sim, getattr(command, "def").range_var)
    if parent is not None:
        parent.children[:] = [each for each in parent.children if each is not table]
        table.inherited.clear()


def _index_command(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    sim.relation(Name(table.key.schema, command.name), 0, "index")


def _column_command(sim: Simulation, table: Relation, name: Name, command: Any) -> None:
    kind = alter_table_type(command.subtype)
    if kind in _ON_A_COLUMN and command.name and not command.missing_ok:
        sim.column(table, command.name, 0)
    if kind in {"ColumnDefault", "SetExpression"}:
        scope: Scope = EMPTY if kind == "ColumnDefault" else of_relation(name)
        sim.need(uses(getattr(command, "def"), scope))


_ON_A_COLUMN = frozenset(
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
        "AddIdentity",
        "SetIdentity",
        "DropIdentity",
    }
)
_COMMANDS: dict[str, Callable[[Simulation, Relation, Name, Any], None]] = {
    "AddColumn": _add_column,
    "DropColumn": _drop_column,
    "AlterColumnType": _alter_column_type,
    "AddConstraint": _add_constraint,
    "AttachPartition": _attach,
    "DetachPartition": _detach,
    "AddInherit": _inherit,
    "DropInherit": _no_inherit,
    "ClusterOn": _index_command,
}
