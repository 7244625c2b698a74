"""What a query or an expression needs: parse tree -> uses of relations, columns, types, functions.

Pure. Names of common table expressions and aliases are resolved here; what a name means in the
catalogue is not. Where it cannot be told which relation a column belongs to, there is no use.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?", re.ASCII)
_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


class Name(NamedTuple):
    """A name as a statement writes it; ``schema`` is empty where none was written."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class RelationUse:
    """A table, view, sequence or index that must exist; ``at`` is a parse location."""

    name: Name
    at: int


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column that one of the relations must have."""

    relations: tuple[Name, ...]
    column: str
    at: int


@dataclass(frozen=True, slots=True)
class TypeUse:
    """A type that must exist."""

    name: Name
    at: int


@dataclass(frozen=True, slots=True)
class CallUse:
    """A function that is called; ``words`` are its literal arguments."""

    name: str
    words: tuple[str, ...]


Use = RelationUse | ColumnUse | TypeUse | CallUse


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in FROM; ``relation`` None: its columns are not known here."""

    alias: str
    relation: Name | None


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression can see: items from the innermost query outwards, and the CTEs."""

    levels: tuple[tuple[Item, ...], ...] = ()
    ctes: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()

    def inner(self, items: Iterable[Item], outputs: Iterable[str] = ()) -> "Scope":
        """Return the scope inside a query that reads ``items``."""
        return Scope((tuple(items), *self.levels), self.ctes, frozenset(outputs))

    def with_ctes(self, names: Iterable[str]) -> "Scope":
        """Return the scope where these CTEs are known too."""
        return Scope(self.levels, self.ctes | frozenset(names), self.outputs)


EMPTY = Scope()


def of_relation(name: Name) -> Scope:
    """Return the scope of an expression that sees one relation, as a CHECK does."""
    return Scope(((Item(name.name, name),),))


def name_of(range_var: Any) -> Name:
    """Return the name in a RangeVar."""
    return Name(range_var.schemaname, range_var.relname)


def strings(nodes: Iterable[Any]) -> list[str]:
    """Return the texts of a list of String nodes."""
    return [node.string.sval for node in nodes if node.HasField("string")]


def qualified(parts: Sequence[str]) -> Name:
    """Return the name that a dotted list of identifiers spells."""
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1])


def uses(node: Any, scope: Scope = EMPTY) -> list[Use]:
    """Return what ``node`` needs, any message of the parse tree."""
    found: list[Use] = []
    _Walker(found).visit(node, scope)
    return found


def type_use(type_name: Any) -> list[Use]:
    """Return the use of a type, none for those that the grammar itself makes built in."""
    parts = strings(type_name.names)
    if not parts or parts[0] == "pg_catalog" or type_name.pct_type:
        return []
    return [TypeUse(qualified(parts), type_name.location)]


def outputs(select: Any) -> list[str | Item] | None:
    """Return the columns that a query gives, an Item for ``*``; None where they are not known.

    The Item of a bare ``*`` over one relation names it; any other star makes them unknown.
    """
    while select.HasField("larg"):
        select = select.larg
    if select.values_lists or not select.target_list:
        return None
    found: list[str | Item] = []
    ctes = {cte.common_table_expr.ctename for cte in select.with_clause.ctes}
    for target in select.target_list:
        column = _output(target.res_target, select, ctes)
        if column is None:
            return None
        found.append(column)
    return found


def _output(target: Any, select: Any, ctes: set[str]) -> str | Item | None:
    kind = target.val.WhichOneof("node")
    if target.name:
        return str(target.name)
    if kind == "func_call":
        return strings(target.val.func_call.funcname)[-1]
    if kind == "column_ref":
        last = target.val.column_ref.fields[-1]
        return _star(select, ctes) if last.HasField("a_star") else str(last.string.sval)
    return None


def _star(select: Any, ctes: set[str]) -> Item | None:
    """Return the one plain relation that a query reads, None if it reads anything else."""
    if len(select.from_clause) != 1 or not select.from_clause[0].HasField("range_var"):
        return None
    table = select.from_clause[0].range_var
    known = table.relname not in ctes and not table.alias.colnames
    return Item("", name_of(table)) if known else None


@dataclass(slots=True)
class _Walker:
    """Collects uses; ``visit`` dispatches on the message type and falls back to all fields."""

    found: list[Use] = field(default_factory=list)

    def visit(self, node: Any, scope: Scope) -> None:
        """Visit a message."""
        special = _SPECIAL.get(node.DESCRIPTOR.name)
        if special is not None:
            special(self, node, scope)
        else:
            self.fields(node, scope)

    def fields(self, node: Any, scope: Scope, skip: Iterable[str] = ()) -> None:
        """Visit all messages in a message, but for the named fields."""
        for descriptor, value in node.ListFields():
            if descriptor.message_type is None or descriptor.name in skip:
                continue
            for each in value if _is_repeated(value) else (value,):
                self.visit(each, scope)

    # FROM and the statements that have one

    def select(self, node: Any, scope: Scope) -> None:
        """Visit a SELECT, VALUES or set operation."""
        scope = self.ctes(node, scope)
        items = self.items(node.from_clause, scope)
        named = [t.res_target.name for t in node.target_list if t.res_target.name]
        if node.HasField("larg"):
            items = [Item("", None)]
        inside = scope.inner(items, named)
        self.fields(node, inside, ("with_clause", "from_clause", "into_clause", "larg", "rarg"))
        for side in ("larg", "rarg"):
            if node.HasField(side):
                self.select(getattr(node, side), scope)

    def insert(self, node: Any, scope: Scope) -> None:
        """Visit an INSERT."""
        scope = self.ctes(node, scope)
        target = self.target(node)
        self.columns(node, node.cols)
        self.fields(node.select_stmt, scope)
        inside = scope.inner((target, Item("excluded", target.relation)))
        self.columns(node, node.on_conflict_clause.target_list)
        for part in (node.on_conflict_clause, node.returning_clause):
            self.fields(part, inside)

    def update(self, node: Any, scope: Scope) -> None:
        """Visit an UPDATE."""
        scope = self.ctes(node, scope)
        target = self.target(node)
        self.columns(node, node.target_list)
        inside = scope.inner((target, *self.items(node.from_clause, scope.inner((target,)))))
        self.fields(node, inside, ("with_clause", "from_clause", "relation"))

    def delete(self, node: Any, scope: Scope) -> None:
        """Visit a DELETE."""
        scope = self.ctes(node, scope)
        target = self.target(node)
        inside = scope.inner((target, *self.items(node.using_clause, scope.inner((target,)))))
        self.fields(node, inside, ("with_clause", "using_clause", "relation"))

    def merge(self, node: Any, scope: Scope) -> None:
        """Visit a MERGE, whose columns are not followed."""
        scope = self.ctes(node, scope)
        target = self.target(node)
        items = (target, *self.items((node.source_relation,), scope), Item("", None))
        self.fields(node, scope.inner(items), ("with_clause", "relation", "source_relation"))

    def target(self, node: Any) -> Item:
        """Note the relation that a statement writes to."""
        name = name_of(node.relation)
        self.found.append(RelationUse(name, node.relation.location))
        return Item(node.relation.alias.aliasname or name.name, name)

    def columns(self, node: Any, written: Iterable[Any]) -> None:
        """Note the columns that a statement writes to."""
        target = (name_of(node.relation),)
        for column in (each.res_target for each in written):
            self.found.append(ColumnUse(target, column.name, column.location))

    def ctes(self, node: Any, scope: Scope) -> Scope:
        """Visit the WITH clause; return the scope that knows its names."""
        clause = node.with_clause
        if clause.recursive:
            scope = scope.with_ctes(cte.common_table_expr.ctename for cte in clause.ctes)
        for cte in clause.ctes:
            self.visit(cte.common_table_expr.ctequery, scope)
            scope = scope.with_ctes((cte.common_table_expr.ctename,))
        return scope

    def items(self, nodes: Iterable[Any], scope: Scope) -> list[Item]:
        """Visit what stands in FROM; return what the query can see of it."""
        found: list[Item] = []
        for node in nodes:
            kind = node.WhichOneof("node")
            if kind == "range_var":
                found.append(self.table(node.range_var, scope))
            elif kind == "join_expr":
                found += self.join(node.join_expr, scope)
            else:
                # LATERAL and functions see what stands before them.
                beside = scope.inner((*found, Item("", None)))
                alone = kind == "range_subselect" and not node.range_subselect.lateral
                self.fields(getattr(node, kind), scope if alone else beside)
                found.append(Item(getattr(node, kind).alias.aliasname, None))
        return found

    def table(self, range_var: Any, scope: Scope) -> Item:
        """Return the item of a plain name, which may be that of a CTE."""
        name = name_of(range_var)
        alias = range_var.alias.aliasname or name.name
        if not name.schema and name.name in scope.ctes:
            return Item(alias, None)
        self.found.append(RelationUse(name, range_var.location))
        return Item(alias, None if range_var.alias.colnames else name)

    def join(self, node: Any, scope: Scope) -> list[Item]:
        """Visit a JOIN; a name for the whole hides those inside."""
        items = self.items((node.larg, node.rarg), scope)
        self.fields(node.quals, scope.inner(items))
        return [Item(node.alias.aliasname, None)] if node.alias.aliasname else items

    # Expressions

    def column_ref(self, node: Any, scope: Scope) -> None:
        """Note a column, where it is certain whose it must be."""
        names = strings(node.fields)
        if len(names) != len(node.fields) or names[-1] in _SYSTEM_COLUMNS or not scope.levels:
            return
        if len(names) == 1:
            items = scope.levels[0]
            relations = tuple(item.relation for item in items if item.relation is not None)
            hidden = scope.outputs | {item.alias for item in items}
            alone = len(scope.levels) == 1 and len(relations) == len(items)
            if alone and relations and names[0] not in hidden:
                self.found.append(ColumnUse(relations, names[0], node.location))
        elif len(names) == 2:  # noqa: PLR2004
            items = next((each for each in scope.levels if _seen(each, names[0])), ())
            item = next((each for each in items if each.alias == names[0]), None)
            if item is not None and item.relation is not None:
                self.found.append(ColumnUse((item.relation,), names[1], node.location))

    def call(self, node: Any, scope: Scope) -> None:
        """Note a function; nextval('name') needs the sequence."""
        name = strings(node.funcname)[-1]
        words = tuple(word for each in node.args for word in _literals(each))
        self.found.append(CallUse(name, words))
        if name in {"nextval", "currval", "setval"} and words:
            self.regclass(words[0], node.location)
        self.fields(node, scope, ("funcname",))

    def cast(self, node: Any, scope: Scope) -> None:
        """Note a cast; 'name'::regclass needs the relation."""
        literals = _literals(node.arg)
        if literals and strings(node.type_name.names)[-1:] == ["regclass"]:
            self.regclass(literals[0], node.location)
        self.fields(node, scope)

    def regclass(self, text: str, at: int) -> None:
        """Note a relation that a literal names, if it is plain: no quotes, no OID."""
        if _PLAIN_NAME.fullmatch(text):
            self.found.append(RelationUse(qualified(text.lower().split(".")), at))

    def type_name(self, node: Any, _scope: Scope) -> None:
        """Note a type."""
        self.found += type_use(node)

    def range_var(self, node: Any, scope: Scope) -> None:
        """Note a relation that stands outside FROM."""
        self.table(node, scope)

    def nothing(self, node: Any, scope: Scope) -> None:
        """Ignore a message: a constant, or FOR UPDATE OF, which names aliases."""


def _seen(items: Sequence[Item], alias: str) -> bool:
    return any(item.alias == alias for item in items)


def _literals(node: Any) -> list[str]:
    while node.HasField("type_cast"):
        node = node.type_cast.arg
    return [node.a_const.sval.sval] if node.a_const.HasField("sval") else []


def _is_repeated(value: Any) -> bool:
    return not hasattr(value, "ListFields")


_SPECIAL = {
    "SelectStmt": _Walker.select,
    "InsertStmt": _Walker.insert,
    "UpdateStmt": _Walker.update,
    "DeleteStmt": _Walker.delete,
    "MergeStmt": _Walker.merge,
    "ColumnRef": _Walker.column_ref,
    "FuncCall": _Walker.call,
    "TypeCast": _Walker.cast,
    "TypeName": _Walker.type_name,
    "RangeVar": _Walker.range_var,
    "LockingClause": _Walker.nothing,
    "A_Const": _Walker.nothing,
    "Alias": _Walker.nothing,
    "String": _Walker.nothing,
}
