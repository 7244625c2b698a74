"""The lines of a recording are the same however they came about: by one process or by several."""

import json

import pytest

from migration_guard.usage.merging import FORMATTED, merge
from migration_guard.usage.recorder import record
from migration_guard.usage.statement import MAX_CALLERS, Column, Parameter, Statement, dump, parse

TABLE = "CREATE TABLE topics (id integer PRIMARY KEY, title varchar(40), score integer)"
# Texts of one place: code has the first two, and nothing has the last two.
LONG, NEW = (f"SELECT id FROM topics WHERE title = '{word}'" for word in ("long", "new"))
VALUES = [f"SELECT id FROM topics WHERE title = '{'zqxj' * number}'" for number in (2, 3)]


def record_each(code, ask, runs):
    """Return what several processes record, each of them some of the texts."""
    recorded = []
    for texts in runs:
        with record("default", code.root) as statements:
            for text in texts:
                ask(text)
        recorded += parse(dump(statements, most_callers=None))
    return merge(recorded)


@pytest.mark.parametrize(
    "runs",
    [
        [VALUES],
        [VALUES[:1]],
        [VALUES[:1], VALUES[1:]],
        [[LONG, NEW]],
        [[LONG], [NEW]],
        [[LONG, VALUES[0]]],
        [[LONG], VALUES[:1]],
        [VALUES[:1], [LONG, NEW], [LONG]],
    ],
)
def test_merge_when_a_place_formats_values_gives_one_line(sqlite, code, runs):
    sqlite.execute(TABLE)
    # Its literals stand in code.
    (code.root / "titles.sql").write_text(f"{LONG};\n{NEW};")
    ask = code.sender()
    with record("default", code.root) as expected:
        for text in (LONG, NEW, *VALUES):
            ask(text)

    lines = record_each(code, ask, runs)

    assert lines == expected
    assert [(line.sql, line.unchecked) for line in lines] == [("", FORMATTED)]


@pytest.mark.parametrize("order", [1, -1])
def test_merge_when_processes_saw_other_values_keeps_the_widest_types(order):
    seen = [
        (Parameter("unknown", "integer"), Parameter("integer", "integer")),
        (Parameter("integer", "integer"), Parameter("bigint", "bigint")),
        (Parameter("smallint", "integer"), Parameter("unknown", "text")),
    ]
    copies = [Statement("a", "postgresql", "SELECT $1, $2", ("a",), types) for types in seen]

    (line,) = merge(copies[::order])

    assert line.parameters == (Parameter("integer", "integer"), Parameter("bigint", "bigint"))


def test_merge_when_a_copy_has_no_result_keeps_the_result_of_others():
    """A process in which each INSERT … RETURNING failed saw none."""
    copies = [
        Statement("a", "postgresql", "INSERT", ("a",), (), columns)
        for columns in ((), (Column("id", "integer"),))
    ]

    assert merge(copies) == merge(copies[::-1]) == [copies[1]]


def test_merge_when_workers_hand_over_keeps_the_places_of_all_callers():
    """The sixth caller formats a value, and only two workers together show it."""
    names = tuple(f"shop/{number}.py:ask" for number in range(MAX_CALLERS + 1))
    copies = [
        Statement("a", "sqlite", "SELECT 'a'", names),
        Statement("b", "sqlite", "SELECT 'b'", names[-1:]),
    ]
    workers = [parse(dump([copy], most_callers=None))[0] for copy in copies]

    assert [line.unchecked for line in merge(workers)] == [FORMATTED]
    assert len(json.loads(dump(merge(workers)).splitlines()[1])["callers"]) == MAX_CALLERS
