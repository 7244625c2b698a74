"""How a PostgreSQL statement changes the reading of the text after it.

COPY … FROM STDIN makes the next lines data. The setting standard_conforming_strings decides whether
a backslash in a plain literal is an escape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_guard.sql.cursor import keyword, outside_brackets
from migration_guard.sql.dialects import CONFORMING
from migration_guard.sql.scanner import significant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration_guard.sql.dialects import Dialect
    from migration_guard.sql.scanner import Token


def copies_from_stdin(text: str, lexis: Dialect) -> bool:
    """Return whether `text` is a COPY that reads the client's input."""
    return _copies_with_client(text, lexis) == "FROM"


def copies_to_stdout(text: str, lexis: Dialect) -> bool:
    """Return whether `text` is a COPY that sends its rows to the client."""
    return _copies_with_client(text, lexis) == "TO"


def _copies_with_client(text: str, lexis: Dialect) -> str:
    """Return FROM or TO for a COPY from or to the client, else an empty string.

    The grammar accepts STDIN in place of STDOUT, and the reverse.
    """
    words = map(keyword, outside_brackets(significant(text, lexis)))
    before = ""
    for word in words:
        # A column is called `from` only behind a dot.
        if before != "." and word in {"FROM", "TO"}:
            return word if next(words, "") in {"STDIN", "STDOUT"} else ""
        before = word
    return ""


def conforming_after(text: str, lexis: Dialect, before: bool, at_start: bool) -> bool:
    """Return whether standard_conforming_strings is on after the statement `text`.

    `before` is its value there, and `at_start` the one that RESET brings back.

    The end of a transaction, which ends SET LOCAL and undoes SET on ROLLBACK, is not followed.
    """
    words = [token.text.lower() for token in significant(text, lexis)]
    if words[:2] in (["reset", "all"], ["reset", CONFORMING], ["discard", "all"]):
        return at_start
    if words[0] == "set":
        rest = words[2:] if words[1:2] in (["session"], ["local"]) else words[1:]
        if rest[:1] != [CONFORMING]:
            return before
        return at_start if rest[2:] == ["default"] else _is_on("".join(rest[2:]))
    if words[0] == "create":  # a view or a function calls set_config later, if at all
        return before
    return _after_calls(list(significant(text, lexis)), before)


def _after_calls(tokens: Sequence[Token], before: bool) -> bool:
    """Return the value that the last `set_config('standard_conforming_strings', value, …)` sets."""
    is_on = before
    for index, token in enumerate(tokens):
        if token.text.lower() == "set_config" and index + 4 < len(tokens):
            name, value = tokens[index + 2].text, tokens[index + 4].text
            if name.lower() == f"'{CONFORMING}'":
                is_on = _is_on(value)
    return is_on


def _is_on(value: str) -> bool:
    """Return the boolean that PostgreSQL reads, which accepts any unique prefix of a word."""
    word = value.strip("'\"").lower()
    off = word == "0" or (word != "" and ("false".startswith(word) or "no".startswith(word)))
    return not (off or word in {"of", "off"})
