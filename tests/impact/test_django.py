"""Django's migrations of a traced run, in one order with the SQL ones."""

import json

import pytest

from tests.projects import Project

FILES = {
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_book.py": """\
        from django.db import migrations

        class Migration(migrations.Migration):
            operations = [
                migrations.RunSQL("ALTER TABLE books ADD COLUMN title text"),
                migrations.RunSQL("CREATE INDEX books_title ON books (title)"),
                migrations.RunSQL("CREATE TABLE made (id integer)"),
            ]
    """,
    "shop/migrations/0002_apart.py": """\
        from django.db import migrations

        class Migration(migrations.Migration):
            atomic = False
            dependencies = [("shop", "0001_book")]
            operations = [
                migrations.RunSQL("SELECT 1"),
                migrations.RunSQL("CREATE INDEX CONCURRENTLY books_apart ON books (title)"),
            ]
    """,
    "shop/migrations/0003_rows.py": """\
        from django.db import migrations

        class Migration(migrations.Migration):
            atomic = False
            dependencies = [("shop", "0002_apart")]
            operations = [migrations.RunSQL("UPDATE books SET title = 'x' WHERE id = 1")]
    """,
}
TWO_TRANSACTIONS = {
    "shop/migrations/0004_two.py": """\
        from django.db import migrations

        def add(apps, schema_editor):
            schema_editor.execute("ALTER TABLE books ADD COLUMN pages integer")

        def read(apps, schema_editor):
            schema_editor.execute("UPDATE books SET pages = 1")

        class Migration(migrations.Migration):
            atomic = False
            dependencies = [("shop", "0003_rows")]
            operations = [
                migrations.RunPython(add, atomic=True),
                migrations.RunPython(read, atomic=True),
            ]
    """,
}
SQL = {"0001_genre.sql": "ALTER TABLE made ADD COLUMN x integer; TRUNCATE books;\n"}


@pytest.fixture
def project(postgres, tmp_path):
    project = Project(tmp_path / "site", postgres)
    project.write({**FILES, **{f"sql_migrations/{name}": text for name, text in SQL.items()}})
    return project


def test_django_when_traced_tells_locks_by_statement_and_leaves_out_what_it_made(project, postgres):
    postgres.execute("CREATE TABLE books AS SELECT g AS id FROM generate_series(1, 100000) g")

    result = project.manage("runsqlmigrations", "--with-django", "--impact", "--format", "json")

    assert result.code == 0, result.out
    statements = json.loads(result.out[result.out.index("{\n") :])["impact"]["statements"]
    assert [
        (statement["migration"], statement["sampled"], table["lock"], table["reads"])
        for statement in statements
        for table in statement["tables"]
        if table["table"] == "books"
    ] == [
        ("shop.0001_book", False, "ACCESS EXCLUSIVE", False),
        ("shop.0001_book", False, "ACCESS EXCLUSIVE", True),
        ("shop.0002_apart", True, "SHARE UPDATE EXCLUSIVE", True),
        ("0001_genre", False, "ACCESS EXCLUSIVE", False),
    ]
    tables = {table["table"] for statement in statements for table in statement["tables"]}
    assert tables == {"books"}


def test_django_when_a_migration_has_no_traced_statement_says_so(project, postgres):
    postgres.execute("CREATE TABLE books (id integer)")

    result = project.manage("runsqlmigrations", "--with-django", "--impact")

    assert result.code == 0, result.out
    assert "shop.0003_rows: no statement was traced, as it sends none or only such" in result.out


def test_django_when_a_migration_has_two_transactions_keeps_them_apart(project, postgres):
    postgres.execute("CREATE TABLE books AS SELECT g AS id FROM generate_series(1, 100) g")
    project.write(TWO_TRANSACTIONS)

    result = project.manage("runsqlmigrations", "--with-django", "--impact", "--format", "json")

    report = json.loads(result.out[result.out.index("{\n") :])
    statements = report["impact"]["statements"]
    assert [
        (statement["commits"], [table["lock"] for table in statement["tables"]])
        for statement in statements
        if statement["migration"] == "shop.0004_two"
    ] == [(True, ["ACCESS EXCLUSIVE"]), (True, ["ROW EXCLUSIVE"])]
