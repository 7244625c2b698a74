"""What the demo's migrations make of a real PostgreSQL, also when 0027-0030 are applied again."""

import itertools
import uuid
from pathlib import Path

import psycopg
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "sql_migrations"
SQL = {int(path.name[:4]): path.read_text(encoding="utf-8") for path in FOLDER.glob("*.sql")}
IDS = {int(path.name[:4]): path.stem for path in FOLDER.glob("*.sql")}
FOUR = (27, 28, 29, 30)
ORDERS = list(itertools.permutations(FOUR))

# The catalogue as PostgreSQL's own functions print it. Not null is a column's fact; PostgreSQL 18
# lists it among the constraints as well.
FACTS = """
WITH ours AS (
    SELECT * FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname <> 'applied_migrations'
)
SELECT 'relation', relname, relkind::text, obj_description(oid, 'pg_class') FROM ours
UNION ALL
SELECT 'column', relname || '.' || attname,
    concat_ws(' ', row_number() OVER (PARTITION BY ours.oid ORDER BY attnum),
        format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
        pg_get_expr(adbin, adrelid)),
    col_description(ours.oid, attnum)
FROM ours
JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
SELECT 'constraint', relname || '.' || conname, pg_get_constraintdef(pg_constraint.oid),
    convalidated::text
FROM pg_constraint JOIN ours ON ours.oid = conrelid WHERE contype <> 'n'
UNION ALL
SELECT 'index', relname, pg_get_indexdef(indexrelid), indisvalid::text
FROM pg_index JOIN ours ON ours.oid = indexrelid
UNION ALL
SELECT 'trigger', relname || '.' || tgname, pg_get_triggerdef(pg_trigger.oid), tgenabled::text
FROM pg_trigger JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
UNION ALL
SELECT 'view', relname, pg_get_viewdef(oid), '' FROM ours WHERE relkind = 'v'
UNION ALL
SELECT 'function', proname, pg_get_functiondef(oid), ''
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2
"""
HISTORY = """
CREATE TABLE applied_migrations (
    id varchar(200) PRIMARY KEY,
    number varchar(40) NOT NULL,
    applied_at timestamptz NOT NULL
)
"""


def facts(connection):
    return connection.execute(FACTS).fetchall()


def apply(connection, *numbers):
    """Apply each in a transaction of its own; the concurrent build runs alone."""
    for number in numbers:
        if "guard: transaction = off" in SQL[number]:
            connection.execute(SQL[number])
        else:
            with connection.transaction():
                connection.execute(SQL[number])


def apply_or_fail(connection, *numbers):
    """Apply each, go on after a failure, and return the numbers that failed."""
    failed = []
    for number in numbers:
        try:
            apply(connection, number)
        except psycopg.Error:
            failed.append(number)
    return failed


def record(connection, *numbers):
    """Write the markers of migrations in the order in which they were applied."""
    connection.execute(HISTORY)
    for minute, number in enumerate(numbers):
        connection.execute(
            "INSERT INTO applied_migrations VALUES (%s, %s, now() + make_interval(mins => %s))",
            (IDS[number], f"{number:040}", minute),
        )


def recorded(connection):
    rows = connection.execute("SELECT id FROM applied_migrations ORDER BY number").fetchall()
    return [int(id_[:4]) for (id_,) in rows]


@pytest.fixture
def empty(postgres):
    return postgres.connect()


@pytest.fixture
def up_to_26(empty):
    apply(empty, *range(1, 27))
    return empty


def test_all_in_order_make_the_tables_that_code_relies_on(empty):
    record(empty)
    apply(empty, *range(1, 35))

    columns = dict(
        empty.execute(
            "SELECT table_name, count(*) FROM information_schema.columns"
            " WHERE table_schema = 'public' GROUP BY 1"
        ).fetchall()
    )
    assert columns["user_profiles"] == 10
    assert columns["user_preferences"] == 10
    assert columns.keys() >= {
        "multi_dimensional_memory",
        "preference_audit_log",
        "user_identity_map",
    }


def test_the_four_when_applied_again_in_any_order_change_nothing(up_to_26):
    apply(up_to_26, *FOUR, 31, 32)
    clean = facts(up_to_26)

    for order in ORDERS:
        apply(up_to_26, *order)

        assert facts(up_to_26) == clean


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_the_four_when_first_applied_in_any_order_are_made_whole_by_their_own(
    up_to_26_and_clean, order
):
    connection, clean = up_to_26_and_clean
    with connection.transaction(force_rollback=True):
        failed = apply_or_fail(connection, *order)
        assert failed == ([29] if order.index(29) < order.index(27) else [])

        apply_or_fail(connection, 31, 32)
        apply(connection, *FOUR)

        assert facts(connection) == clean


@pytest.fixture(scope="module")
def up_to_26_and_clean(postgres_server):
    """Give a connection to a database at 0026, and what the catalogue must say at 0032."""
    with postgres_server.database() as database:
        connection = database.connect()
        apply(connection, *range(1, 27))
        with connection.transaction(force_rollback=True):
            apply(connection, *FOUR, 31, 32)
            clean = facts(connection)
        yield connection, clean


def test_the_four_on_a_profile_table_without_the_two_columns_add_them(up_to_26_and_clean):
    connection, clean = up_to_26_and_clean
    profiles_as_the_outage_left_them = SQL[27].split(";")[0]
    with connection.transaction(force_rollback=True):
        apply(connection, 28, 30)
        connection.execute(profiles_as_the_outage_left_them)
        connection.execute(
            "INSERT INTO users (email) VALUES ('ada@example.com');"
            "INSERT INTO user_profiles (vi_user_id) SELECT id FROM users"
        )

        apply(connection, *FOUR, 31, 32)

        assert facts(connection) == clean
        assert connection.execute(
            "SELECT relationship_type, trust_level FROM user_profiles"
        ).fetchall() == [("acquaintance", 0)]


def test_the_backfills_on_a_full_database_fill_in_what_was_missing(empty):
    apply(empty, 1)
    empty.execute(
        "INSERT INTO conversations (device_id) VALUES ('phone'), ('phone'), ('laptop');"
        "INSERT INTO messages (conversation_id, role, content)"
        " SELECT id, 'user', '100% of the harbour; at dusk'"
        " FROM conversations, generate_series(1, 3)"
    )

    apply(empty, *range(2, 33))

    assert empty.execute(
        "SELECT guest_device_id, count(*), sum(message_count) FROM users"
        " JOIN conversations ON user_id = users.id GROUP BY 1 ORDER BY 1"
    ).fetchall() == [("laptop", 1, 3), ("phone", 2, 6)]
    assert empty.execute(
        "SELECT count(*) FROM message_search WHERE document @@ to_tsquery('english', 'harbour')"
    ).fetchone() == (9,)


def test_the_audit_log_when_a_preference_changes_keeps_both_values(empty):
    apply(empty, *range(1, 33))
    empty.execute(
        "INSERT INTO users (email) VALUES ('ada@example.com');"
        "INSERT INTO user_preferences (vi_user_id, category, preference_key, preference_value)"
        """ SELECT id, 'tea', 'kind', '"green"' FROM users;"""
        """UPDATE user_preferences SET preference_value = '"black"';"""
        "UPDATE user_preferences SET confidence = 0.5;"
        "DELETE FROM user_preferences"
    )

    assert empty.execute(
        "SELECT action, old_value, new_value FROM preference_audit_log ORDER BY id"
    ).fetchall() == [
        ("insert", None, "green"),
        ("update", "green", "black"),
        ("delete", "black", None),
    ]


def test_0033_removes_the_identities_without_a_user_and_no_others(empty):
    apply(empty, *range(1, 33))
    empty.execute(
        "INSERT INTO users (email) VALUES ('ada@example.com');"
        "INSERT INTO user_identity_map (vi_user_id, provider_user_id) SELECT id, 'ada' FROM users;"
        "INSERT INTO user_identity_map (vi_user_id, provider_user_id)"
        f" VALUES ('{uuid.uuid4()}', 'ghost')"
    )

    apply(empty, 33)

    assert empty.execute("SELECT provider, provider_user_id FROM user_identity_map").fetchall() == [
        ("local", "ada")
    ]


UP_TO_26 = tuple(range(1, 27))


@pytest.mark.parametrize(
    ("applied", "cleared"),
    [
        pytest.param((*UP_TO_26, 27, 28, 29, 30, 31, 32, 33, 34), (), id="in-order"),
        pytest.param((*UP_TO_26, 27, 28, 29, 30, 34), (), id="in-order-31-to-33-not-yet"),
        pytest.param((*UP_TO_26, 28, 29, 30, 27, 31, 32, 33, 34), FOUR, id="the-outage"),
        pytest.param((*UP_TO_26, 28, 29, 30, 27, 34), FOUR, id="the-outage-31-to-33-not-yet"),
        pytest.param((*UP_TO_26, 27, 28, 30, 29, 31, 32, 33, 34), FOUR, id="two-swapped"),
        pytest.param((*UP_TO_26, 31, 27, 28, 29, 30, 32, 33, 34), FOUR, id="all-after-0031"),
        pytest.param((*UP_TO_26, 28, 29, 30, 31, 32, 33, 34), (), id="0027-pending"),
        pytest.param((2, 1, 3, *FOUR, 32, 31, 33, 34), (), id="others-swapped"),
        pytest.param((*UP_TO_26, 34, 27, 28, 29, 30), (), id="its-own-marker-says-nothing"),
    ],
)
def test_0034_clears_the_four_markers_when_one_is_later_than_a_higher_number(
    empty, applied, cleared
):
    record(empty, *applied)

    apply(empty, 34)

    assert recorded(empty) == sorted(set(applied) - set(cleared))
