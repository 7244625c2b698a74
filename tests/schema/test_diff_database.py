"""The whole of a database: what it does by itself, besides its tables."""

import pytest
from django.db import connection

from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import _covers, read_database
from migration_guard.schema.objects import UNKNOWN
from tests.fresh import programs

FOUND = {
    "postgresql": {
        ("aggregate", "product(integer)", ""),
        ("domain", "cents", ""),
        ("function", "touch()", ""),
        ("function", "twice(integer)", ""),
        ("function", "twice(text)", ""),
        ("function", "watch()", ""),
        ("inherits", "", "special"),
        ("partition bound", "", "log_1"),
        ("partition bound", "", "log_2"),
        ("partition key", "", "log"),
        ("partition key", "", "split"),
        ("policy", "own", "items"),
        ("procedure", "tidy()", ""),
        ("rule", "keep", "items"),
        ("sequence", "tickets", ""),
        ("sequence of column", "id", "counted"),
        ("sequence of column", "old", "counted"),
        ("statistics", "both_of", "items"),
        ("trigger", "items_touch", "items"),
        ("trigger", "log_touch", "log"),
        ("type", "pair", ""),
        ("type", "span", ""),
    },
    "mysql": {
        ("algorithm", "", "cheap"),
        ("character set client", "", "cheap"),
        ("check option", "", "cheap"),
        ("collation connection", "", "cheap"),
        ("security type", "", "cheap"),
        ("engine", "", "items"),
        ("engine", "", "log"),
        ("engine", "", "seen"),
        ("engine", "", "split"),
        ("event", "nightly", ""),
        ("function", "twice", ""),
        ("option of column", "at", "seen"),
        ("partition bound", "", "split"),
        ("partition key", "", "split"),
        ("procedure", "tidy", ""),
        ("table collation", "", "items"),
        ("table collation", "", "log"),
        ("table collation", "", "seen"),
        ("table collation", "", "split"),
        ("trigger", "items_touch", "items"),
    },
    "sqlite": {
        ("module", "", "words"),
        ("rowid", "", "log"),
        # FTS5 keeps its own tables so.
        ("rowid", "", "words_config"),
        ("rowid", "", "words_idx"),
        ("trigger", "touch", "items"),
    },
}


def _build(database, *statements):
    for statement in statements:
        database.execute(statement)


def _programs(database):
    connection.close()
    found = read_database(connection)
    assert found.programs is not UNKNOWN, found.unknown
    return {
        (one.kind, one.name, one.table): one.definition or one.properties for one in found.programs
    }


def test_whole_when_the_database_is_empty_then_there_are_no_programs(database):
    assert _programs(database) == {}


def test_whole_when_there_are_programs_of_every_kind_then_all_are_told(database):
    _build(database, *programs.SCHEMAS[database.vendor])

    found = _programs(database)

    assert set(found) == FOUND[database.vendor]
    assert all(found.values())


def test_whole_when_a_policy_is_told_then_it_reads_as_sql(postgres):
    _build(
        postgres,
        "CREATE TABLE items (id int)",
        "CREATE POLICY own ON items AS RESTRICTIVE FOR INSERT WITH CHECK (id > 0)",
    )

    assert _programs(postgres) == {
        ("policy", "own", "items"): "RESTRICTIVE FOR INSERT TO PUBLIC WITH CHECK ((id > 0))"
    }


def test_whole_when_schemas_share_a_name_then_each_table_keeps_its_own(postgres):
    _build(
        postgres,
        "CREATE SCHEMA other",
        "CREATE TABLE items (id int)",
        "CREATE TABLE other.items (id int)",
        "CREATE FUNCTION other.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE TRIGGER t AFTER DELETE ON items EXECUTE FUNCTION other.f()",
        "CREATE TRIGGER t AFTER DELETE ON other.items EXECUTE FUNCTION other.f()",
    )

    assert set(_programs(postgres)) == {
        ("function", "other.f()", ""),
        ("schema", "other", ""),
        ("trigger", "t", "items"),
        ("trigger", "t", "other.items"),
    }


def test_whole_when_an_extension_brought_things_then_they_are_left_out(postgres):
    available = {row[0] for row in postgres.execute("SELECT name FROM pg_available_extensions")}
    _build(postgres, "CREATE TABLE items (id int)")
    before = read_database(connection)
    # What an extension owns is told by its dependency alone, whichever extension it is.
    _build(
        postgres,
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE spatial_ref_sys (id int)",
        "CREATE SEQUENCE counted",
        "CREATE TYPE pair AS (a int)",
        *(
            f"ALTER EXTENSION plpgsql ADD {what}"
            for what in ("FUNCTION f()", "TABLE spatial_ref_sys", "SEQUENCE counted", "TYPE pair")
        ),
    )

    after = read_database(connection)

    assert "plpgsql" in available
    assert (after.tables, after.programs) == (before.tables, before.programs)


@pytest.mark.usefixtures("impatient")
def test_whole_when_a_table_is_locked_then_the_rest_is_told(postgres):
    _build(postgres, "CREATE TABLE items (id int)", "CREATE POLICY own ON items USING (id > 0)")
    locker = postgres.connect()
    locker.execute("BEGIN")
    locker.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")

    found = read_database(connection)

    assert [one.label for one in found.tables] == ["items"]
    if found.programs is UNKNOWN:  # PostgreSQL 18 waits for the lock to print the policy
        (note,) = [one for one in found.unknown if one.object == "programs"]
        assert "lock timeout" in note.why
    else:
        assert [one.name for one in found.programs] == ["own"]


def test_whole_when_the_view_spells_out_its_database_then_the_name_is_left_out(mariadb):
    name = mariadb.settings["NAME"]
    _build(
        mariadb,
        "CREATE TABLE items (id int)",
        f"CREATE VIEW all_items AS SELECT i.id FROM `{name}`.items i",
    )

    (view,) = [one for one in read_database(connection).tables if one.kind == "view"]

    assert name not in view.definition


@pytest.fixture
def reader(mariadb):
    """Give `reader(*grants)`, which makes the connection that of a role with just these."""

    def become(*grants):
        name = mariadb.settings["NAME"]
        mariadb.execute("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reader'")
        for grant in grants:
            mariadb.execute(f"GRANT {grant.format(name=name)} TO reader@'127.0.0.1'")
        mariadb.configure(USER="reader", PASSWORD="reader")

    yield become
    mariadb.execute("DROP USER IF EXISTS reader@'127.0.0.1'")


@pytest.mark.parametrize(
    ("grants", "unlisted"),
    [
        (["ALL ON `{name}`.*"], set()),
        (["SELECT, TRIGGER, EVENT, EXECUTE ON `{name}`.*"], set()),
        (["SELECT, TRIGGER, EVENT, EXECUTE ON `guard\\_%`.*"], set()),
        (["SELECT, TRIGGER, EVENT, EXECUTE ON *.*"], set()),
        (["SELECT ON `{name}`.*"], {"triggers", "events", "routines"}),
        (["SELECT ON `{name}`.items"], {"tables", "triggers", "events", "routines"}),
    ],
)
def test_whole_when_a_role_may_not_see_all_on_mariadb_then_that_is_noted(
    mariadb, reader, grants, unlisted
):
    _build(mariadb, "CREATE TABLE items (id int)")
    reader(*grants)

    found = read_database(connection)

    assert {one.object for one in found.unknown if not one.table} == unlisted
    assert [one.label for one in found.tables] == ["items"]


@pytest.mark.parametrize(
    ("granted", "covers"),
    [
        ("*", True),
        ("`shop`", True),
        ("`shop2`", False),
        ("`sho_`", True),
        ("`sh%`", True),
        ("`sh\\_p`", False),
        ("`s.op`", False),
        ("`%`", True),
    ],
)
def test_covers_when_a_grant_has_a_pattern_then_it_is_one(granted, covers):
    assert _covers(granted, "shop") is covers


def test_database_when_row_security_is_off_but_forced_differs_from_on(postgres):
    postgres.execute("CREATE TABLE t (id int)")
    postgres.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    forced = read_database(connection)
    postgres.execute("ALTER TABLE t DISABLE ROW LEVEL SECURITY")

    (difference,) = (
        comparison
        for comparison in compare(forced, read_database(connection))
        if comparison.change is not Change.SAME
    )

    assert difference.expected == "row security, also for the owner"


def test_database_when_it_has_a_view_gives_it_no_replica_identity(postgres):
    postgres.execute("CREATE VIEW v AS SELECT 1 AS one")

    programs = read_database(connection).programs

    assert [program for program in programs if program.table == "v"] == []
