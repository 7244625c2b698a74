"""How SET sql_mode changes the reading of MySQL's literals in the text after it.

ANSI_QUOTES makes names of what stands in double quotes, and NO_BACKSLASH_ESCAPES makes the
backslash a plain character. Sources: MariaDB knowledge base, "SQL_MODE"; MySQL manual 7.1.11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration_guard.sql.cursor import Cursor, keyword, read_tokens, split_at_commas
from migration_guard.sql.scanner import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration_guard.sql.dialects import Dialect
    from migration_guard.sql.scanner import Token


class SqlMode:
    """The value of sql_mode at a place of a file, and of the user variables that hold one.

    `value` is None where a statement sets what only the server can know.
    """

    def __init__(self, value: str) -> None:
        self.value: str | None = value
        self._at_start = value
        self._variables: dict[str, str | None] = {}

    def follow(self, text: str, lexis: Dialect) -> None:
        """Apply the assignments of a SET; any other statement changes nothing."""
        cursor = read_tokens(text, lexis)
        if not cursor.accept("SET") or cursor.peek() == "STATEMENT":
            return
        scope = ""
        for assignment in split_at_commas(_without_marks(cursor.rest)):
            words = list(map(keyword, assignment))
            sign = next((at for at, word in enumerate(words) if word in {"=", ":="}), 0)
            if not sign:
                continue
            target = "".join(words[:sign])
            scope = next((word for word in _SCOPES if words[0] == word), scope)
            value = self._evaluate(Cursor(assignment[sign + 1 :], lexis))
            if target.startswith("@") and not target.startswith("@@"):
                self._variables[target[1:].strip("`'\"").lower()] = value
            elif target.replace("`", "").upper() in _TARGETS and scope in {"", *_OWN_SCOPES}:
                self.value = value

    def _evaluate(self, cursor: Cursor) -> str | None:
        """Return the value of an expression, None where it is not plain."""
        value = self._operand(cursor)
        return value if cursor.is_at_end else None

    def _operand(self, cursor: Cursor) -> str | None:
        if cursor.peek() == "(":
            group = Cursor(cursor.take_group(), cursor.lexis)
            group.accept("SELECT")
            return self._evaluate(group)
        if cursor.accept("@"):
            return self._variable(cursor)
        if cursor.is_at_end:
            return None
        token, word = cursor.rest[0], cursor.take()
        if cursor.peek() == "(":
            arguments = split_at_commas(cursor.take_group())
            return self._call(word, [Cursor(argument, cursor.lexis) for argument in arguments])
        return self._at_start if word == "DEFAULT" else _constant(token)

    def _variable(self, cursor: Cursor) -> str | None:
        if not cursor.accept("@"):
            return self._variables.get(cursor.take().strip("`'\"").lower())
        is_global = cursor.peek() in {"GLOBAL", "PERSIST"}
        if cursor.accept_any((*_SCOPES, "PERSIST")):
            cursor.accept(".")
        if cursor.take() != "SQL_MODE":
            return None
        return self._at_start if is_global else self.value

    def _call(self, function: str, arguments: Sequence[Cursor]) -> str | None:
        values = [self._evaluate(argument) for argument in arguments]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        if function == "CONCAT":
            return "".join(known)
        if function == "CONCAT_WS":
            return known[0].join(known[1:])
        if function == "REPLACE" and len(known) == 3:  # noqa: PLR2004 - text, from, to
            return known[0].replace(known[1], known[2])
        return known[0] if function in {"UPPER", "LOWER", "TRIM", "IFNULL", "COALESCE"} else None


def has_ansi_quotes(mode: str) -> bool:
    """Return whether double quotes are those of names."""
    return not _ANSI.isdisjoint(_words(mode))


def has_plain_backslash(mode: str) -> bool:
    """Return whether the backslash is no escape."""
    return "NO_BACKSLASH_ESCAPES" in _words(mode)


def _words(mode: str) -> set[str]:
    return {word.strip().upper() for word in mode.split(",")}


def _constant(token: Token) -> str | None:
    if token.kind in {Kind.STRING, Kind.QUOTED}:
        return token.text[1:-1]
    if token.kind is Kind.WORD:
        return token.text
    return _mode_of_number(token.text)


def _mode_of_number(text: str) -> str | None:
    """Return the modes that matter here of the server's bits."""
    if not text.isdecimal():
        return None
    bits = int(text)
    return ",".join(name for bit, name in _BITS.items() if bits & bit)


def _without_marks(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens without the mark that closes an executable comment."""
    closes = [token.text for token in tokens[-2:]] == ["*", "/"]
    return list(tokens[:-2] if closes else tokens)


_OWN_SCOPES: Final = ("SESSION", "LOCAL")
_SCOPES: Final = ("GLOBAL", "PERSIST", "PERSIST_ONLY", *_OWN_SCOPES)
_TARGETS: Final = frozenset(
    f"{scope}SQL_MODE" for scope in ("", "SESSION", "LOCAL", "@@", "@@SESSION.", "@@LOCAL.")
)
_ANSI: Final = frozenset({"ANSI_QUOTES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"})
_BITS: Final = {
    1 << 2: "ANSI_QUOTES",
    1 << 8: "POSTGRESQL",
    1 << 9: "ORACLE",
    1 << 10: "MSSQL",
    1 << 11: "DB2",
    1 << 12: "MAXDB",
    1 << 18: "ANSI",
    1 << 20: "NO_BACKSLASH_ESCAPES",
}
