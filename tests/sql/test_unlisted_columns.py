"""Which tables get rows without a list of columns, and which of them a text defines."""

import pytest

from migration_guard.sql.unlisted_columns import defined_tables, tables_without_columns


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("INSERT INTO a VALUES (1)", {"a"}),
        ('insert into app."Users" select 1', {"users"}),
        ("REPLACE INTO `a` VALUES (1)", {"a"}),
        ("COPY a FROM stdin", {"a"}),
        ("INSERT INTO a (b) VALUES (1)", set()),
        ("COPY a (b) FROM stdin", set()),
    ],
)
def test_tables_when_rows_come_without_columns_are_named(sql, tables):
    assert tables_without_columns(sql) == tables


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("CREATE TABLE a (b int)", {"a"}),
        ("create unlogged table app.A(b int)", {"a"}),
        ("CREATE TABLE IF NOT EXISTS a (b int)", set()),  # it may be there with other columns
        ("CREATE TABLE a (LIKE b)", set()),
        ("CREATE TABLE a (b int) INHERITS (c)", set()),
        ("CREATE TABLE a AS SELECT 1", set()),
        ("CREATE TABLE a (b) AS SELECT 1", set()),
    ],
)
def test_tables_when_all_columns_are_named_are_defined(sql, tables):
    assert defined_tables(sql) == tables
