"""What each kind of statement needs and does: parse node -> calls on the simulation.

A kind without a function here changes nothing that the simulation knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_guard.linter.order import tables
from migration_guard.linter.order.builtin_types import BUILTIN_TYPES
from migration_guard.linter.order.catalogue import Key, Relation, column_key
from migration_guard.linter.order.names import cascades, object_name, object_type, parts
from migration_guard.linter.order.search_path import SEARCH_PATH, configured, read
from migration_guard.linter.order.uses import (
    CallUse,
    ColumnUse,
    Item,
    Name,
    RelationUse,
    TypeUse,
    Use,
    name_of,
    of_relation,
    outputs,
    qualified,
    strings,
    type_use,
    uses,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration_guard.linter.order.simulation import Simulation

# Extensions of PostgreSQL's own contrib, and pgvector, that make no table.
_HARMLESS_EXTENSIONS = frozenset(
    """
    amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn
    earthdistance file_fdw fuzzystrmatch hstore insert_username intagg intarray isn lo ltree
    moddatetime pageinspect pg_buffercache pg_freespacemap pg_prewarm pg_stat_statements
    pg_trgm pg_visibility pgcrypto pgrowlocks pgstattuple plpgsql postgres_fdw refint seg
    sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp vector xml2
    """.split()  # noqa: SIM905
)
_HARMLESS_FUNCTIONS = frozenset(
    {"nextval", "currval", "setval", "set_config", "current_setting", "to_regclass", "pg_sleep"}
)
_RELATIONS = {
    "TABLE": "table",
    "VIEW": "view",
    "MATVIEW": "materialized view",
    "SEQUENCE": "sequence",
    "INDEX": "index",
    "FOREIGN_TABLE": "foreign table",
}
_ON_A_TABLE = frozenset({"TRIGGER", "POLICY", "RULE", "TABCONSTRAINT"})
_TYPES = frozenset({"TYPE", "DOMAIN"})


def run(sim: Simulation, kind: str, node: Any) -> None:
    """Take one statement."""
    handler = _HANDLERS.get(kind)
    if handler is not None:
        handler(sim, node)


# Queries and data


def _query(sim: Simulation, node: Any) -> None:
    sim.need(uses(node))


def _select(sim: Simulation, node: Any) -> None:
    found = uses(node)
    sim.need(found)
    for use in found:
        if isinstance(use, CallUse):
            _called(sim, use)
    first = node
    while first.HasField("larg"):
        first = first.larg
    if first.HasField("into_clause"):
        _table_of_query(sim, first.into_clause, node, "table", if_not_exists=False)


def _called(sim: Simulation, use: CallUse) -> None:
    """Take a call that may change more than data."""
    if use.name == "set_config" and use.words[:1] == (SEARCH_PATH,):
        path = configured(sim.text)
        sim.catalogue.path = path if path is not None else sim.catalogue.path
    elif use.words and use.name not in sim.functions and use.name not in _HARMLESS_FUNCTIONS:
        # An extension's function may make what its arguments name (AddGeometryColumn).
        sim.doubt(" ".join(use.words), "")


def _copy(sim: Simulation, node: Any) -> None:
    sim.need(uses(node.query))
    if node.HasField("relation"):
        table = sim.relation(name_of(node.relation), node.relation.location)
        for column in strings(node.attlist):
            if table is not None:
                sim.column(table, column, node.relation.location)


def _relations(sim: Simulation, node: Any) -> None:
    """Take a statement that needs all relations it names and changes nothing."""
    sim.need(use for use in uses(node) if not isinstance(use, CallUse))


# Making


def _create_foreign_table(sim: Simulation, node: Any) -> None:
    tables.create(sim, node.base_stmt, "foreign table")


def _create_table_as(sim: Simulation, node: Any) -> None:
    kind = _RELATIONS.get(object_type(node.objtype), "table")
    into = node.into
    before = sim.catalogue.find(name_of(into.rel))
    sim.need(uses(node.query))
    if not (node.if_not_exists and before is not None and before.sure):
        _table_of_query(sim, into, node.query.select_stmt, kind, if_not_exists=node.if_not_exists)


def _table_of_query(
    sim: Simulation, into: Any, query: Any, kind: str, *, if_not_exists: bool
) -> None:
    temporary = into.rel.relpersistence == "t"
    columns = _columns(sim, query, strings(into.col_names))
    made = sim.make(name_of(into.rel), kind, if_not_exists=if_not_exists, temporary=temporary)
    _fill(sim, made, columns)
    if kind == "materialized view":
        _reads(sim, made, query)


def _columns(sim: Simulation, query: Any, names: list[str]) -> list[str] | None:
    """Return the columns of a query's result under these names; None where they are not known."""
    given = outputs(query)
    columns: list[str] = []
    for each in given or ():
        if isinstance(each, Item):
            source = sim.catalogue.find(each.relation) if each.relation else None
            if source is None or source.is_open or source.is_doubtful:
                return None
            columns += source.columns
        else:
            columns.append(each)
    return None if given is None else [*names, *columns[len(names) :]]


def _fill(sim: Simulation, made: Relation, columns: list[str] | None) -> None:
    made.is_open |= columns is None
    for column in columns or ():
        sim.catalogue.add_column(made, column, sim.place(), plain=False)


def _reads(sim: Simulation, view: Relation, query: Any) -> None:
    for use in uses(query):
        name = getattr(use, "name", None)
        source = sim.catalogue.find(name) if isinstance(name, Name) else None
        if source is not None:
            source.readers.append(view)
        elif isinstance(use, RelationUse):
            view.sure = False  # a CASCADE of what is not known may take it along


def _create_view(sim: Simulation, node: Any) -> None:
    sim.need(uses(node.query))
    query, temporary = node.query.select_stmt, node.view.relpersistence == "t"
    columns = _columns(sim, query, strings(node.aliases))
    made = sim.make(name_of(node.view), "view", if_not_exists=node.replace, temporary=temporary)
    _fill(sim, made, columns)
    _reads(sim, made, query)


def _create_index(sim: Simulation, node: Any) -> None:
    name = name_of(node.relation)
    table = sim.relation(name, node.relation.location)
    elements = [each.index_elem for each in (*node.index_params, *node.index_including_params)]
    columns = [element.name for element in elements if element.name]
    found = [use for part in (*elements, node.where_clause) for use in _within(part, name)]
    sim.need(found)
    if table is None:
        # If the table is there all the same, the index is now.
        sim.catalogue.doubt(frozenset({node.idxname}), sim.place())
        home = sim.catalogue.home(Name(node.relation.schemaname, node.idxname))
        sim.catalogue.note(home, sim.place(), plain=not node.if_not_exists)
        return
    for column in columns:
        sim.column(table, column, node.relation.location)
    if not node.idxname:
        parts = [element.name or "expr" for element in elements]
        tables.owned(sim, table, "_".join((table.key.name, *parts, "idx")), "index")
        return
    index = Name(table.key.schema, node.idxname)
    there = sim.catalogue.home(index) in sim.catalogue.relations
    made = sim.make(index, "index", if_not_exists=node.if_not_exists)
    made.is_open = True
    if there and node.if_not_exists:
        return  # it may be another table's
    # What it is built on: it goes when one of these does.
    columns += [use.column for use in found if isinstance(use, ColumnUse)]
    made.columns = dict.fromkeys(columns, True)
    table.owned.append(made)


def _within(part: Any, table: Name) -> list[Use]:
    """Return what an element or the condition of an index needs."""
    return uses(part, of_relation(table))


def _create_sequence(sim: Simulation, node: Any) -> None:
    made = sim.make(
        name_of(node.sequence),
        "sequence",
        if_not_exists=node.if_not_exists,
        temporary=node.sequence.relpersistence == "t",
    )
    made.is_open = True
    _owned_by(sim, node, made)


def _alter_sequence(sim: Simulation, node: Any) -> None:
    location = node.sequence.location
    name = name_of(node.sequence)
    found = sim.relation(name, location, "sequence", missing_ok=node.missing_ok)
    if found is not None:
        _owned_by(sim, node, found)


def _owned_by(sim: Simulation, node: Any, sequence: Relation) -> None:
    for option in node.options:
        if option.def_elem.defname == "owned_by":
            names = strings(option.def_elem.arg.list.items)
            if len(names) > 1:
                table = sim.relation(qualified(names[:-1]), 0)
                if table is not None:
                    sim.column(table, names[-1], 0)
                    table.owned.append(sequence)
                    sequence.columns = {names[-1]: True}


def _create_type(sim: Simulation, names: list[str]) -> None:
    name = qualified(names)
    sim.schema(name.schema)
    key = sim.catalogue.home(name, "type")
    sim.clash_type(name, key)
    sim.catalogue.note(key, sim.place(), plain=True)
    sim.catalogue.types[key] = sim.place()


def _create_enum(sim: Simulation, node: Any) -> None:
    _create_type(sim, strings(node.type_name))


def _create_domain(sim: Simulation, node: Any) -> None:
    base = type_use(node.type_name)
    sim.need(base)
    names = strings(node.domainname)
    _create_type(sim, names)
    if any(isinstance(use, TypeUse) and use.name.name not in BUILTIN_TYPES for use in base):
        # The CASCADE of another type may take it along.
        sim.catalogue.types[sim.catalogue.home(qualified(names), "type")] = None


def _define(sim: Simulation, node: Any) -> None:
    if object_type(node.kind) == "TYPE":
        key = sim.catalogue.home(qualified(strings(node.defnames)), "type")
        sim.catalogue.note(key, sim.place(), plain=False)
        sim.catalogue.types[key] = None
    elif object_type(node.kind) == "AGGREGATE":
        sim.define(strings(node.defnames)[-1], "")


def _create_composite(sim: Simulation, node: Any) -> None:
    for column in node.coldeflist:
        sim.need(type_use(column.column_def.type_name))
    made = sim.make(name_of(node.typevar), "type")
    sim.catalogue.note(made.key._replace(what="type"), sim.place(), plain=True)
    for column in node.coldeflist:
        sim.catalogue.add_column(made, column.column_def.colname, sim.place(), plain=True)


def _create_schema(sim: Simulation, node: Any) -> None:
    name = node.schemaname or node.authrole.rolename
    sim.catalogue.schemas.add(name)
    sim.catalogue.note(Key("schema", name, name), sim.place(), plain=not node.if_not_exists)
    before, sim.catalogue.path = sim.catalogue.path, (name, *sim.catalogue.path)
    for element in node.schema_elts:
        kind = element.WhichOneof("node")
        run(sim, kind, getattr(element, kind))
    sim.catalogue.path = before


def _create_trigger(sim: Simulation, node: Any) -> None:
    table = sim.relation(name_of(node.relation), node.relation.location)
    for column in strings(node.columns):
        if table is not None:
            sim.column(table, column, node.relation.location)
    sim.call(CallUse(strings(node.funcname)[-1], ()))


def _create_function(sim: Simulation, node: Any) -> None:
    bodies = [
        text
        for option in node.options
        if option.def_elem.defname == "as"
        for text in strings(option.def_elem.arg.list.items)
    ]
    sim.define(strings(node.funcname)[-1], " ".join(bodies))


def _create_policy(sim: Simulation, node: Any) -> None:
    name = name_of(node.table)
    sim.relation(name, node.table.location)
    sim.need(uses(node.qual, of_relation(name)))
    sim.need(uses(node.with_check, of_relation(name)))


def _rule(sim: Simulation, node: Any) -> None:
    sim.relation(name_of(node.relation), node.relation.location)


# Renaming


def _rename(sim: Simulation, node: Any) -> None:
    kind = object_type(node.rename_type)
    if kind in _RELATIONS:
        _rename_relation(sim, node, _RELATIONS[kind])
    elif kind in {"COLUMN", "ATTRIBUTE"}:
        _rename_column(sim, node)
    elif kind in _TYPES:
        _rename_type(sim, node)
    elif kind == "SCHEMA":
        _rename_schema(sim, node)
    elif kind == "TABCONSTRAINT":
        table = sim.relation(
            name_of(node.relation), node.relation.location, missing_ok=node.missing_ok
        )
        if table is not None:
            tables.owned(sim, table, node.newname, "index")
    elif kind in _ON_A_TABLE:
        sim.relation(name_of(node.relation), node.relation.location, missing_ok=node.missing_ok)


def _rename_relation(sim: Simulation, node: Any, what: str) -> None:
    relation = sim.relation(
        name_of(node.relation), node.relation.location, what, missing_ok=node.missing_ok
    )
    if relation is not None:
        _move(sim, relation, relation.key._replace(name=node.newname))
    else:
        sim.perhaps_renamed(name_of(node.relation), node.newname)
        sim.catalogue.note(
            sim.catalogue.home(Name(node.relation.schemaname, node.newname)),
            sim.place(),
            plain=True,
        )


def _move(sim: Simulation, relation: Relation, key: Key) -> None:
    there = sim.catalogue.relations.get(key)
    if there is not None:
        sim.clash(there.kind, key.name, there)
    sim.catalogue.move(relation, key, sim.place())


def _rename_column(sim: Simulation, node: Any) -> None:
    table = sim.relation(name_of(node.relation), node.relation.location, missing_ok=node.missing_ok)
    if table is None:
        sim.ghost(name_of(node.relation), node.newname)
        return
    if table.columns.get(node.newname):
        sim.clash("column", f"{table.key.name}.{node.newname}", table, node.newname)
    sim.column(table, node.subname, node.relation.location)
    sim.catalogue.removals[column_key(table, node.subname)].append(sim.place())
    if not sim.catalogue.flat:
        table.columns.pop(node.subname, None)
    sim.catalogue.add_column(table, node.newname, sim.place(), plain=True)


def _rename_type(sim: Simulation, node: Any) -> None:
    name = object_name(node.object)
    sim.type(name, 0)
    key = sim.catalogue.find_type(name)
    if key is not None:
        _move_type(sim, key, key._replace(name=node.newname))
    else:
        sim.perhaps_renamed(name, node.newname, "type")
        missing = sim.catalogue.home(Name(name.schema, node.newname), "type")
        sim.catalogue.note(missing, sim.place(), plain=True)


def _move_type(sim: Simulation, key: Key, to: Key) -> None:
    if key.what == "relation":
        _move(sim, sim.catalogue.relations[key], to._replace(what="relation"))
        return
    sim.clash_type(Name(to.schema, to.name), to)
    made = sim.catalogue.types[key]
    _drop_type_at(sim, key)
    sim.catalogue.types[to] = sim.place() if made is not None else None
    sim.catalogue.note(to, sim.place(), plain=True)


def _rename_schema(sim: Simulation, node: Any) -> None:
    sim.schema(node.subname)
    sim.catalogue.schemas.add(node.newname)
    sim.catalogue.note(Key("schema", node.newname, node.newname), sim.place(), plain=True)
    if sim.catalogue.flat:
        return
    sim.catalogue.schemas.discard(node.subname)
    for relation in list(sim.catalogue.relations.values()):
        if relation.key.schema == node.subname:
            _move(sim, relation, relation.key._replace(schema=node.newname))
    for key in [key for key in sim.catalogue.types if key.schema == node.subname]:
        _move_type(sim, key, key._replace(schema=node.newname))


def _set_schema(sim: Simulation, node: Any) -> None:
    kind = object_type(node.object_type)
    sim.schema(node.newschema)
    if kind in _RELATIONS:
        relation = sim.relation(
            name_of(node.relation),
            node.relation.location,
            _RELATIONS[kind],
            missing_ok=node.missing_ok,
        )
        if relation is not None and relation.key.schema == node.newschema:
            return
        if relation is not None and not sim.catalogue.flat:
            _move(sim, relation, relation.key._replace(schema=node.newschema))
            for each in relation.owned:
                sim.catalogue.move(each, each.key._replace(schema=node.newschema), sim.place())
        elif relation is None:
            sim.catalogue.attempt(name_of(node.relation), sim.place())
            missing = sim.catalogue.home(Name(node.newschema, name_of(node.relation).name))
            sim.catalogue.note(missing, sim.place(), plain=False)  # it may be there already
    elif kind in _TYPES:
        name = object_name(node.object)
        sim.type(name, 0)
        key = sim.catalogue.find_type(name)
        if key is not None and not sim.catalogue.flat and key.schema != node.newschema:
            _move_type(sim, key, key._replace(schema=node.newschema))


# Removing


def _drop(sim: Simulation, node: Any) -> None:
    kind = object_type(node.remove_type)
    for each in node.objects:
        if kind in _RELATIONS:
            _drop_relation(sim, node, object_name(each), _RELATIONS[kind])
        elif kind in _TYPES:
            _drop_type(sim, node, object_name(each))
        elif kind in _ON_A_TABLE:
            if not node.missing_ok:
                sim.relation(qualified(parts(each)[:-1]), 0)
        elif kind == "SCHEMA":
            _drop_schema(sim, node, parts(each)[-1])
    if cascades(node.behavior) and kind not in _RELATIONS:
        sim.catalogue.doubt_dependents()


def _drop_relation(sim: Simulation, node: Any, name: Name, what: str) -> None:
    relation = sim.catalogue.find(name) if node.missing_ok else sim.relation(name, 0, what)
    if relation is None:
        sim.catalogue.attempt(name, sim.place())
        if cascades(node.behavior):
            sim.catalogue.doubt_dependents()
        return
    if cascades(node.behavior):
        sim.catalogue.remove_cascade(relation, sim.place())
    else:
        sim.catalogue.remove(relation, sim.place())


def _drop_type(sim: Simulation, node: Any, name: Name) -> None:
    if not node.missing_ok:
        sim.type(name, 0)
    key = sim.catalogue.find_type(name)
    if key is None:
        sim.catalogue.attempt(name, sim.place(), "type")
        return
    if key.what == "relation":
        sim.catalogue.remove(sim.catalogue.relations[key], sim.place())
    _drop_type_at(sim, key._replace(what="type"))


def _drop_type_at(sim: Simulation, key: Key) -> None:
    sim.catalogue.removals[key].append(sim.place())
    if not sim.catalogue.flat:
        sim.catalogue.types.pop(key, None)


def _drop_schema(sim: Simulation, node: Any, name: str) -> None:
    if not node.missing_ok:
        sim.schema(name)
    sim.catalogue.removals[Key("schema", name, name)].append(sim.place())
    if sim.catalogue.flat:
        return
    sim.catalogue.schemas.discard(name)
    for relation in list(sim.catalogue.relations.values()):
        if relation.key.schema == name:
            sim.catalogue.remove_cascade(relation, sim.place())
    for key in [key for key in sim.catalogue.types if key.schema == name]:
        _drop_type_at(sim, key)


# Naming only


def _comment(sim: Simulation, node: Any) -> None:
    kind, names = object_type(node.objtype), parts(node.object)
    if kind in _RELATIONS:
        sim.relation(qualified(names), 0, _RELATIONS[kind])
    elif kind == "COLUMN" and len(names) > 1:
        table = sim.relation(qualified(names[:-1]), 0)
        if table is not None:
            sim.column(table, names[-1], 0)
    elif kind in _TYPES:
        sim.type(qualified(names), 0)
    elif kind in _ON_A_TABLE:
        sim.relation(qualified(names[:-1]), 0)
    elif kind == "SCHEMA":
        sim.schema(names[-1])


def _grant(sim: Simulation, node: Any) -> None:
    for each in node.objects:
        if each.HasField("range_var"):
            sim.relation(name_of(each.range_var), each.range_var.location)
        elif object_type(node.objtype) == "SCHEMA":
            sim.schema(each.string.sval)


def _alter_enum(sim: Simulation, node: Any) -> None:
    sim.type(qualified(strings(node.type_name)), 0)


# Not known


def _do(sim: Simulation, node: Any) -> None:
    texts = [arg.def_elem.arg.string.sval for arg in node.args]
    sim.doubt(" ".join(texts), "a DO block")


def _call(sim: Simulation, node: Any) -> None:
    name = strings(node.funccall.funcname)[-1]
    if name not in sim.functions and name not in sim.function_names:
        sim.doubt_all(f"the procedure {name}()")
    sim.need(uses(node))


def _extension(sim: Simulation, node: Any) -> None:
    if node.extname not in _HARMLESS_EXTENSIONS:
        sim.doubt_all(f"the extension {node.extname}")


def _import(sim: Simulation, _node: Any) -> None:
    sim.doubt_all("IMPORT FOREIGN SCHEMA")


def _execute(sim: Simulation, _node: Any) -> None:
    sim.doubt_all("EXECUTE of a prepared statement")


def _drop_owned(sim: Simulation, _node: Any) -> None:
    sim.catalogue.doubt(None, sim.place())


def _set(sim: Simulation, node: Any) -> None:
    if node.name == SEARCH_PATH:
        path = read(node)
        sim.catalogue.path = path if path is not None else sim.catalogue.path


_HANDLERS: dict[str, Callable[[Simulation, Any], None]] = {
    "create_stmt": tables.create,
    "create_foreign_table_stmt": _create_foreign_table,
    "alter_table_stmt": tables.alter,
    "create_table_as_stmt": _create_table_as,
    "select_stmt": _select,
    "insert_stmt": _query,
    "update_stmt": _query,
    "delete_stmt": _query,
    "merge_stmt": _query,
    "copy_stmt": _copy,
    "view_stmt": _create_view,
    "index_stmt": _create_index,
    "create_seq_stmt": _create_sequence,
    "alter_seq_stmt": _alter_sequence,
    "create_enum_stmt": _create_enum,
    "create_range_stmt": _create_enum,
    "create_domain_stmt": _create_domain,
    "composite_type_stmt": _create_composite,
    "define_stmt": _define,
    "create_schema_stmt": _create_schema,
    "create_trig_stmt": _create_trigger,
    "create_function_stmt": _create_function,
    "create_policy_stmt": _create_policy,
    "alter_policy_stmt": _create_policy,
    "rule_stmt": _rule,
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _set_schema,
    "drop_stmt": _drop,
    "comment_stmt": _comment,
    "grant_stmt": _grant,
    "alter_enum_stmt": _alter_enum,
    "truncate_stmt": _relations,
    "lock_stmt": _relations,
    "vacuum_stmt": _relations,
    "cluster_stmt": _relations,
    "refresh_mat_view_stmt": _relations,
    "create_stats_stmt": _relations,
    "explain_stmt": _relations,
    "do_stmt": _do,
    "call_stmt": _call,
    "create_extension_stmt": _extension,
    "import_foreign_schema_stmt": _import,
    "execute_stmt": _execute,
    "drop_owned_stmt": _drop_owned,
    "variable_set_stmt": _set,
}
