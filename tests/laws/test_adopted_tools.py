"""The histories of other tools, made by the tools themselves and then taken over.

Thirty migrations are the tool's, five more are ours. The schema must be what the tool makes of all.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess

import pytest

from migration_guard.adopting.collation import locale_key, numeric_locale_key
from tests.laws import dumps
from tests.laws.migration_tools import TOOLS, install_packages, run

ITS_OWN, OURS = 30, 5
WITH_CHECKSUM = ("prisma", "drizzle", "drizzle 1.0", "supabase")
TEXT = """
-- The first comment; with a semicolon
CREATE TABLE shelf_{n} (id int PRIMARY KEY, note text DEFAULT 'a;b', other int REFERENCES shelf_{before}); /* why */

CREATE FUNCTION count_{n}() RETURNS bigint LANGUAGE plpgsql AS $body$
BEGIN
-- in the body, at the start of a line
    RETURN (SELECT count(*) FROM shelf_{n});
END $body$;

INSERT INTO shelf_{n} VALUES ({n}, 'x', NULL);

ALTER TABLE shelf_{before} ADD COLUMN IF NOT EXISTS late_{n} text DEFAULT '--'; -- the end
"""
ALONE = "CREATE INDEX CONCURRENTLY alone_{n} ON shelf_{before} (note);"


@pytest.fixture(scope="session")
def packages(request):
    return install_packages(request.config.cache.mkdir("migration-tools"))


@pytest.fixture(params=TOOLS)
def tool(request, packages):
    if request.param == "sql-migrate" and shutil.which("sql-migrate") is None:
        pytest.skip("sql-migrate is not installed (Debian's package of that name)")
    return TOOLS[request.param]


@pytest.fixture
def folder(tmp_path):
    """Give the folder of a tool's project; `supabase/migrations` suits every tool."""
    return tmp_path / "project/supabase/migrations"


def texts(tool):
    """Return the SQL of each migration in the tool's order."""
    made = ["CREATE TABLE shelf_0 (id int PRIMARY KEY, note text);\n"]
    before = 0
    for number in range(1, ITS_OWN + OURS):
        if number % 5 == 4 and tool.alone is not None:
            made.append(tool.alone(ALONE.format(n=number, before=before)))
        else:
            made.append(TEXT.format(n=number, before=before))
            before = number
    return made


def adopt(guard, tool, folder):
    taken = guard("makesqlmigration", "--from", tool.name, str(folder))
    assert taken.code == 0, taken.err
    assert guard("runsqlmigrations").code == 2  # it would run all of them again
    return guard("runsqlmigrations", "--adopt")


def test_tool_when_adopted_then_later_files_make_what_it_makes(
    tool, packages, folder, tmp_path, postgres, postgres_server, migrations, guard
):
    migrations({})
    made = texts(tool)
    tool.write(folder, made[:ITS_OWN])
    tool.apply(packages, folder, postgres)
    tool.write(folder, made)

    adopted = adopt(guard, tool, folder)
    rest = guard("runsqlmigrations")

    assert (adopted.code, rest.code) == (0, 0), adopted.err + rest.err
    counts = postgres.execute("SELECT how, count(*) FROM applied_migrations GROUP BY 1 ORDER BY 1")
    assert counts == [("adopted", ITS_OWN), ("run", OURS)]
    with postgres_server.database() as other:
        tool.apply(packages, folder, other)
        assert held(postgres) == held(other)


def held(database):
    """Return a dump without the schemas and tables of the tools, and without ours."""
    database.execute("DROP SCHEMA IF EXISTS drizzle, supabase_migrations, graphile_migrate CASCADE")
    names = database.execute("SELECT tablename FROM pg_tables WHERE tablename ~ 'migration'")
    for (name,) in names:
        database.execute(f'DROP TABLE "{name}"')
    return [line for line in dumps.dump(database).splitlines() if "restrict" not in line]


@pytest.mark.parametrize("name", WITH_CHECKSUM)
def test_byte_when_changed_after_the_tool_ran_then_adoption_stops(
    name, packages, folder, postgres, migrations, guard
):
    tool = TOOLS[name]
    migrations({})
    made = texts(tool)[:3]
    tool.write(folder, made)
    tool.apply(packages, folder, postgres)
    tool.write(folder, [*made[:2], made[2].replace("'x'", "'y'")])

    adopted = adopt(guard, tool, folder)

    assert adopted.code == 1
    assert "is edited" in adopted.err
    assert "--accept-edit" in adopted.err
    assert not postgres.execute("SELECT * FROM applied_migrations")


def test_graphile_file_when_changed_after_commit_then_it_is_not_written(
    folder, migrations, guard, postgres
):
    tool = TOOLS["graphile-migrate"]
    migrations({})
    tool.write(folder, texts(tool)[:3])
    path = folder / "committed/000003.sql"
    path.write_text(path.read_text().replace("'x'", "'y'"))

    taken = guard("makesqlmigration", "--from", tool.name, str(folder))

    assert taken.code == 1
    assert "was edited after it was committed" in taken.err


def test_graphile_watch_when_it_ran_then_adoption_stops(
    packages, folder, migrations, guard, postgres
):
    tool = TOOLS["graphile-migrate"]
    migrations({})
    tool.write(folder, texts(tool)[:3])
    tool.apply(packages, folder, postgres)
    (folder / "current.sql").write_text("CREATE TABLE in_progress (i int);")
    config = str(folder.parent / "gmrc.json")
    run(packages, "node_modules/.bin/graphile-migrate", "watch", "--once", "--config", config)
    (folder / "current.sql").write_text("")

    guard("makesqlmigration", "--from", tool.name, str(folder))
    adopted = guard("runsqlmigrations", "--adopt")

    assert adopted.code == 1
    assert "graphile_migrate.current holds current.sql" in adopted.err


def test_prisma_migration_when_it_failed_then_adoption_stops_until_resolved(
    packages, folder, postgres, migrations, guard
):
    tool = TOOLS["prisma"]
    migrations({})
    made = texts(tool)[:3]
    tool.write(folder, made)
    tool.apply(packages, folder, postgres)
    postgres.execute("INSERT INTO shelf_0 VALUES (1, 'x'), (2, 'x')")
    last = "CREATE UNIQUE INDEX one_note ON shelf_0 (note);"
    tool.write(folder, [*made, last])
    with pytest.raises(RuntimeError, match="Unique constraint"):
        tool.apply(packages, folder, postgres)

    failed = adopt(guard, tool, folder)
    postgres.execute("DELETE FROM shelf_0")
    postgres.execute(last)
    run(packages, "node", "prisma.mjs", "resolve", str(folder), postgres.url, "20240101000004_step")
    resolved = guard("runsqlmigrations", "--adopt")

    assert failed.code == 1
    assert "20240101000004_step) failed or is half done" in failed.err
    assert resolved.code == 0, resolved.err
    (detail,) = postgres.execute(
        "SELECT details::text FROM migration_guard_audit WHERE details::text LIKE '%resolve%'"
    )
    assert "resolve --applied" in detail[0]


@pytest.mark.parametrize("letters", ["aAbB019_-. ", "".join(map(chr, range(32, 127)))])
def test_names_when_compared_then_as_javascript_does(packages, letters):
    source = random.Random(22)
    names = ["".join(source.choices(letters, k=source.randint(1, 9))) for _ in range(2000)]
    done = subprocess.run(
        ["node", "collation.mjs"], cwd=packages, input=json.dumps(names), text=True, capture_output=True, check=True
    )  # fmt: skip

    for (plain, numeric), before, name in zip(
        json.loads(done.stdout), names, names[1:], strict=False
    ):
        assert plain == order(locale_key(before), locale_key(name)), (before, name)
        assert numeric in (order(numeric_locale_key(before), numeric_locale_key(name)), 0), (
            before,
            name,
        )


def order(before, after):
    return (before > after) - (before < after)
