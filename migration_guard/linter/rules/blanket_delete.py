"""blanket-delete: DELETE or UPDATE without WHERE, TRUNCATE, DROP TABLE."""

from collections.abc import Iterator, Sequence
from typing import Final

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.planning.scripts import excludes_production
from migration_guard.problems import Problem, Severity
from migration_guard.sql.cursor import keyword, outside_brackets
from migration_guard.sql.dialects import dialect
from migration_guard.sql.excerpt import shorten
from migration_guard.sql.scanner import Kind, Token, significant

SLUG = "blanket-delete"
SEVERITY = Severity.ERROR
NEEDS = NOTHING

_HEADS: Final = ("DELETE", "UPDATE", "TRUNCATE", "DROP", "WITH")


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each statement that empties or drops a table, outside dev-only files."""
    for file in source.files:
        if excludes_production(file):
            continue
        created: set[str] = set()
        for statement in source.statements(file):
            head = statement.text[:8].upper()
            if head.startswith("CREATE"):
                created |= _created_table(statement.text, source.vendor)
            elif head.startswith(_HEADS):
                fault = _fault(statement.text, source.vendor, created)
                if fault:
                    yield source.problem(
                        SLUG,
                        SEVERITY,
                        file,
                        statement.start,
                        f"{shorten(statement.text)}: {fault}, and a migration cannot be undone",
                        "Restrict it with WHERE. If it is meant: "
                        "-- guard: allow = blanket-delete, <reason>.",
                    )


def _fault(text: str, vendor: str, created: set[str]) -> str:
    """Return what the statement does to people's data, nothing if it is harmless."""
    tokens = list(significant(text, dialect(vendor)))
    words = [keyword(token) for token in tokens]
    if words[0] == "TRUNCATE":
        return "all rows of the table are lost"
    if words[0] == "DROP":
        return _drop_fault(words, tokens, created)
    for position, word in enumerate(words):
        is_first = position == 0 or words[position - 1] in {"(", ")"}
        if (
            is_first
            and word in {"DELETE", "UPDATE"}
            and "WHERE" not in map(keyword, outside_brackets(tokens[position:]))
        ):
            return "every row is deleted" if word == "DELETE" else "every row is changed"
    return ""


def _drop_fault(words: Sequence[str], tokens: Sequence[Token], created: set[str]) -> str:
    start = 4 if words[2:4] == ["IF", "EXISTS"] else 2
    if words[1:2] != ["TABLE"] or len(tokens) <= start:
        return ""
    dropped = {_name(token) for token in tokens[start:] if token.kind in {Kind.WORD, Kind.QUOTED}}
    dropped -= {"cascade", "restrict"}
    return "" if dropped <= created else "the table and its rows are lost"


def _created_table(text: str, vendor: str) -> set[str]:
    """Return the table that a CREATE TABLE surely makes. Dropping it again loses nothing."""
    tokens = list(significant(text, dialect(vendor)))[:12]
    words = [token.text.upper() for token in tokens]
    if "TABLE" not in words[:4] or "IF" in words:
        return set()
    position = words.index("TABLE") + 1
    has_schema = words[position + 1 : position + 2] == ["."]
    return {_name(tokens[position])} if len(tokens) > position and not has_schema else set()


def _name(token: Token) -> str:
    return token.text[1:-1] if token.kind is Kind.QUOTED else token.text.lower()
