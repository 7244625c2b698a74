"""Which texts are one statement: those that differ in how many values they hold, and no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.sql.dialects import dialect
from migration_guard.usage.normal_form import normal_form

VENDORS = ["postgresql", "mysql", "sqlite"]
LENGTHS = st.lists(st.integers(1, 4), min_size=7, max_size=7)


def form(text, vendor="postgresql"):
    return normal_form(text, dialect(vendor))


def repeat(text, number, separator=", "):
    return separator.join([text] * number)


def statement(table, lengths, condition="score > ?"):
    """Return a text whose parts are as long as `lengths` says."""
    ids, tags, rows, whens, arms, limit, offset = lengths
    where = f"({repeat(condition, arms, ' OR ')})"
    return [
        f"SELECT id FROM {table} WHERE id IN ({repeat('?', ids)}) AND {where}",
        f"INSERT INTO {table} (id, tag) VALUES {repeat('(?, ?)', rows)}",
        f"UPDATE {table} SET tag = CASE {repeat('WHEN id = ? THEN ?', whens, ' ')} ELSE tag END"
        f" WHERE tag NOT IN ({repeat('?', tags)})",
        f"SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT {limit} OFFSET {offset * 7}",
        f"SELECT id FROM (SELECT id FROM {table} WHERE id IN ({repeat('?', tags)}) LIMIT {limit})"
        f" x WHERE EXISTS (SELECT 1 FROM {table} WHERE {where})",
        f"SELECT CASE {repeat('WHEN tag IN (?) THEN (?)', whens, ' ')} END FROM {table}"
        f" WHERE (id, tag) IN ({repeat('(?, ?)', rows)})",
    ]


@pytest.mark.parametrize("vendor", VENDORS)
@given(first=LENGTHS, second=LENGTHS)
def test_form_when_only_repetitions_differ_is_one(vendor, first, second):
    for one, other in zip(statement("t", first), statement("t", second), strict=True):
        assert form(one, vendor) == form(other, vendor)


@pytest.mark.parametrize("vendor", VENDORS)
@given(lengths=LENGTHS)
def test_form_when_the_meaning_differs_is_another(vendor, lengths):
    texts = [
        *statement("t", lengths),
        *statement("other", lengths),
        *statement("t", lengths, condition="score < ?"),
    ]

    assert len({form(text, vendor) for text in texts}) == len(set(texts))


DIFFERENT = [
    ("SELECT a FROM t WHERE b = ?", "SELECT a FROM t WHERE b = ? OR c = ?"),
    ("SELECT a FROM t WHERE b = ? OR b = ?", "SELECT a FROM t WHERE b = ? AND b = ?"),
    ("SELECT a FROM t WHERE b IN (?, c)", "SELECT a FROM t WHERE b IN (?)"),
    ("SELECT a FROM t WHERE b IN (?)", "SELECT a FROM t WHERE b NOT IN (?)"),
    ("SELECT a, a FROM t", "SELECT a FROM t"),
    ("INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES (?)"),
    ("INSERT INTO t (a) VALUES (?), (NULL)", "INSERT INTO t (a) VALUES (?)"),
    ("SELECT f(?, ?) FROM t", "SELECT f(?) FROM t"),
    ("SELECT CASE WHEN a THEN ? END FROM t", "SELECT CASE WHEN b THEN ? END FROM t"),
    ("SELECT CASE WHEN a THEN ? ELSE b END", "SELECT CASE WHEN a THEN ? END"),
    ("SELECT a FROM t LIMIT 5", "SELECT a FROM t"),
    ("SELECT a FROM t LIMIT 5", "SELECT a FROM t OFFSET 5"),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 2"),
    ('SELECT "A" FROM t', 'SELECT "a" FROM t'),
    ("SELECT a FROM t WHERE b = ? OR (b = ? AND c = ?)", "SELECT a FROM t WHERE b = ?"),
    ("SELECT a FROM t ORDER BY a LIMIT ?", "SELECT a FROM t ORDER BY a DESC LIMIT ?"),
    ("SELECT a FROM t WHERE b = ? AND (c = ? OR d = ?)", "SELECT a FROM t WHERE b = ? AND c = ?"),
    ("SELECT a FROM t WHERE (b + ?) * c = ?", "SELECT a FROM t WHERE b + ? * c = ?"),
    ("SELECT a FROM t WHERE (b, c) = (?, ?)", "SELECT a FROM t WHERE (b) = (?)"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_form_when_texts_say_something_else_differs(one, other):
    assert form(one) != form(other)


SAME = [
    ("SELECT a FROM t WHERE b IN ($1, $2)", "SELECT a FROM t WHERE b IN ($1)"),
    ("SELECT a FROM t WHERE b IN ('x', 'x')", "SELECT a FROM t WHERE b IN ('x')"),
    ("SELECT a FROM t WHERE (b = ? OR b = ? OR b = ?)", "SELECT a FROM t WHERE (b = ?)"),
    ("SELECT a FROM t WHERE (b = ? AND c = ?) OR (b = ? AND c = ?)", None),
    ("SELECT a FROM t WHERE (b = ? OR b = ?)", "SELECT a FROM t WHERE b = ?"),
    (
        "SELECT a FROM t WHERE (c = ? AND (b = ? OR b = ?))",
        "SELECT a FROM t WHERE (c = ? AND b = ?)",
    ),
    (
        "SELECT a FROM t WHERE ((b = ? AND c = ?) OR (b = ? AND c = ?))",
        "SELECT a FROM t WHERE (b = ? AND c = ?)",
    ),
    (
        "SELECT a FROM t WHERE (b BETWEEN ? AND ? OR b BETWEEN ? AND ?)",
        "SELECT a FROM t WHERE b BETWEEN ? AND ?",
    ),
    ("SELECT a FROM t WHERE (b IN (?) OR b IN (?, ?))", "SELECT a FROM t WHERE b IN (?)"),
    ("SELECT CASE WHEN (b = ? OR b = ?) THEN ? END", "SELECT CASE WHEN b = ? THEN ? END"),
    ("SELECT a FROM t WHERE NOT (b = ? OR b = ?)", "SELECT a FROM t WHERE NOT (b = ?)"),
    ("SELECT a FROM t WHERE c = ? AND (b LIKE ? OR b LIKE ?)", None),
    ("SELECT a FROM t /* by x */ LIMIT 5 -- end", "SELECT a\n  FROM t LIMIT 21"),
    ("select a from t where b in (?, ?)", "select a from t where b in (?)"),
    ("WITH x AS (VALUES (?), (?)) SELECT * FROM x", "WITH x AS (VALUES (?)) SELECT * FROM x"),
    ("SELECT a FROM t WHERE b = ANY(ARRAY[?, ?])", "SELECT a FROM t WHERE b = ANY(ARRAY[?])"),
    ("INSERT INTO t VALUES (now(), ?), (now(), ?)", "INSERT INTO t VALUES (now(), ?)"),
    ("INSERT INTO t VALUES (?), (?) ON CONFLICT DO NOTHING", None),
    ("INSERT INTO t VALUES (?), (?) RETURNING id", "INSERT INTO t VALUES (?) RETURNING id"),
    ("SELECT a FROM t LIMIT ? OFFSET ?", "SELECT a FROM t LIMIT 5 OFFSET 10"),
]
ONCE = [(" OR (b = ? AND c = ?)", ""), (" OR b LIKE ?", ""), ("(?), (?)", "(?)")]


@pytest.mark.parametrize(("long", "short"), SAME)
def test_form_when_texts_repeat_a_part_is_one(long, short):
    if short is None:
        short = long
        for text, other in ONCE:
            short = short.replace(text, other)
    assert long != short
    assert form(long) == form(short)
