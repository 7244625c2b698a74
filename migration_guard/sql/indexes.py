"""PostgreSQL's index commands that run CONCURRENTLY.

An interrupted one leaves an INVALID index; who cleans up must know its name or its table.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from migration_guard.sql.cursor import Name, keyword, read_tokens, split_at_commas
from migration_guard.sql.ddl import DDL, read_ddl
from migration_guard.sql.dialects import POSTGRESQL


class ConcurrentIndex(NamedTuple):
    """One command. Names are as the catalogue has them: unquoted, folded, cut to 63 bytes.

    `name` is the index. It is None if the server names it, or if a whole table, schema or database
    is rebuilt. `schema` is None where none is written. `if_exists` stands for IF EXISTS and for IF
    NOT EXISTS.
    """

    action: Literal["create", "drop", "reindex"]
    name: str | None = None
    table: str | None = None
    schema: str | None = None
    if_exists: bool = False


def concurrent_index(text: str) -> ConcurrentIndex | None:
    """Return what a CREATE INDEX, DROP INDEX or REINDEX … CONCURRENTLY does, or None."""
    if "CONCURRENTLY" not in text.upper():
        return None  # without reading the tokens, since this is called for each statement
    statement = read_ddl(text, POSTGRESQL.vendor)
    if statement is None:
        return _reindex(text)
    if statement.kind != "INDEX" or "CONCURRENTLY" not in statement.options:
        return None
    if statement.verb == "CREATE":
        return _create(statement)
    if statement.verb != "DROP":
        return None
    name = (*statement.names, _NO_NAME)[0]
    return ConcurrentIndex(
        "drop",
        name=name.name or None,
        schema=name.schema or None,
        if_exists=statement.is_conditional,
    )


def index_if_missing(text: str) -> ConcurrentIndex | None:
    """Return what a CREATE INDEX IF NOT EXISTS makes if it is missing, or None."""
    if text[:6].upper() != "CREATE" or "EXISTS" not in text.upper():
        return None  # without reading the tokens, since this is called for each statement
    statement = read_ddl(text, POSTGRESQL.vendor)
    if statement is None or statement.kind != "INDEX" or not statement.is_conditional:
        return None
    return _create(statement)


def _create(statement: DDL) -> ConcurrentIndex:
    table = statement.table or _NO_NAME
    return ConcurrentIndex(
        "create",
        statement.name or None,
        table.name or None,
        table.schema or None,
        statement.is_conditional,
    )


def _reindex(text: str) -> ConcurrentIndex | None:
    """Return what REINDEX INDEX CONCURRENTLY name or REINDEX (CONCURRENTLY) INDEX name does."""
    cursor = read_tokens(text, POSTGRESQL)
    if not cursor.accept("REINDEX"):
        return None
    is_concurrent = False
    for option in split_at_commas(cursor.take_group()):
        word, *value = [keyword(token).strip("'").upper() for token in option] or [""]
        if word == "CONCURRENTLY":
            is_concurrent = value not in (["FALSE"], ["OFF"], ["0"])
    kind = cursor.take()
    if not (cursor.accept("CONCURRENTLY") or is_concurrent):
        return None
    name = cursor.take_name() or _NO_NAME
    if kind == "INDEX":
        return ConcurrentIndex("reindex", name=name.name or None, schema=name.schema or None)
    if kind == "TABLE":
        return ConcurrentIndex("reindex", table=name.name or None, schema=name.schema or None)
    return ConcurrentIndex("reindex", schema=(name.name or None) if kind == "SCHEMA" else None)


_NO_NAME = Name("")
