"""A contract written of any database is kept by that database, whatever its things are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.contracts import compare, parse, write
from migration_guard.exceptions import CannotTell
from migration_guard.results import Verdict
from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Enum,
    ForeignKey,
    Generated,
    Index,
    Key,
    Snapshot,
    Table,
    Unknown,
)

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=6).filter(
    str.strip
) | st.sampled_from(["id", "a b", "a.b", 'q"uote', "it's", "a(3)", "x DESC", "p, q", "é", "[t]"])
EXPRESSIONS = st.sampled_from(["'a'", "'it''s \\ 50%'", "lower(x)", "1", "(a || 'b'::text)"])


@st.composite
def columns(draw, name):
    generated = draw(st.none() | st.just(Generated(draw(EXPRESSIONS), draw(st.booleans()))))
    default = None if generated else draw(st.none() | EXPRESSIONS | st.just(UNKNOWN))
    identity = (
        ""
        if generated or default is not None
        else draw(st.sampled_from(["", "always", "by default"]))
    )
    return Column(
        name,
        draw(st.sampled_from(["integer", "numeric(10,2)", "character varying(40)", "text[]"])),
        nullable=draw(st.booleans() | st.just(UNKNOWN)),
        default=default,
        identity=identity,
        generated=generated,
        collation=draw(st.none() | st.sampled_from(["C", "de-x-icu"])),
    )


@st.composite
def indexes(draw, names, number):
    keys = draw(st.lists(st.none() | st.sampled_from(names), min_size=1, max_size=3, unique=True))
    size = len(keys)
    return Index(
        f"ix{number}",
        tuple(keys),
        expressions=tuple(draw(EXPRESSIONS) for key in keys if key is None),
        unique=draw(st.booleans()),
        predicate=draw(st.none() | EXPRESSIONS),
        include=draw(st.just(()) | st.just((names[0],))),
        method=draw(st.sampled_from(["btree", "gin"])),
        valid=draw(st.booleans()),
        orders=tuple(draw(st.sampled_from(["asc", "desc", "asc nulls first"])) for _ in keys),
        opclasses=draw(st.just((None,) * size) | st.just(("x_ops",) * size)),
        collations=draw(st.just((None,) * size) | st.just(("C",) * size)),
    )


@st.composite
def tables(draw, name):
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
    some = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple)
    count = draw(st.integers(0, 3))
    references = [
        ForeignKey(
            f"fk{number}",
            draw(some),
            draw(NAMES),
            draw(NAMES.map(lambda name: (name,))),
            draw(st.sampled_from(["no action", "cascade"])),
            draw(st.sampled_from(["no action", "set null"])),
            draw(st.sampled_from(["", "deferred"])),
            draw(st.booleans()),
        )
        for number in range(count)
    ]
    made = tuple(draw(indexes(names, number)) for number in range(count))
    uniques = [
        Key(
            f"un{number}", draw(some), draw(st.sampled_from(["", "immediate"])), draw(st.booleans())
        )
        for number in range(count)
    ]
    # A reader lists a plain unique index among the keys as well.
    uniques += [
        Key(index.name, index.columns) for index in made if index.unique and index.is_plain is True
    ]
    return Table(
        "public",
        name,
        name,
        "table",
        tuple(draw(columns(column)) for column in names),
        draw(st.none() | st.just(Key("pk", draw(some)))),
        tuple(uniques),
        made,
        tuple(reference for reference in references if len(reference.columns) == 1),
        tuple(
            Check(f"ck{number}", draw(EXPRESSIONS), draw(st.booleans())) for number in range(count)
        ),
        (),
    )


@st.composite
def snapshots(draw):
    names = draw(st.lists(NAMES, max_size=3, unique_by=str.casefold))
    return Snapshot(
        "postgresql",
        tuple(draw(tables(name)) for name in names),
        tuple(Enum("public", name, name, ("a", "it's", "\u00e9 \\")) for name in names),
        search_path=("public",),
    )


@given(snapshots())
def test_write_when_read_again_then_the_same_database_keeps_it(snapshot):
    text = write(snapshot)

    assertions = compare(parse(text), snapshot)

    assert [
        (assertion.id, assertion.violation or assertion.unknown)
        for assertion in assertions
        if assertion.verdict is not Verdict.KEPT
    ] == []


def _table(name, **facts):
    return Table("public", name, name, "table", (Column("id", "integer"),), **facts)


def test_write_when_tables_are_named_then_only_they_are_written():
    snapshot = Snapshot("sqlite", (_table("a"), _table("b")), search_path=("main",))

    assert [table.name for table in parse(write(snapshot, ["b"])).tables] == ["b"]
    with pytest.raises(CannotTell, match='"c" cannot be written: there is no such table'):
        write(snapshot, ["c"])


def test_write_when_a_table_cannot_be_read_then_it_says_why():
    snapshot = Snapshot("mysql", (), unknown=(Unknown("t", "", "no privilege"),))

    with pytest.raises(CannotTell, match='"t" cannot be written: no privilege'):
        write(snapshot, ["t"])


def test_write_when_something_is_not_told_then_it_is_left_out_with_a_comment():
    table = _table("t", checks=UNKNOWN, indexes=UNKNOWN)
    snapshot = Snapshot(
        "postgresql",
        (table,),
        unknown=(Unknown("t", "checks", "locked by\nanother session"),),
    )

    text = write(snapshot)

    assert "# not told: checks (locked by another session)\n" in text
    assert parse(text).tables[0].checks == ()


def test_write_when_its_columns_are_not_told_then_a_table_is_still_named_and_not_exact():
    table = Table("public", "t", "t", "table", UNKNOWN, Key("pk", ("id",)), (), (), (), (), ())
    snapshot = Snapshot(
        "mysql",
        (table, _table("u")),
        unknown=(Unknown("t", "columns", "the role may read some of its columns only"),),
    )

    first, second = parse(write(snapshot)).tables

    assert (first.exact, first.columns, first.primary_key.columns) == (False, (), ("id",))
    assert second.exact
    assert write(snapshot).count("# not told") == 1


def test_write_when_a_partition_belongs_to_a_parent_then_only_the_parent_is_written():
    parts = (_table("parted"), _table("parted_1", partition_of="parted"))
    snapshot = Snapshot("postgresql", parts)

    assert [table.name for table in parse(write(snapshot)).tables] == ["parted"]
    assert [table.name for table in parse(write(snapshot, ["parted_1"])).tables] == ["parted_1"]
