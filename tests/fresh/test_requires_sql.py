"""`RequiresSQL` and `requires`: both kinds of migrations, each in the order that the other needs."""

import pytest
from django.core.management.base import CommandError
from django.db import connection, migrations, models
from django.db.migrations.operations import CreateModel, SeparateDatabaseAndState
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import OperationWriter
from django.db.models import AutoField

import migration_guard
from migration_guard.operations import RequiresSQL
from migration_guard.running.django_graph import needs_of
from tests.projects import Project

# shop.0001 makes authors; SQL 2 needs them and makes books; shop.0002 needs the books.
SHOP = {
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": """\
        from django.db import migrations, models

        class Migration(migrations.Migration):
            operations = [
                migrations.CreateModel(
                    "Author",
                    [
                        ("id", models.AutoField(primary_key=True)),
                        ("name", models.CharField(max_length=40)),
                    ],
                ),
                migrations.CreateModel(
                    "Book",
                    [("id", models.AutoField(primary_key=True))],
                    options={"managed": False, "db_table": "books"},
                ),
            ]
    """,
    "shop/migrations/0002_first_book.py": """\
        from django.db import migrations
        from migration_guard.operations import RequiresSQL

        class Migration(migrations.Migration):
            dependencies = [("shop", "0001_initial")]
            operations = [
                RequiresSQL("0002"),
                migrations.RunSQL("INSERT INTO books (id, title, author_id) VALUES (1, 'Odes', 1)"),
            ]
    """,
}
SQL = {
    "0001_genres.sql": "CREATE TABLE genres (name varchar(40) PRIMARY KEY);",
    "0002_books.sql": """\
        -- guard: requires = shop.0001_initial
        INSERT INTO shop_author (id, name) VALUES (1, 'Sappho');
        CREATE TABLE books (
            id integer PRIMARY KEY, title varchar(40) NOT NULL, author_id integer NOT NULL,
            FOREIGN KEY (author_id) REFERENCES shop_author (id)
        );
    """,
    "0003_reviews.sql": """\
        -- guard: requires = shop.0002_first_book
        CREATE TABLE reviews (id integer PRIMARY KEY, book_id integer NOT NULL);
        INSERT INTO reviews (id, book_id) SELECT 1, id FROM books;
    """,
}
ORDER = """\
from django.db import connection
from django.test import TestCase

class Order(TestCase):
    def test_order(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM reviews")
            self.assertEqual(cursor.fetchone()[0], 1)
            cursor.execute("SELECT environment FROM migration_guard_environment")
            self.assertEqual(cursor.fetchone()[0], "test")
"""


FORMATS = ("text", "json", "junit", "github", "sarif")
EACH_FORMAT = """\
import sys
from django.core.management import execute_from_command_line

for form in sys.argv[1:]:
    try:
        execute_from_command_line(["manage.py", "checkschema", "--fresh", "--format", form])
    except SystemExit as end:
        print("ended with", end.code, file=sys.stderr)
"""


@pytest.fixture
def project(database, tmp_path):
    """Give a project whose migrations of both kinds need each other."""
    project = Project(tmp_path / "site", database)
    project.write({**SHOP, "pytest.ini": "[pytest]\npython_files = tests.py\n"})
    project.write({"shop/tests.py": ORDER})
    project.migrations(SQL)
    yield project
    project.drop_test_databases()


def test_migrate_when_the_sql_migration_is_not_applied_says_what_to_type(project):
    stopped = project.manage("migrate")
    then = project.manage("runsqlmigrations", "--with-django")

    assert stopped.code == 1, stopped.out
    assert "A migration of shop needs the SQL migration 0002" in stopped.out
    assert stopped.out.endswith("\nNext: manage.py runsqlmigrations --with-django\n")
    assert "Traceback" not in stopped.out
    assert then.code == 0, then.out
    assert project.database.execute("SELECT book_id FROM reviews") == [(1,)]


def test_fresh_when_both_kinds_need_each_other_builds_in_that_order(project):
    done = project.manage("checkschema", "--fresh", "--timeline", "--no-models")

    assert done.code == 0, done.out
    places = [
        done.out.index(f"\n  {name}")
        for name in ("shop.0001_initial", "0002_books", "shop.0002_first_book", "0003_reviews")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("runner", ["manage-test", "pytest"])
def test_test_database_when_both_kinds_need_each_other_is_built_in_that_order(project, runner):
    done = project.manage("test", "--noinput") if runner == "manage-test" else project.pytest()

    assert done.code == 0, done.out


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_test_database_when_it_is_kept_goes_on_in_that_order(project):
    project.configure(
        test={"NAME": str(project.path / "test.sqlite3")}
        if project.database.vendor == "sqlite"
        else {}
    )
    first = project.manage("test", "--keepdb", "--noinput")

    second = project.manage("test", "--keepdb", "--noinput")

    assert first.code == 0, first.out
    assert second.code == 0, second.out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("needed", "message"),
    [
        ("0009", "shop.0002_first_book requires the SQL migration 0009, which is not there"),
        ("0002_bookz", "shop.0002_first_book requires the SQL migration 0002_bookz, which is not"),
        (
            "0003",
            "0003_reviews needs shop.0002_first_book needs the SQL migration 0003",
        ),
    ],
)
def test_fresh_when_there_is_no_such_order_names_the_cause(project, needed, message):
    wrong = SHOP["shop/migrations/0002_first_book.py"].replace('0002")', f'{needed}")')
    project.write({"shop/migrations/0002_first_book.py": wrong})

    done = project.python("-u", "-c", EACH_FORMAT, *FORMATS)

    assert done.code == 0, done.out
    *outputs, rest = done.out.split("ended with 1\n")
    assert (len(outputs), rest) == (len(FORMATS), ""), done.out
    for form, out in zip(FORMATS, outputs, strict=True):
        assert message in out, form
        assert "Traceback" not in out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_fresh_when_a_file_requires_an_unknown_django_migration_names_the_nearest(project):
    wrong = SQL["0003_reviews.sql"].replace("0002_first_book", "0002_first_bok")
    project.migrations({"0003_reviews.sql": wrong})

    done = project.manage("checkschema", "--fresh")

    assert done.code == 1, done.out
    assert "0003_reviews requires shop.0002_first_bok, which is no Django migration" in done.out
    assert "Did you mean shop.0002_first_book?" in done.out


# -- the operation itself


@pytest.mark.parametrize("wrong", ["first", "", "0027-x", "27.5"])
def test_operation_when_made_of_no_number_and_no_id_is_refused(wrong):
    with pytest.raises(ValueError, match="RequiresSQL takes a number"):
        RequiresSQL(wrong)


def test_operation_when_written_by_makemigrations_can_be_read_again():
    code, imports = OperationWriter(RequiresSQL("0027_x")).serialize()

    assert imports == {"import migration_guard.operations"}
    made = eval(code.strip().rstrip(","), {"migration_guard": migration_guard})  # noqa: S307
    assert (made.migration, made.number) == ("0027_x", 27)
    assert made.describe() == "Requires the SQL migration 0027_x"


def test_operation_when_it_has_state_operations_is_written_and_changes_the_state():
    model = CreateModel("Book", [("id", AutoField(primary_key=True))])
    code, _imports = OperationWriter(RequiresSQL("0027_x", state_operations=[model])).serialize()
    names = {"migration_guard": migration_guard, "migrations": migrations, "models": models}
    made = eval(code.strip().rstrip(","), names)  # noqa: S307
    state = ProjectState()

    made.state_forwards("shop", state)

    assert made.migration == "0027_x"
    assert [*state.models] == [("shop", "book")]


def test_operation_when_it_stands_in_database_operations_is_a_need_all_the_same():
    inside = SeparateDatabaseAndState(database_operations=[RequiresSQL("0027_x")])

    assert needs_of([RequiresSQL("3"), inside]) == ((3, "3"), (27, "0027_x"))


def test_operation_when_sql_is_collected_or_the_alias_has_no_folder_asks_nothing(
    postgres, migrations, settings
):
    migrations({"0001_a.sql": "SELECT 1;"})
    operation = RequiresSQL("1")
    state = ProjectState()

    with connection.schema_editor(collect_sql=True) as editor:
        operation.database_forwards("shop", editor, state, state)
    with (
        pytest.raises(CommandError, match="needs the SQL migration 1"),
        connection.schema_editor() as editor,
    ):
        operation.database_forwards("shop", editor, state, state)
    settings.MIGRATION_GUARD = {}
    with connection.schema_editor() as editor:
        operation.database_forwards("shop", editor, state, state)
        operation.database_backwards("shop", editor, state, state)
