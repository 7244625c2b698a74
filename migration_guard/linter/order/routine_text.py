"""What the text of a function, a procedure or a DO block tells of what it may do. Pure."""

import re
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"[^\W\d]\w*")
_DDL_WORD: Final = re.compile(r"\b(?:create|alter|drop|rename)\b", re.IGNORECASE)
_DML_WORD: Final = re.compile(r"\b(?:select|insert|update|delete|truncate)\b", re.IGNORECASE)
_DROPPED: Final = re.compile(r"\bdrop\b\s*(materialized\s+view|\w*)", re.IGNORECASE)
_MOVING: Final = re.compile(r"\b(?:cascade|rename|schema)\b", re.IGNORECASE)
_DYNAMIC: Final = re.compile(r"\bexecute\b(?!\s+(?:function|procedure)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure. ``parameters`` are the names of its arguments.

    One that is not ``is_followed`` may do nothing, or has a search path of its own.
    """

    language: str
    text: str
    parameters: frozenset[str] = frozenset()
    is_followed: bool = True

    @property
    def may_change_schema(self) -> bool:
        """True if a call may do more than change data.

        EXECUTE without a word of SQL runs what a caller or a table gives it.
        """
        if _DDL_WORD.search(self.text) is not None:
            return True
        return builds_sql(self.text) and _DML_WORD.search(self.text) is None


def builds_sql(text: str) -> bool:
    """Return True if a text runs SQL that it puts together."""
    return _DYNAMIC.search(text) is not None


def kinds_kept(text: str) -> frozenset[str]:
    """Return the kinds of relations that SQL which this text builds does not remove."""
    kinds = {" ".join(kind.lower().split()) for kind in _DROPPED.findall(text)}
    relations = {"table", "view", "index", "materialized view"}
    if _MOVING.search(text) or not kinds <= relations | {"column", "trigger"}:
        return frozenset()
    return frozenset(relations - kinds)


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text, as they are and in lower case."""
    words = _WORD.findall(text)
    return frozenset([*words, *map(str.lower, words)])
