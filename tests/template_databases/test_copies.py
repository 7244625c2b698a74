"""A test database that began as a copy is what the plain way makes, on each vendor."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.faults.own_server import own_server
from tests.fresh.support import templates
from tests.fresh.test_requires_sql import SHOP
from tests.fresh.test_requires_sql import SQL as MIXED_SQL
from tests.laws.dumps import dump
from tests.projects import Project
from tests.template_databases.driver import Driver, driving

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = {
    "0001_books.sql": """\
        CREATE TABLE books (
            id integer PRIMARY KEY,
            author_id integer NOT NULL,
            FOREIGN KEY (author_id) REFERENCES shop_author (id)
        );
        INSERT INTO shop_author (name) VALUES ('Sappho');
    """,
    "0002_sandbox.sql": "-- guard: environments = dev\nCREATE TABLE sandbox (id integer);",
    "0003_clubs.sql": "INSERT INTO clubs_club (name) VALUES ('founders');\n"
    "DELETE FROM django_content_type WHERE model = 'club';",
    "0004_view.sql": "CREATE VIEW authors AS SELECT name FROM shop_author;",
}
# What else PostgreSQL keeps in a database.
RICH = """\
    CREATE SCHEMA shelf;
    CREATE EXTENSION vector SCHEMA shelf;
    CREATE SEQUENCE shelf.numbers START 7;
    SELECT nextval('shelf.numbers');
    CREATE TABLE shelf.marks (id bigint GENERATED ALWAYS AS IDENTITY, mark text);
    INSERT INTO shelf.marks (mark) VALUES ('a'), ('b');
    CREATE UNLOGGED TABLE shelf.loose (id int);
    INSERT INTO shelf.loose VALUES (1);
    CREATE MATERIALIZED VIEW shelf.counts AS SELECT count(*) FROM shelf.marks;
    COMMENT ON TABLE shelf.marks IS 'where a book stands';
    GRANT SELECT ON shelf.marks TO PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA shelf GRANT SELECT ON TABLES TO PUBLIC;
    ALTER TABLE shelf.marks ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_marks ON shelf.marks USING (true);
    CREATE FUNCTION shelf.note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER note_drops ON sql_drop EXECUTE FUNCTION shelf.note();
    CREATE PUBLICATION marks FOR TABLE shelf.marks;
    SELECT lo_from_bytea(4711, 'large');
"""
ANOTHER_MODEL = """\
    from django.db import migrations, models

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0001_initial")]
        operations = [migrations.CreateModel("Hall", [("id", models.AutoField(primary_key=True))])]
"""
# Of the history and of Django's.
TIMES = {"applied_at", "applied", "duration_ms", "recorded_at", "at"}


class Built:
    """A project whose test database is made, looked at, and then dropped."""

    def __init__(self, project: Project, driver: Driver) -> None:
        self.project, self.driver = project, driver
        self.name = place_of(project)

    def run(self, *, templates: bool | str = "auto") -> str:
        """Make the test database; return what was told of templates."""
        return self.driver.build(templates)

    def take(self, **options: bool | str) -> tuple[str, str]:
        """Run the tests; return what was told of templates, and what the database holds."""
        told = self.run(**options)
        database = self.project.database
        if database.vendor == "sqlite":
            with self.connect() as connection:
                content = "\n".join(connection.iterdump())
        else:
            url = f"{database.url.rpartition('/')[0]}/{self.name}"
            content = without_times(dump(replace(database, url=url)))
            content += repr(database.execute(OF_DATABASE, (self.name,)))
        self.drop()
        return told, without_times(content)

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """Connect to the test database outside Django, in autocommit."""
        if self.project.database.vendor == "sqlite":
            connection: Any = sqlite3.connect(self.name, isolation_level=None)
        else:
            url = f"{self.project.database.url.rpartition('/')[0]}/{self.name}"
            connection = psycopg.connect(url, autocommit=True)
        with closing(connection):
            yield connection

    def drop(self) -> None:
        if self.project.database.vendor == "sqlite":
            (self.project.path / "test.sqlite3").unlink()
        else:
            self.project.database.execute(f'DROP DATABASE "{self.name}"')


OF_DATABASE = """
    SELECT to_jsonb(d) - 'oid' - 'datname' - 'datfrozenxid' - 'datminmxid',
        shobj_description(d.oid, 'pg_database'),
        (SELECT array_agg(s.setconfig) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid)
    FROM pg_database d WHERE datname = %s
"""


def without_times(content: str) -> str:
    """Return a dump without times, durations, and the word that pg_dump draws."""
    content = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*(\+\d\d)?", "TIME", content)
    content = re.sub(r"\\(un)?restrict \w+", "", content)
    # The duration stands behind the time; a lone number between tabs or commas.
    return re.sub(r"(TIME'?[\t,])\d+", r"\1DURATION", content)


@pytest.fixture
def built(database, tmp_path):
    """Give a project with templates, whose databases end with the test."""
    project = Project(tmp_path / "site", database, templates="auto")
    project.migrations(SQL)
    is_file = database.vendor == "sqlite"
    project.configure(test={"NAME": place_of(project)} if is_file else None)
    with driving(project) as driver:
        yield Built(project, driver)
    project.drop_test_databases()


def place_of(project):
    """Return the name of the test database: SQLite's is kept in a file."""
    if project.database.vendor == "sqlite":
        return str(project.path / "test.sqlite3")
    return f"test_{project.database.settings['NAME']}"


both = pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@both
def test_copy_when_a_file_is_added_or_nothing_changes_is_what_the_plain_way_makes(built):
    if built.project.database.vendor == "postgresql":
        built.project.migrations({"0000_rich.sql": RICH})
    *_, last = built.project.path.glob("sql_migrations/*_view.sql")
    text = last.read_text()
    last.unlink()
    first, _content = built.take()
    last.write_text(text)
    added, of_added = built.take()
    unchanged, of_unchanged = built.take()

    _plain, content = built.take(templates=False)

    assert first == ""
    assert "Copied" in added
    assert "Copied" in unchanged
    assert of_added == content
    assert of_unchanged == content
    assert "founders" in content


def test_copy_when_the_server_waits_for_its_disk_is_what_the_plain_way_makes(tmp_path):
    with own_server(waits_for_disk=True) as server, server.server.database() as database:
        project = Project(tmp_path / "site", database, templates="auto")
        project.migrations({"0000_rich.sql": RICH, **SQL})
        with driving(project) as driver:
            built = Built(project, driver)
            built.take()
            copied, of_copy = built.take()
            _plain, content = built.take(templates=False)
        waits = database.execute("SHOW fsync")

    assert waits == [("on",)]
    assert "Copied" in copied
    assert of_copy == content
    assert "founders" in content


@both
def test_copy_when_a_migration_of_django_is_added_is_what_the_plain_way_makes(built):
    project = built.project
    built.take()
    project.write({"clubs/migrations/0002_hall.py": ANOTHER_MODEL})
    built.take()
    # Another length: Python takes a file of the same second and length for the one it compiled.
    edited = ANOTHER_MODEL.replace('"Hall"', '"Lounge"')
    project.write({"clubs/migrations/0002_hall.py": edited})
    _told, copied = built.take()

    _plain, content = built.take(templates=False)

    assert copied == content
    assert "lounge" in content


@on_postgresql
def test_copy_when_a_file_in_the_middle_is_edited_again_begins_before_it(built):
    project = built.project
    built.take()
    for text in ("SELECT 1;", "SELECT 2;", "SELECT 3;"):
        project.migrations({"0003_clubs.sql": text})
        told, copied = built.take()

    _plain, content = built.take(templates=False)

    # clubs, contenttypes with two, the app's two, and two files.
    assert "Copied 7 of 9 migrations" in told
    assert copied == content


@on_postgresql
def test_template_when_much_changed_is_kept_as_soon_as_the_same_is_asked_for_again(built):
    """Keeping costs a copy, and the next change may come before anybody uses it."""
    database = built.project.database
    built.take()
    (first,) = templates(database)
    built.project.write({"clubs/migrations/0002_hall.py": ANOTHER_MODEL})
    built.take()
    after_change = templates(database)
    built.take()
    asked_again = templates(database)
    told, _content = built.take()

    assert after_change == [first]
    assert len(asked_again) == 2
    assert "Copied 10 of 10 migrations" in told


@both
def test_copy_when_a_migration_requires_an_sql_one_is_what_the_plain_way_makes(built):
    project = built.project
    for file in project.path.glob("sql_migrations/*"):
        file.unlink()
    project.write(SHOP)
    project.migrations(dict(list(MIXED_SQL.items())[:2]))
    built.take()
    project.migrations(MIXED_SQL)
    added, of_added = built.take()
    unchanged, of_unchanged = built.take()

    _plain, content = built.take(templates=False)

    assert "Copied" in added
    assert "Copied" in unchanged
    assert of_added == content
    assert of_unchanged == content


@both
def test_template_when_a_kept_database_has_rows_of_a_test_has_none_of_them(built):
    """Of a database that tests have used, no template is made."""
    built.run()
    with built.connect() as connection:
        connection.execute("INSERT INTO shop_author (name) VALUES ('left behind')")
    built.project.migrations({"0005_more.sql": "CREATE TABLE more (id integer);"})
    kept = built.run()
    built.drop()

    _told, content = built.take()

    assert kept == ""
    assert "left behind" not in content


@on_sqlite
def test_copy_when_it_is_switched_off_is_none(built):
    built.take(templates=False)

    told, _content = built.take(templates=False)

    assert told == ""


@on_sqlite
def test_copy_when_code_of_the_project_runs_is_made_only_if_asked_for(built):
    runs_code = ANOTHER_MODEL.replace(
        "operations = [", "operations = [migrations.RunPython(print), "
    ).replace("print", "lambda apps, editor: None")
    built.project.write({"clubs/migrations/0002_hall.py": runs_code})
    built.take()
    by_default, _content = built.take()
    built.take(templates=True)

    asked_for, _content = built.take(templates=True)

    assert by_default == "No template is used: clubs.0002_hall runs Python."
    assert "Copied" in asked_for
