"""State that only one SQLite connection has, and that no run can make again.

Pure: it reads the statements alone. PRAGMA and ATTACH are made again. Sources: SQLite manual,
"CREATE TABLE", "ATTACH DATABASE", "Built-In Scalar SQL Functions".
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

from migration_guard.sql.classify import makes_temporary
from migration_guard.sql.cursor import Cursor, keyword, read_tokens
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.dialects import SQLITE
from migration_guard.sql.scanner import significant
from migration_guard.sql.statements import Statement

_IN_MEMORY: Final = frozenset({"''", "':memory:'", '""', '":memory:"'})
_WORTH_A_LOOK: Final = re.compile(r"(?i)last_insert_rowid|changes")
_OF_LAST: Final = frozenset({"LAST_INSERT_ROWID", "CHANGES", "TOTAL_CHANGES"})
_LEAVES_LAST: Final = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"})


def unrepeatable(
    done: Sequence[Statement], rest: Sequence[Statement]
) -> tuple[Statement, str] | None:
    """Return what of ``done`` its connection held, and ``rest`` may need.

    The words go on from "It".
    """
    held: dict[tuple[str, str], tuple[Statement, str]] = {}
    for statement in done:
        text, cursor = statement.text, read_tokens(statement.text, SQLITE)
        verb = cursor.take()
        change = read_ddl(text, "sqlite")
        if change is not None and makes_temporary(text, "sqlite"):
            held["object", change.name.lower()] = (
                statement,
                f"made a temporary {change.kind.lower()}",
            )
        elif change is not None and verb == "DROP":
            held.pop(("object", change.name.lower()), None)
        elif verb == "ATTACH":
            cursor.accept("DATABASE")
            if cursor.take() in _IN_MEMORY:
                held["database", _last_name(cursor)] = statement, "attached a database in memory"
        elif verb == "DETACH":
            held.pop(("database", _last_name(cursor)), None)
    return next(iter(held.values()), None) or _lost_last(done, rest)


def _last_name(cursor: Cursor) -> str:
    return cursor.rest[-1].text.strip("'\"`[]").lower() if cursor.rest else ""


def _lost_last(
    done: Sequence[Statement], rest: Sequence[Statement]
) -> tuple[Statement, str] | None:
    """Return the statement whose rowid or number of changes ``rest`` asks for first."""
    leaving = [statement for statement in done if _words(statement)[0] in _LEAVES_LAST]
    for statement in rest if leaving else ():
        words = _words(statement)
        if asked := sorted(_OF_LAST.intersection(words)):
            asks = f"{asked[0].lower()}() in line {statement.line} asks for"
            return leaving[-1], f"left what {asks}"
        if words[0] in _LEAVES_LAST:
            return None
    return None


def _words(statement: Statement) -> list[str]:
    tokens = significant(statement.text, SQLITE)
    is_worth_it = _WORTH_A_LOOK.search(statement.text)
    return [keyword(token) for token in (tokens if is_worth_it else islice(tokens, 1))]
