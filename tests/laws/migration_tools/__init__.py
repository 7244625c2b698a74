"""Other migration tools, run for real: their programs, and one migration in each one's form."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import fasteners
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.servers import Database

HERE = Path(__file__).parent
INSTALLING = 600  # seconds


def install_packages(folder: Path) -> Path:
    """Install the packages of `package.json` once, and return their folder; else skip the test."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node.js and npm are not installed")
    listed = (HERE / "package.json").read_bytes()
    stamp = folder / f"{hashlib.sha256(listed).hexdigest()[:16]}.installed"
    # Tests run in several processes.
    with fasteners.InterProcessLock(folder / "lock"):
        for script in HERE.glob("*.*js*"):
            shutil.copy(script, folder)
        if not stamp.exists():
            # Scripts of packages would download more.
            command = [
                "npm",
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--no-package-lock",
            ]
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=INSTALLING, check=False
            )
            if done.returncode:
                pytest.skip(f"npm could not install the tools: {done.stderr[-300:]}")
            stamp.touch()
    return folder


@dataclass(frozen=True)
class Tool:
    """A tool: how it lays out files and applies them.

    `write` takes the folder and texts in order, `apply` the packages' folder, the folder and the
    database. `name` is what `--from` takes, `table` where its history is.
    """

    name: str
    table: str
    write: Callable[[Path, Sequence[str]], None]
    apply: Callable[[Path, Path, Database], None]
    alone: Callable[[str], str] | None = None  # the text of a file that runs outside a transaction


def run(packages: Path, *command: str, **environment: str) -> None:
    """Run a program of the packages."""
    done = subprocess.run(
        command, cwd=packages, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _names(texts: Sequence[str], pattern: str) -> list[tuple[str, str]]:
    return [(pattern.format(number), text) for number, text in enumerate(texts, start=1)]


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def _write_prisma(folder: Path, texts: Sequence[str]) -> None:
    for name, text in _names(texts, "202401010000{:02}_step"):
        _put(folder / name / "migration.sql", text)


def _apply_prisma(packages: Path, folder: Path, database: Database) -> None:
    run(packages, "node", "prisma.mjs", "apply", str(folder), database.url)


def _in_parts(text: str) -> str:
    # Without the semicolon in between, as a person may write it.
    return text.replace(";\n\n", "\n--> statement-breakpoint\n")


def _write_drizzle(folder: Path, texts: Sequence[str]) -> None:
    entries = []
    for number, (name, text) in enumerate(_names(texts, "{:04}_step")):
        _put(folder / f"{name}.sql", _in_parts(text))
        when = 1700000000000 + 1000 * number
        entries.append(
            {"idx": number, "version": "7", "when": when, "tag": name, "breakpoints": True}
        )
    journal = {"version": "7", "dialect": "postgresql", "entries": entries}
    _put(folder / "meta/_journal.json", json.dumps(journal))


def _write_drizzle_1(folder: Path, texts: Sequence[str]) -> None:
    for name, text in _names(texts, "202401010000{:02}_step"):
        _put(folder / name / "migration.sql", _in_parts(text))


def _apply_drizzle(package: str) -> Callable[[Path, Path, Database], None]:
    def apply(packages: Path, folder: Path, database: Database) -> None:
        run(packages, "node", "drizzle.mjs", package, str(folder), database.url)

    return apply


def _write_supabase(folder: Path, texts: Sequence[str]) -> None:
    _put(folder.parent / "config.toml", 'project_id = "x"\n')
    for name, text in _names(texts, "202401010000{:02}_step.sql"):
        _put(folder / name, text)


def _apply_supabase(packages: Path, folder: Path, database: Database) -> None:
    program = str(packages / "node_modules/.bin/supabase")
    url = f"{database.url}?sslmode=disable"
    command = [
        program,
        "db",
        "push",
        "--yes",
        "--db-url",
        url,
        "--workdir",
        str(folder.parent.parent),
    ]
    run(packages, *command, SUPABASE_TELEMETRY_DISABLED="1", DO_NOT_TRACK="1")


def _write_node_pg_migrate(folder: Path, texts: Sequence[str]) -> None:
    for name, text in _names(texts, "17000000000{:02}_step.sql"):
        _put(folder / name, f"-- Up Migration\n{text}\n-- Down Migration\nSELECT 1;\n")


def _apply_node_pg_migrate(packages: Path, folder: Path, database: Database) -> None:
    program = str(packages / "node_modules/.bin/node-pg-migrate")
    run(packages, program, "up", "--migrations-dir", str(folder), DATABASE_URL=database.url)


def _write_graphile_migrate(folder: Path, texts: Sequence[str]) -> None:
    previous = ""
    for name, text in _names(texts, "{:06}.sql"):
        hashed = f"{previous}\n{text.strip()}".strip() + "\n"
        digest = hashlib.sha1(hashed.encode(), usedforsecurity=False).hexdigest()
        header = f"--! Previous: {previous or '-'}\n--! Hash: sha1:{digest}\n"
        _put(folder / "committed" / name, f"{header}\n{text.strip()}\n")
        previous = f"sha1:{digest}"
    _put(folder / "current.sql", "-- Enter migration here\n")


def _apply_graphile_migrate(packages: Path, folder: Path, database: Database) -> None:
    program = str(packages / "node_modules/.bin/graphile-migrate")
    settings = {"connectionString": database.url, "migrationsFolder": str(folder)}
    _put(folder.parent / "gmrc.json", json.dumps(settings))
    run(packages, program, "migrate", "--config", str(folder.parent / "gmrc.json"))


def _write_sql_migrate(folder: Path, texts: Sequence[str]) -> None:
    for name, text in _names(texts, "{}_step.sql"):
        option = " notransaction" if "CONCURRENTLY" in text else ""
        body = f"-- +migrate StatementBegin\n{text.strip()}\n-- +migrate StatementEnd"
        _put(folder / name, f"-- +migrate Up{option}\n{body}\n-- +migrate Down\nSELECT 1;\n")


def _apply_sql_migrate(_packages: Path, folder: Path, database: Database) -> None:
    # By the socket: its old driver refuses the few rounds of hashing of a test server.
    ((sockets,),) = database.execute("SHOW unix_socket_directories")
    at = database.settings
    source = f"host={sockets} port={at['PORT']} user={at['USER']} password={at['PASSWORD']}"
    config = folder.parent / "dbconfig.yml"
    config.write_text(
        "development:\n  dialect: postgres\n"
        f"  datasource: {source} dbname={at['NAME']} sslmode=disable\n  dir: {folder}\n"
    )
    run(folder, "sql-migrate", "up", f"-config={config}")


TOOLS = {
    "prisma": Tool("prisma", "_prisma_migrations", _write_prisma, _apply_prisma, str),
    "drizzle": Tool(
        "drizzle", "drizzle.__drizzle_migrations", _write_drizzle, _apply_drizzle("drizzle-orm")
    ),
    "drizzle 1.0": Tool(
        "drizzle", "drizzle.__drizzle_migrations", _write_drizzle_1, _apply_drizzle("drizzle-orm-1")
    ),
    "supabase": Tool(
        "supabase", "supabase_migrations.schema_migrations", _write_supabase, _apply_supabase
    ),
    "node-pg-migrate": Tool(
        "node-pg-migrate", "pgmigrations", _write_node_pg_migrate, _apply_node_pg_migrate
    ),
    "graphile-migrate": Tool(
        "graphile-migrate",
        "graphile_migrate.migrations",
        _write_graphile_migrate,
        _apply_graphile_migrate,
        lambda text: f"--! no-transaction\n{text}",
    ),
    "sql-migrate": Tool(
        "sql-migrate", "gorp_migrations", _write_sql_migrate, _apply_sql_migrate, str
    ),
}
