"""Run one statement on the simulation: the table of handlers, and the small ones.

A handler takes the parse node, checks what the statement needs and applies what it does. A kind of
statement without a handler changes nothing that the simulation knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from migration_guard.linter.order import (
    alterations,
    constraints,
    creations,
    drops,
    parts,
    queries,
    renames,
    routines,
    tables,
)
from migration_guard.linter.order.enumerations import (
    PART_KINDS,
    RELATION_KINDS,
    ROUTINE_KINDS,
    TYPE_KINDS,
    object_type,
)
from migration_guard.linter.order.keys import Key
from migration_guard.linter.order.names import (
    Name,
    identifiers,
    name_of,
    object_name,
    qualified_name,
    strings,
)
from migration_guard.linter.order.search_path import SEARCH_PATH, path_of_set
from migration_guard.linter.order.use_kinds import CallUse
from migration_guard.linter.order.uses import uses

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration_guard.linter.order.simulation import Simulation

# Extensions of PostgreSQL's own contrib, and pgvector, that make no table.
_HARMLESS_EXTENSIONS: Final = frozenset(
    """
    amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn
    earthdistance file_fdw fuzzystrmatch hstore insert_username intagg intarray isn lo ltree
    moddatetime pageinspect pg_buffercache pg_freespacemap pg_prewarm pg_stat_statements
    pg_trgm pg_visibility pgcrypto pgrowlocks pgstattuple plpgsql postgres_fdw refint seg
    sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp vector xml2
    """.split()  # noqa: SIM905
)


def run(sim: Simulation, kind: str, node: Any) -> None:
    """Check and apply one statement of a kind (``create_stmt``)."""
    handler = _HANDLERS.get(kind)
    if handler is not None:
        handler(sim, node)


# Schemas and settings


def _create_schema(sim: Simulation, node: Any) -> None:
    name = node.schemaname or node.authrole.rolename
    sim.catalogue.schemas.add(name)
    key = Key("schema", name, name)
    sim.catalogue.record_making(key, sim.place(), plain=not node.if_not_exists)
    before, sim.catalogue.path = sim.catalogue.path, (name, *sim.catalogue.path)
    for element in node.schema_elts:
        kind = element.WhichOneof("node")
        run(sim, kind, getattr(element, kind))
    sim.catalogue.path = before


def _set(sim: Simulation, node: Any) -> None:
    if node.name == SEARCH_PATH:
        path = path_of_set(node)
        sim.catalogue.path = path if path is not None else sim.catalogue.path
    elif node.name == "check_function_bodies":
        values = [arg.a_const.sval.sval for arg in node.args]
        sim.checks_bodies = values[:1] not in (["false"], ["off"], ["no"])


# Statements that only name objects


def _comment(sim: Simulation, node: Any) -> None:
    kind = object_type(node.objtype)
    if kind in ROUTINE_KINDS:
        sim.require_function(qualified_name(strings(node.object.object_with_args.objname)), 0)
        return
    names = identifiers(node.object)
    if kind in RELATION_KINDS:
        sim.require_relation(qualified_name(names), 0, RELATION_KINDS[kind])
    elif kind == "COLUMN" and len(names) > 1:
        table = sim.require_relation(qualified_name(names[:-1]), 0)
        if table is not None:
            sim.require_column(table, names[-1], 0)
    elif kind in TYPE_KINDS:
        sim.require_type(qualified_name(names), 0)
    elif kind in PART_KINDS:
        table = sim.require_relation(qualified_name(names[:-1]), 0)
        if table is not None and kind == "TABCONSTRAINT":
            constraints.require(sim, table, names[-1])
        elif table is not None:
            sim.require_part(table, PART_KINDS[kind], names[-1])
    elif kind == "SCHEMA":
        sim.require_schema(names[-1])


def _grant(sim: Simulation, node: Any) -> None:
    sim.require_roles(node.grantees)
    for granted in node.objects:
        if granted.HasField("range_var"):
            sim.require_relation(name_of(granted.range_var), granted.range_var.location)
        elif object_type(node.objtype) == "SCHEMA":
            sim.require_schema(granted.string.sval)
        elif granted.HasField("object_with_args"):
            sim.require_function(qualified_name(strings(granted.object_with_args.objname)), 0)


def _create_role(sim: Simulation, node: Any) -> None:
    sim.catalogue.add_object(Key("role", "", node.role), "", sim.place(), plain=True)


def _alter_function(sim: Simulation, node: Any) -> None:
    sim.require_function(qualified_name(strings(node.func.objname)), 0)


def _alter_owner(sim: Simulation, node: Any) -> None:
    kind = object_type(node.object_type)
    if node.newowner.rolename:
        sim.require_object("role", Name("", node.newowner.rolename))
    if kind in ROUTINE_KINDS:
        sim.require_function(qualified_name(strings(node.object.object_with_args.objname)), 0)
    elif kind in TYPE_KINDS:
        sim.require_type(object_name(node.object), 0)
    elif kind == "SCHEMA":
        sim.require_schema(node.object.string.sval)


# Statements of unknown effect


def _call(sim: Simulation, node: Any) -> None:
    name = qualified_name(strings(node.funccall.funcname))
    sim.require_function(name, node.funccall.location)
    if name.name not in sim.functions:
        sim.doubt_all(f"the procedure {name.name}()")
    sim.require(use for use in uses(node) if not isinstance(use, CallUse))
    routines.call(sim, CallUse(name.name, (), name.schema))


def _create_extension(sim: Simulation, node: Any) -> None:
    if node.extname not in _HARMLESS_EXTENSIONS:
        sim.doubt_all(f"the extension {node.extname}")
    sim.create_extension(node.extname, _schema_of(node), plain=not node.if_not_exists)


def _schema_of(node: Any) -> str:
    """Return the schema that CREATE EXTENSION names, or an empty text."""
    options = (option.def_elem for option in node.options)
    return next((o.arg.string.sval for o in options if o.defname == "schema"), "")


def _import_foreign_schema(sim: Simulation, _node: Any) -> None:
    sim.doubt_all("IMPORT FOREIGN SCHEMA")


def _execute(sim: Simulation, _node: Any) -> None:
    sim.doubt_all("EXECUTE of a prepared statement")


_HANDLERS: Final[dict[str, Callable[[Simulation, Any], None]]] = {
    "create_stmt": tables.create,
    "create_foreign_table_stmt": creations.create_foreign_table,
    "alter_table_stmt": alterations.alter,
    "create_table_as_stmt": queries.create_table_as,
    "select_stmt": queries.apply_select,
    "insert_stmt": queries.check_query,
    "update_stmt": queries.check_query,
    "delete_stmt": queries.check_query,
    "merge_stmt": queries.check_query,
    "copy_stmt": queries.check_copy,
    "view_stmt": queries.create_view,
    "index_stmt": creations.create_index,
    "create_seq_stmt": creations.create_sequence,
    "alter_seq_stmt": creations.alter_sequence,
    "create_enum_stmt": creations.create_enum_or_range,
    "create_range_stmt": creations.create_enum_or_range,
    "create_domain_stmt": creations.create_domain,
    "composite_type_stmt": creations.create_composite_type,
    "define_stmt": creations.create_base_type_or_aggregate,
    "create_schema_stmt": _create_schema,
    "create_trig_stmt": parts.create_trigger,
    "create_function_stmt": routines.create,
    "create_policy_stmt": parts.create_policy,
    "alter_policy_stmt": parts.alter_policy,
    "rule_stmt": parts.create_rule,
    "rename_stmt": renames.rename,
    "alter_object_schema_stmt": renames.set_schema,
    "drop_stmt": drops.drop,
    "drop_owned_stmt": drops.drop_owned,
    "comment_stmt": _comment,
    "grant_stmt": _grant,
    "alter_enum_stmt": creations.alter_enum,
    "truncate_stmt": queries.check_relations,
    "lock_stmt": queries.check_relations,
    "vacuum_stmt": queries.check_relations,
    "cluster_stmt": queries.check_relations,
    "refresh_mat_view_stmt": queries.check_relations,
    "create_stats_stmt": queries.check_relations,
    "explain_stmt": queries.check_relations,
    "do_stmt": routines.do,
    "call_stmt": _call,
    "create_role_stmt": _create_role,
    "alter_function_stmt": _alter_function,
    "alter_owner_stmt": _alter_owner,
    "create_extension_stmt": _create_extension,
    "import_foreign_schema_stmt": _import_foreign_schema,
    "execute_stmt": _execute,
    "variable_set_stmt": _set,
}
