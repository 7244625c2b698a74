"""Texts of statements that differ only in how many values they hold have one normal form.

Pure. Lists behind IN, rows of VALUES, repeated arms of CASE and OR, and the numbers of LIMIT and
OFFSET count as one. Django writes each of them as long as the values at hand.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final, NamedTuple

from migration_guard.sql.dialects import Dialect
from migration_guard.sql.scanner import Kind, Token, scan

KINDS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "WITH"})


class _Level(NamedTuple):
    """What stands in one pair of brackets, or outside of all; ``before`` is the word before it."""

    before: str
    words: list[str]


def is_usage(sql: str, lexis: Dialect) -> bool:
    """Return True for a statement that reads or writes rows."""
    match = _first_word(lexis).match(sql)
    return match is not None and match[1].upper() in KINDS


def without_comments(sql: str, lexis: Dialect) -> str:
    """Return a statement without its comments, which may hold values, and without outer space."""
    parts = (" " if token.kind is Kind.COMMENT else token.text for token in scan(sql, lexis))
    return "".join(parts).strip().rstrip(";").rstrip()


def normal_form(sql: str, lexis: Dialect) -> str:
    """Return the normal form of a statement whose placeholders are those of its server."""
    return _render(_word(token) for token in scan(sql, lexis) if token.kind not in _GAPS)


def skeleton(sql: str, lexis: Dialect) -> str:
    """Return the normal form of a statement without its literals."""
    return _render(
        _LITERAL if token.kind in _LITERALS and not _is_placeholder(token) else _word(token)
        for token in scan(sql, lexis)
        if token.kind not in _GAPS
    )


@cache
def _first_word(lexis: Dialect) -> re.Pattern[str]:
    return re.compile(rf"(?:{lexis.line_comment}|{lexis.block_comment}|[\s(;])*+([A-Za-z]+)")


def count_placeholders(sql: str, lexis: Dialect) -> int:
    """Return how many values a statement with ``?`` takes."""
    return sum(token.text == _PLACEHOLDER for token in scan(sql, lexis))


_GAPS: Final = frozenset({Kind.SPACE, Kind.COMMENT})
_LITERALS: Final = frozenset({Kind.STRING, Kind.DOLLAR, Kind.NUMBER})
_STRUCTURE: Final = frozenset(
    {"IN", "ARRAY", "VALUES", "CASE", "WHEN", "ELSE", "END", "OR", "WHERE", "ON", "HAVING"}
    | {"GROUP", "ORDER", "LIMIT", "OFFSET", "FOR", "UNION", "RETURNING", "WINDOW", "FETCH"}
)
_PLACEHOLDER: Final = "?"
_LITERAL: Final = "'*'"
_ARRAY: Final = "ARRAY["


def _word(token: Token) -> str:
    if _is_placeholder(token):
        return _PLACEHOLDER
    word = token.text.upper()
    # Other words stay, since MySQL's names of tables may differ in case alone.
    return word if token.kind is Kind.WORD and word in _STRUCTURE else token.text


def _is_placeholder(token: Token) -> bool:
    return token.text[0] in "$?" and (token.text == "?" or token.text[1:].isdecimal())


def _render(words: Iterable[str]) -> str:
    levels = [_Level("", [])]
    for word in words:
        if word == "(":
            before = levels[-1].words[-1:] or [""]
            levels.append(_Level(before[0], []))
        elif word == ")" and len(levels) > 1:
            level = levels.pop()
            levels[-1].words.append(_close(level))
        elif word == "[" and levels[-1].words[-1:] == ["ARRAY"]:
            levels.append(_Level(_ARRAY, []))
        elif word == "]" and levels[-1].before == _ARRAY:
            level = levels.pop()
            levels[-1].words.append(f"[ {_join(level)} ]")
        else:
            levels[-1].words.append(word)
    while len(levels) > 1:  # a bracket that never closes: the server refuses the statement
        level = levels.pop()
        levels[-1].words.extend(["(", *level.words])
    return _join(levels[0])


def _close(level: _Level) -> str:
    """Return a pair of brackets; Django writes those of a condition only if it has several arms."""
    words = _collapse(level)
    text = " ".join(words)
    is_condition = level.before.upper() in _BEFORE_CONDITION and _is_single(words)
    return text if is_condition else f"( {text} )"


def _is_single(words: Sequence[str]) -> bool:
    """Return True for one comparison, or for what stands in brackets of its own."""
    keywords = [word.upper() for word in words]
    joints = keywords.count("AND") + keywords.count("OR") - keywords.count("BETWEEN")
    is_bracket = len(words) == 1 and words[0].startswith("( ")
    return is_bracket or (not joints and not _COMPARISONS.isdisjoint(keywords))


def _join(level: _Level) -> str:
    return " ".join(_collapse(level))


def _collapse(level: _Level) -> list[str]:
    words = level.words
    is_list = bool(words) and words[0] not in KINDS
    if is_list and level.before in {"IN", _ARRAY}:
        return [" , ".join(_runs(_split(words, ",")))]
    words = _collapse_cases(words)
    words = _collapse_rows(words)
    words = _collapse_arms(words)
    return _without_counts(words)


def _split(words: Sequence[str], separator: str) -> list[str]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == separator:
            parts.append([])
        else:
            parts[-1].append(word)
    return [" ".join(part) for part in parts]


def _runs(parts: Iterable[str]) -> list[str]:
    """Return the parts with each run of equal ones as one."""
    runs: list[str] = []
    for part in parts:
        if not runs or runs[-1] != part:
            runs.append(part)
    return runs


def _collapse_cases(words: Sequence[str]) -> list[str]:
    """Return the words with each CASE … END as one word, and its equal arms as one."""
    stack: list[list[str]] = [[]]
    for word in words:
        if word == "CASE":
            stack.append([])
        if word == "END" and len(stack) > 1:
            case = stack.pop()
            stack[-1].append(" ".join([*_arms(case), word]))
        else:
            stack[-1].append(word)
    return [word for level in stack for word in level]


def _arms(case: Sequence[str]) -> list[str]:
    otherwise = case.index("ELSE") if "ELSE" in case else len(case)
    head, *arms = _split(case[:otherwise], "WHEN")
    return [head, *(f"WHEN {arm}" for arm in _runs(arms)), *case[otherwise:]]


def _collapse_rows(words: Sequence[str]) -> list[str]:
    """Return the words with the equal rows of VALUES as one."""
    kept: list[str] = []
    in_values = False
    for word in words:
        is_row = word.startswith("( ")
        if word == "VALUES":
            in_values = True
        elif not is_row and word != ",":
            in_values = False
        if in_values and is_row and kept[-2:] == [word, ","]:
            kept.pop()
        else:
            kept.append(word)
    return kept


_BEFORE_CONDITION: Final = frozenset({"WHERE", "AND", "OR", "NOT", "ON", "HAVING", "WHEN"})
_COMPARISONS: Final = frozenset(
    {"=", "<", ">", "<=", ">=", "<>", "!=", "LIKE", "ILIKE", "IN", "IS", "BETWEEN", "EXISTS"}
)
_BEFORE_ARM: Final = frozenset({"OR", "WHERE", "ON", "HAVING"})
_AFTER_ARM: Final = frozenset(
    [
        "OR",
        "GROUP",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "HAVING",
        "FOR",
        "UNION",
        "RETURNING",
        "WINDOW",
        "FETCH",
    ]
)


def _collapse_arms(words: list[str]) -> list[str]:
    """Return the words with equal neighbours around OR as one."""
    kept: list[str] = []
    for place, word in enumerate(words):
        kept.append(word)
        is_end = place + 1 == len(words) or words[place + 1] in _AFTER_ARM
        if is_end and "OR" in kept:
            _drop_repeated_arm(kept)
    return kept


def _drop_repeated_arm(words: list[str]) -> None:
    """Drop the last arm of OR if the one before it is equal."""
    last_or = len(words) - 1 - words[::-1].index("OR")
    arm = words[last_or + 1 :]
    start = last_or - len(arm)
    starts_arm = start == 0 or (start > 0 and words[start - 1] in _BEFORE_ARM)
    if arm and starts_arm and words[start:last_or] == arm:
        del words[last_or:]


def _without_counts(words: Sequence[str]) -> list[str]:
    return [
        "#" if place and words[place - 1] in {"LIMIT", "OFFSET"} and _is_count(word) else word
        for place, word in enumerate(words)
    ]


def _is_count(word: str) -> bool:
    return word in {_PLACEHOLDER, _LITERAL} or word.isdecimal()
