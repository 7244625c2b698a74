"""What a statement makes that may run, in a branch of a body: it counts as a making, a weak one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from migration_guard.linter import grammar
from migration_guard.linter.order.enumerations import alter_table_type
from migration_guard.linter.order.keys import Key
from migration_guard.linter.order.names import Name, name_of, qualified_name, strings
from migration_guard.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration_guard.linter.order.simulation import Simulation

_DDL: Final = re.compile(r"\s*(?:create|alter)\b", re.IGNORECASE)


def record_makings(sim: Simulation, text: str) -> None:
    """Keep the place of what a statement would make."""
    if not _DDL.match(text):
        return
    for parsed in grammar.parse(Statement(text, 0, len(text), 1)):
        made = _MADE.get(parsed.kind)
        for key in made(sim, parsed.node) if made is not None else ():
            sim.catalogue.record_making(key, sim.place(), plain=False, weak=True)


def _table(sim: Simulation, node: Any) -> Iterator[Key]:
    key = sim.catalogue.new_key(name_of(node.relation))
    yield key
    for element in node.table_elts:
        if element.HasField("column_def"):
            yield key._replace(what="column", column=element.column_def.colname)


def _columns(sim: Simulation, node: Any) -> Iterator[Key]:
    relation = sim.catalogue.find(name_of(node.relation))
    key = relation.key if relation else sim.catalogue.new_key(name_of(node.relation))
    for message in node.cmds:
        command = message.alter_table_cmd
        kind, definition = alter_table_type(command.subtype), getattr(command, "def")
        if kind == "AddColumn":
            yield key._replace(what="column", column=definition.column_def.colname)
        elif kind == "AddConstraint" and definition.constraint.conname:
            yield key._replace(what="constraint", column=definition.constraint.conname)


def _enum_value(sim: Simulation, node: Any) -> Iterator[Key]:
    name = qualified_name(strings(node.type_name))
    key = sim.catalogue.find_type(name) or sim.catalogue.new_key(name, "type")
    yield Key("enum value", key.schema, key.name, node.new_val)


_MADE: Final[dict[str, Callable[[Simulation, Any], Iterator[Key]]]] = {
    "create_stmt": _table,
    "alter_table_stmt": _columns,
    "alter_enum_stmt": _enum_value,
    "create_enum_stmt": lambda sim, node: _single(sim, node.type_name, "type"),
    "create_domain_stmt": lambda sim, node: _single(sim, node.domainname, "type"),
    "composite_type_stmt": lambda sim, node: iter([sim.catalogue.new_key(name_of(node.typevar))]),
    "create_function_stmt": lambda sim, node: _single(sim, node.funcname, "function"),
    "view_stmt": lambda sim, node: iter([sim.catalogue.new_key(name_of(node.view))]),
    "create_role_stmt": lambda _sim, node: iter([Key("role", "", node.role)]),
    "create_schema_stmt": lambda _sim, node: iter(
        [Key("schema", node.schemaname, node.schemaname)]
    ),
    "index_stmt": lambda sim, node: iter(
        [sim.catalogue.new_key(Name(node.relation.schemaname, node.idxname))]
    ),
}


def _single(sim: Simulation, names: Any, what: str) -> Iterator[Key]:
    yield sim.catalogue.new_key(qualified_name(strings(names)), what)
