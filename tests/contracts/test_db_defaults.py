"""Whatever a model's db_default is: what Django made of it is kept, and another one is found."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.db import connection, models
from django.db.models import Case, Func, Value, When
from django.db.models.functions import (
    MD5,
    Cast,
    Collate,
    Concat,
    JSONObject,
    Length,
    Lower,
    Now,
    Pi,
    Random,
    Round,
    Sqrt,
    TruncDay,
)
from django.test.utils import isolate_apps
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.contracts import examine
from migration_guard.contracts.contract import Contract
from migration_guard.contracts.from_models import _table
from migration_guard.contracts.model_reader import ModelReader
from migration_guard.exceptions import CannotTell
from migration_guard.results import Verdict

CHAR, DECIMAL = models.CharField(max_length=40), models.DecimalField(max_digits=6, decimal_places=2)
FLOAT, INTEGER = models.FloatField(), models.IntegerField()
JSON, BINARY = models.JSONField(), models.BinaryField()
COLLATIONS = {"postgresql": "C", "sqlite": "nocase", "mysql": "utf8mb4_bin"}
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC)
# A field, its default, and another one.
DEFAULTS = {
    "bytes": (BINARY, b"abc", b"abd"),
    "bytes that are no text": (BINARY, Value(b"\xfe\xff"), Value(b"\xfe\xfd")),
    "memoryview": (BINARY, memoryview(b"\xfe"), memoryview(b"\xff")),
    "bytearray": (BINARY, bytearray(b"\x80"), bytearray(b"\x81")),
    "no bytes": (BINARY, b"", b"a"),
    "bytes of a text": (BINARY, "é".encode(), "è".encode()),
    "text": (CHAR, "it's \\ 100 % %s é \n x", "it's \\ 100 % %s é \t x"),
    "escaped text": (CHAR, 'a"b\\"', 'a"b"'),
    "text of a pattern": (CHAR, "\\% \\_", "% _"),
    "no text": (CHAR, "", " "),
    "integer": (INTEGER, -3, 3),
    "decimal": (DECIMAL, Decimal("1.50"), Decimal("1.05")),
    "decimal of an integer": (DECIMAL, 1, 2),
    "float": (FLOAT, 1.5, 1.25),
    "large float": (FLOAT, 1e300, 1e299),
    "boolean": (models.BooleanField(), True, False),
    "uuid": (models.UUIDField(), uuid.UUID(int=77), uuid.UUID(int=78)),
    "duration": (
        models.DurationField(),
        dt.timedelta(days=2, seconds=3, microseconds=4),
        dt.timedelta(days=2),
    ),
    "date": (models.DateField(), dt.date(2026, 1, 2), dt.date(2026, 1, 3)),
    "moment": (models.DateTimeField(), MOMENT, MOMENT + dt.timedelta(1)),
    "time": (models.TimeField(), dt.time(1, 2, 3, 4), dt.time(1, 2, 3)),
    "now": (models.DateTimeField(), Now(), MOMENT),
    "date of now": (models.DateField(), Now(), dt.date(2026, 1, 3)),
    "time of now": (models.TimeField(), Now(), dt.time(1, 2, 3)),
    "truncated": (models.DateTimeField(), TruncDay(Now()), Now()),
    "pi": (FLOAT, Pi(), 3.0),
    "random": (FLOAT, Random(), 3.0),
    "root": (FLOAT, Sqrt(Value(4.0)), Sqrt(Value(9.0))),
    "rounded": (FLOAT, Round(Value(4.25), precision=1), Round(Value(4.25), precision=2)),
    "sum": (INTEGER, Value(3) + Value(4), Value(3) + Value(5)),
    "remainder": (INTEGER, Value(5) % Value(4), Value(5) % Value(3)),
    "lower": (CHAR, Lower(Value("ABC%")), Lower(Value("ABD%"))),
    "joined": (CHAR, Concat(Value("a"), Value("é%")), Concat(Value("a"), Value("è%"))),
    "cast": (CHAR, Cast(Value(3), CHAR), Cast(Value(4), CHAR)),
    "hash": (CHAR, MD5(Value("x")), MD5(Value("y"))),
    "length": (INTEGER, Length(Value("éé")), Length(Value("é"))),
    "function": (CHAR, Func(Value("a"), function="upper"), Func(Value("a"), function="lower")),
    "case": (
        INTEGER,
        Case(When(Value(True), then=Value(1)), default=Value(2)),
        Case(When(Value(True), then=Value(3)), default=Value(2)),
    ),
    "json object": (JSON, {"a": [1, "é'\\", None]}, {"a": [1, "é'", None]}),
    "empty json": (JSON, {}, []),
    "json list": (JSON, [], [1]),
    "json text": (JSON, "x", "y"),
    "json text as value": (JSON, Value("x", JSON), Value("y", JSON)),
    "escaped json text": (JSON, Value("a\"b\\c'd\n", JSON), Value("a\"b\\c'd", JSON)),
    "json null": (JSON, Value(None, JSON), Value({}, JSON)),
    "json number": (JSON, 3, 4),
    "json truth": (JSON, True, False),
    "json function": (JSON, JSONObject(a=Value(1)), JSONObject(a=Value(2))),
    "address": (models.GenericIPAddressField(), "::1", "::2"),
    "null": (models.IntegerField(null=True), None, 1),
}


def model_of(field, default):
    """Return a model of one field with this default."""
    kind, options = field.deconstruct()[1], field.deconstruct()[3]
    assert kind.startswith("django.db.models.")
    with isolate_apps("django.contrib.contenttypes"):

        class Thing(models.Model):  # noqa: DJ008 - nobody prints one
            value = type(field)(**options, db_default=default)

            class Meta:
                app_label = "contenttypes"
                db_table = "thing"

    return Thing


def verdicts(model):
    """Return what is not kept of the contract of a model."""
    contract = Contract([_table(ModelReader(model, "default"), is_written=False)])
    assertions = examine(connection, contract).assertions
    assert any(assertion.object == "value" for assertion in assertions)
    return [
        assertion.violation.rule if assertion.violation else assertion.unknown
        for assertion in assertions
        if assertion.verdict is not Verdict.KEPT
    ]


def test_default_when_django_made_it_is_kept_and_another_is_found(database):
    collation = COLLATIONS[database.vendor]
    collated = (CHAR, Collate(Value("ab"), collation), Collate(Value("ac"), collation))
    wrong = {}
    for name, (field, default, other) in {**DEFAULTS, "collated": collated}.items():
        model = model_of(field, default)
        with connection.schema_editor() as editor:
            editor.create_model(model)
        both = verdicts(model), verdicts(model_of(field, other))
        connection.close()
        database.execute("DROP TABLE thing")
        if both != ([], ["wrong-default"]):
            wrong[name] = both

    assert wrong == {}


def values():
    """Give a field and a value of it, of each kind that Django has."""
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
    json = st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | text,
        lambda inside: st.lists(inside, max_size=2) | st.dictionaries(text, inside, max_size=2),
        max_leaves=4,
    )
    by_field = [
        (BINARY, st.binary(max_size=9)),
        (BINARY, st.binary(max_size=9).map(memoryview)),
        (BINARY, st.binary(max_size=9).map(bytearray)),
        (CHAR, text),
        (INTEGER, st.integers(-(2**31), 2**31 - 1)),
        (FLOAT, st.floats()),
        (DECIMAL, st.decimals(-9999, 9999, places=2)),
        (models.BooleanField(), st.booleans()),
        (models.UUIDField(), st.uuids()),
        (models.DurationField(), st.timedeltas()),
        (models.DateField(), st.dates()),
        (models.TimeField(), st.times()),
        (models.DateTimeField(), st.datetimes(timezones=st.just(dt.UTC))),
        (JSON, json),
    ]
    return st.one_of(st.tuples(st.just(field), strategy) for field, strategy in by_field)


@pytest.mark.parametrize(
    "wrap",
    [lambda value, _field: value, Value, lambda v, f: Concat(Lower(Value(v, f)), Value(v, f))],
)
def test_default_when_it_is_any_value_ends_in_no_traceback(database, wrap):
    @given(values())
    def read(drawn):
        field, value = drawn
        model = model_of(field, wrap(value, type(field)()))
        try:
            contract = Contract([_table(ModelReader(model, "default"), is_written=False)])
        except CannotTell as error:
            text = error.message.partition("db_default of contenttypes.Thing.value")[1]
        else:
            text = contract.tables[0].columns[1].default
        assert isinstance(text, str)
        assert text

    read()


def test_generated_when_it_holds_bytes_that_are_no_text_is_kept(database):
    case = Case(When(value=b"\xfe", then=Value(1)), default=Value(2))
    with isolate_apps("django.contrib.contenttypes"):

        class Thing(models.Model):  # noqa: DJ008 - nobody prints one
            value = models.BinaryField()
            number = models.GeneratedField(expression=case, output_field=INTEGER, db_persist=True)

            class Meta:
                app_label = "contenttypes"
                db_table = "thing"

    with connection.schema_editor() as editor:
        editor.create_model(Thing)

    contract = Contract([_table(ModelReader(Thing, "default"), is_written=False)])
    assert [
        assertion for assertion in examine(connection, contract).assertions if assertion.violation
    ] == []
