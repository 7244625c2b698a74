"""What a query or an expression uses: relations, columns, types and functions.

Pure. Names of common table expressions and aliases are resolved here; what a name means in the
catalogue is not. If it is not certain which relation a column belongs to, there is no use.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from migration_guard.linter.order.names import Name, name_of, qualified_name, strings
from migration_guard.linter.order.scopes import EMPTY, Item, Scope
from migration_guard.linter.order.use_kinds import (
    CallUse,
    ColumnUse,
    ConstraintUse,
    RelationUse,
    TypeUse,
    UniqueUse,
    Use,
    ValueUse,
)

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?", re.ASCII)
_SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


def uses(node: Any, scope: Scope = EMPTY) -> list[Use]:
    """Return what ``node``, any message of the parse tree, uses."""
    walker = _Walker()
    walker.visit(node, scope)
    return walker.uses


def type_use(type_name: Any) -> list[Use]:
    """Return the use of a type, nothing for a type that the grammar itself makes built in.

    ``table.column%TYPE`` uses the table and its column.
    """
    identifiers, location = strings(type_name.names), type_name.location
    if not identifiers or identifiers[0] == "pg_catalog":
        return []
    if type_name.pct_type:
        if len(identifiers) < 2:  # noqa: PLR2004
            return []
        table = qualified_name(identifiers[:-1])
        return [RelationUse(table, location), ColumnUse((table,), identifiers[-1], location)]
    return [TypeUse(qualified_name(identifiers), location)]


@dataclass(slots=True)
class _Walker:
    """Collects uses. ``visit`` has a method for some messages, and visits all fields of others."""

    uses: list[Use] = field(default_factory=list)

    def visit(self, node: Any, scope: Scope) -> None:
        """Visit a message."""
        visitor = _VISITORS.get(node.DESCRIPTOR.name)
        if visitor is not None:
            visitor(self, node, scope)
        else:
            self.visit_fields(node, scope)

    def visit_fields(self, node: Any, scope: Scope, skip: Iterable[str] = ()) -> None:
        """Visit all messages in a message, but for the named fields."""
        for descriptor, value in node.ListFields():
            if descriptor.message_type is None or descriptor.name in skip:
                continue
            is_repeated = not hasattr(value, "ListFields")
            for message in value if is_repeated else (value,):
                self.visit(message, scope)

    # FROM and the statements that have one

    def visit_select(self, node: Any, scope: Scope) -> None:
        """Visit a SELECT, VALUES or set operation."""
        scope = self.visit_ctes(node, scope)
        items = self.visit_items(node.from_clause, scope)
        outputs = [t.res_target.name for t in node.target_list if t.res_target.name]
        if node.HasField("larg"):
            items = [Item("", None)]
        inside = scope.inner(items, outputs)
        skip = ("with_clause", "from_clause", "into_clause", "larg", "rarg")
        self.visit_fields(node, inside, skip)
        if not (scope.levels or node.from_clause or node.HasField("where_clause")):
            self.mark_calls(node.target_list)
        for side in ("larg", "rarg"):
            if node.HasField(side):
                self.visit_select(getattr(node, side), scope)

    def visit_insert(self, node: Any, scope: Scope) -> None:
        """Visit an INSERT."""
        scope = self.visit_ctes(node, scope)
        target = self.add_target(node)
        self.add_target_columns(node, node.cols)
        self.visit_fields(node.select_stmt, scope)
        inside = scope.inner((target, Item("excluded", target.relation)))
        self.add_target_columns(node, node.on_conflict_clause.target_list)
        self.add_arbiter(node)
        self.add_values(target, [t.res_target.name for t in node.cols], node.select_stmt)
        for clause in (node.on_conflict_clause, node.returning_clause):
            self.visit_fields(clause, inside)

    def visit_update(self, node: Any, scope: Scope) -> None:
        """Visit an UPDATE."""
        scope = self.visit_ctes(node, scope)
        target = self.add_target(node)
        self.add_target_columns(node, node.target_list)
        inside = scope.inner((target, *self.visit_items(node.from_clause, scope.inner((target,)))))
        self.visit_fields(node, inside, ("with_clause", "from_clause", "relation"))

    def visit_delete(self, node: Any, scope: Scope) -> None:
        """Visit a DELETE."""
        scope = self.visit_ctes(node, scope)
        target = self.add_target(node)
        inside = scope.inner((target, *self.visit_items(node.using_clause, scope.inner((target,)))))
        self.visit_fields(node, inside, ("with_clause", "using_clause", "relation"))

    def visit_merge(self, node: Any, scope: Scope) -> None:
        """Visit a MERGE."""
        scope = self.visit_ctes(node, scope)
        target = self.add_target(node)
        items = (target, *self.visit_items((node.source_relation,), scope))
        inside = scope.inner(items)
        self.visit_fields(node.join_condition, inside)
        for clause in node.merge_when_clauses:
            self.add_target_columns(node, clause.merge_when_clause.target_list)
            self.visit_fields(clause, inside)

    def add_target(self, node: Any) -> Item:
        """Add the relation that a statement writes to."""
        name = name_of(node.relation)
        self.uses.append(RelationUse(name, node.relation.location))
        return Item(node.relation.alias.aliasname or name.name, name)

    def add_target_columns(self, node: Any, targets: Iterable[Any]) -> None:
        """Add the columns that a statement writes to."""
        relations = (name_of(node.relation),)
        for target in targets:
            column = target.res_target
            self.uses.append(ColumnUse(relations, column.name, column.location))
            self.add_value(column.val, relations, column.name)

    def add_values(self, target: Item, columns: Sequence[str], query: Any) -> None:
        """Add the literals that an INSERT writes to columns."""
        select = query.select_stmt
        rows = [row.list.items for row in select.values_lists]
        rows = rows or [[item.res_target.val for item in select.target_list]]
        for row in rows:
            for column, value in zip(columns, row, strict=False):
                if target.relation is not None:
                    self.add_value(value, (target.relation,), column)

    def add_value(self, value: Any, relations: tuple[Name, ...], column: str) -> None:
        """Add a literal that is written to a column, or compared with it."""
        if value.a_const.HasField("sval"):
            literal = value.a_const
            self.uses.append(ValueUse(literal.sval.sval, literal.location, None, relations, column))

    def add_arbiter(self, node: Any) -> None:
        """Add the unique key that ON CONFLICT (columns) needs, or the constraint that it names."""
        infer = node.on_conflict_clause.infer
        columns = [element.index_elem.name for element in infer.index_elems]
        if columns and all(columns):
            use = UniqueUse(name_of(node.relation), frozenset(columns), infer.location)
            self.uses.append(use)
            relations = (name_of(node.relation),)
            self.uses += [ColumnUse(relations, column, infer.location) for column in columns]
        elif infer.conname:
            self.uses.append(ConstraintUse(name_of(node.relation), infer.conname, infer.location))

    def mark_calls(self, targets: Iterable[Any]) -> None:
        """Mark the calls that are a result of their own: they run."""
        for target in targets:
            value = target.res_target.val
            if value.HasField("func_call"):
                name = strings(value.func_call.funcname)[-1]
                self.uses = [
                    replace(use, runs=True)
                    if isinstance(use, CallUse)
                    and (use.name, use.location) == (name, value.func_call.location)
                    else use
                    for use in self.uses
                ]

    def visit_ctes(self, node: Any, scope: Scope) -> Scope:
        """Visit the WITH clause, and return the scope with its names."""
        clause = node.with_clause
        if clause.recursive:
            scope = scope.with_ctes(cte.common_table_expr.ctename for cte in clause.ctes)
        for cte in clause.ctes:
            self.visit(cte.common_table_expr.ctequery, scope)
            scope = scope.with_ctes((cte.common_table_expr.ctename,))
        return scope

    def visit_items(self, nodes: Iterable[Any], scope: Scope) -> list[Item]:
        """Visit the items in FROM, and return what the query can see of them."""
        items: list[Item] = []
        for node in nodes:
            kind = node.WhichOneof("node")
            if kind == "range_var":
                items.append(self.visit_table(node.range_var, scope))
            elif kind == "join_expr":
                items += self.visit_join(node.join_expr, scope)
            else:
                # LATERAL and functions see the items before them.
                beside = scope.inner((*items, Item("", None)))
                is_alone = kind == "range_subselect" and not node.range_subselect.lateral
                self.visit_fields(getattr(node, kind), scope if is_alone else beside)
                items.append(Item(getattr(node, kind).alias.aliasname, None))
        return items

    def visit_table(self, range_var: Any, scope: Scope) -> Item:
        """Return the item of a plain name, which may be that of a CTE."""
        name = name_of(range_var)
        alias = range_var.alias.aliasname or name.name
        if not name.schema and name.name in scope.ctes:
            return Item(alias, None)
        self.uses.append(RelationUse(name, range_var.location))
        return Item(alias, None if range_var.alias.colnames else name)

    def visit_join(self, node: Any, scope: Scope) -> list[Item]:
        """Visit a JOIN. An alias of the whole hides the items inside."""
        items = self.visit_items((node.larg, node.rarg), scope)
        self.visit_fields(node.quals, scope.inner(items))
        return [Item(node.alias.aliasname, None)] if node.alias.aliasname else items

    # Expressions

    def visit_column_ref(self, node: Any, scope: Scope) -> None:
        """Add a column, if it is certain whose it must be."""
        names = strings(node.fields)
        if len(names) != len(node.fields) or names[-1] in _SYSTEM_COLUMNS or not scope.levels:
            return
        if len(names) == 1:
            items = scope.levels[0]
            relations = tuple(item.relation for item in items if item.relation is not None)
            hidden = scope.outputs | {item.alias for item in items}
            is_alone = len(scope.levels) == 1 and len(relations) == len(items)
            if is_alone and relations and names[0] not in hidden:
                self.uses.append(ColumnUse(relations, names[0], node.location))
        elif len(names) == 2:  # noqa: PLR2004
            items = scope.items_named(names[0])
            item = next((item for item in items if item.alias == names[0]), None)
            if item is not None and item.relation is not None:
                self.uses.append(ColumnUse((item.relation,), names[1], node.location))

    def visit_call(self, node: Any, scope: Scope) -> None:
        """Add a function; nextval('name') needs the sequence."""
        schema, name = qualified_name(strings(node.funcname))
        words = tuple(word for argument in node.args for word in _literals(argument))
        self.uses.append(CallUse(name, words, schema, node.location))
        if name in {"nextval", "currval", "setval"} and words:
            self.add_named_relation(words[0], node.location)
        self.visit_fields(node, scope, ("funcname",))

    def visit_cast(self, node: Any, scope: Scope) -> None:
        """Visit a cast; 'name'::regclass needs the relation."""
        literals = _literals(node.arg)
        identifiers = strings(node.type_name.names)
        if literals and identifiers[-1:] == ["regclass"]:
            self.add_named_relation(literals[0], node.location)
        elif node.arg.a_const.HasField("sval") and identifiers and not node.type_name.array_bounds:
            name = qualified_name(identifiers)
            self.uses.append(ValueUse(literals[0], node.location, name))
        self.visit_fields(node, scope)

    def visit_comparison(self, node: Any, scope: Scope) -> None:
        """Visit an operator; a literal beside a column is a value of the column's type."""
        self.visit_fields(node, scope)
        operator = strings(node.name)[-1:]
        left, right = node.lexpr, node.rexpr
        if operator[:1] not in (["="], ["<>"]) or not left.HasField("column_ref"):
            return
        known = len(self.uses)
        self.visit_column_ref(left.column_ref, scope)
        for use in self.uses[known:]:
            if isinstance(use, ColumnUse):
                for value in right.list.items if right.HasField("list") else (right,):
                    self.add_value(value, use.relations, use.column)

    def add_named_relation(self, text: str, location: int) -> None:
        """Add a relation that a literal names, unless that is quoted or an OID."""
        if _PLAIN_NAME.fullmatch(text):
            self.uses.append(RelationUse(qualified_name(text.lower().split(".")), location))

    def visit_type_name(self, node: Any, _scope: Scope) -> None:
        """Add a type."""
        self.uses += type_use(node)

    def visit_range_var(self, node: Any, scope: Scope) -> None:
        """Add a relation that stands outside FROM."""
        self.visit_table(node, scope)

    def skip(self, node: Any, scope: Scope) -> None:
        """Ignore a message: a constant, or FOR UPDATE OF, which names aliases."""


def _literals(node: Any) -> list[str]:
    while node.HasField("type_cast"):
        node = node.type_cast.arg
    return [node.a_const.sval.sval] if node.a_const.HasField("sval") else []


_VISITORS: Final = {
    "SelectStmt": _Walker.visit_select,
    "InsertStmt": _Walker.visit_insert,
    "UpdateStmt": _Walker.visit_update,
    "DeleteStmt": _Walker.visit_delete,
    "MergeStmt": _Walker.visit_merge,
    "ColumnRef": _Walker.visit_column_ref,
    "A_Expr": _Walker.visit_comparison,
    "FuncCall": _Walker.visit_call,
    "TypeCast": _Walker.visit_cast,
    "TypeName": _Walker.visit_type_name,
    "RangeVar": _Walker.visit_range_var,
    "LockingClause": _Walker.skip,
    "A_Const": _Walker.skip,
    "Alias": _Walker.skip,
    "String": _Walker.skip,
}
