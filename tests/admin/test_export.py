"""The exports: every row of the list, as files that other programs read safely."""

import csv
import io
import json

from tests.admin.conftest import many

FILES = {"9_a.sql": "CREATE TABLE a (id int);", "10_b.sql": "CREATE TABLE b (id int);"}


def body(response):
    assert response.status_code == 200
    assert response.streaming
    return b"".join(response.streaming_content).decode()


def test_csv_when_exported_has_a_line_for_each_migration(database, admin):
    response = admin(FILES).get("export.csv")

    rows = list(csv.DictReader(io.StringIO(body(response))))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        response["Content-Disposition"] == 'attachment; filename="applied_migrations_default.csv"'
    )
    assert [row["id"] for row in rows] == ["10_b", "9_a"]
    assert rows[1]["number"] == "9"
    assert rows[1]["applied_at"].endswith("+00:00")
    assert len(rows[1]["checksum"]) == 64


def test_json_when_exported_is_an_array_of_the_same(database, admin):
    site = admin(FILES)

    rows = json.loads(body(site.get("export.json?o=0")))

    assert [(row["id"], row["number"], row["how"]) for row in rows] == [
        ("9_a", 9, "run"),
        ("10_b", 10, "run"),
    ]


def test_json_when_there_is_nothing_is_an_empty_array(sqlite, admin):
    assert json.loads(body(admin(FILES).get("export.json?q=nothing"))) == []


def test_export_when_the_list_is_filtered_holds_what_it_shows(sqlite, admin):
    rows = json.loads(body(admin(FILES).get("export.json?q=10_&how__exact=run")))

    assert [row["id"] for row in rows] == ["10_b"]


def test_list_when_filtered_links_to_an_export_that_is_filtered_alike(sqlite, admin):
    page = admin(FILES).text("?q=10_&p=1&o=0")

    assert "export.csv?q=10_&amp;o=0" in page


def test_export_when_the_parameters_are_nonsense_goes_back_to_the_list(sqlite, admin):
    response = admin(FILES).get("export.csv?nonsense=1")

    assert (response.status_code, response["Location"]) == (
        302,
        "/admin/migration_guard/appliedmigration/?e=1",
    )


def test_csv_when_a_cell_looks_like_a_formula_is_text(sqlite, admin):
    site = admin(FILES)
    formula = '=HYPERLINK("http://evil","x"),2'
    sqlite.execute("UPDATE applied_migrations SET database_user = ? WHERE id = '9_a'", (formula,))

    rows = list(csv.DictReader(io.StringIO(body(site.get("export.csv")))))

    assert rows[1]["database_user"] == f"'{formula}"


def test_export_when_there_are_20000_rows_streams_them_all(database, admin):
    site = admin(FILES)
    many(database, 20_000)

    rows = json.loads(body(site.get("export.json?o=0")))

    assert len(rows) == 20_002
    assert "sql" not in rows[0]
