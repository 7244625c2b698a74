"""PostgreSQL's own grammar, through libpg_query: statements -> parse trees.

The parser comes with the extra ``lint`` and is imported late. Invariant: a statement that the
grammar refuses is a value like any other, never an exception.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from migration_guard.sql.statements import Statement


@dataclass(frozen=True, slots=True)
class Parsed:
    """One statement as the grammar reads it.

    ``kind`` is the name of the parse node (``create_stmt``), empty where the grammar refuses the
    statement; ``error`` then says why and ``error_at`` where, in characters.
    """

    statement: Statement
    kind: str
    node: Any
    error: str = ""
    error_at: int = 0

    def offset(self, location: int = 0) -> int:
        """Return the offset in the file, in characters, of a parse location, which is in bytes."""
        text = self.statement.text
        if location > 0 and not text.isascii():
            location = len(text.encode()[:location].decode(errors="ignore"))
        return self.statement.start + max(location, 0)


def available() -> bool:
    """Tell whether the parser is installed."""
    try:
        library()
    except ImportError:
        return False
    return True


def library(module: str = "postgast") -> Any:
    """Return the parser's module; raises ImportError where it is not installed."""
    return import_module(module)


def parse(statement: Statement) -> Iterator[Parsed]:
    """Yield the parse tree of a statement; a rule of the grammar may make it several."""
    postgast = library()
    try:
        tree = postgast.parse(statement.text)
    except postgast.PgQueryError as error:
        at = max(getattr(error, "cursorpos", 0) - 1, 0)
        yield Parsed(statement, "", None, str(error), at)
        return
    for raw in tree.stmts:
        kind = raw.stmt.WhichOneof("node")
        yield Parsed(statement, kind, getattr(raw.stmt, kind))
