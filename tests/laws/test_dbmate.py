"""dbmate itself, from npm: thirty migrations are its own, five more are ours."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.laws import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Database, PostgresServer

VERSION = "2.36.0"
ITS_OWN, OURS = 30, 5
PLAIN = (
    "CREATE TABLE shelf_{n} (id int PRIMARY KEY, note text DEFAULT 'a;b');\n"
    "CREATE FUNCTION count_{n}() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM shelf_{n}; $$;"
)
ALONE = "CREATE INDEX CONCURRENTLY alone_{n} ON shelf_{before} (note);"


@pytest.fixture(scope="session")
def dbmate(request: pytest.FixtureRequest) -> Path:
    """Install dbmate once; skip the test where npm cannot."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = request.config.cache.mkdir("dbmate")  # type: ignore[union-attr]
    program = folder / "node_modules/.bin/dbmate"
    if not program.exists():
        command = ["npm", "install", "--no-audit", "--no-fund", f"dbmate@{VERSION}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"npm could not install dbmate: {done.stderr[-300:]}")
    return Path(program)


def write(folder: Path, numbers: range) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        alone = number % 5 == 4
        sql = (ALONE if alone else PLAIN).format(n=number, before=number - 1)
        option = " transaction:false" if alone else ""
        text = f"-- migrate:up{option}\n{sql}\n\n-- migrate:down\nDROP TABLE shelf_{number};\n"
        (folder / f"2025010100{number:04}_shelf_{number}.sql").write_text(text)


@pytest.fixture(scope="session")
def role(postgres_server: PostgresServer) -> Iterator[str]:
    """Give a role that acts as the server's own; the tests' servers hash too little for Go."""
    with postgres_server.open() as connection:
        connection.execute("SET scram_iterations = 4096")
        connection.execute(
            f"CREATE ROLE go_client LOGIN PASSWORD 'go' IN ROLE {connection.info.user}"
        )
        connection.execute(f"ALTER ROLE go_client SET role = {connection.info.user}")
        yield "go_client:go"
        connection.execute("DROP ROLE go_client")


def migrate(dbmate: Path, folder: Path, database: Database, role: str) -> None:
    settings = database.settings
    url = f"postgres://{role}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"
    command = ["node", str(dbmate), "--no-dump-schema", "-d", str(folder), "migrate"]
    done = subprocess.run(
        command,
        env={**os.environ, "DATABASE_URL": f"{url}?sslmode=disable"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def held(database: Database) -> list[str]:
    """Return a dump without the tables of either tool."""
    names = database.execute("SELECT tablename FROM pg_tables WHERE tablename ~ 'migration'")
    for (name,) in names:
        database.execute(f'DROP TABLE "{name}"')
    return [line for line in dumps.dump(database).splitlines() if "restrict" not in line]


def test_dbmate_when_adopted_then_later_files_make_what_it_makes(
    dbmate, role, tmp_path, postgres, postgres_server, migrations, guard
):
    folder = tmp_path / "db/migrations"
    migrations({})
    write(folder, range(ITS_OWN))
    migrate(dbmate, folder, postgres, role)
    before = postgres.execute("SELECT * FROM schema_migrations ORDER BY 1")
    write(folder, range(ITS_OWN + OURS))

    taken = guard("makesqlmigration", "--from", "dbmate", folder)
    refused = guard("runsqlmigrations")
    adopted = guard("runsqlmigrations", "--adopt")
    rest = guard("runsqlmigrations")

    assert (taken.code, refused.code) == (0, 2), taken.err
    assert (adopted.code, rest.code) == (0, 0), adopted.err + rest.err
    assert "applied_at is the time of the adoption" in adopted.err
    counts = postgres.execute("SELECT how, count(*) FROM applied_migrations GROUP BY 1 ORDER BY 1")
    assert counts == [("adopted", ITS_OWN), ("run", OURS)]
    assert postgres.execute("SELECT * FROM schema_migrations ORDER BY 1") == before
    with postgres_server.database() as other:
        migrate(dbmate, folder, other, role)
        assert held(postgres) == held(other)


def test_dbmate_file_when_one_byte_is_changed_then_adoption_stops(
    dbmate, role, tmp_path, postgres, migrations, guard
):
    folder = tmp_path / "db/migrations"
    ours = migrations({})
    write(folder, range(3))
    migrate(dbmate, folder, postgres, role)
    assert guard("makesqlmigration", "--from", "dbmate", folder).code == 0
    path = next(ours.glob("*_shelf_1.sql"))
    path.write_text(path.read_text().replace("a;b", "a;c"))

    adopted = guard("runsqlmigrations", "--adopt")

    assert adopted.code == 1
    assert "20250101000001_shelf_1 is edited" in adopted.err
