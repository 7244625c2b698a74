"""`(sql, params)` of RunSQL as text: the server gets the statement that Django sends."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_guard.running.sqlite.parameters import compute
from migration_guard.vendors import VENDORS, load

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    st.sampled_from(
        ["it's", 'a "b"', "\\", "\\'", "%", "%s", "%%", "a\nb", "--", "/*", "é🎈", "$$"]
    ),
    st.sampled_from([b"", b"it's", b"\\", "é".encode()]),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1)),  # noqa: DTZ001
    st.dates(date(1000, 1, 1)),
)
# What the server was sent, as it tells it itself; SQLite has no server, and is asked for types.
SENT = {
    "postgresql": "current_query()",
    "mysql": "(SELECT info FROM information_schema.processlist WHERE id = connection_id())",
    "sqlite": "typeof(%s)",
}


def bind(sql, params):
    return load(VENDORS[connection.vendor].bind)(connection, sql, params)


def answer(sql, params=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [*cursor.fetchall()]


@pytest.mark.filterwarnings("ignore:The default .* adapter is deprecated:DeprecationWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(value=VALUE)
def test_parameter_when_it_is_quoted_reaches_the_server_as_django_sends_it(database, value):
    sent = SENT[database.vendor]
    sql = f"SELECT %s, '100%%', {sent}"
    params = [value] * (1 + sent.count("%s"))

    text = bind(sql, params)

    assert answer(text) == answer(sql, params)


@pytest.mark.parametrize(
    "value",
    [
        *(4.309507865734824e-299, -4.309507865734824e-299, 5e-324, 2.225073858507201e-308),
        *(1.7976931348623157e308, 8.41e21, 0.1, float("inf"), float("-inf"), float("nan")),
    ],
)
def test_parameter_when_it_is_a_float_on_sqlite_keeps_each_bit(sqlite, value):
    sql = "SELECT %s, typeof(%s)"

    assert repr(answer(bind(sql, [value, value]))) == repr(answer(sql, [value, value]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_computed_float_is_the_float_on_sqlite(sqlite, value):
    assert answer(f"SELECT {compute(value)}") == [(value,)]


@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("SELECT %(b)s, %(a)s, '%%'", {"a": 1, "b": "x"}, [("x", 1, "%")]),
        ("SELECT '%%'", (), [("%",)]),
        ("SELECT %s, '%%s'", ["%%"], [("%%", "%s")]),
        ("SELECT %s", [datetime(2020, 2, 3, 4, 5, 6)], None),  # noqa: DTZ001
        ("SELECT %s", [Decimal("1.50")], None),
    ],
)
@pytest.mark.filterwarnings("ignore:The default .* adapter is deprecated:DeprecationWarning")
def test_parameters_when_they_have_names_or_percent_signs_are_as_django_reads_them(
    database, sql, params, expected
):
    text = bind(sql, params)

    assert answer(text) == answer(sql, params)
    assert expected is None or answer(text) == expected


@pytest.mark.parametrize("value", ["a\0b"])
def test_parameter_when_it_has_a_nul_byte_is_refused(sqlite, value):
    with pytest.raises(ValueError, match="NUL byte"):
        bind("SELECT %s", [value])


def test_parameters_when_sqlite_formats_a_time_leave_its_percent_signs(sqlite):
    sql = "SELECT strftime('%Y', %s)"

    assert bind(sql, ["2020-01-01"]) == "SELECT strftime('%Y', '2020-01-01')"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.binary())
def test_parameter_when_it_is_bytes_is_stored_as_django_stores_it(database, value):
    kind = {"postgresql": "bytea", "mysql": "blob", "sqlite": "blob"}[database.vendor]
    database.execute("DROP TABLE IF EXISTS blobs")
    database.execute(f"CREATE TABLE blobs (content {kind})")

    with connection.cursor() as cursor:
        cursor.execute(bind("INSERT INTO blobs VALUES (%s)", [value]))

    assert [bytes(row[0]) for row in answer("SELECT content FROM blobs")] == [value]


def test_parameter_when_it_is_a_list_or_a_zoned_time_is_as_the_driver_writes_it(postgres):
    params = [[1, 2], datetime(2020, 1, 1, tzinfo=UTC)]

    assert answer(bind("SELECT %s, %s, current_query()", params)) == answer(
        "SELECT %s, %s, current_query()", params
    )
