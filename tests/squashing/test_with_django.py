"""A squash beside Django's migrations: what stands inside, what is required, what is not ours."""

import pytest

from tests.fresh.test_requires_sql import SHOP, SQL
from tests.projects import Project

BOOKS = SQL["0002_books.sql"].replace(
    "INSERT INTO shop_author (id, name) VALUES (1, 'Sappho');", ""
)
LATE = {
    **SHOP,
    "shop/migrations/0002_first_book.py": SHOP["shop/migrations/0002_first_book.py"].replace(
        "migrations.RunSQL(\"INSERT INTO books (id, title, author_id) VALUES (1, 'Odes', 1)\"),", ""
    ),
}
FILES = {**SQL, "0002_books.sql": BOOKS, "0003_reviews.sql": "CREATE TABLE reviews (id integer);"}


@pytest.fixture
def project(sqlite, tmp_path):
    """Give a project in which shop.0002 needs the second of three files."""
    project = Project(tmp_path / "site", sqlite)
    project.write(LATE)
    project.migrations(FILES)
    return project


def test_range_when_a_django_migration_stands_inside_is_refused_by_its_name(project):
    result = project.manage("makesqlmigration", "--squash", "1-3")

    assert result.code == 1, result.out
    assert "shop.0002_first_book stands inside the range" in result.out
    assert "--squash 1-2" in result.out


def test_squash_when_a_table_refers_to_one_of_djangos_requires_its_migration(project):
    result = project.manage("makesqlmigration", "--squash", "1-2")

    text = (project.path / "sql_migrations" / "0002_squash.sql").read_text()
    assert result.code == 0, result.out
    assert "-- guard: requires = shop.0001_initial\n" in text
    assert "shop_author (id)" in text
    assert "CREATE TABLE shop_author" not in text.replace('"', "")
    for name in ("0001_genres.sql", "0002_books.sql"):
        (project.path / "sql_migrations" / name).unlink()
    built = project.manage("runsqlmigrations", "--with-django")
    assert built.code == 0, built.out
    applied = project.database.execute(
        "SELECT name FROM django_migrations WHERE app = 'shop' ORDER BY name"
    )
    assert applied == [("0001_initial",), ("0002_first_book",)]


ROWS = """\
            migrations.RunSQL("INSERT INTO shop_author (id, name) VALUES (1, 'Sappho')"),
            migrations.RunSQL("INSERT INTO books (id, title, author_id) VALUES (1, 'Odes', 1)"),
            migrations.RunSQL("ALTER TABLE books ADD COLUMN isbn text"),
"""


def test_squash_when_a_django_migration_waits_for_it_leaves_what_that_makes_to_it(project):
    path = "shop/migrations/0002_first_book.py"
    before = 'RequiresSQL("0002"),\n'
    project.write({path: LATE[path].replace(before, f"{before}{ROWS}")})

    result = project.manage("makesqlmigration", "--squash", "1-2")

    assert result.code == 0, result.out
    for name in ("0001_genres.sql", "0002_books.sql"):
        (project.path / "sql_migrations" / name).unlink()
    built = project.manage("runsqlmigrations", "--with-django")
    assert built.code == 0, built.out
    assert project.database.execute("SELECT title, isbn FROM books") == [("Odes", None)]


def test_squash_when_files_write_into_a_table_of_djangos_is_refused_by_its_name(project):
    project.migrations({**FILES, "0002_books.sql": SQL["0002_books.sql"]})

    result = project.manage("makesqlmigration", "--squash", "1-2")

    assert result.code == 1, result.out
    assert "shop_author" in result.out
