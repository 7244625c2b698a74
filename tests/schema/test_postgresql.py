"""PostgreSQL: locks, limited roles, transactions, and the number of queries."""

import time

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.read import read_snapshot
from migration_guard.schema.readers.lock_limits import PATIENCE
from tests.schema.rich import install


@pytest.fixture
def limited(postgres):
    """Let Django connect as a role without any privilege on the rich schema's tables."""
    install(postgres)
    role = f"{postgres.settings['NAME']}_limited"
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'limited'")
    expected = read_snapshot(connection)
    postgres.configure(USER=role, PASSWORD="limited")
    yield expected
    connection.close()
    postgres.execute(f"DROP OWNED BY {role}")
    postgres.execute(f"DROP ROLE {role}")


def test_reading_when_the_role_has_no_privilege_then_every_fact_is_the_same(postgres, limited):
    assert read_snapshot(connection) == limited


def test_reading_when_the_role_may_not_use_the_schema_then_nothing_is_absent(postgres, limited):
    postgres.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    assert read_snapshot(connection).table("facts").column("code").nullable is False


@pytest.mark.parametrize(
    ("catalogue", "facts"),
    [
        ("pg_constraint", ["foreign_keys", "checks", "exclusions", "indexes", "primary_key"]),
        ("pg_index", ["indexes", "primary_key", "uniques"]),
        ("pg_attribute", ["columns", "indexes", "primary_key", "foreign_keys"]),
    ],
)
def test_reading_when_a_catalogue_is_forbidden_then_its_facts_are_unknown(
    postgres, limited, catalogue, facts
):
    postgres.execute(f"REVOKE SELECT ON {catalogue} FROM PUBLIC")
    read = read_snapshot(connection)
    table = read.table("facts")
    assert [getattr(table, fact) for fact in facts] == [UNKNOWN] * len(facts)
    assert all("permission denied" in read.why("facts", fact) for fact in facts)


def test_reading_when_the_list_of_tables_is_forbidden_then_no_table_is_absent(postgres, limited):
    postgres.execute("REVOKE SELECT ON pg_class FROM PUBLIC")
    read = read_snapshot(connection)
    assert read.table("facts") is UNKNOWN
    assert "permission denied" in read.why("facts")


@pytest.mark.usefixtures("impatient")
def test_reading_when_a_table_is_locked_then_only_its_expressions_are_unknown(postgres):
    install(postgres)
    before = read_snapshot(connection)
    other = postgres.connect()
    other.execute("BEGIN")
    other.execute("LOCK TABLE facts IN ACCESS EXCLUSIVE MODE")

    started = time.monotonic()
    read = read_snapshot(connection)

    assert time.monotonic() - started < PATIENCE * 2
    table, known = read.table("facts"), before.table("facts")
    assert table.column("code").default is UNKNOWN
    assert table.column("code").type == "character varying(40)"
    assert table.column("seen") == known.column("seen")
    assert (table.uniques, table.foreign_keys) == (known.uniques, known.foreign_keys)
    assert table.check("price_range").expression is UNKNOWN
    assert table.index("facts_lower").expressions is UNKNOWN
    assert read.table("fact_codes").definition is UNKNOWN
    assert read.table("fact_sums").indexes == before.table("fact_sums").indexes
    assert "locked" in read.why("facts", "defaults")
    assert "locked" in read.why("fact_codes", "definition")
    untouched = {one.label for one in before.tables} - {"facts", "fact_codes", "fact_sums"}
    assert all(read.table(label) == before.table(label) for label in untouched)


@pytest.mark.parametrize("atomic", [False, True])
def test_reading_when_done_then_settings_locks_and_transaction_are_as_before(postgres, atomic):
    install(postgres)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '17s'")
    if not atomic:
        read_snapshot(connection)
        assert connection.get_autocommit()
        assert shown("lock_timeout") == "17s"
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '13s'")
            cursor.execute("INSERT INTO keyless VALUES (1, 2)")
        read_snapshot(connection)
        assert shown("lock_timeout") == "13s"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
                " AND relation = 'facts'::regclass"
            )
            assert cursor.fetchone() == (0,)
    assert shown("lock_timeout") == "17s"
    assert postgres.execute("SELECT * FROM keyless") == [(1, 2)]


def test_reading_when_the_caller_commits_by_hand_then_its_transaction_goes_on(postgres):
    postgres.execute("CREATE TABLE keyless (a integer)")
    connection.set_autocommit(False)
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO keyless VALUES (1)")
        assert read_snapshot(connection).table("keyless").kind == "table"
        connection.commit()
    finally:
        connection.set_autocommit(True)
    assert postgres.execute("SELECT * FROM keyless") == [(1,)]


def test_reading_when_the_driver_binds_on_the_server_then_it_is_the_same(postgres):
    install(postgres)
    expected = read_snapshot(connection)
    postgres.configure(OPTIONS={"server_side_binding": True})
    assert read_snapshot(connection) == expected
    assert read_snapshot(connection, []).tables == ()


def test_reading_when_given_a_connection_of_its_own_then_that_one_is_read(postgres):
    install(postgres)
    own = connection.copy()
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; CREATE TABLE unseen (a integer)")
        read = read_snapshot(own)
    finally:
        own.close()
        connection.close()
    assert read.table("facts").kind == "table"
    assert read.table("unseen") is None


def test_reading_when_the_table_is_new_in_this_transaction_then_it_is_read(postgres):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE fresh (a integer)")
        assert read_snapshot(connection).table("fresh").column("a").type == "integer"


def test_label_when_two_schemas_have_the_table_then_the_path_decides(postgres):
    postgres.execute("CREATE SCHEMA first")
    postgres.execute("CREATE TABLE first.users (a integer)")
    postgres.execute("CREATE TABLE users (b integer)")
    postgres.configure(OPTIONS={"options": "-c search_path=first,public"})
    read = read_snapshot(connection)
    assert read.search_path == ("first", "public")
    assert [one.label for one in read.tables] == ["public.users", "users"]
    assert read.table("users").schema == "first"
    assert read_snapshot(connection, ["public.users"]).table("public.users").column("b").name == "b"


def test_temporary_table_when_it_shadows_a_table_then_the_table_is_read(postgres):
    postgres.execute("CREATE TABLE users (a integer)")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE users (b integer)")
    assert [one.name for one in read_snapshot(connection).table("users").columns] == ["a"]


def shown(setting):
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        return cursor.fetchone()[0]


def queries(count):
    """Return how many queries a reading takes with this many tables."""
    with connection.cursor() as cursor:
        for number in range(count):
            cursor.execute(
                f"CREATE TABLE t{count}_{number} (id integer PRIMARY KEY, a varchar(10) UNIQUE,"
                f" b integer DEFAULT 7 CHECK (b > 0), p integer REFERENCES t{count}_0 (id))"
            )
    with CaptureQueriesContext(connection) as captured:
        read_snapshot(connection)
    return len(captured)


def test_queries_when_there_are_ten_times_the_tables_then_they_are_as_many(database):
    assert queries(5) == queries(50) < 25


def test_table_when_its_schema_has_a_dot_too_then_its_label_finds_it(postgres):
    postgres.execute('CREATE SCHEMA "odd.schema"')
    postgres.execute('CREATE TABLE "odd.schema"."t.x" (id integer)')

    read = read_snapshot(connection, ["odd.schema.t.x"])

    assert [table.label for table in read.tables] == ["odd.schema.t.x"]
