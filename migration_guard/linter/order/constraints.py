"""Constraints of tables: what they need, the names that the server gives them, unique keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from migration_guard.linter.order.enumerations import constraint_type
from migration_guard.linter.order.keys import Key
from migration_guard.linter.order.names import Name, name_of, strings
from migration_guard.linter.order.relations import Part, Relation, column_key, part_key, unique_name
from migration_guard.linter.order.scopes import EMPTY, scope_of
from migration_guard.linter.order.use_kinds import ColumnUse, Use, ValueUse
from migration_guard.linter.order.uses import uses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migration_guard.linter.order.simulation import Simulation

_MAX_NAME: Final = 63  # bytes: the server cuts longer names
INDEX_KINDS: Final = frozenset({"PRIMARY", "UNIQUE", "EXCLUSION"})
_SUFFIXES: Final = {"PRIMARY": "pkey", "UNIQUE": "key", "EXCLUSION": "excl", "FOREIGN": "fkey"}
# A number at the end, or a name that was cut: the server may have given it to a constraint.
_MAY_BE_GENERATED: Final = re.compile(
    r".*_(?:pkey|key|excl|fkey|check|not_null)\d+|.{58,}|.*_not_null", re.DOTALL
)


def apply(sim: Simulation, table: Relation, name: Name, node: Any, column: str = "") -> None:
    """Apply a constraint of a table, or of one ``column`` of it."""
    kind = constraint_type(node.contype)
    if kind in INDEX_KINDS:
        _apply_index(sim, table, node, kind, column)
    elif kind == "FOREIGN":
        _apply_foreign_key(sim, table, node, column)
    elif node.HasField("raw_expr"):
        # A default sees no column; a CHECK and a generated column see those of the table.
        used = uses(node.raw_expr, EMPTY if kind == "DEFAULT" else scope_of(name))
        with sim.used_by(_user(table, node, kind, column, used)):
            sim.require(used)
        if kind == "DEFAULT":
            require_default(sim, table, column, node.raw_expr)
        elif kind == "CHECK":
            _add(sim, table, node, kind, _columns(used))


def _user(table: Relation, node: Any, kind: str, column: str, used: Iterable[Use]) -> Key:
    """Return the key of what uses an expression: the constraint, or the column that has it."""
    if kind == "CHECK":
        return part_key(
            table, "constraint", node.conname or _free_name(table, kind, _columns(used))
        )
    return column_key(table, column)


def require_default(sim: Simulation, table: Relation, column: str, value: Any) -> None:
    """Check the literal that is the default of a column."""
    if column in table.types and value.a_const.HasField("sval"):
        literal = value.a_const
        sim.require([ValueUse(literal.sval.sval, literal.location, table.types[column])])


def drop(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    """Apply DROP CONSTRAINT."""
    if not command.missing_ok:
        require(sim, table, command.name)
    if ("constraint", command.name) not in table.parts:
        for key, part in table.parts.items():  # it is one whose name the server made
            if not part.is_named:
                table.parts[key] = part._replace(made_at=None)
    if (primary_key := table.parts.get(("primary key", ""))) is not None:  # it may be this one
        table.parts["primary key", ""] = primary_key._replace(made_at=None)
    sim.catalogue.remove_part(table, "constraint", command.name, sim.place())


def check(sim: Simulation, table: Relation, _name: Name, command: Any) -> None:
    """Check VALIDATE CONSTRAINT, which names a constraint."""
    require(sim, table, command.name)


def require(sim: Simulation, table: Relation, constraint: str) -> None:
    """Report a constraint as missing, unless it exists or its name may be the server's."""
    if not _MAY_BE_GENERATED.fullmatch(constraint):
        sim.require_part(table, "constraint", constraint)


def rename(sim: Simulation, table: Relation, old: str, new: str, what: str = "constraint") -> None:
    """Give a constraint, trigger, policy or rule another name."""
    part = table.parts.get((what, old), Part(None))
    sim.catalogue.remove_part(table, what, old, sim.place())
    sim.catalogue.add_part(table, what, new, part, plain=True, place=sim.place())


def add_unique(sim: Simulation, table: Relation, columns: Iterable[str], what: str = "") -> None:
    """Add a unique key. It never goes but with a column, as another one may be as good."""
    key = frozenset(columns)
    sim.catalogue.add_part(
        table,
        what or "unique key",
        "" if what else unique_name(key),
        Part(sim.place(), key),
        plain=False,
        place=sim.place(),
    )


def add_owned(
    sim: Simulation, table: Relation, name: str, kind: str, columns: Iterable[str] = ()
) -> None:
    """Add an index or sequence that the server names. It is not sure, as the name may differ."""
    key = table.key._replace(name=name[:_MAX_NAME])
    if key not in sim.catalogue.relations:
        relation = Relation(key, kind, sim.place(), is_sure=False, is_open=True)
        relation.columns = dict.fromkeys(columns, True)
        sim.catalogue.add(relation, plain=False)
        table.owned.append(relation)


def _apply_index(sim: Simulation, table: Relation, node: Any, kind: str, column: str) -> None:
    for key in strings(node.keys):
        sim.require_column(table, key, node.location)
    columns = strings(node.keys) or ([column] if column else [])
    if node.indexname:
        index = sim.require_relation(Name(table.key.schema, node.indexname), node.location, "index")
        columns = list(index.columns) if index is not None else []
    name = _add(sim, table, node, kind, columns)
    add_owned(sim, table, name, "index")
    if kind != "EXCLUSION" and columns:
        add_unique(sim, table, columns)
    if kind == "PRIMARY":
        if ("primary key", "") in table.parts:
            sim.add_part_clash(table, "primary key", "")
        add_unique(sim, table, columns, "primary key")


def _apply_foreign_key(sim: Simulation, table: Relation, node: Any, column: str) -> None:
    columns = strings(node.fk_attrs) or ([column] if column else [])
    for key in strings(node.fk_attrs):
        sim.require_column(table, key, node.location)
    user = part_key(table, "constraint", node.conname or _free_name(table, "FOREIGN", columns))
    with sim.used_by(user):
        _require_target(sim, node)
    _add(sim, table, node, "FOREIGN", columns)


def _require_target(sim: Simulation, node: Any) -> None:
    """Check the table of a foreign key, its columns and their unique key."""
    location, name, columns = node.pktable.location, name_of(node.pktable), strings(node.pk_attrs)
    target = sim.require_relation(name, location)
    if target is None:
        return
    for column in columns:
        sim.require_column(target, column, location)
    if columns:
        sim.require_unique(name, frozenset(columns), location)
    elif not target.is_open:
        sim.require_part(target, "primary key", "", location)


def _add(sim: Simulation, table: Relation, node: Any, kind: str, columns: Sequence[str]) -> str:
    """Add a constraint under its name, or under the name that the server gives it."""
    name = str(node.conname)
    if name:
        if ("constraint", name) in table.parts:
            sim.add_part_clash(table, "constraint", name)
    else:
        name = _free_name(table, kind, columns)
    part = Part(sim.place(), frozenset(columns), is_named=bool(node.conname))
    plain = bool(node.conname)
    sim.catalogue.add_part(table, "constraint", name, part, plain=plain, place=sim.place())
    return name


def _free_name(table: Relation, kind: str, columns: Sequence[str]) -> str:
    suffix = _SUFFIXES.get(kind, "check")
    if kind == "PRIMARY" or (kind == "CHECK" and len(columns) != 1):
        columns = ()
    number = ""
    while True:
        name = _shorten(table.key.name, "_".join(columns), f"{suffix}{number}")
        if ("constraint", name) not in table.parts:
            return name
        number = str(int(number or 0) + 1)


def _shorten(table: str, columns: str, suffix: str) -> str:
    """Return a name as the server's makeObjectName() cuts it."""
    room = _MAX_NAME - len(suffix) - 1 - (1 if columns else 0)
    while len(table) + len(columns) > room:
        if len(table) > len(columns):
            table = table[:-1]
        else:
            columns = columns[:-1]
    return "_".join(filter(None, (table, columns, suffix)))


def _columns(used: Iterable[Use]) -> list[str]:
    return sorted({use.column for use in used if isinstance(use, ColumnUse)})
