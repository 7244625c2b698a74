"""Conditions that Django spells in more than one way, in one spelling. Pure.

Django 6.1 tests a boolean of SQLite by ``"ok" = 1``, where 5.2 wrote ``"ok"``. The values of an IN
stand in any order, since Django takes a set of them.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import significant

_CLOSING: Final = {"(": ")", "[": "]"}
_TRUTHS: Final = {"1": [], "0": ["NOT"]}
# Before and after a comparison that is a condition of its own.
_BEFORE: Final = frozenset({"(", ",", "AND", "OR", "NOT", "WHEN", "WHERE"})
_AFTER: Final = frozenset({")", ",", "AND", "OR", "THEN"})
_LITERALS: Final = tuple("'0123456789.")
_CONSTANTS: Final = frozenset({"NULL", "TRUE", "FALSE"})


@lru_cache(maxsize=4096)
def in_one_spelling(text: str, vendor: str, booleans: frozenset[str] = frozenset()) -> str:
    """Return a condition in one spelling; ``booleans`` are the boolean columns of SQLite."""
    tokens = [token.text for token in significant(text, expression_dialect(vendor))]
    if vendor == "sqlite" and booleans:
        tokens = _without_truth_tests(tokens, booleans)
    return " ".join(_with_sorted_values(tokens))


def _without_truth_tests(tokens: Sequence[str], booleans: Collection[str]) -> list[str]:
    result: list[str] = []
    position = 0
    while position < len(tokens):
        name, *test = tokens[position : position + 3]
        before = tokens[position - 1].upper() if position else "("
        after = tokens[position + 3].upper() if position + 3 < len(tokens) else ")"
        is_test = test[:1] == ["="] and test[-1] in _TRUTHS
        if is_test and name.strip('"') in booleans and before in _BEFORE and after in _AFTER:
            result += [*_TRUTHS[test[1]], name]
            position += 3
        else:
            result.append(name)
            position += 1
    return result


def _with_sorted_values(tokens: list[str]) -> list[str]:
    """Return the tokens with the constants of every ``IN (…)`` and ``ANY (ARRAY[…])`` sorted."""
    result: list[str] = []
    position = 0
    while position < len(tokens):
        result.append(tokens[position])
        position += 1
        if _opens_values(result):
            end = _end_of_group(tokens, position)
            parts = _split(tokens[position:end])
            if all(map(_is_constant, parts)):
                parts.sort()
                result += [token for part in parts for token in [*part, ","]][:-1]
                position = end
    return result


def _opens_values(tokens: Sequence[str]) -> bool:
    *_, before_any, before, last = ["", "", "", *(token.upper() for token in tokens[-4:])]
    if last == "(":
        return before == "IN"
    return last == "[" and before == "ARRAY" and before_any == "("


def _end_of_group(tokens: Sequence[str], start: int) -> int:
    """Return the position of the bracket that closes the group, or the end."""
    depth = 0
    for position in range(start, len(tokens)):
        if tokens[position] in _CLOSING:
            depth += 1
        elif tokens[position] in _CLOSING.values():
            if depth == 0:
                return position
            depth -= 1
    return len(tokens)


def _split(tokens: Sequence[str]) -> list[list[str]]:
    """Split tokens at the commas outside brackets."""
    parts: list[list[str]] = [[]]
    depth = 0
    for text in tokens:
        depth += (text in _CLOSING) - (text in _CLOSING.values())
        if text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(text)
    return parts


def _is_constant(part: Sequence[str]) -> bool:
    first = next((text for text in part if text not in {"(", "-", "+"}), "")
    return first.startswith(_LITERALS) or first.upper() in _CONSTANTS
