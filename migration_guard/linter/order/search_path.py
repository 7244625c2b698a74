"""What the migrations make of the search path.

A name without a schema means something only under a known search path. Where it is not known, the
simulation drops all schemas and compares bare names, and removes nothing.
"""

from collections.abc import Iterable
from typing import Any

from migration_guard.linter.grammar import Parsed

Setting = tuple[str, ...] | None  # None: not known

SEARCH_PATH = "search_path"


def is_flat(everything: Iterable[Parsed], path: Setting) -> bool:
    """Tell whether the search path is not known somewhere in these statements."""
    if path is None:
        return True
    created, first = {"public"}, set(path[:1])
    for one in everything:
        if one.kind == "create_schema_stmt":
            created.add(one.node.schemaname)
        elif one.kind in {"alter_role_set_stmt", "alter_database_set_stmt"}:
            if one.node.setstmt.name == SEARCH_PATH:
                return True
        elif one.kind == "variable_set_stmt" and one.node.name == SEARCH_PATH:
            schemas = read(one.node)
            if schemas is None:
                return True
            first.update(schemas[:1])
        elif SEARCH_PATH in one.statement.text and one.kind == "select_stmt":
            schemas = configured(one.statement.text)
            if schemas is None:
                return True
            first.update(schemas[:1])
    return not first <= created


def read(node: Any) -> Setting:
    """Return the schemas of ``SET search_path``; the default for RESET and DEFAULT."""
    if not node.args:
        return ("public",)
    values = [arg.a_const.sval.sval for arg in node.args if arg.a_const.HasField("sval")]
    return _without_user(values) if len(values) == len(node.args) else None


def configured(text: str) -> Setting:
    """Return the schemas of ``set_config('search_path', '…', …)``."""
    parts = text.split("'")
    at = next((n for n, part in enumerate(parts) if part == SEARCH_PATH), None)
    if at is None or len(parts) <= at + 2 or parts[at + 1].strip() != ",":
        return None
    return _without_user(part.strip(' "') for part in parts[at + 2].split(","))


def _without_user(schemas: Iterable[str]) -> tuple[str, ...]:
    return tuple(schema for schema in schemas if schema and schema != "$user")


def configured_for(options: str) -> Setting:
    """Return the schemas that libpq's ``options`` set (``-c search_path=a,b``)."""
    if SEARCH_PATH not in options:
        return ("public",)
    value = options.partition(SEARCH_PATH)[2].lstrip(" =").split(" ")[0]
    return _without_user(part.strip(" \"'") for part in value.split(",")) or None
