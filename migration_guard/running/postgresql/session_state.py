"""State that only one PostgreSQL session has, and that no run can make again.

Pure: it reads the statements alone. Settings are not among it, since they are made again. Sources:
PostgreSQL manual, "DISCARD", "Advisory Lock Functions", "Sequence Manipulation Functions".
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Final, NamedTuple

from migration_guard.sql.classify import makes_temporary
from migration_guard.sql.cursor import Cursor, Name, keyword, read_tokens
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.dialects import POSTGRESQL
from migration_guard.sql.scanner import Kind, significant
from migration_guard.sql.statements import Statement

_WORTH_A_LOOK: Final = re.compile(
    r"(?i)temp|prepare|deallocate|declare|cursor|close|fetch|move|current|advisory|discard|drop"
    r"|reset|dblink|set_config|execute|currval|lastval|nextval|setval"
)
_TEMPORARY: Final = frozenset({"TEMP", "TEMPORARY"})
_BEFORE_TEMPORARY: Final = frozenset({"CREATE", "REPLACE", "GLOBAL", "LOCAL"})
_LOCKS: Final = {
    name + shared: shared
    for name in ("PG_ADVISORY_LOCK", "PG_TRY_ADVISORY_LOCK")
    for shared in ("", "_SHARED")
}
_UNLOCKS: Final = {f"PG_ADVISORY_UNLOCK{shared}": shared for shared in ("", "_SHARED")}
_CONNECTS: Final = frozenset({"DBLINK_CONNECT", "DBLINK_CONNECT_U"})
# Functions that only a session which called nextval() may call, and what may have called it.
_ASK_SEQUENCE: Final = frozenset({"CURRVAL", "LASTVAL"})
_CALL_SEQUENCE: Final = frozenset({"NEXTVAL", "SETVAL"})
_MAY_CALL_SEQUENCE: Final = frozenset({"INSERT", "MERGE", "COPY", "CALL", "DO", "EXECUTE"})
_QUERIES: Final = ("SELECT", "WITH", "TABLE", "VALUES")


class _Held(NamedTuple):
    """One thing that the session holds; ``name`` is "" where everything after it may need it."""

    kind: str
    name: str
    statement: Statement


def unrepeatable(
    done: Sequence[Statement], rest: Sequence[Statement]
) -> tuple[Statement, str] | None:
    """Return what of ``done`` its session held, and ``rest`` may need.

    Temporary objects and advisory locks, whatever the rest names, since code may use them without
    its text saying so; prepared statements and cursors that it names; what a sequence gave last.
    The words go on from "It".
    """
    held: list[_Held] = []
    for statement in done:
        held = [*_keep(held, statement), *_made_by(statement)]
    used = {use for statement in rest for use in _uses(_words(statement.text))}
    for thing in held:
        if thing.kind in _ALWAYS or (thing.kind, thing.name) in used:
            return thing.statement, _WORDS[thing.kind].format(noun=_noun(thing.statement.text))
    return _lost_sequence(done, rest)


_WORDS: Final = {
    "temporary": "made a temporary {noun}",
    "lock": "took an advisory lock",
    "prepared": "prepared a statement",
    "cursor": "opened a cursor",
    "connection": "opened a connection by dblink_connect()",
    "setting": "made a setting within code",
}
_ALWAYS: Final = frozenset({"temporary", "lock", "setting", "connection"})


def _noun(text: str) -> str:
    """Return what kind of object a statement makes, a table where it does not say so."""
    create = read_ddl(text, POSTGRESQL.vendor)
    return create.kind.lower() if create is not None else "table"


def _made_by(statement: Statement) -> Iterator[_Held]:
    """Yield what a statement adds to its session."""
    text, words = statement.text, _words(statement.text)
    head = words[:1]
    if _makes_temporary(text, words) and not _has(words, "ON", "COMMIT", "DROP"):
        name = _temporary_name(text)
        yield _Held("temporary", name, statement)
    if head == ["PREPARE"]:
        yield _Held("prepared", _name_after(text, "PREPARE"), statement)
    if head == ["DECLARE"] and _has(words, "WITH", "HOLD"):
        yield _Held("cursor", _name_after(text, "DECLARE"), statement)
    if not _CONNECTS.isdisjoint(words):
        yield _Held("connection", "", statement)
    if head == ["DO"] and "SET_CONFIG" in words:
        yield _Held("setting", "", statement)
    for shared, arguments in _calls(words, _LOCKS):
        yield _Held("lock", shared + arguments, statement)


def _keep(held: Sequence[_Held], statement: Statement) -> list[_Held]:
    """Return what is still held after a statement that gives things back."""
    text, words = statement.text, _words(statement.text)
    dropped = set(_dropped(text, words))
    kept = [
        thing
        for thing in held
        if dropped.isdisjoint({(thing.kind, thing.name), (thing.kind, _ALL)})
    ]
    for shared, arguments in _calls(words, _UNLOCKS):
        freed = next((thing for thing in kept if thing[:2] == ("lock", shared + arguments)), None)
        if freed is not None:
            kept.remove(freed)
    return kept


_ALL: Final = "*"


def _dropped(text: str, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of what a statement takes from its session; ``*`` is every name."""
    verb, what, third = [*words, "", "", ""][:3]
    if (verb, what) == ("DISCARD", "ALL"):
        yield from ((kind, _ALL) for kind in _WORDS)
    elif verb == "DISCARD" and what in _TEMPORARY:
        yield "temporary", _ALL
    elif (verb, what) == ("RESET", "ALL"):
        yield "setting", _ALL
    elif verb == "DEALLOCATE":
        name = third if what == "PREPARE" else what
        yield "prepared", _ALL if name == "ALL" else _fold(name)
    elif verb == "CLOSE":
        yield "cursor", _ALL if what == "ALL" else _fold(what)
    elif verb == "DROP" and (drop := read_ddl(text, POSTGRESQL.vendor)):
        yield from (("temporary", name.name) for name in drop.names)
    if "PG_ADVISORY_UNLOCK_ALL" in words:
        yield "lock", _ALL
    if "DBLINK_DISCONNECT" in words:
        yield "connection", _ALL


def _uses(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of the prepared statements and cursors that a statement may use."""
    for verb, name, after in zip(words, [*words[1:], ""], [*words[2:], "", ""], strict=False):
        if verb in ("EXECUTE", "DEALLOCATE"):
            yield "prepared", _fold(after if name == "PREPARE" else name)
    if _READ_CURSOR.intersection(words):
        yield from (("cursor", _fold(word)) for word in words)


_READ_CURSOR: Final = frozenset({"FETCH", "MOVE", "CLOSE", "CURRENT"})


def _makes_temporary(text: str, words: Sequence[str]) -> bool:
    if words[:1] != ["DO"]:
        return makes_temporary(text, POSTGRESQL.vendor)
    # Code that drops a table is taken to drop its own. A variable may be called `temp`.
    makes = any(
        before in _BEFORE_TEMPORARY and word in _TEMPORARY for before, word in pairwise(words)
    )
    return makes and not _has(words, "DROP", "TABLE")


def _temporary_name(text: str) -> str:
    """Return the name of what is made, "" where code makes it."""
    create = read_ddl(text, POSTGRESQL.vendor)
    if create is not None and create.verb == "CREATE":
        return create.name
    cursor = read_tokens(text, POSTGRESQL)
    if cursor.peek() not in _QUERIES:
        return ""
    while not cursor.is_at_end:
        if cursor.take() == "INTO" and cursor.accept_any(_TEMPORARY):
            cursor.accept("TABLE")
            return _take(cursor)
    return ""


def _lost_sequence(
    done: Sequence[Statement], rest: Sequence[Statement]
) -> tuple[Statement, str] | None:
    """Return the statement behind which ``rest`` asks a sequence for its last value."""
    callers = [statement for statement in done if _may_call_sequence(_words(statement.text))]
    for statement in rest if callers else ():
        words = _words(statement.text)
        is_code = words[:1] == ["DO"] and "INSERT" in words
        calls_itself = is_code or not _CALL_SEQUENCE.isdisjoint(words)
        asked = sorted(_ASK_SEQUENCE.intersection(words))
        if asked and not calls_itself:
            asks = f"{asked[0].lower()}() in line {statement.line} asks"
            return callers[-1], f"called nextval(), for whose value {asks}"
        if _may_call_sequence(words):
            return None
    return None


def _may_call_sequence(words: Sequence[str]) -> bool:
    return bool(_MAY_CALL_SEQUENCE.intersection(words[:1]) or _CALL_SEQUENCE.intersection(words))


def _words(text: str) -> list[str]:
    """Return the tokens of a statement, words in upper case, and those of the code of a DO."""
    tokens = significant(text, POSTGRESQL)
    words: list[str] = []
    # A long INSERT has nothing to say but its first word.
    for token in tokens if _WORTH_A_LOOK.search(text) else islice(tokens, 1):
        words.append(keyword(token))
        if words[0] == "DO" and token.kind in (Kind.DOLLAR, Kind.STRING):
            words += _words_of_code(token.text)
    return words


def _words_of_code(literal: str, depth: int = 0) -> list[str]:
    """Return the words of code, and of the SQL in its own literals."""
    tag = _DOLLAR_TAG.match(literal)
    quote = tag[0] if tag else "'"
    code = literal.partition(quote)[2].removesuffix(quote).replace("''", "'")
    words: list[str] = []
    for token in significant(code, POSTGRESQL):
        is_literal = token.kind in (Kind.DOLLAR, Kind.STRING) and depth < _DEEPEST
        words += _words_of_code(token.text, depth + 1) if is_literal else [keyword(token)]
    return words


_DOLLAR_TAG: Final = re.compile(r"\$[^$]*\$")
_DEEPEST: Final = 4


def _calls(words: Sequence[str], functions: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield for each call of these functions their value and the text of the arguments."""
    for index, (word, after) in enumerate(pairwise(words)):
        if word in functions and after == "(":
            rest = words[index + 2 :]
            yield functions[word], " ".join(rest[: rest.index(")")] if ")" in rest else rest)


def _has(words: Sequence[str], *sequence: str) -> bool:
    """Return whether these words stand in ``words`` one behind the other."""
    length = len(sequence)
    return any(
        tuple(words[start : start + length]) == sequence for start in range(len(words) - length + 1)
    )


def _fold(word: str) -> str:
    """Return the name that a word or a quoted identifier stands for."""
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()


def _name_after(text: str, word: str) -> str:
    cursor = read_tokens(text, POSTGRESQL)
    cursor.accept(word)
    return _take(cursor)


def _take(cursor: Cursor) -> str:
    return (cursor.take_name() or Name("")).name
