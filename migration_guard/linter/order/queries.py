"""Queries, changes of data, and the tables and views that a query makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from migration_guard.linter.order import routines
from migration_guard.linter.order.builtin_functions import is_builtin
from migration_guard.linter.order.enumerations import RELATION_KINDS, object_type
from migration_guard.linter.order.names import Name, name_of, strings
from migration_guard.linter.order.scopes import Item
from migration_guard.linter.order.search_path import SEARCH_PATH, path_of_set_config
from migration_guard.linter.order.use_kinds import CallUse, RelationUse
from migration_guard.linter.order.uses import uses

if TYPE_CHECKING:
    from migration_guard.linter.order.relations import Relation
    from migration_guard.linter.order.simulation import Simulation

_HARMLESS_FUNCTIONS: Final = frozenset(
    {"nextval", "currval", "setval", "set_config", "current_setting", "to_regclass", "pg_sleep"}
)


def check_query(sim: Simulation, node: Any) -> None:
    """Check an INSERT, UPDATE, DELETE or MERGE."""
    sim.require(uses(node))


def check_relations(sim: Simulation, node: Any) -> None:
    """Check a statement that needs all relations it names and changes nothing."""
    sim.require(use for use in uses(node) if not isinstance(use, CallUse))


def apply_select(sim: Simulation, node: Any) -> None:
    """Apply a SELECT: its calls may change the schema, and INTO makes a table."""
    select_uses = uses(node)
    sim.require(use for use in select_uses if not isinstance(use, CallUse) or not use.runs)
    for use in select_uses:
        if isinstance(use, CallUse):
            _apply_call(sim, use)
    first = _first_select(node)
    if first.HasField("into_clause"):
        _create_from_query(sim, first.into_clause, node, "table", if_not_exists=False)


def check_copy(sim: Simulation, node: Any) -> None:
    """Check a COPY of a table or of a query."""
    sim.require(uses(node.query))
    if node.HasField("relation"):
        table = sim.require_relation(name_of(node.relation), node.relation.location)
        for column in strings(node.attlist):
            if table is not None:
                sim.require_column(table, column, node.relation.location)


def create_table_as(sim: Simulation, node: Any) -> None:
    """Apply CREATE TABLE AS or CREATE MATERIALIZED VIEW."""
    kind = RELATION_KINDS.get(object_type(node.objtype), "table")
    into = node.into
    before = sim.catalogue.find(name_of(into.rel))
    if kind == "table":
        sim.require(uses(node.query))
    else:
        with sim.used_by(sim.catalogue.new_key(name_of(into.rel))):
            sim.require(uses(node.query))
    if not (node.if_not_exists and before is not None and before.is_sure):
        query = node.query.select_stmt
        _create_from_query(sim, into, query, kind, if_not_exists=node.if_not_exists)


def create_view(sim: Simulation, node: Any) -> None:
    """Apply CREATE VIEW."""
    key = sim.catalogue.new_key(name_of(node.view), temporary=node.view.relpersistence == "t")
    with sim.used_by(key):
        sim.require(uses(node.query))
    query, temporary = node.query.select_stmt, node.view.relpersistence == "t"
    columns = _result_columns(sim, query, strings(node.aliases))
    view = sim.create_relation(
        name_of(node.view), "view", if_not_exists=node.replace, temporary=temporary
    )
    view.made_at = sim.place()
    _add_columns(sim, view, columns)
    _add_reader(sim, view, query)


def _apply_call(sim: Simulation, use: CallUse) -> None:
    """Apply a call that may change more than data."""
    if use.name == "set_config" and use.words[:1] == (SEARCH_PATH,):
        path = path_of_set_config(sim.text)
        sim.catalogue.path = path if path is not None else sim.catalogue.path
    elif use.runs:
        sim.require_function(Name(use.schema, use.name), use.location)
        routines.call(sim, use)
    is_own = use.name in sim.functions or use.name in _HARMLESS_FUNCTIONS
    if use.words and not is_own and not is_builtin(use.name):
        # An extension's function may make what its arguments name (AddGeometryColumn).
        sim.doubt(" ".join(use.words), "")


def _create_from_query(
    sim: Simulation, into: Any, query: Any, kind: str, *, if_not_exists: bool
) -> None:
    columns = _result_columns(sim, query, strings(into.col_names))
    relation = sim.create_relation(
        name_of(into.rel),
        kind,
        if_not_exists=if_not_exists,
        temporary=into.rel.relpersistence == "t",
    )
    _add_columns(sim, relation, columns)
    if kind == "materialized view":
        _add_reader(sim, relation, query)


def _add_columns(sim: Simulation, relation: Relation, columns: list[str] | None) -> None:
    relation.is_open |= columns is None
    for column in columns or ():
        sim.catalogue.add_column(relation, column, sim.place(), plain=False)


def _add_reader(sim: Simulation, view: Relation, query: Any) -> None:
    """Make ``view`` a reader of all relations that its query uses."""
    for use in uses(query):
        name = getattr(use, "name", None)
        source = sim.catalogue.find(name) if isinstance(name, Name) else None
        if source is not None:
            source.readers.append(view)
        elif isinstance(use, RelationUse):
            view.is_sure = False  # the CASCADE of a relation that is not known may remove it


def _result_columns(sim: Simulation, query: Any, names: list[str]) -> list[str] | None:
    """Return the columns of a query's result, None if they are not known.

    ``names`` are the names that the statement gives to the first of them.
    """
    outputs = _outputs(query)
    if outputs is None:
        return None
    columns: list[str] = []
    for output in outputs:
        if isinstance(output, Item):
            source = sim.catalogue.find(output.relation) if output.relation else None
            if source is None or source.is_open or source.is_doubtful:
                return None
            columns += source.columns
        else:
            columns.append(output)
    return [*names, *columns[len(names) :]]


def _outputs(query: Any) -> list[str | Item] | None:
    """Return the names of a query's results, with an Item for ``*``; None if not known."""
    select = _first_select(query)
    if select.values_lists or not select.target_list:
        return None
    outputs: list[str | Item] = []
    ctes = {cte.common_table_expr.ctename for cte in select.with_clause.ctes}
    for target in select.target_list:
        output = _output(target.res_target, select, ctes)
        if output is None:
            return None
        outputs.append(output)
    return outputs


def _output(target: Any, select: Any, ctes: set[str]) -> str | Item | None:
    kind = target.val.WhichOneof("node")
    if target.name:
        return str(target.name)
    if kind == "func_call":
        return strings(target.val.func_call.funcname)[-1]
    if kind == "column_ref":
        last = target.val.column_ref.fields[-1]
        return _star_source(select, ctes) if last.HasField("a_star") else str(last.string.sval)
    return None


def _star_source(select: Any, ctes: set[str]) -> Item | None:
    """Return the only relation that a query reads, None if it reads anything else."""
    if len(select.from_clause) != 1 or not select.from_clause[0].HasField("range_var"):
        return None
    table = select.from_clause[0].range_var
    is_plain = table.relname not in ctes and not table.alias.colnames
    return Item("", name_of(table)) if is_plain else None


def _first_select(query: Any) -> Any:
    """Return the first SELECT of a set operation, which names its results."""
    while query.HasField("larg"):
        query = query.larg
    return query
