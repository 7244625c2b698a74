"""What failed, where and why, without the values and secrets that a server quotes."""

import re
from pathlib import Path
from typing import Final

from migration_guard.planning.scripts import Script
from migration_guard.problems import place
from migration_guard.running.connection import Connection
from migration_guard.running.errors import Kind, StatementError
from migration_guard.sql.classify import has_secret, mask_answer, show_statement
from migration_guard.sql.excerpt import shorten

_SHOWN_SQL: Final = 500


def describe_failure(
    connection: Connection, script: Script, error: StatementError
) -> tuple[list[str], int | None]:
    """Return the lines that say what failed, where and why, and the line number in the file."""
    path, line = _place(connection, script, error)
    lines = [f"{script.file.id} failed at {place(path, line)}" + _which(script, error)]
    if error.statement is not None:
        lines.append(_indent(_shorten(error.statement.text, connection.vendor)))
    lines.append(server_message(connection, error))
    if error.blockers:
        lines.append(f"Blocked by:\n{_indent(error.blockers)}")
    return lines, line


def server_message(connection: Connection, error: StatementError) -> str:
    """Return the server's message without the rows and values that it quotes.

    Of a statement with a secret only the broken constraint is told: other messages quote the SQL.
    """
    sql = error.statement.text if error.statement is not None else ""
    answer = mask_answer(connection.message(error.error), sql)
    if has_secret(sql, connection.vendor) and not _BROKEN_CONSTRAINT.match(answer):
        code = getattr(error.error, "sqlstate", None) or type(error.error).__name__
        return f"{code}: the statement holds a secret, so the server's message is withheld."
    return f"The connection was lost: {answer}" if error.kind is Kind.LOST else answer


# Messages that quote names and keys, but not the statement.
_BROKEN_CONSTRAINT = re.compile(
    r"ERROR 23502: null value in column |ERROR 23505: duplicate key value |ERROR 2350[34]: "
    r"|ERROR 23514: new row for relation |ERROR 1048: Column |ERROR 1062: Duplicate entry "
    r"|ERROR 1452: Cannot add "
    r"|SQLITE_CONSTRAINT_\w+: (?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint"
)


def _place(
    connection: Connection, script: Script, error: StatementError
) -> tuple[Path, int | None]:
    if error.statement is None:
        return script.file.path, None
    position = connection.position(error.error, error.statement.text)
    return (
        script.file.path,
        error.statement.line + error.statement.text.count("\n", 0, position),
    )


def _which(script: Script, error: StatementError) -> str:
    if error.statement is None:
        return ":"
    return f", statement {script.number_of(error.statement)} of {len(script.source)}:"


def _shorten(sql: str, vendor: str) -> str:
    sql = show_statement(sql, vendor)
    return sql if len(sql) <= _SHOWN_SQL else shorten(sql, _SHOWN_SQL)


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
