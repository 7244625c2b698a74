"""The search path as the settings and the statements of the migrations make it.

A name without a schema means something only on a known search path. If the path is not known, the
simulation ignores all schemas, compares bare names and removes nothing.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from migration_guard.linter.grammar import ParsedStatement

SearchPath: TypeAlias = tuple[str, ...] | None  # None: not known

SEARCH_PATH: Final = "search_path"


def is_ambiguous(statements: Iterable[ParsedStatement], path: SearchPath) -> bool:
    """Return True if the schema of a plain name is not known at some statement.

    That is so if a path is not known, or if no statement creates its first schema.
    """
    if path is None:
        return True
    created, first = {"public"}, set(path[:1])
    for parsed in statements:
        if parsed.kind == "create_schema_stmt":
            created.add(parsed.node.schemaname)
        elif parsed.kind in {"alter_role_set_stmt", "alter_database_set_stmt"}:
            if parsed.node.setstmt.name == SEARCH_PATH:
                return True
        elif parsed.kind == "variable_set_stmt" and parsed.node.name == SEARCH_PATH:
            schemas = path_of_set(parsed.node)
            if schemas is None:
                return True
            first.update(schemas[:1])
        elif SEARCH_PATH in parsed.statement.text and parsed.kind == "select_stmt":
            schemas = path_of_set_config(parsed.statement.text)
            if schemas is None:
                return True
            first.update(schemas[:1])
    return not first <= created


def path_of_set(node: Any) -> SearchPath:
    """Return the schemas of ``SET search_path``, the default for RESET and DEFAULT."""
    if not node.args:
        return ("public",)
    values = [arg.a_const.sval.sval for arg in node.args if arg.a_const.HasField("sval")]
    return _without_user(values) if len(values) == len(node.args) else None


def path_of_set_config(text: str) -> SearchPath:
    """Return the schemas of ``set_config('search_path', '…', …)`` in a statement."""
    parts = text.split("'")
    position = next((n for n, part in enumerate(parts) if part == SEARCH_PATH), None)
    if position is None or len(parts) <= position + 2 or parts[position + 1].strip() != ",":
        return None
    return _without_user(part.strip(' "') for part in parts[position + 2].split(","))


def path_of_options(options: str) -> SearchPath:
    """Return the schemas that libpq's ``options`` set (``-c search_path=a,b``)."""
    if SEARCH_PATH not in options:
        return ("public",)
    value = options.partition(SEARCH_PATH)[2].lstrip(" =").split(" ")[0]
    return _without_user(part.strip(" \"'") for part in value.split(",")) or None


def _without_user(schemas: Iterable[str]) -> tuple[str, ...]:
    return tuple(schema for schema in schemas if schema and schema != "$user")
