"""Tools without a reader, themselves: thirty migrations of theirs become one file, five are ours."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path

THEIRS, OURS = range(1, 31), range(31, 36)
STATEMENT = "CREATE TABLE shelf_{n} (id integer PRIMARY KEY, note varchar(20) DEFAULT 'a;b')"
ALEMBIC_ENV = """\
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.begin() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
ALEMBIC_FILE = """\
from alembic import op

revision, down_revision = {revision!r}, {previous!r}


def upgrade():
    op.execute({statement!r})
"""


class Tool(NamedTuple):
    """A tool of PyPI: its packages, how it runs, the key of its newest migration, its tables."""

    packages: tuple[str, ...]
    key: str
    tables: tuple[str, ...]


TOOLS = {
    "alembic": Tool(("alembic==1.18.4",), "r30", ("alembic_version",)),
    "yoyo": Tool(
        ("yoyo-migrations==9.0.0", "setuptools<81"),
        "m30",
        ("_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"),
    ),
}


@pytest.fixture(params=TOOLS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def packages(request: pytest.FixtureRequest, name: str) -> Path:
    """Install the tool once, beside the tests' own packages; skip where that cannot be."""
    folder = request.config.cache.mkdir(f"baseline-{name}")  # type: ignore[union-attr]
    if not any(folder.iterdir()):
        uv = shutil.which("uv")
        if uv is None:
            pytest.skip("uv is not installed")
        options = ["--python", sys.executable, "--target", str(folder)]
        command = [uv, "pip", "install", "-q", *options, *TOOLS[name].packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{name} could not be installed: {done.stderr[-300:]}")
    return folder


def run_alembic(packages: Path, folder: Path, database: Path, numbers: range) -> None:
    scripts = folder / "versions"
    scripts.mkdir(parents=True)
    (folder / "env.py").write_text(ALEMBIC_ENV)
    for n in numbers:
        previous = f"r{n - 1}" if n > 1 else None
        text = ALEMBIC_FILE.format(
            revision=f"r{n}", previous=previous, statement=STATEMENT.format(n=n)
        )
        (scripts / f"r{n}.py").write_text(text)
    ini = f"[alembic]\nscript_location = {folder}\nsqlalchemy.url = sqlite:///{database}\n"
    (folder / "alembic.ini").write_text(ini)
    run_python(packages, "-m", "alembic", "-c", str(folder / "alembic.ini"), "upgrade", "head")


def run_yoyo(packages: Path, folder: Path, database: Path, numbers: range) -> None:
    folder.mkdir(parents=True)
    for n in numbers:
        (folder / f"m{n:02}.sql").write_text(f"{STATEMENT.format(n=n)};\n")
    code = "import sys; from yoyo.scripts.main import main; main(sys.argv[1:])"
    options = ["--batch", "--no-config-file", "--database", f"sqlite:///{database}"]
    run_python(packages, "-c", code, "apply", *options, str(folder))


def run_python(packages: Path, *args: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    done = subprocess.run(
        [sys.executable, *args], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


RUNNERS = {"alembic": run_alembic, "yoyo": run_yoyo}


def schema(path: Path, *, without: tuple[str, ...]) -> dict[str, str]:
    ours = ("applied_migrations", "migration_guard_", "django_", "sqlite_", *without)
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {row[0]: row[1] for row in rows if not row[0].startswith(ours)}


def test_baseline_when_the_tool_built_the_database_is_adopted_and_goes_on(
    name, packages, sqlite, migrations, guard, tmp_path
):
    tool, database = TOOLS[name], tmp_path / "db.sqlite3"
    RUNNERS[name](packages, tmp_path / "theirs", database, THEIRS)
    folder = migrations({})

    written = guard("makesqlmigration", "--from", "database", "--upto", tool.key)
    before = guard("runsqlmigrations")
    adopted = guard("runsqlmigrations", "--adopt")
    for n in OURS:
        (folder / f"{n:04}_shelf.sql").write_text(f"{STATEMENT.format(n=n)};\n")
    ran = guard("runsqlmigrations")

    assert written.code == 0, written.err
    assert (before.code, "--adopt" in before.err) == (2, True)
    assert adopted.code == 0, adopted.out + adopted.err
    assert ran.code == 0, ran.err
    other = tmp_path / "other.sqlite3"
    RUNNERS[name](packages, tmp_path / "all", other, range(1, 36))
    expected = schema(other, without=tool.tables)
    assert schema(database, without=tool.tables) == expected
    assert len(expected) == 35
