"""Patterns that match a long run of a file at once, for the speed of `split`.

A run needs no decision: it has characters, closed literals, closed comments and balanced brackets.
Text that no pattern matches is no error; `statements` reads it step by step.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from migration_guard.sql.scanner import gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration_guard.sql.dialects import Dialect

# What follows the END that closes a body.
_AFTER_END: Final = {
    "postgresql": "(?!{part})",
    "sqlite": r"(?!{part}){gap}(?:;|\Z)",
    "mysql": "(?!{part})",
}
_NESTED: Final = 3  # brackets within brackets that one match goes through; deeper ones take steps


@lru_cache(maxsize=64)
def run_pattern(lexis: Dialect, delimiter: str) -> Callable[[str, int], Iterator[re.Match[str]]]:
    """Return `finditer` of a gap, content up to a decision (group 1) and a terminator (group 2).

    The pattern may match nothing, so `finditer` skips no character.
    """
    special, atoms = _content_of(lexis, delimiter)
    no_end = f"(?!{re.escape(delimiter)})" if delimiter != ";" else ""
    guard = r"(?!(?i:delimiter)[ \t]++\S)" if lexis.delimiter_command else ""
    content = f"(?:{guard}{_repeat(special, atoms, no_end)})?+"
    pattern = re.compile(f"{gap(lexis)}({content})({re.escape(delimiter)})?+", re.DOTALL)
    return pattern.finditer


@lru_cache
def closed_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Return the pattern of content and comments without a `;` in which nothing stays open."""
    special, atoms = _content_of(lexis, ";")
    line, block = _comments(lexis)
    # A line comment ends with its line, and that may lie behind the end of the search.
    return re.compile(_repeat(special, [*atoms, rf"{line}(?=[\r\n])", block]), re.DOTALL)


@lru_cache
def body_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Return the pattern from any `;` of a body to the END (group 1) that closes the body."""
    special, atoms = _content_of(lexis, ";")
    end = _end(lexis)
    # Only steps find out whether END follows a nested comment.
    unclear = r"|/\*" if lexis.nested_comments else ""
    inner_end = f";(?!{gap(lexis)}(?:{end}{unclear}))"
    inside = _repeat(special, [*atoms, inner_end, *_comments(lexis)])
    return re.compile(f"{inside};{gap(lexis)}({end})", re.DOTALL)


@lru_cache
def end_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Return the pattern of an END that closes a body."""
    return re.compile(_end(lexis), re.DOTALL)


def _end(lexis: Dialect) -> str:
    after = _AFTER_END[lexis.vendor].format(part=lexis.name_part, gap=gap(lexis))
    return f"(?i:END)(?={after})"


def _content_of(lexis: Dialect, delimiter: str) -> tuple[str, list[str]]:
    """Return the characters that are not plain content, and the atoms that they may begin."""
    # An atom begins with a literal character where it can, since the engine rejects those fastest.
    special = f"-/{lexis.string_quotes}{lexis.name_quotes}"
    special += "()" * lexis.parentheses + "$" * lexis.dollar_quotes
    special += "\\" * lexis.backslash_commands + "#" * ("#" in lexis.line_comment)
    atoms = [lexis.body_strings, lexis.minus, r"/(?!\*)"]
    if lexis.kept_comment:
        atoms.append(lexis.kept_comment)
    if lexis.dollar_quotes:  # a $ inside an identifier; behind a digit only the tokens decide
        atoms.append(rf"\$(?<={lexis.name_start}\$){lexis.name_part}*+")
    if delimiter[0] not in special:
        special += delimiter[0]
        atoms += [re.escape(delimiter[0])] * (delimiter != ";")
    if lexis.parentheses:
        group = "(?!)"
        for _ in range(_NESTED):
            group = rf"\({_repeat(special, [group, *atoms, *_comments(lexis)])}\)"
        atoms.insert(0, group)
    return special, atoms


def _comments(lexis: Dialect) -> list[str]:
    return [lexis.line_comment, lexis.block_comment]


def _repeat(special: str, atoms: list[str], guard: str = "") -> str:
    """Return the pattern of any number of atoms among characters that are not special."""
    plain = f"[^{re.escape(special)}]*+"
    return f"{plain}(?:{guard}(?:{'|'.join(atoms)}){plain})*+"
