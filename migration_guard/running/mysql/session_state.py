"""State that only one MySQL session has, and that no run can make again.

Pure: it reads the statements alone. Settings are not among it, since they are made again. Sources:
MariaDB knowledge base, "User-Defined Variables", "PREPARE Statement", "GET_LOCK", "HANDLER".
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from migration_guard.running.mysql import user_variables
from migration_guard.sql.classify import makes_temporary
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.statements import Statement

Tokens = Sequence[str]
# Functions and variables that ask for what the last statement left, and what leaves something.
_LAST_ID: Final = frozenset({"last_insert_id", "identity"})
_OF_LAST: Final = frozenset({"row_count", "found_rows", "warning_count", "error_count"})
_LEAVES_ID: Final = frozenset({"insert", "replace", "load", "call", "execute"})
_LEAVES_LAST: Final = _LEAVES_ID | {"update", "delete", "select", "with"}
# What of a sequence only a session knows that took a value from it.
_LAST_VALUE: Final = frozenset({"lastval", "previous"})
_TAKES_VALUE: Final = frozenset({"nextval", "next", "insert", "call", "execute"})


_WORTH_A_LOOK: Final = re.compile(
    r"(?i)temporary|prepare|execute|handler|_lock|last|row_count|found_rows|identity|_count"
    r"|previous|next|drop"
)


class _Held(NamedTuple):
    """One thing that the session holds, by its kind and its name in lower case."""

    kind: str
    name: str
    statement: Statement


_WORDS: Final = {
    "temporary": "made a temporary table",
    "lock": "took a lock by GET_LOCK()",
    "prepared": "prepared a statement",
    "handler": "opened a handler",
}
_ALWAYS: Final = frozenset({"temporary", "lock"})
_ALL: Final = "*"


def unrepeatable(
    done: Sequence[Statement], rest: Sequence[Statement]
) -> tuple[Statement, str] | None:
    """Return what of ``done`` its session held, and ``rest`` may need.

    Temporary tables and locks by name, whatever the rest names; user variables whose values cannot
    be had again, prepared statements, handlers and last ids that it names. The words go on from
    "It".
    """
    held: list[_Held] = []
    for statement in done:
        tokens = _tokens(statement.text)
        dropped = set(_dropped(statement.text, tokens))
        held = [
            thing for thing in held if dropped.isdisjoint({thing[:2], (thing.kind, _ALL)})
        ] + list(_made_by(statement, tokens))
    needed = [_tokens(statement.text) for statement in rest]
    used: set[tuple[str, str]] = set()
    given: set[tuple[str, str]] = set()
    for tokens in needed:
        used |= set(_uses(tokens)) - given
        given |= {("prepared", _name(tokens, 1))} if tokens[:1] == ["prepare"] else set()
    for thing in held:
        if thing.kind in _ALWAYS or thing[:2] in used:
            return thing.statement, _WORDS[thing.kind]
    return user_variables.lost(done, rest) or _lost_last(done, rest, needed)


def _tokens(text: str) -> list[str]:
    """Return the tokens of a statement; of a long INSERT the first alone has something to say."""
    return user_variables.statement_tokens(text, in_full=bool(_WORTH_A_LOOK.search(text)))


def _made_by(statement: Statement, tokens: Tokens) -> Iterator[_Held]:
    """Yield what a statement adds to its session."""
    if makes_temporary(statement.text, "mysql"):
        create = read_ddl(statement.text, "mysql")
        yield _Held("temporary", create.name.lower() if create else "", statement)
    elif tokens[:1] not in (["create"], ["alter"]) and any(_makes_temporary(tokens)):
        yield _Held("temporary", "", statement)
    if tokens[:1] == ["prepare"]:
        yield _Held("prepared", _name(tokens, 1), statement)
    if tokens[:1] == ["handler"] and "open" in tokens:
        opened = tokens.index("as") + 1 if "as" in tokens else tokens.index("open") - 1
        yield _Held("handler", _name(tokens, opened), statement)
    for name in _arguments(tokens, "get_lock"):
        yield _Held("lock", name, statement)


def _dropped(text: str, tokens: Tokens) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of what a statement takes from its session; ``*`` is every name."""
    if tokens[:1] == ["drop"] and tokens[1:2] != ["prepare"] and (drop := read_ddl(text, "mysql")):
        yield from (("temporary", name.name.lower()) for name in drop.names)
    if tokens[:2] in (["deallocate", "prepare"], ["drop", "prepare"]):
        yield "prepared", _name(tokens, 2)
    if tokens[:1] == ["handler"] and "close" in tokens:
        yield "handler", _name(tokens, tokens.index("close") - 1)
    if "release_all_locks" in tokens:
        yield "lock", _ALL
    yield from (("lock", name) for name in _arguments(tokens, "release_lock"))


def _uses(tokens: Tokens) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of the prepared statements and handlers that a statement uses."""
    for index, word in enumerate(tokens):
        if word == "execute" and tokens[index + 1 : index + 2] != ["immediate"]:
            yield "prepared", _name(tokens, index + 1)
    if tokens[:2] in (["deallocate", "prepare"], ["drop", "prepare"]):
        yield "prepared", _name(tokens, 2)
    if tokens[:1] == ["handler"]:
        yield "handler", _name(tokens, 1)


def _makes_temporary(tokens: Tokens) -> Iterator[bool]:
    """Yield True where the code of a statement, or its own literals, make a temporary table."""
    yield from (
        before in ("create", "replace") and word == "temporary" for before, word in pairwise(tokens)
    )
    yield from ("create temporary" in " ".join(token.lower().split()) for token in tokens)


def _arguments(tokens: Tokens, function: str) -> Iterator[str]:
    """Yield the first argument of each call of a function."""
    for index, (word, after) in enumerate(pairwise(tokens)):
        if word == function and after == "(":
            yield "".join(tokens[index + 2 : index + 3]).lower()


def _name(tokens: Tokens, index: int) -> str:
    return "".join(tokens[index : index + 1]).strip("`").lower()


def _lost_last(
    done: Sequence[Statement], rest: Sequence[Statement], needed: Sequence[Tokens]
) -> tuple[Statement, str] | None:
    """Return the statement whose last id, count or sequence value ``rest`` asks for."""
    heads = [_tokens(statement.text)[0] for statement in done]
    left_id = [place for place, head in enumerate(heads) if head in _LEAVES_ID]
    takers = [statement for statement in done if _TAKES_VALUE.intersection(_tokens(statement.text))]
    for number, (statement, tokens) in enumerate(zip(rest, needed, strict=True)):
        where = f"in line {statement.line} asks for"
        if left_id and (asked := sorted(_LAST_ID.intersection(tokens))):
            return done[left_id[-1]], f"left what {asked[0]}() {where}"
        asked = sorted(_OF_LAST.intersection(tokens))
        if asked and number == 0 and heads[-1:] and heads[-1] in _LEAVES_LAST:
            return done[-1], f"left what {asked[0]}() {where}"
        if takers and (asked := sorted(_LAST_VALUE.intersection(tokens))):
            return takers[-1], f"took a value from a sequence, whose last one {where}"
        if tokens[0] in _LEAVES_ID:
            left_id = []
        if _TAKES_VALUE.intersection(tokens):
            takers = []
    return None
