"""Django's RunSQL, converted on each vendor: new databases, and those that have run it."""

import re

import pytest

from tests.projects import Project

SHOP = {
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": """\
        from django.db import migrations, models


        class Migration(migrations.Migration):
            dependencies = [("clubs", "0001_initial")]
            operations = [
                migrations.CreateModel(
                    "Author",
                    [
                        ("id", models.AutoField(primary_key=True, serialize=False)),
                        ("name", models.CharField(max_length=40)),
                    ],
                )
            ]
    """,
    "shop/migrations/0002_books.py": """\
        from django.db import migrations, models


        class Migration(migrations.Migration):
            dependencies = [("shop", "0001_initial")]
            operations = [
                migrations.RunSQL(
                    # What a book is.
                    "CREATE TABLE books (id integer PRIMARY KEY, author_id integer NOT NULL, "
                    "title varchar(40) NOT NULL)",
                    "DROP TABLE books",
                    state_operations=[
                        migrations.CreateModel(
                            "Book",
                            [
                                ("id", models.AutoField(primary_key=True, serialize=False)),
                                ("title", models.CharField(max_length=40)),
                            ],
                            options={"db_table": "books"},
                        ),
                        migrations.AddField(
                            "Book", "author", models.ForeignKey("shop.Author", models.DO_NOTHING)
                        ),
                    ],
                ),
                migrations.RunSQL(
                    [
                        ("INSERT INTO shop_author (id, name) VALUES (%s, %s)", [1, "O'Neill"]),
                        "CREATE INDEX by_title ON books (title)",
                    ]
                ),
            ]
    """,
    "shop/migrations/0003_born.py": """\
        from django.db import migrations, models


        class Migration(migrations.Migration):
            dependencies = [("shop", "0002_books")]
            operations = [
                migrations.AddField("Author", "born", models.IntegerField(null=True)),
                migrations.RunPython(migrations.RunPython.noop),
            ]
    """,
    "shop/migrations/0004_known.py": """\
        from django.db import migrations


        class Migration(migrations.Migration):
            atomic = False
            dependencies = [("shop", "0003_born")]
            operations = [migrations.RunSQL("UPDATE shop_author SET born = 1888;")]
    """,
    "shop/models.py": """\
        from django.db import models

        class Author(models.Model):
            id = models.AutoField(primary_key=True)
            name = models.CharField(max_length=40)
            born = models.IntegerField(null=True)

        class Book(models.Model):
            id = models.AutoField(primary_key=True)
            title = models.CharField(max_length=40)
            author = models.ForeignKey(Author, models.DO_NOTHING)

            class Meta:
                db_table = "books"
    """,
}
CONVERT = "makesqlmigration --from django:shop"
# Commands one after the other; a process of its own for each would take longer.
IN_TURN = """\
import shlex
import sys
from django.core.management import execute_from_command_line

for command in sys.argv[1:]:
    try:
        execute_from_command_line(["manage.py", *shlex.split(command)])
        code = 0
    except SystemExit as end:
        code = end.code
    print("ended with", code, flush=True)
"""


@pytest.fixture
def project(database, tmp_path):
    """Give a project whose app has RunSQL between Django's own work."""
    project = Project(tmp_path / "site", database)
    project.write(SHOP)
    project.migrations({"_keep": ""})
    return project


def manage(project, *commands, codes=None):
    """Run commands in a new process; return the output of each. All end with 0 without `codes`."""
    run = project.python("-u", "-c", IN_TURN, *commands)
    parts = re.split(r"ended with (\d+)\n", run.out)
    assert [*map(int, parts[1::2])] == (codes or [0] * len(commands)), run.out
    return parts[:-1:2]


def test_conversion_when_a_database_is_new_makes_what_django_made(project):
    (out,) = manage(project, CONVERT)
    unchanged, _built, again = manage(
        project, "makemigrations --check", "runsqlmigrations --with-django", CONVERT
    )

    assert "shop.0002_books requires 0002_books.\nshop.0004_known requires 0004_known.\n" in out
    assert "Left out: 1 down part." in out
    assert "No changes detected" in unchanged
    authors = project.database.execute("SELECT name, born FROM shop_author")
    assert authors == [("O'Neill", 1888)]
    assert "were taken over before" in again


def test_adoption_when_django_has_run_the_sql_records_it_and_runs_the_rest(project):
    manage(project, "migrate shop 0003", CONVERT)
    *early, stuck, adopted = manage(
        project,
        "runsqlmigrations",
        "runsqlmigrations --with-django",
        "migrate",
        "runsqlmigrations --adopt",
        codes=[2, 2, 1, 0],
    )
    rows = project.database.execute(
        "SELECT id, how, applied_at = (SELECT applied FROM django_migrations WHERE name = "
        "'0002_books' AND app = 'shop') FROM applied_migrations"
    )
    manage(project, "runsqlmigrations --with-django", "checkschema --drift --no-models", "migrate")

    assert all("manage.py runsqlmigrations --adopt" in out for out in early)
    assert "needs the SQL migration 0004_known" in stuck
    assert "Proof: " in adopted
    assert [(row[0], row[1], bool(row[2])) for row in rows] == [("0002_books", "adopted", True)]
    assert project.database.execute("SELECT name, born FROM shop_author") == [("O'Neill", 1888)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_migrate_when_all_was_run_before_the_conversion_is_green_at_each_step(project):
    manage(project, "migrate", CONVERT)
    refused, _migrate, plan, *_rest = manage(
        project,
        "makesqlmigration --from django:clubs --format json",
        "migrate",
        "runsqlmigrations --adopt --plan",
        "runsqlmigrations --adopt",
        "migrate --check",
        "runsqlmigrations --with-django --check",
        codes=[2, 0, 0, 0, 0, 0],
    )

    assert "applied  0002_books" in plan
    assert "applied  0004_known" in plan
    assert "No migration of clubs has RunSQL. Nothing was written." in refused


# The order of apps without a dependency is Django's own; SQL files come after what can come first.
HIDDEN = {
    "shop/migrations/0005_shelves.py": """\
        from django.db import migrations


        class Migration(migrations.Migration):
            dependencies = [("shop", "0004_known")]
            operations = [migrations.RunSQL("CREATE TABLE shelves (id integer)")]
    """,
    "zoo/__init__.py": "",
    "zoo/migrations/__init__.py": "",
    "zoo/migrations/0001_initial.py": """\
        from django.db import migrations


        def fill(apps, editor):
            FILL


        class Migration(migrations.Migration):
            dependencies = [("clubs", "0001_initial")]
            operations = [migrations.RunPython(fill)]
    """,
}


FILLS = {
    "editor.execute('INSERT INTO shelves (id) VALUES (1)')": (
        "Converted, the migrations build no empty database. Nothing was written.",
        "zoo.0001_initial failed: no such table: shelves",
    ),
    "'shelves' in editor.connection.introspection.table_names() or ("
    "editor.execute('CREATE TABLE lost (id integer)'), "
    "editor.execute(\"INSERT INTO clubs_club (name) VALUES ('a')\"))": (
        "The database would be another one. Nothing was written.",
        "lost: nothing before, table after",
        "clubs_club: 0 rows before, 1 after",
    ),
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fill", FILLS, ids=["fails", "differs"])
def test_conversion_when_the_new_order_makes_another_database_changes_no_file(project, fill):
    path = "zoo/migrations/0001_initial.py"
    project.write({**HIDDEN, path: HIDDEN[path].replace("FILL", fill)})
    settings = (project.path / "site_settings.py").read_text()
    project.write({"site_settings.py": f"{settings}INSTALLED_APPS += ['zoo']\n"})
    before = contents(project)

    (refused,) = manage(project, CONVERT, codes=[1])

    assert all(part in refused for part in FILLS[fill]), refused
    assert contents(project) == before


def contents(project):
    return {
        path: path.read_bytes()
        for path in project.path.rglob("*")
        if path.is_file() and path.suffix in {".py", ".sql", ".json", ".txt"}
    }
