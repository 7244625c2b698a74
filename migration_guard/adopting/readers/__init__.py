"""The readers of other tools by name. A module is imported when its tool is asked for.

Each module has ``TOOL``, a ForeignTool.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Final

from migration_guard.adopting.tool import ForeignTool

# The name that ``--from`` takes, and the module.
MODULES: Final = {
    "database": "database",
    "dbmate": "dbmate",
    "diesel": "diesel",
    "django": "django",
    "drizzle": "drizzle",
    "flyway": "flyway",
    "golang-migrate": "golang_migrate",
    "goose": "goose",
    "graphile-migrate": "graphile_migrate",
    "node-pg-migrate": "node_pg_migrate",
    "prisma": "prisma",
    "sql-migrate": "sql_migrate",
    "sqlx": "sqlx",
    "supabase": "supabase",
    "table": "table",
}


def load(name: str, columns: Sequence[str] = ()) -> ForeignTool:
    """Return the reader of a tool that is in MODULES; ``columns`` are those of a team's table."""
    module = import_module(f"{__name__}.{MODULES[name]}")
    tool: ForeignTool = module.tool_of(columns) if columns else module.TOOL
    return tool
