"""The order rules against the oracle: PostgreSQL runs the same histories."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from migration_guard.linter.grammar import parse
from migration_guard.linter.order.findings import Findings
from migration_guard.linter.order.simulate import Run, simulate
from migration_guard.planning.directives import Directives
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.sql.statements import split

if TYPE_CHECKING:
    from collections.abc import Sequence

_GENERATED = re.compile(r'"\w+_(pkey|key|seq|idx)\d*"')

# SQLSTATEs that the simulation promises to see before PostgreSQL does.
UNDEFINED = {"42P01", "42703", "42704", "3F000"}  # table, column, object, schema
DUPLICATE = {"42P07", "42701", "42710"}  # table, column, object

NAMES = {
    "table": ["a", "b", "a", "app.a", "b", "public.b"],
    "view": ["v", "w", "app.v"],
    "column": ["k", "id", "m"],
    "other": ["k", "m"],
    "index": ["i", "j"],
    "sequence": ["s", "app.s"],
    "kind": ["mood", "app.mood", "feeling"],
    "bare": ["a", "b", "c", "v"],
    "word": ["", "IF NOT EXISTS "],
    "maybe": ["", "IF EXISTS "],
    "cascade": ["", " CASCADE"],
}
TEMPLATES = [
    "CREATE TABLE {word}{table} (id bigint PRIMARY KEY, {other} bigint)",
    "CREATE TABLE {word}{table} (id bigint UNIQUE, n bigint REFERENCES {table2})",
    "CREATE TABLE {table} (id serial, k {kind}, CHECK (id > 0))",
    "CREATE TABLE {table} (LIKE {table2}, z int)",
    "CREATE TABLE {table} (m int) INHERITS ({table2})",
    "CREATE TABLE {word}{table} AS SELECT * FROM {table2}",
    "ALTER TABLE {table} ADD COLUMN {word}{column} bigint",
    "ALTER TABLE {table} ADD COLUMN {column} {kind}",
    "ALTER TABLE {table} DROP COLUMN {maybe}{column}",
    "ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL, ADD CHECK ({column} IS NOT NULL)",
    "ALTER TABLE {table} RENAME COLUMN {column} TO {column2}",
    "ALTER TABLE {table} RENAME TO {bare}",
    "ALTER TABLE {table} SET SCHEMA app",
    "ALTER TABLE {table} ADD UNIQUE ({column})",
    "DROP TABLE {maybe}{table}{cascade}",
    "CREATE INDEX {word}{index} ON {table} ({column})",
    "CREATE INDEX {word}{index} ON {table} ((id + 1)) WHERE {column} IS NULL",
    "DROP INDEX {maybe}{index}",
    "ALTER INDEX {index} RENAME TO {index2}",
    "CREATE VIEW {view} AS SELECT * FROM {table}",
    "CREATE OR REPLACE VIEW {view} AS SELECT x.{column} FROM {table} AS x JOIN {table2} AS y ON x.id = y.id",
    "CREATE MATERIALIZED VIEW {view} AS WITH q AS (SELECT {column} FROM {table}) SELECT * FROM q",
    "DROP VIEW {maybe}{view}{cascade}",
    "SELECT {column} FROM {view}",
    "SELECT count(*), {column} FROM {table} WHERE {column} IS NULL GROUP BY {column} ORDER BY {column}",
    "INSERT INTO {table} ({column}) SELECT {column} FROM {table2} WHERE false",
    "UPDATE {table} AS x SET {column} = y.{column} FROM {table2} AS y WHERE x.id = y.id AND false",
    "DELETE FROM {table} USING {table2} WHERE false",
    "COMMENT ON COLUMN {table}.{column} IS 'x'",
    "CREATE TYPE {kind} AS ENUM ('a')",
    "CREATE DOMAIN {kind} AS text",
    "ALTER TYPE {kind} RENAME TO feeling",
    "DROP TYPE {maybe}{kind}",
    "CREATE SEQUENCE {word}{sequence}",
    "DROP SEQUENCE {maybe}{sequence}",
    "SELECT nextval('{sequence}')",
    "CREATE SCHEMA {word}app",
    "CREATE TABLE {table} (id bigint, k bigint) PARTITION BY LIST (k)",
    "CREATE TABLE {table} PARTITION OF {table2} DEFAULT",
    "CREATE TABLE {table} PARTITION OF {table2} FOR VALUES IN (1)",
    "ALTER TABLE {table} ATTACH PARTITION {table2} DEFAULT",
    "ALTER TABLE {table} DETACH PARTITION {table2}",
    "ALTER TABLE {table} NO INHERIT {table2}",
    "ALTER TABLE {table} INHERIT {table2}",
    "ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind} USING NULL",
    "ALTER SEQUENCE {sequence} OWNED BY {table}.{column}",
    "MERGE INTO {table} AS x USING {table2} AS y ON x IS NULL WHEN MATCHED THEN DO NOTHING",
    "SELECT s.z FROM (SELECT {column} AS z FROM {table}) AS s, LATERAL (SELECT s.z AS m) AS l WHERE l.m IS NULL",
    "SELECT {table}.{column} FROM {table} WHERE EXISTS (SELECT FROM {table2} AS y WHERE y.{column2} IS NULL)",
    "WITH RECURSIVE a AS (SELECT id FROM {table} UNION SELECT a.id FROM a) SELECT id FROM a ORDER BY id",
    "CREATE VIEW {view} AS SELECT x.*, 1 AS z FROM {table} AS x",
    "SELECT z FROM {view}",
    "INSERT INTO {table} AS x (id, {column}) SELECT NULL, NULL WHERE false ON CONFLICT DO NOTHING RETURNING x.{column}",
    "DO $$ BEGIN ALTER TABLE {maybe}{table} ADD COLUMN {column} bigint; END $$",
    "DO $$ BEGIN EXECUTE 'CREATE TABLE {table} (id ' || 'bigint, {column} bigint)'; END $$",
    "DO $$ BEGIN EXECUTE 'DROP TABLE ' || '{table}'; END $$",
    "CREATE FUNCTION make() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE {table} (id bigint); END $$",
    "SELECT make()",
    "DROP SCHEMA {maybe}app{cascade}",
]
SEED = [
    "CREATE SCHEMA app",
    "CREATE TABLE a (id bigint PRIMARY KEY, k bigint)",
    "CREATE TYPE mood AS ENUM ('a')",
]


def statement(number: int) -> str:
    """Return one of all the statements that the templates make; small numbers, plain ones."""
    number, chosen = divmod(number, len(TEMPLATES))
    text = TEMPLATES[chosen]
    while match := re.search(r"\{([a-z]+)2?\}", text):
        names = NAMES[match[1]]
        number, place = divmod(number, len(names))
        text = text.replace(match[0], names[place])
    return text


@pytest.fixture
def server(postgres):
    with postgres.connect() as connection:
        yield connection


def findings(statements: Sequence[str]) -> Findings:
    """Simulate a history with one statement a file."""
    files = [
        MigrationFile(FileName(f"{n:04}", n, None, f"{n:04}.sql"), text, "", Directives())
        for n, text in enumerate(statements)
    ]
    return simulate(
        Run(
            [
                (file, [p for s in split(file.text, "postgresql") for p in parse(s)])
                for file in files
            ]
        )
    )


def fails(connection: psycopg.Connection, statements: Sequence[str]) -> tuple[int, str] | None:
    """Run a history on PostgreSQL; return the position that fails, and its SQLSTATE."""
    connection.execute("BEGIN")
    position = 0
    try:
        for position, text in enumerate(statements):  # noqa: B007
            connection.execute(text)
    except psycopg.Error as error:
        # Not what is missing or in the way: a foreign key without its unique key (an undefined
        # object too), and names that the server has made up.
        other = "exist" not in str(error) or _GENERATED.search(str(error))
        return position, "" if other else error.sqlstate or ""
    else:
        return None
    finally:
        connection.execute("ROLLBACK")


def valid(connection: psycopg.Connection, statements: Sequence[str]) -> list[str]:
    """Return those statements that PostgreSQL takes, one after another."""
    taken = []
    connection.execute("BEGIN")
    for text in statements:
        connection.execute("SAVEPOINT s")
        try:
            connection.execute(text)
        except psycopg.Error:
            connection.execute("ROLLBACK TO s")
        else:
            taken.append(text)
    connection.execute("ROLLBACK")
    return taken


def promised(run: Sequence[str]) -> set[str]:
    """Return them; after a CASCADE or a DO of unknown reach it is not sure what is there."""
    if any(text.startswith("DO ") or text == "SELECT make()" for text in run):
        return set()
    unsure = any("DROP SCHEMA" in text and "CASCADE" in text for text in run)
    return UNDEFINED if unsure else UNDEFINED | DUPLICATE


def said(found: Findings, upto: int) -> list[object]:
    """Return the errors of the simulation up to a file."""
    missing = [one for one in found.missing if one.later is not None and not one.conditional]
    return [one for one in (*missing, *found.clashes) if one.place.file_at <= upto]


@settings(
    derandomize=True,  # a failure must not depend on the day
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    numbers=st.lists(st.integers(0, 10**6), min_size=25, max_size=45),
    swap=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
)
def test_history_when_postgresql_takes_it_has_no_error_and_swapped_fails_for_both(
    server, numbers, swap
):
    history = valid(server, [*SEED, *map(statement, numbers)])

    found = findings(history)

    assert said(found, len(history)) == []
    assert [one for one in found.missing if one.later is None] == []

    first, second = sorted(number % len(history) for number in swap)
    history[first], history[second] = history[second], history[first]
    failure = fails(server, history)
    found = findings(history)
    if failure is None:
        assert said(found, len(history)) == []
    elif failure[1] in promised(history[: failure[0] + 1]):
        errors = [*found.missing, *found.clashes]
        assert any(one.place.file_at <= failure[0] for one in errors), history[failure[0]]
