"""blanket-delete: DELETE or UPDATE without WHERE, TRUNCATE, DROP TABLE."""

from collections.abc import Iterator, Sequence

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.planning.preflight import excludes_production, shorten
from migration_guard.problems import Problem, Severity
from migration_guard.sql.cursor import keyword, outside_brackets
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, Token, significant

SLUG = "blanket-delete"
SEVERITY = Severity.ERROR
NEEDS = NOTHING

_HEADS = ("DELETE", "UPDATE", "TRUNCATE", "DROP", "WITH")


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each statement that empties or drops a table, outside dev-only files."""
    for file in source.files:
        if excludes_production(file):
            continue
        made: set[str] = set()
        for statement in source.statements(file):
            head = statement.text[:8].upper()
            if head.startswith("CREATE"):
                made |= _made(statement.text, source.vendor)
            elif head.startswith(_HEADS):
                fault = _fault(statement.text, source.vendor, made)
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


def _fault(text: str, vendor: str, made: set[str]) -> str:
    """Return what the statement does to people's data; empty where it is harmless."""
    tokens = list(significant(text, dialect(vendor)))
    words = [keyword(token) for token in tokens]
    if words[0] == "TRUNCATE":
        return "all rows of the table are lost"
    if words[0] == "DROP":
        return _dropped(words, tokens, made)
    for at, word in enumerate(words):
        first = at == 0 or words[at - 1] in {"(", ")"}
        if (
            first
            and word in {"DELETE", "UPDATE"}
            and "WHERE" not in map(keyword, outside_brackets(tokens[at:]))
        ):
            return "every row is deleted" if word == "DELETE" else "every row is changed"
    return ""


def _dropped(words: Sequence[str], tokens: Sequence[Token], made: set[str]) -> str:
    names = 2 + 2 * (words[2:4] == ["IF", "EXISTS"])
    if words[1:2] != ["TABLE"] or len(tokens) <= names:
        return ""
    dropped = {_name(token) for token in tokens[names:] if token.kind in {Kind.WORD, Kind.QUOTED}}
    dropped -= {"cascade", "restrict"}
    return "" if dropped <= made else "the table and its rows are lost"


def _made(text: str, vendor: str) -> set[str]:
    """Return the table that a CREATE TABLE of this file makes: dropping it again loses nothing."""
    tokens = list(significant(text, dialect(vendor)))[:12]
    words = [token.text.upper() for token in tokens]
    if "TABLE" not in words[:4] or "IF" in words:
        return set()
    at = words.index("TABLE") + 1
    return {_name(tokens[at])} if len(tokens) > at and words[at + 1 : at + 2] != ["."] else set()


def _name(token: Token) -> str:
    return token.text[1:-1] if token.kind is Kind.QUOTED else token.text.lower()
