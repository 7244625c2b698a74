"""Whether a condition leaves any row out, by its tokens. Pure, for all vendors.

``WHERE true`` in any spelling leaves none out: constants, comparisons of constants, a column that
is compared with itself, and chains of them with AND, OR and NOT.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from migration_guard.sql.cursor import closing_bracket, depths, keyword
from migration_guard.sql.scanner import Kind, Token

_TRUE: Final = frozenset({"true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "off", ""})
_LITERALS: Final = frozenset({Kind.STRING, Kind.NUMBER, Kind.DOLLAR})
# Words that read no row.
_CONSTANT: Final = frozenset(
    """TRUE FALSE NULL IS NOT UNKNOWN CAST AS BETWEEN AND IN LIKE ILIKE EXISTS SELECT ALL ANY ARRAY
    BOOL BOOLEAN INT INTEGER BIGINT SMALLINT TEXT NUMERIC DISTINCT FROM INTERVAL DATE COALESCE
    NULLIF IFNULL IF GREATEST LEAST LENGTH LOWER UPPER ABS SIGN CONCAT NOW CURRENT_DATE
    CURRENT_TIMESTAMP CASE WHEN THEN ELSE END""".split()  # noqa: SIM905
)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "==": operator.eq, "<=>": operator.eq, "<>": operator.ne, "!=": operator.ne,
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_NOT_DISTINCT: Final = ["IS", "NOT", "DISTINCT", "FROM"]
_SAME: Final = frozenset({"=", "==", "<=", ">=", "<=>", "IS", "LIKE"})


def restricts(tokens: Sequence[Token]) -> bool:
    """Return True unless the condition is true for every row, and False for no condition."""
    return bool(tokens) and _value(tokens) is not True


def _value(tokens: Sequence[Token]) -> bool | None:
    """Return what the condition is for every row, None if that depends on the row."""
    values = [_conjunction(part) for part in _split(tokens, "OR", "||")]
    if True in values:
        return True
    return None if None in values else False


def _conjunction(tokens: Sequence[Token]) -> bool | None:
    values = [_negation(part) for part in _split(tokens, "AND", "&&")]
    if False in values:
        return False
    return None if None in values else True


def _negation(tokens: Sequence[Token]) -> bool | None:
    if tokens and keyword(tokens[0]) in {"NOT", "!"}:
        value = _negation(tokens[1:])
        return None if value is None else not value
    if tokens and tokens[0].text == "(" and closing_bracket(tokens, 0) == len(tokens) - 1:
        return _value(tokens[1:-1])
    return _atom(without_casts(tokens))


def _atom(tokens: Sequence[Token]) -> bool | None:
    words = [keyword(token) for token in tokens]
    if len(tokens) == 1:
        return _truth(tokens[0])
    for position, word in enumerate(words):
        left, right = tokens[:position], tokens[position + 1 :]
        if word in _COMPARE and left and right:
            if word in _SAME and _texts(left) == _texts(right):
                return True
            one, other = _literal(left), _literal(right)
            if one is not None and type(one) is type(other):
                return _COMPARE[word](one, other)
    same = next((at for at in range(len(words)) if words[at : at + 4] == _NOT_DISTINCT), None)
    if same is not None and _texts(tokens[:same]) == words[same + 4 :]:
        return True
    if words[-2:] in (["IS", "TRUE"], ["IS", "FALSE"]):
        value = _negation(tokens[:-2])
        return None if value is None else value is (words[-1] == "TRUE")
    is_constant = all(
        token.kind in {*_LITERALS, Kind.OPERATOR} or word in _CONSTANT
        for token, word in zip(tokens, words, strict=True)
    )
    # A constant that is not understood may well be true.
    return True if is_constant and words != ["NULL"] else None


def _truth(token: Token) -> bool | None:
    text = token.text.strip("'").lower() if token.kind is Kind.STRING else token.text.lower()
    if text in _TRUE and (token.kind is Kind.STRING or text == "true"):
        return True
    if text in _FALSE and (token.kind is Kind.STRING or text == "false"):
        return False
    if keyword(token) == "NULL":
        return False
    value = _literal([token])
    return bool(value) if isinstance(value, float) else None


def _literal(tokens: Sequence[Token]) -> float | str | None:
    if len(tokens) != 1 or tokens[0].kind not in _LITERALS:
        return {"TRUE": 1.0, "FALSE": 0.0}.get(keyword(tokens[0])) if len(tokens) == 1 else None
    text = tokens[0].text
    try:
        return float(text)
    except ValueError:
        return text


def _texts(tokens: Sequence[Token]) -> list[str]:
    return [keyword(token) for token in tokens]


def without_casts(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens without ``::type`` and without ``CAST(… AS type)``."""
    rest: list[Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.text == "::":
            position += 2
            if position < len(tokens) and tokens[position].text == "(":
                position = closing_bracket(tokens, position) + 1
            continue
        if keyword(token) == "CAST" and tokens[position + 1 : position + 2]:
            end = closing_bracket(tokens, position + 1)
            inner = list(tokens[position + 2 : end])
            cut = next((at for at, one in enumerate(inner) if keyword(one) == "AS"), len(inner))
            rest += inner[:cut]
            position = end + 1
            continue
        rest.append(token)
        position += 1
    # CAST(…) and (…)::type leave their brackets around one thing.
    if len(rest) > 2 and rest[0].text == "(" and closing_bracket(rest, 0) == len(rest) - 1:  # noqa: PLR2004
        return rest[1:-1]
    return rest


def _split(tokens: Sequence[Token], *words: str) -> list[Sequence[Token]]:
    """Return what stands between these words outside brackets; BETWEEN keeps its AND."""
    parts: list[Sequence[Token]] = []
    start, between = 0, 0
    for at, depth in enumerate(depths(token.text for token in tokens)):
        word = keyword(tokens[at])
        if depth or word == ")":
            continue
        between += word == "BETWEEN"
        if word == "AND" and between:
            between -= 1
        elif word in words and not (word == "||" and _joins_texts(tokens, at)):
            parts.append(tokens[start:at])
            start = at + 1
    return [*parts, tokens[start:]]


def _joins_texts(tokens: Sequence[Token], at: int) -> bool:
    # On MariaDB ``||`` is OR; with columns or texts beside it, nobody means that.
    return tokens[at - 1].kind is not Kind.NUMBER if at else True
