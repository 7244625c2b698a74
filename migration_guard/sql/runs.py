"""Long runs of a file in one match of a regular expression, for the speed of `split`.

A run is what needs no decision: characters, closed literals, closed comments, balanced parentheses.
What a pattern here does not match is no error: `statements` then takes it step by step.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from migration_guard.sql.scanner import gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration_guard.sql.dialects import Dialect

BLOCKS = "(?:IF|CASE|LOOP|WHILE|REPEAT|FOR)"  # MySQL's blocks whose end is END and this word
_AFTER_END = {
    "postgresql": "(?!{part})",
    "sqlite": r"(?!{part}){gap}(?:;|\Z)",
    "mysql": f"(?!{{part}}){{gap}}(?!(?i:{BLOCKS})(?!{{part}}))",
}
_NESTED = 3  # parentheses within parentheses that one match goes through; deeper ones cost steps


@lru_cache(maxsize=64)
def run_pattern(lexis: Dialect, delimiter: str) -> Callable[[str, int], Iterator[re.Match[str]]]:
    """Compile: a gap, (group 1) content up to what needs a decision, (group 2) the terminator.

    It may match nothing, so that `finditer`, which is returned, passes over no character.
    """
    special, atoms = _content_of(lexis, delimiter)
    no_end = f"(?!{re.escape(delimiter)})" if delimiter != ";" else ""
    guard = r"(?!(?i:delimiter)[ \t]++\S)" if lexis.delimiter_command else ""
    content = f"(?:{guard}{_unrolled(special, atoms, no_end)})?+"
    pattern = re.compile(f"{gap(lexis)}({content})({re.escape(delimiter)})?+", re.DOTALL)
    return pattern.finditer


@lru_cache
def closed_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Compile: content and comments without a `;`, in which nothing is left open."""
    special, atoms = _content_of(lexis, ";")
    line, block = _comments(lexis)
    # A line comment is closed by its line end, which may lie beyond where one looks.
    return re.compile(_unrolled(special, [*atoms, rf"{line}(?=[\r\n])", block]), re.DOTALL)


@lru_cache
def body_pattern(lexis: Dialect) -> re.Pattern[str]:
    """Compile: from any `;` of a body without inner blocks to the END (group 1) that closes it."""
    special, atoms = _content_of(lexis, ";")
    end = f"(?i:END)(?={_AFTER_END[lexis.vendor].format(part=lexis.name_part, gap=gap(lexis))})"
    # Whether END follows a nested comment takes steps to tell.
    unclear = r"|/\*" if lexis.nested_comments else ""
    inner_end = f";(?!{gap(lexis)}(?:{end}{unclear}))"
    inside = _unrolled(special, [*atoms, inner_end, *_comments(lexis)])
    return re.compile(f"{inside};{gap(lexis)}({end})", re.DOTALL)


def _content_of(lexis: Dialect, delimiter: str) -> tuple[str, list[str]]:
    """Return the characters that are not plain content, and what may be made of them.

    An atom begins with a literal character where it can: the engine skips those by a glance.
    """
    special = f"-/{lexis.string_quotes}{lexis.name_quotes}"
    special += "()" * lexis.parentheses + "$" * lexis.dollar_quotes
    special += "\\" * lexis.backslash_commands + "#" * ("#" in lexis.line_comment)
    atoms = [lexis.body_strings, lexis.minus, r"/(?!\*)"]
    if lexis.kept_comment:
        atoms.append(lexis.kept_comment)
    if lexis.dollar_quotes:  # inside an identifier; after a digit only the tokens tell
        atoms.append(rf"\$(?<={lexis.name_start}\$){lexis.name_part}*+")
    if delimiter[0] not in special:
        special += delimiter[0]
        atoms += [re.escape(delimiter[0])] * (delimiter != ";")
    if lexis.parentheses:
        group = "(?!)"
        for _ in range(_NESTED):
            group = rf"\({_unrolled(special, [group, *atoms, *_comments(lexis)])}\)"
        atoms.insert(0, group)
    return special, atoms


def _comments(lexis: Dialect) -> list[str]:
    return [lexis.line_comment, lexis.block_comment]


def _unrolled(special: str, atoms: list[str], guard: str = "") -> str:
    """Return the source for any number of atoms among characters that are not special."""
    plain = f"[^{re.escape(special)}]*+"
    return f"{plain}(?:{guard}(?:{'|'.join(atoms)}){plain})*+"
