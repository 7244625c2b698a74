"""Parse statements with PostgreSQL's own grammar, through libpg_query.

The parser comes with the extra ``lint`` and is imported late. A statement that the grammar refuses
is a value with an error, never an exception.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from migration_guard.sql.statements import Statement


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """One statement and its parse tree.

    ``kind`` is the name of the parse node (``create_stmt``). It is empty if the grammar refuses the
    statement: then ``error`` is its message, and ``error_offset`` the place in characters.
    """

    statement: Statement
    kind: str
    node: Any
    error: str = ""
    error_offset: int = 0

    def offset(self, location: int = 0) -> int:
        """Return the offset in the file, in characters, of a parse location.

        A parse location counts bytes from the start of the statement.
        """
        text = self.statement.text
        if location > 0 and not text.isascii():
            location = len(text.encode()[:location].decode(errors="ignore"))
        return self.statement.start + max(location, 0)


def is_installed() -> bool:
    """Return True if the parser can be imported."""
    try:
        library()
    except ImportError:
        return False
    return True


def library(module: str = "postgast") -> Any:
    """Return a module of the parser. Raises ImportError if it is not installed."""
    return import_module(module)


def parse(statement: Statement) -> Iterator[ParsedStatement]:
    """Yield the parse tree of a statement, or several trees for a rule with several actions."""
    postgast = library()
    try:
        tree = postgast.parse(statement.text)
    except postgast.PgQueryError as error:
        offset = max(getattr(error, "cursorpos", 0) - 1, 0)
        yield ParsedStatement(statement, "", None, str(error), offset)
        return
    for raw in tree.stmts:
        kind = raw.stmt.WhichOneof("node")
        yield ParsedStatement(statement, kind, getattr(raw.stmt, kind))
