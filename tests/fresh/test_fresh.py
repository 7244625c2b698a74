"""`checkschema --fresh`: built from nothing, checked, and always dropped; nothing else is touched."""

import json
import signal
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from django.db import connections

from migration_guard.fresh.host import PREFIX
from tests.fresh.support import make_leftover, throwaways
from tests.running.support import wait_until
from tests.versions import major

FILES = {
    "0001_people.sql": "CREATE TABLE people (id integer PRIMARY KEY, name varchar(40) NOT NULL);",
    "0002_email.sql": "ALTER TABLE people ADD COLUMN email varchar(80);",
    "0010_pets.sql": "CREATE TABLE pets (id integer PRIMARY KEY, owner_id integer NOT NULL,\n"
    "    FOREIGN KEY (owner_id) REFERENCES people (id));",
}
CONTRACT = """\
[tables.people.columns]
name = { null = false }
email = {}
"""
# A minute's work and more.
SLOW = {
    "postgresql": "SELECT pg_sleep(60)",
    "mysql": "DO SLEEP(60)",
    "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000000)\n"
    "INSERT INTO people (id, name) SELECT i, 'x' FROM n WHERE i < 0",
}


@pytest.fixture
def contract(tmp_path):
    path = tmp_path / "contract.toml"
    path.write_text(CONTRACT)
    return path


@pytest.fixture
def fresh(guard, contract):
    """Give `checkschema --fresh` with the contract alone."""
    return lambda *args: guard(
        "checkschema", "--fresh", "--no-models", "--contract", str(contract), *args
    )


def tables(database):
    """Return what the configured database holds; a file that is not there holds nothing."""
    if database.vendor == "sqlite":
        path = Path(str(database.settings["NAME"]))
        return [path.read_bytes()] if path.exists() else []
    schema = "DATABASE()" if database.vendor == "mysql" else "'public'"
    return database.execute(
        f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}"
    )


# -- what it proves


def test_fresh_when_all_is_well_reports_the_order_and_leaves_nothing(database, migrations, fresh):
    migrations(FILES)
    before = tables(database)

    done = fresh()

    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("Fresh database built from ")
    place = lines.index("Applied migrations in order:")
    order = [line.split() for line in lines[place + 1 : place + 4]]
    assert [words[:3] for words in order] == [
        ["1.", "0001_people", "@"],
        ["2.", "0002_email", "@"],
        ["3.", "0010_pets", "@"],
    ]
    times = [datetime.strptime(f"{w[3]} {w[4]}", "%Y-%m-%d %H:%M:%S.%f") for w in order]  # noqa: DTZ007
    assert times == sorted(times)
    assert "3 assertions about a fresh default" not in done.out  # a column's null is one more
    assert "kept." in lines[-1]
    assert tables(database) == before == []
    assert throwaways(database) == []


def test_fresh_when_the_contract_is_broken_says_so_of_a_database_built_from_files(
    database, migrations, fresh
):
    migrations({name: FILES[name] for name in ("0001_people.sql",)})

    done = fresh()

    assert done.code == 1
    assert "[missing-column] email" in done.out
    assert "No migration mentions people.email" in done.out
    assert "A database that is built from the files does not keep the contract" in done.err
    assert throwaways(database) == []


def test_fresh_when_a_column_is_missing_asks_for_a_migration_not_for_a_script(
    database, migrations, fresh
):
    again = "CREATE TABLE IF NOT EXISTS people (id integer, name varchar(40), email varchar(80))"
    migrations({"0001_people.sql": FILES["0001_people.sql"], "0002_again.sql": again})

    done = fresh()

    assert done.code == 1
    assert "does nothing where an older table of that name is (in 0001_people)." in done.out
    assert "in a new migration, with IF NOT EXISTS: manage.py makesqlmigration NAME." in done.out
    assert "runauditedsql" not in done.out + done.err


def test_fresh_when_a_do_block_renames_a_column_blames_no_other_statement(
    postgres, migrations, fresh
):
    create = "CREATE TABLE IF NOT EXISTS people (id int, name text NOT NULL, email text)"
    rename = "DO $$BEGIN EXECUTE 'ALTER TABLE people RENAME email' || ' TO mail'; END$$"
    migrations({"0001_people.sql": create, "0002_mail.sql": rename})

    done = fresh()

    assert done.code == 1
    assert "no statement in the files shows what removed it. Put it back in a new" in done.out


def test_fresh_when_a_migration_fails_names_it_and_drops_the_database(database, migrations, fresh):
    migrations(
        {**FILES, "0011_typo.sql": "CREATE TABLE t (id integer);\nALTER TABLE petz ADD x int;"}
    )

    done = fresh()

    assert done.code == 1
    assert "0011_typo failed at" in done.err
    assert "0011_typo.sql:2" in done.err
    assert "The throwaway database is dropped, and nothing else was touched." in done.err
    assert "Fresh database, up to the failure:" in done.out
    assert "  3. 0010_pets @" in done.out
    assert "run manage.py runsqlmigrations again" not in done.err
    assert tables(database) == []
    assert throwaways(database) == []


def test_fresh_when_the_configured_database_has_another_history_does_not_care(
    database, migrations, fresh, guard
):
    migrations({"0001_other.sql": "CREATE TABLE people (id integer PRIMARY KEY);"})
    assert guard("runsqlmigrations").code == 0
    before = tables(database)
    migrations(FILES)

    done = fresh()

    assert done.code == 0, done.err
    assert tables(database) == before


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_fresh_when_the_configured_database_is_not_there_builds_all_the_same(
    database, migrations, fresh
):
    migrations(FILES)
    database.configure(NAME="never_made")

    done = fresh()

    assert done.code == 0, done.err
    assert ("never_made",) not in database.execute("SELECT datname FROM pg_database")


def test_fresh_when_the_environment_is_named_runs_what_belongs_there(database, migrations, fresh):
    migrations({**FILES, "0011_dev.sql": "-- DEV/TEST ONLY\nDELETE FROM pets;"})

    production, dev = fresh("--format", "json"), fresh("--environment", "dev", "--format", "json")

    assert production.json["fresh"]["environment"] == "production"
    assert [one["number"] for one in production.json["fresh"]["applied"]] == [1, 2, 10]
    assert [one["number"] for one in dev.json["fresh"]["applied"]] == [1, 2, 10, 11]


def test_fresh_when_the_contract_says_nothing_proves_the_install_alone(database, migrations, guard):
    migrations(FILES)

    done = guard("checkschema", "--fresh", "--no-models")

    assert done.code == 0, done.err
    assert "  3. 0010_pets @" in done.out
    assert done.out.splitlines()[-1].endswith(": there is no contract, and no model.")


# -- what it must not touch


def test_fresh_when_a_migration_reaches_for_another_database_refuses(
    sessions, sqlite, migrations, fresh, tmp_path, settings
):
    migrations(FILES)
    other = tmp_path / "other.sqlite3"
    connections.settings["other"] = {**connections.settings["default"], "NAME": str(other)}
    settings.MIGRATION_MODULES = {"sessions": "tests.fresh.reaching"}

    done = fresh()

    assert done.code == 1, done.out + done.err
    assert 'A migration reached for the database "other"' in done.err
    assert not other.exists()
    assert throwaways(sqlite) == []


def test_fresh_when_the_configured_name_is_a_throwaways_refuses(postgres, migrations, fresh):
    migrations(FILES)
    postgres.configure(NAME=f"{PREFIX}mine")

    done = fresh()

    assert done.code == 2
    assert "is named like a throwaway one, which would be dropped" in done.err


# -- leftovers


def test_fresh_when_a_killed_run_left_a_database_drops_it(database, migrations, fresh):
    migrations(FILES)
    make_leftover(database, f"{PREFIX}0123456789abcdef")

    done = fresh()

    assert done.code == 0, done.err
    assert throwaways(database) == []


def test_fresh_when_another_run_is_alive_leaves_its_database_alone(
    database, migrations, fresh, guard_process
):
    migrations({**FILES, "0011_slow.sql": f"{SLOW[database.vendor]};"})
    other = guard_process.start("checkschema", "--fresh", "--no-models")
    _wait_for(other, database)
    alive = throwaways(database)
    migrations(FILES)

    done = fresh()

    assert done.code == 0, done.err
    assert throwaways(database) == alive
    other.kill()
    other.wait()
    # The server ends the killed run's statement when it notices; then its database can go.
    wait_until(lambda: fresh().code == 0 and throwaways(database) == [], 90)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_fresh_when_it_is_interrupted_drops_the_database_and_says_so(
    database, migrations, guard_process, sent
):
    migrations({**FILES, "0011_slow.sql": f"{SLOW[database.vendor]};"})
    run = guard_process.start("checkschema", "--fresh", "--no-models")
    _wait_for(run, database)

    run.send_signal(sent)
    _, err = run.communicate(timeout=60)

    assert run.returncode == 1, err
    assert "Interrupted" in err
    assert "nothing else was touched" in err
    assert "Traceback" not in err
    assert throwaways(database) == []


def _wait_for(run, database):
    """Wait until the run is at its slow statement; say what it said if it has ended before."""

    def there():
        assert run.poll() is None, run.communicate()
        return _building(database)

    wait_until(there, 90)


def _building(database):
    """Tell whether the slow statement runs."""
    if database.vendor == "sqlite":
        folders = [Path(tempfile.gettempdir(), name) for name in throwaways(database)]
        return any(
            _has_pets(folder / "db.sqlite3") and (folder / "db.sqlite3-journal").exists()
            for folder in folders
        )
    listing = {
        "postgresql": "SELECT datname FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'",
        "mysql": "SELECT db FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'",
    }
    # Others sleep in databases of their own; and on MariaDB, the statement of a run that an
    # earlier test killed sleeps on in a database that is dropped.
    asleep = {row[0] for row in database.execute(listing[database.vendor])}
    return not asleep.isdisjoint(throwaways(database))


def _has_pets(path):
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'pets'").fetchall()
        return bool(rows)


# -- rights


def test_fresh_when_a_program_runs_it_in_a_thread_builds_all_the_same(database, migrations, guard):
    migrations({"0001_people.sql": "CREATE TABLE people (id integer PRIMARY KEY);"})

    def run():
        try:
            return guard("checkschema", "--fresh", "--no-models")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run).result()

    assert done.code == 0, done.err
    assert "0001_people" in done.out
    assert throwaways(database) == []


def test_fresh_when_the_user_may_not_create_databases_prints_the_grant(postgres, migrations, fresh):
    migrations(FILES)
    role = f"nobody_{postgres.settings['NAME']}"
    postgres.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'swordfish'")
    postgres.configure(USER=role, PASSWORD="swordfish")
    try:
        refused = fresh()
        postgres.execute(refused.err.partition("A superuser can allow it: ")[2].splitlines()[0])
        allowed = fresh()
    finally:
        postgres.execute(f'DROP ROLE "{role}"')

    assert refused.code == 2
    assert f'ALTER ROLE "{role}" CREATEDB;' in refused.err
    assert "swordfish" not in refused.out + refused.err
    assert allowed.code == 0, allowed.err


def test_fresh_when_the_user_may_not_create_databases_on_mariadb_prints_the_grant(
    mariadb, migrations, fresh
):
    migrations(FILES)
    user = "nobody_here"
    mariadb.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'swordfish'")
    mariadb.configure(USER=user, PASSWORD="swordfish")
    try:
        refused = fresh()
        grant = refused.err.partition("An administrator can allow it: ")[2].splitlines()[0]
        mariadb.execute(grant.rstrip(";"))
        allowed = fresh()
    finally:
        mariadb.execute(f"DROP USER '{user}'@'%'")

    assert refused.code == 2
    assert "GRANT ALL PRIVILEGES ON `migration\\_guard\\_fresh\\_%`.* TO 'nobody_here'@'%'" in grant
    assert "swordfish" not in refused.out + refused.err
    assert allowed.code == 0, allowed.err


def test_fresh_when_there_is_no_server_says_so(postgres, migrations, fresh):
    migrations(FILES)
    postgres.configure(PORT="1", PASSWORD="swordfish")

    done = fresh()

    assert done.code == 2
    assert "No connection to the PostgreSQL database" in done.err
    assert "swordfish" not in done.err


# -- the database is like the configured one


def test_fresh_when_the_configured_database_has_settings_has_them_too(postgres, migrations, guard):
    name = postgres.settings["NAME"]
    postgres.execute(f'ALTER DATABASE "{name}" SET search_path = app, public')
    postgres.execute(f'ALTER DATABASE "{name}" SET "guard.tenant" = \'it\'\'s, "ours"\'')
    migrations(
        {
            "0001_look.sql": "CREATE SCHEMA app;\nDO $$ BEGIN\n"
            "ASSERT current_setting('search_path') = 'app, public', current_setting('search_path');\n"
            "ASSERT current_setting('guard.tenant') = 'it''s, \"ours\"';\n"
            "END $$;"
        }
    )

    done = guard("checkschema", "--fresh", "--no-models")

    assert done.code == 0, done.err


def test_fresh_when_the_configured_database_has_a_locale_has_it_too(postgres, migrations, guard):
    name = f"{postgres.settings['NAME']}_c"
    # The provider of PostgreSQL 17, and before it the one whose column had another name.
    letter, provider, locale, column = (
        ("b", "builtin", "C.UTF-8", "datlocale")
        if major(postgres) >= 17
        else ("i", "icu", "sv", "daticulocale")
    )
    postgres.execute(
        f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' "
        f"LOCALE_PROVIDER {provider} {provider}_LOCALE '{locale}' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    postgres.configure(NAME=name)
    migrations(
        {
            "0001_look.sql": "DO $$ BEGIN\n"
            f"ASSERT (SELECT (datlocprovider, {column}, datcollate) = ('{letter}', '{locale}', 'C')\n"
            "FROM pg_database WHERE datname = current_database());\nEND $$;"
        }
    )
    try:
        done = guard("checkschema", "--fresh", "--no-models")
    finally:
        postgres.execute(f'DROP DATABASE "{name}"')

    assert done.code == 0, done.err


def test_fresh_when_the_configured_database_has_a_collation_has_it_too(mariadb, migrations, guard):
    mariadb.execute(f"ALTER DATABASE `{mariadb.settings['NAME']}` COLLATE utf8mb4_swedish_ci")
    migrations(
        {
            "0001_look.sql": "CREATE TABLE t (n integer PRIMARY KEY CHECK (n = 1));\n"
            "INSERT INTO t SELECT @@collation_database = 'utf8mb4_swedish_ci';"
        }
    )

    done = guard("checkschema", "--fresh", "--no-models")

    assert done.code == 0, done.err


# -- reports


def test_report_when_it_is_json_has_order_and_violations(database, migrations, fresh):
    migrations({name: FILES[name] for name in ("0001_people.sql", "0010_pets.sql")})

    found = fresh("--format", "json").json

    assert found["ok"] is False
    assert [violation["rule"] for violation in found["violations"]] == ["missing-column"]
    assert [one["id"] for one in found["fresh"]["applied"]] == ["0001_people", "0010_pets"]
    assert datetime.fromisoformat(found["fresh"]["applied"][0]["applied_at"]).tzinfo is not None
    assert found["fresh"]["django"]
    assert found["fresh"]["template"] is None


def test_report_when_a_migration_failed_is_json_with_file_and_line(sqlite, migrations, fresh):
    migrations({**FILES, "0011_typo.sql": "\nALTER TABLE petz ADD x int;"})

    found = fresh("--format", "json").json

    problem = found["fresh"]["problems"][0]
    assert (problem["rule"], problem["line"]) == ("migration-failed", 2)
    assert Path(problem["path"]).name == "0011_typo.sql"
    assert "0011_typo failed" in found["error"]["message"]


def test_report_when_it_is_junit_has_a_suite_of_migrations(sqlite, migrations, fresh):
    migrations(FILES)

    root = ET.fromstring(fresh("--format", "junit").out)  # noqa: S314 - our own

    build, contract = root.findall("testsuite")
    assert [case.get("name") for case in build] == ["0001_people", "0002_email", "0010_pets"]
    assert build.get("tests") == "3"
    assert contract.get("failures") == "0"


def test_report_when_a_migration_failed_is_a_failure_of_junit_with_its_line(
    sqlite, migrations, fresh
):
    migrations({**FILES, "0011_typo.sql": "\nALTER TABLE petz ADD x int;"})

    root = ET.fromstring(fresh("--format", "junit").out)  # noqa: S314 - our own

    build, contract = root.findall("testsuite")
    failed = build[-1]
    assert (failed.get("name"), failed.get("line")) == ("0011_typo", "2")
    assert failed.get("file").endswith("0011_typo.sql")
    assert failed.find("failure").get("type") == "migration-failed"
    assert (build.get("failures"), build.get("tests")) == ("1", "4")
    assert (contract.get("errors"), list(contract)) == ("0", [])


def test_report_when_it_is_github_has_the_order_as_a_notice(sqlite, migrations, fresh):
    migrations({**FILES, "0003_nothing.sql": "CREATE TABLE IF NOT EXISTS people (id integer);"})

    out = fresh("--format", "github", "--timeline").out

    assert out.startswith("::notice title=fresh database::Applied migrations in order:%0A  1. 0001")
    assert "0003_nothing.sql,line=1,title=changed-nothing::" in out


def test_report_when_a_migration_failed_is_github_on_its_line(sqlite, migrations, fresh):
    migrations({**FILES, "0011_typo.sql": "\nALTER TABLE petz ADD x int;"})

    out = fresh("--format", "github").out

    assert "0011_typo.sql,line=2,title=migration-failed::" in out


def test_report_when_it_is_sarif_has_the_order_as_a_property(sqlite, migrations, fresh):
    migrations(FILES)

    log = json.loads(fresh("--format", "sarif").out)

    applied = log["runs"][0]["properties"]["appliedMigrations"]
    assert [entry.split(" @ ")[0] for entry in applied] == [
        "0001_people",
        "0002_email",
        "0010_pets",
    ]


# -- usage


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--timeline"], "--timeline does nothing without --fresh."),
        (["--template"], "--template does nothing without --fresh."),
        (["--ignore", "x", "--fresh"], "--ignore does nothing without --drift."),
        (["--environment", "dev"], "--environment does nothing without --fresh."),
        (["--fresh", "--timeline", "--template"], "Choose one of them."),
        (["--drift", "people"], "--drift compares all tables, and asks no contract."),
        (["--fresh", "--write", "x.toml"], "--write describes the configured database"),
        (["--fresh", "--template"], "--template needs PostgreSQL"),
        (["--fresh", "--environment", "moon"], '"moon" is not an environment'),
    ],
)
def test_usage_when_options_have_no_effect_together_says_so(
    sqlite, migrations, guard, args, message
):
    migrations(FILES)

    done = guard("checkschema", *args)

    assert done.code == 2
    assert message in done.err


def test_fresh_when_the_configured_database_is_pooled_is_not_mistaken_for_it(
    postgres, migrations, fresh
):
    migrations(FILES)
    postgres.configure(OPTIONS={"pool": True})
    with connections["default"].cursor() as cursor:  # the pool is open now
        cursor.execute("SELECT 1")

    done = fresh()

    assert done.code == 0, done.err
    assert tables(postgres) == []
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone()[0] == postgres.settings["NAME"]
