"""Two snapshots compared in pure values: every pair of equal ones is equal, and both ways agree."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Enum,
    Exclusion,
    Extension,
    ForeignKey,
    Generated,
    Index,
    Key,
    Program,
    Snapshot,
    Table,
    Unknown,
)

VENDORS = ("postgresql", "mysql", "sqlite")
WORDS = st.sampled_from(["a", "b", "c", "t", "t_a_key", "t_a_key1", "CONSTRAINT_1", "a_2"])
TEXTS = st.sampled_from(["x > 0", "x > 1", "SELECT 1\nFROM t", "SELECT 1\nFROM u", ""])


def _fact(strategy):
    return st.one_of(strategy, st.just(UNKNOWN))


def _unique(strategy, by=lambda one: one.name):
    return st.lists(strategy, max_size=3, unique_by=by).map(tuple)


def _built(record, *args, **fields):
    """Build a record; `builds` alone would also draw the fields of a tuple that have a default."""

    def make(*args, **fields):
        return record(*args, **fields)

    return st.builds(make, *args, **fields)


COLUMNS = _built(
    Column,
    name=WORDS,
    type=_fact(st.sampled_from(["integer", "text"])),
    nullable=_fact(st.booleans()),
    default=_fact(st.one_of(st.none(), TEXTS)),
    identity=st.sampled_from(["", "always"]),
    generated=_fact(st.one_of(st.none(), _built(Generated, _fact(TEXTS), _fact(st.booleans())))),
    collation=st.one_of(st.none(), WORDS),
    comment=st.one_of(st.none(), TEXTS),
)
NAMES = st.lists(WORDS, min_size=1, max_size=2, unique=True).map(tuple)
INDEXES = _built(
    Index,
    name=WORDS,
    columns=NAMES,
    expressions=_fact(st.just(())),
    unique=st.booleans(),
    predicate=_fact(st.one_of(st.none(), TEXTS)),
    method=st.sampled_from(["btree", "gin"]),
    include=_fact(st.just(()) | NAMES),
    orders=st.just(()),
    backs=st.sampled_from(["", "unique", "primary key"]),
    disabled_on=_fact(st.just(()) | NAMES),
)
FOREIGN_KEYS = _built(
    ForeignKey,
    name=WORDS,
    columns=NAMES,
    target=WORDS,
    target_columns=_fact(NAMES),
    on_delete=st.sampled_from(["no action", "set null (a)"]),
    validated=_fact(st.booleans()),
    enforced=st.booleans(),
    disabled_on=_fact(st.just(()) | NAMES),
)
TABLES = _built(
    Table,
    schema=st.just("public"),
    name=WORDS,
    label=WORDS,
    kind=st.sampled_from(["table", "view", "materialized view"]),
    columns=_fact(_unique(COLUMNS)),
    primary_key=_fact(st.one_of(st.none(), _built(Key, WORDS, NAMES))),
    uniques=_fact(_unique(_built(Key, WORDS, NAMES))),
    indexes=_fact(_unique(INDEXES)),
    foreign_keys=_fact(_unique(FOREIGN_KEYS)),
    checks=_fact(_unique(_built(Check, WORDS, _fact(TEXTS)))),
    exclusions=_fact(_unique(_built(Exclusion, WORDS, _fact(TEXTS), _fact(NAMES)))),
    comment=st.one_of(st.none(), TEXTS),
    partition_of=st.sampled_from(["", "a", "b"]),
    definition=_fact(st.one_of(st.none(), TEXTS)),
)
KINDS = ["trigger", "function", "column: storage", "index: period", "foreign key: period"]
PROGRAMS = _built(Program, st.sampled_from(KINDS), WORDS, WORDS, TEXTS) | _built(
    Program, st.sampled_from(["persistence", "primary key: period"]), st.just(""), WORDS, TEXTS
)


@st.composite
def snapshots(draw, vendor=None):
    enums = _built(Enum, st.just("public"), WORDS, WORDS, NAMES)
    return Snapshot(
        vendor or draw(st.sampled_from(VENDORS)),
        draw(_unique(TABLES, by=lambda one: one.label)),
        draw(_fact(_unique(enums, by=lambda one: one.label))),
        draw(_fact(_unique(_built(Extension, WORDS, st.just("1"))))),
        search_path=("public",),
        programs=draw(_fact(_unique(PROGRAMS, by=lambda one: one[:3]))),
    )


@st.composite
def pairs(draw):
    vendor = draw(st.sampled_from(VENDORS))
    return draw(snapshots(vendor)), draw(snapshots(vendor))


@given(snapshots())
def test_compare_when_a_snapshot_meets_itself_then_nothing_differs(known):
    changes = {one.change for one in compare(known, known) if one.database_object.table}

    assert changes <= {Change.SAME}


MIRRORED = {Change.MISSING: Change.EXTRA, Change.EXTRA: Change.MISSING}


@given(pairs())
def test_compare_when_the_two_are_swapped_then_the_answer_is_mirrored(pair):
    first, second = pair

    there = _counted(compare(first, second))
    back = _counted(compare(second, first))

    assert {
        (MIRRORED.get(change, change), *rest): n for (change, *rest), n in there.items()
    } == back


def _counted(found):
    counts = {}
    for one in found:
        thing = one.database_object
        key = (one.change, thing.table, thing.kind)
        counts[key] = counts.get(key, 0) + 1
    return counts


@given(pairs())
def test_compare_when_two_differ_then_what_differs_is_told_in_words_that_differ(pair):
    for one in compare(*pair):
        if one.change in {Change.MISSING, Change.EXTRA, Change.DIFFERS}:
            assert one.expected
            assert one.actual
            assert one.expected != one.actual
            assert "\n" not in one.expected + one.actual


# Single cases

USERS = Table(
    "public",
    "users",
    "users",
    "table",
    columns=(Column("id", "integer", False), Column("email", "text", False)),
    primary_key=Key("users_pkey", ("id",)),
    uniques=(Key("users_email_key", ("email",)),),
    indexes=(
        Index("users_pkey", ("id",), unique=True, orders=("asc",), backs="primary key"),
        Index("users_email_key", ("email",), unique=True, orders=("asc",), backs="unique"),
        Index("users_seen", ("seen",), method="btree", orders=("asc",)),
    ),
    foreign_keys=(),
    checks=(Check("users_check", "a < b"), Check("users_check1", "b < c")),
    exclusions=(),
    comment=None,
)


def _snapshot(*tables, vendor="postgresql", **more):
    return Snapshot(vendor, tables, search_path=("public",), **more)


def _differences(first, second):
    return [
        (
            str(one.change),
            one.database_object.table,
            one.database_object.object,
            one.expected,
            one.actual,
        )
        for one in compare(first, second)
        if one.change is not Change.SAME
    ]


def _changed(**changes):
    return _differences(_snapshot(USERS), _snapshot(replace(USERS, **changes)))


def test_compare_when_a_unique_constraint_is_gone_then_that_is_one_difference():
    assert _changed(uniques=(), indexes=(USERS.indexes[0], USERS.indexes[2])) == [
        ("missing", "users", "unique users_email_key", "UNIQUE (email)", "missing")
    ]


def test_compare_when_the_primary_key_is_another_then_that_is_one_difference():
    index = USERS.indexes[0]._replace(columns=("email",))

    assert _changed(
        primary_key=Key("users_pkey", ("email",)), indexes=(index, *USERS.indexes[1:])
    ) == [("differs", "users", "primary key (id)", "(id)", "(email)")]


@pytest.mark.parametrize(
    ("vendor", "name", "differ"),
    [
        ("postgresql", "pk", [("CONSTRAINT users_pkey", "CONSTRAINT pk")]),
        ("postgresql", "users_pkey1", []),
        ("mysql", "pk", []),
        ("sqlite", "pk", []),
    ],
)
def test_compare_when_a_primary_key_is_renamed_tells_it_where_statements_name_it(
    vendor, name, differ
):
    index = USERS.indexes[0]._replace(name=name)
    renamed = replace(USERS, primary_key=Key(name, ("id",)), indexes=(index, *USERS.indexes[1:]))

    found = _differences(*(replace(_snapshot(table), vendor=vendor) for table in (USERS, renamed)))

    assert [texts for (*_, expected, actual) in found for texts in [(expected, actual)]] == differ


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        (("users_check", "users_check1"), ("users_check1", "users_check"), False),
        (("users_check", "users_check1"), ("users_check1", "users_check2"), False),
        (("one", "two"), ("two", "one"), True),
    ],
)
def test_compare_when_names_are_swapped_then_only_those_that_somebody_gave_count(
    first, second, differ
):
    texts = ("a < b", "b < c")
    made, found = (
        _snapshot(replace(USERS, checks=tuple(map(Check, names, texts))))
        for names in (first, second)
    )

    assert bool(_differences(made, found)) is differ


def test_compare_when_one_of_two_counted_checks_is_gone_then_that_one_is_missing():
    assert _changed(checks=(Check("users_check", "b < c"),)) == [
        ("missing", "users", "check users_check", "CHECK (a < b)", "missing")
    ]


def test_compare_when_a_column_has_the_name_of_its_table_then_it_is_a_column():
    column = Column("email", "text", False)
    table = Table("public", "email", "email", "table", columns=(column,), primary_key=None)
    changed = replace(table, columns=(column._replace(type="integer"),))

    assert _differences(_snapshot(table), _snapshot(changed)) == [
        ("differs", "email", "column email", "text", "integer")
    ]
    assert _differences(_snapshot(table), _snapshot()) == [
        ("missing", "email", "", "table", "missing")
    ]


def test_compare_when_columns_could_not_be_read_then_they_are_unknown_and_not_missing():
    notes = (Unknown("users", "columns", "denied"),)
    blind = _snapshot(replace(USERS, columns=UNKNOWN), unknown=notes)

    assert _differences(_snapshot(USERS), blind) == [("unknown", "users", "columns", "", "")]
    assert _differences(blind, _snapshot(USERS)) == [("unknown", "users", "columns", "", "")]


def test_compare_when_programs_could_not_be_read_then_they_are_unknown_and_not_missing():
    trigger = Program("trigger", "touch", "users", "CREATE TRIGGER touch")
    blind = _snapshot(USERS, programs=UNKNOWN, unknown=(Unknown("", "programs", "denied"),))

    assert _differences(_snapshot(USERS, programs=(trigger,)), blind) == [
        ("unknown", "users", "", "", ""),
        ("unknown", "", "programs", "", ""),
    ]


def test_compare_when_nothing_could_be_read_then_each_table_is_unknown():
    blind = _snapshot(unknown=(Unknown("", "", "denied"),))

    assert _differences(_snapshot(USERS), blind) == [
        ("unknown", "users", "", "", ""),
        ("unknown", "", "database", "", ""),
    ]
    assert _differences(blind, blind) == [("unknown", "", "database", "", "")]


def test_compare_when_a_long_text_differs_in_a_line_then_that_line_is_told():
    body = "\n".join(f"line {number}" for number in range(100))
    first = _snapshot(programs=(Program("function", "f()", "", body),))
    second = _snapshot(
        programs=(Program("function", "f()", "", body.replace("line 50\n", "line fifty\n")),)
    )

    assert _differences(first, second) == [
        ("differs", "", "function f()", "… line 50 …", "… line fifty …")
    ]


def test_compare_when_a_long_text_has_a_line_more_then_that_line_is_told():
    first = _snapshot(programs=(Program("function", "f()", "", "a\nb"),))
    second = _snapshot(programs=(Program("function", "f()", "", "a\nmore\nb"),))

    assert _differences(first, second) == [
        ("differs", "", "function f()", "… no such line …", "… more …")
    ]


def test_compare_when_a_partition_repeats_its_parent_then_the_difference_is_told_once():
    parent = replace(USERS, kind="partitioned table", name="log", label="log")
    parts = [
        replace(USERS, name=f"log_{number}", label=f"log_{number}", partition_of="log")
        for number in range(3)
    ]
    columns = (*USERS.columns, Column("more", "integer", True))
    grown = [replace(one, columns=columns) for one in (parent, *parts)]
    alone = [parent, replace(parts[0], columns=columns), *parts[1:]]
    added = ("nothing", "column integer NULL")

    assert _differences(_snapshot(parent, *parts), _snapshot(*grown)) == [
        ("extra", "log", "column more", *added)
    ]
    assert _differences(_snapshot(parent, *parts), _snapshot(*alone)) == [
        ("extra", "log_0", "column more", *added)
    ]


def test_compare_when_a_table_is_a_partition_in_one_only_then_both_ways_tell_as_much():
    log = replace(USERS, name="log", label="log")
    detached = replace(USERS, name="log_1", label="log_1")
    first = _snapshot(replace(log, indexes=()), replace(detached, indexes=(), partition_of="log"))
    second = _snapshot(log, detached)

    there, back = compare(first, second), compare(second, first)

    assert len([one for one in there if one.change is Change.EXTRA]) > 1
    assert {
        (MIRRORED.get(change, change), *rest): n for (change, *rest), n in _counted(there).items()
    } == _counted(back)
