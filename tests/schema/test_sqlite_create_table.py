"""What only the text of SQLite's CREATE TABLE says."""

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from migration_guard.schema.readers.sqlite.create_table import (
    Named,
    Reference,
    index_expressions,
    parse_create_table,
)


def test_checks_when_named_and_unnamed_then_both_are_read_without_wrapping():
    parsed = parse_create_table(
        "CREATE TABLE t (a int CONSTRAINT low CHECK ((a > 0)), b text CHECK (b <> ')'),"
        " CONSTRAINT both CHECK (a > 1 AND (b IS NULL)))"
    )
    assert parsed.checks == [("low", "a > 0"), ("", "b <> ')'"), ("both", "a > 1 AND (b IS NULL)")]


def test_constraints_when_the_comma_between_them_is_left_out_then_all_are_read():
    parsed = parse_create_table(
        "CREATE TABLE t (a int, b int, UNIQUE (a, b) CONSTRAINT c CHECK (a > 0)"
        " FOREIGN KEY (a) REFERENCES p DEFERRABLE INITIALLY DEFERRED)"
    )
    assert parsed.uniques == [Named("", ("a", "b"))]
    assert parsed.checks == [("c", "a > 0")]
    assert parsed.references == [Reference("", ("a",), "deferred")]


def test_names_when_quoted_in_every_way_then_they_are_read():
    parsed = parse_create_table(
        'CREATE TABLE t ("a""x" int UNIQUE, [b] int UNIQUE, `c` int UNIQUE, \'d\' int UNIQUE)'
    )
    assert [one.columns for one in parsed.uniques] == [('a"x',), ("b",), ("c",), ("d",)]


def test_default_when_it_looks_like_a_clause_then_it_is_passed_over():
    parsed = parse_create_table(
        "CREATE TABLE t (a text DEFAULT 'CHECK (1)', b int DEFAULT -1 UNIQUE,"
        " c int DEFAULT (1 + (2)) CHECK (c > 0)) STRICT"
    )
    assert parsed.uniques == [Named("", ("b",))]
    assert parsed.checks == [("", "c > 0")]


def test_generated_when_short_or_long_then_the_expression_is_read():
    parsed = parse_create_table(
        "CREATE TABLE t (a int, b int AS (a * 2), c GENERATED ALWAYS AS ((a) + (1)) STORED)"
    )
    assert parsed.generated == {"b": "a * 2", "c": "(a) + (1)"}


def test_deferrable_when_there_is_no_reference_then_it_says_nothing():
    sql = "CREATE TABLE t (a int DEFERRABLE INITIALLY DEFERRED, b int REFERENCES p)"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(sql)  # SQLite takes it
    assert parse_create_table(sql).references == [Reference("", ("b",))]


def test_reference_when_deferrable_or_not_then_it_is_told():
    parsed = parse_create_table(
        "CREATE TABLE t (a int REFERENCES p (x) ON DELETE SET NULL NOT DEFERRABLE,"
        " b int CONSTRAINT fk REFERENCES p DEFERRABLE,"
        " c int REFERENCES p DEFERRABLE INITIALLY IMMEDIATE)"
    )
    assert parsed.references == [
        Reference("", ("a",), ""),
        Reference("fk", ("b",), "immediate"),
        Reference("", ("c",), "immediate"),
    ]


def test_comment_when_it_holds_a_comma_or_a_quote_then_nothing_is_misread():
    parsed = parse_create_table(
        "CREATE TABLE t ( -- it's, CHECK (1)\n a text COLLATE nocase /* , b int UNIQUE */)"
    )
    assert parsed.collations == {"a": "nocase"}
    assert not parsed.uniques
    assert not parsed.checks


def test_reference_when_it_sets_the_default_then_what_follows_is_read():
    parsed = parse_create_table(
        "CREATE TABLE t (a int REFERENCES p ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED"
        " UNIQUE)"
    )
    assert parsed.references == [Reference("", ("a",), "deferred")]
    assert parsed.uniques == [Named("", ("a",))]


def test_table_when_its_name_is_a_keyword_then_it_is_read():
    assert parse_create_table("CREATE TABLE virtual (a int UNIQUE)").uniques
    assert parse_create_table('CREATE TABLE "a(b" (a int UNIQUE)').uniques


def test_virtual_table_when_parsed_then_it_says_nothing():
    parsed = parse_create_table("CREATE VIRTUAL TABLE t USING fts5(a UNIQUE, content='x')")
    assert not parsed.uniques


def test_index_when_it_has_orders_and_collations_then_terms_are_without_them():
    terms, predicate = index_expressions(
        "CREATE INDEX i ON t (lower(a) COLLATE nocase DESC, b, (a || ',')) WHERE (a > 0)"
    )
    assert terms == ["lower(a)", "b", "a || ','"]
    assert predicate == "a > 0"


# Against SQLite itself: whatever the clauses and their order, its pragmas know the same keys.

CLAUSES = [
    "UNIQUE",
    "CONSTRAINT n UNIQUE ON CONFLICT IGNORE",
    "CHECK ({0} <> ')' OR ({0} > 1))",
    "CONSTRAINT \"a check\" CHECK ({0} IN ('UNIQUE', ','))",
    "DEFAULT -1.5",
    "DEFAULT 'UNIQUE'",
    "DEFAULT (1 + (2))",
    "COLLATE nocase",
    "NOT NULL",
    "REFERENCES p",
    "REFERENCES p (x) ON DELETE SET DEFAULT ON UPDATE CASCADE",
    "REFERENCES p MATCH FULL DEFERRABLE INITIALLY DEFERRED",
    "REFERENCES p NOT DEFERRABLE",
]
GENERATED = ["AS (1 + (2))", "GENERATED ALWAYS AS ('UNIQUE') STORED"]
TYPES = ["", "int", "varchar(10)", "decimal(10, 2)", '"odd (type"', "unsigned big int"]
COLUMNS = ["a", '"check"', "[un ique]", "`c,d`"]
GAPS = [" ", "\n", " /* UNIQUE, ( */ ", " -- it's\n"]


@st.composite
def tables(draw):
    """Draw a CREATE TABLE of four columns, and constraints of the table after them."""
    gap = draw(st.sampled_from(GAPS))
    definitions = []
    for name in COLUMNS:
        clauses = draw(st.lists(st.sampled_from(CLAUSES), max_size=4, unique=True))
        computed = draw(st.sampled_from(["", "", *GENERATED]))
        if computed:
            clauses = [one for one in clauses if not one.startswith("DEFAULT")] + [computed]
        parts = [name, draw(st.sampled_from(TYPES)), *(one.format(name) for one in clauses)]
        definitions.append(gap.join(part for part in parts if part))
    constraints = draw(
        st.lists(
            st.sampled_from(
                [
                    "UNIQUE (a, `c,d`)",
                    'CONSTRAINT both UNIQUE ("check" COLLATE rtrim DESC, a)',
                    "CHECK (a > 1)",
                    "FOREIGN KEY (a, [un ique]) REFERENCES p (x, y) ON DELETE SET NULL",
                ]
            ),
            unique=True,
        )
    )
    separator = draw(st.sampled_from([", ", " "]))
    after = f",{gap}{separator.join(constraints)}" if constraints else ""
    return f"CREATE TABLE t ({', '.join(definitions)}{after})"


@given(tables())
def test_parsing_when_sqlite_accepts_the_table_then_its_pragmas_say_the_same(sql):
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(sql)
        except sqlite3.OperationalError:  # such as two COLLATE
            return
        parsed = parse_create_table(stored_sql(connection))
        assert {one.columns for one in parsed.uniques} == unique_columns(connection)
        assert [one.columns for one in parsed.references] == reference_columns(connection)
        generated = connection.execute(
            "SELECT lower(name) FROM pragma_table_xinfo('t') WHERE hidden IN (2, 3)"
        )
        assert set(parsed.generated) == {name for (name,) in generated}
        assert len(parsed.checks) == sql.count("CHECK (")


def stored_sql(connection):
    return connection.execute("SELECT sql FROM sqlite_master WHERE name = 't'").fetchone()[0]


def unique_columns(connection):
    rows = connection.execute(
        "SELECT l.name, lower(i.name) FROM pragma_index_list('t') l, pragma_index_info(l.name) i"
        " WHERE l.origin = 'u' ORDER BY l.name, i.seqno"
    ).fetchall()
    return {tuple(name for index, name in rows if index == one) for one, _ in rows}


def reference_columns(connection):
    """Return the columns of the foreign keys, from the first declared to the last."""
    rows = connection.execute(
        "SELECT id, lower(\"from\") FROM pragma_foreign_key_list('t') ORDER BY id DESC, seq"
    ).fetchall()
    numbers = dict.fromkeys(number for number, _ in rows)
    return [tuple(name for number, name in rows if number == one) for one in numbers]
