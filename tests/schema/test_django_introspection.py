"""The plain path: what Django's API cannot tell is unknown, never guessed."""

from django.db import connection

from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.read import read_snapshot
from tests.schema.rich import install


def facts():
    return read_snapshot(connection, ["facts"], setwise=False).table("facts")


def test_plain_path_when_an_index_is_unique_then_whether_it_is_plain_is_unknown(database):
    install(database)
    index = {"postgresql": "facts_partial", "sqlite": "facts_partial", "mysql": "facts_prefix"}
    assert facts().index(index[database.vendor]).is_plain is UNKNOWN


def test_plain_path_when_a_code_means_several_types_then_the_type_is_unknown(postgres):
    install(postgres)
    told = {one.name: one.type for one in facts().columns}
    assert (told["made"], told["seen"], told["weight"], told["mass"]) == (UNKNOWN,) * 4
    assert (told["id"], told["price"], told["owner"], told["data"]) == (
        "bigint",
        "numeric(10,2)",
        "uuid",
        "jsonb",
    )


def test_plain_path_when_expressions_are_asked_then_they_are_unknown(database):
    install(database)
    table = facts()
    assert all(check.expression is UNKNOWN for check in table.checks)
    assert all(column.generated is UNKNOWN for column in table.columns)
    assert table.exclusions is UNKNOWN


def test_plain_path_when_a_foreign_key_is_composite_then_its_target_columns_are_unknown(database):
    install(database)
    keys = facts().foreign_keys
    if database.vendor == "sqlite":  # Django lists it as two
        assert keys is UNKNOWN
    else:
        (found,) = [one for one in keys if one.name == "facts_owner"]
        assert (found.target, found.target_columns) == ("users", UNKNOWN)


def test_plain_path_when_the_target_has_a_dot_then_it_is_whole(database):
    install(database)
    (found,) = read_snapshot(connection, setwise=False).table("dotted_child").foreign_keys
    assert found.target == "dotted.name"
    # SQLite's pragma does not say what is implied.
    assert found.target_columns == (UNKNOWN if database.vendor == "sqlite" else ("a.b",))


def test_plain_path_when_the_target_is_in_another_schema_then_it_is_unknown(postgres):
    install(postgres)
    assert read_snapshot(connection, setwise=False).table("pointers").foreign_keys is UNKNOWN


def test_plain_path_when_django_stumbles_over_a_table_then_the_others_are_read(sqlite):
    install(sqlite)
    read = read_snapshot(connection, setwise=False)
    assert read.table("keyless").columns is UNKNOWN
    assert "IndexError" in read.why("keyless")
    assert read.table("users").column("login").type == "text"


def test_plain_path_when_a_view_is_invalid_then_the_others_are_read(mariadb):
    install(mariadb)
    mariadb.execute("DROP TABLE facts")
    read = read_snapshot(connection, setwise=False)
    assert read.table("fact_codes").columns is UNKNOWN
    assert "invalid" in read.why("fact_codes")
    assert read.table("users").column("login").nullable is True


def test_plain_path_when_names_are_asked_then_only_those_are_read(database):
    install(database)
    assert [
        one.label for one in read_snapshot(connection, ["users", "gone"], setwise=False).tables
    ] == ["users"]
