"""What throwaway databases are there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from migration_guard.fresh.host import PREFIX
from migration_guard.template_databases.shelf import TEMPLATE_PREFIX

_LISTING = {
    "postgresql": "SELECT datname FROM pg_database",
    "mysql": "SELECT schema_name FROM information_schema.schemata",
}


def named_so(database, *prefixes):
    """Return the databases on this server (or in the temporary folder) with such a name."""
    if database.vendor == "sqlite":
        names = [path.name for path in Path(tempfile.gettempdir()).iterdir()]
    else:
        names = [row[0] for row in database.execute(_LISTING[database.vendor])]
    return sorted(name for name in names if name.startswith(prefixes))


def throwaways(database):
    """Return all databases that a run should have dropped, and what lies beside them."""
    return named_so(database, PREFIX)


def templates(database):
    """Return the template databases."""
    return named_so(database, TEMPLATE_PREFIX)


def make_leftover(database, name, tables=("old",)):
    """Make what a killed run leaves behind."""
    if database.vendor == "sqlite":
        folder = Path(tempfile.gettempdir()) / name
        folder.mkdir()
        (folder / "db.sqlite3").write_bytes(b"")
        (folder.parent / f"{name}.lock").write_bytes(b"")
    else:
        quote = {"postgresql": '"', "mysql": "`"}[database.vendor]
        database.execute(f"CREATE DATABASE {quote}{name}{quote}")
