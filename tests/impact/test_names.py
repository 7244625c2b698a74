"""Under which name a table is told, and which ones are not."""

import pytest

from tests.impact.support import run_traced

TABLES = """
CREATE TABLE users (id integer PRIMARY KEY, name text);
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id serial PRIMARY KEY, "größe" text);
CREATE VIEW names AS SELECT name FROM users;
CREATE SEQUENCE free;
"""
CASES = {
    "a table that is dropped": ("DROP TABLE users CASCADE", ["names", "users"]),
    "a table that is renamed": (
        "ALTER TABLE users RENAME TO people; ALTER TABLE people ADD COLUMN age integer; "
        "CREATE INDEX ON people (age)",
        ["users", "users"],
    ),
    "a table of another schema": ("ALTER TABLE sales.orders ADD COLUMN x int", ["sales.orders"]),
    "a table that goes to another schema": ("ALTER TABLE users SET SCHEMA sales", ["users"]),
    "large values of a table": (
        "DO $$ BEGIN EXECUTE (SELECT 'REINDEX TABLE ' || reltoastrelid::regclass "
        "FROM pg_class WHERE oid = 'users'::regclass); END $$",
        ["users"],
    ),
    "a sequence of a column": ("ALTER SEQUENCE sales.orders_id_seq RESTART", ["sales.orders"]),
    "a sequence of its own": ("ALTER SEQUENCE free RESTART", []),
    "a table that the file makes": (
        "CREATE TABLE made (id integer); INSERT INTO made VALUES (1); CREATE INDEX ON made (id)",
        [],
    ),
    "a temporary table": ("CREATE TEMP TABLE t (id integer); ANALYZE t; DROP TABLE t", []),
    "tables of the catalogue": ("SELECT count(*) FROM pg_class, pg_attribute", []),
}


@pytest.mark.parametrize("case", CASES)
def test_table_when_told_has_the_name_that_it_had_before(postgres, migrations, case):
    sql, names = CASES[case]
    postgres.execute(TABLES)
    migrations({"0001_case.sql": f"{sql};\n"})

    outcome, traces = run_traced()

    assert outcome.error is None
    assert [effect.table for trace in traces for effect in trace.effects] == names
    assert not any(trace.unknown for trace in traces)


def test_table_when_made_or_renamed_by_an_earlier_file_is_left_out_or_has_its_new_name(
    postgres, migrations
):
    postgres.execute(TABLES)
    migrations(
        {
            "0001_a.sql": "CREATE TABLE made (id integer); ALTER TABLE users RENAME TO people;\n",
            "0002_b.sql": "DROP TABLE made; ALTER TABLE people ADD COLUMN age integer;\n",
            "0003_c.sql": "ALTER TABLE people ADD COLUMN size integer;\n",
        }
    )

    _outcome, traces = run_traced()

    assert [effect.table for trace in traces for effect in trace.effects] == [
        "users",
        "people",
        "people",
    ]


def test_table_when_made_by_an_untraced_file_is_told(postgres, migrations):
    migrations(
        {
            "0001_a.sql": "ALTER TABLE users ADD COLUMN age integer;\n",
            "0002_b.sql": "CREATE TABLE later (id integer); ALTER TABLE users RENAME TO people;\n",
            "0003_c.sql": "ALTER TABLE later ADD COLUMN x integer; DROP TABLE people CASCADE;\n",
        }
    )
    postgres.execute(TABLES)

    _outcome, traces = run_traced(names=frozenset({"0001_a", "0003_c"}))

    assert [effect.table for trace in traces for effect in trace.effects] == [
        "users",
        "later",
        "names",
        "people",
    ]
