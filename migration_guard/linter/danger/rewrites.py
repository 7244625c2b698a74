"""Which statements copy or rewrite a table while its readers or writers wait. Pure, by tokens.

Sources: PostgreSQL manual, "ALTER TABLE", "CLUSTER", "VACUUM", "REFRESH MATERIALIZED VIEW"; MariaDB
knowledge base, "InnoDB Online DDL Overview"; sqlite.org, "VACUUM".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.linter.danger.clauses import take_target
from migration_guard.sql.cursor import Cursor, Name, keyword

if TYPE_CHECKING:
    from migration_guard.linter.danger.walk import Step
    from migration_guard.sql.scanner import Token

_NOBODY: Final = "nobody reads or writes the table while it is rewritten"
_NO_WRITER: Final = "nobody writes to the table while the server copies it"
_ONLINE: Final = (
    "Add ALGORITHM=INPLACE, LOCK=NONE: the server then refuses what it would copy. Or use "
    "pt-online-schema-change or gh-ost"
)


class Rewrite(NamedTuple):
    """A rewrite: its table (None for all), what follows, and what to do instead."""

    table: Name | None
    fault: str
    hint: str


def read_rewrites(step: Step) -> Iterator[Rewrite]:
    """Yield what a statement rewrites."""
    yield from _READERS[step.lexis.vendor](step)


def _of_postgresql(step: Step) -> Iterator[Rewrite]:
    cursor = Cursor(step.part.tokens, step.lexis)
    verb, words = cursor.take(), step.part.words
    if verb == "CLUSTER":
        cursor.take_group()
        _ = cursor.accept("VERBOSE")
        yield Rewrite(take_target(cursor), _NOBODY, "Use pg_repack or pg_squeeze")
    elif verb == "VACUUM" and _is_full(words):
        cursor.take_group()
        while cursor.accept_any({"FULL", "FREEZE", "VERBOSE", "ANALYZE"}):
            pass
        yield Rewrite(take_target(cursor), _NOBODY, "Use VACUUM without FULL, or pg_repack")
    elif words[:3] == ["REFRESH", "MATERIALIZED", "VIEW"] and "CONCURRENTLY" not in words:
        cursor = Cursor(step.part.tokens[3:], step.lexis)
        fault = "nobody reads the view while its query runs"
        yield Rewrite(take_target(cursor), fault, "Add CONCURRENTLY, which needs a unique index")
    elif verb == "ALTER" and step.ddl is not None and step.ddl.names:
        for clause in step.part.clauses if step.ddl.kind == "TABLE" else ():
            clause_words = tuple(keyword(token) for token in clause[:3])
            for beginning, (fault, hint) in _POSTGRESQL.items():
                if clause_words[: len(beginning)] == beginning:
                    yield Rewrite(step.ddl.names[0], fault, hint)
            if _adds_serial(clause):
                hint = "Add an integer column, and fill it in batches"
                yield Rewrite(step.ddl.names[0], _NOBODY, hint)


_SERIAL: Final = frozenset({"SERIAL", "BIGSERIAL", "SMALLSERIAL", "SERIAL2", "SERIAL4", "SERIAL8"})


def _adds_serial(clause: Sequence[Token]) -> bool:
    """Return whether a column is added whose default is another value in each row."""
    words = [keyword(token) for token in clause if keyword(token) != "COLUMN"]
    if words[1:4] == ["IF", "NOT", "EXISTS"]:
        del words[1:4]
    return words[0] == "ADD" and words[2:3] != [] and words[2] in _SERIAL


_POSTGRESQL: Final = {
    ("SET", "UNLOGGED"): (
        f"{_NOBODY}, and a crash of the server empties it from then on",
        "Keep it logged",
    ),
    ("SET", "LOGGED"): (_NOBODY, "Make a logged table, copy the rows in batches, and swap names"),
    ("SET", "TABLESPACE"): (_NOBODY, "Use pg_repack with --tablespace"),
    ("SET", "ACCESS", "METHOD"): (_NOBODY, "Make a new table, copy in batches, and swap names"),
}


def _is_full(words: Sequence[str]) -> bool:
    """Return whether a VACUUM has the option FULL, and not as (FULL FALSE)."""
    if "FULL" not in words:
        return False
    at = words.index("FULL")
    return words[at + 1 : at + 2] not in (["FALSE"], ["OFF"], ["0"])


_LOCKED: Final = frozenset({"SHARED", "EXCLUSIVE"})


def _of_mysql(step: Step) -> Iterator[Rewrite]:
    cursor = Cursor(step.part.tokens, step.lexis)
    verb, words = cursor.take(), step.part.words
    if verb in {"OPTIMIZE", "REPAIR"} and {"TABLE", "TABLES"} & set(words[:4]):
        while cursor.take() not in {"TABLE", "TABLES"}:
            pass
        fault = f"it is rewritten; unless InnoDB can do that online, {_NO_WRITER}"
        yield Rewrite(take_target(cursor), fault, "Run it in a quiet hour, outside a deploy")
    elif verb == "CREATE" and step.ddl is not None and step.ddl.kind == "INDEX":
        options = _options(words)
        is_locked = options.get("LOCK") in _LOCKED
        if "FULLTEXT" in step.ddl.options or options.get("ALGORITHM") == "COPY" or is_locked:
            yield Rewrite(step.ddl.table, _NO_WRITER, "Run it when nobody writes to the table")
    elif verb == "ALTER" and step.ddl is not None and step.ddl.kind == "TABLE" and step.ddl.names:
        clauses = [[keyword(token) for token in clause] for clause in step.part.clauses]
        yield from _of_alter(step.ddl.names[0], clauses, _options(words))


def _of_alter(
    table: Name, clauses: Sequence[list[str]], options: Mapping[str, str]
) -> Iterator[Rewrite]:
    if options.get("ALGORITHM") == "COPY":
        yield Rewrite(table, _NO_WRITER, _ONLINE)
    elif options.get("LOCK") in _LOCKED:
        yield Rewrite(table, "others wait until it is done", "Write LOCK=NONE")
    elif options.get("ALGORITHM", "DEFAULT") == "DEFAULT" and options.get("LOCK") != "NONE":
        drops_key = not any(clause[:2] == ["ADD", "PRIMARY"] for clause in clauses)
        for clause in clauses:
            # A new key may take the place of the old one online.
            if _may_copy(clause) or (clause[:2] == ["DROP", "PRIMARY"] and drops_key):
                yield Rewrite(table, f"if the server has to copy, {_NO_WRITER}", _ONLINE)


def _options(words: Sequence[str]) -> dict[str, str]:
    """Return ALGORITHM and LOCK of an ALTER TABLE."""
    options = {}
    for at, word in enumerate(words):
        if word in {"ALGORITHM", "LOCK"}:
            values = [value for value in words[at + 1 : at + 3] if value != "="]
            options[word] = values[0] if values else ""
    return options


_MAY_COPY: Final = frozenset(
    [
        "MODIFY",
        "CHANGE",
        "CONVERT",
        "ENGINE",
        "ORDER",
        "REORGANIZE",
        "COALESCE",
        "REBUILD",
        "REMOVE",
        "PARTITION",
    ]
)


# What an ADD names in its first words, and what gives each row a value.
_ADDED_BY_COPY: Final = frozenset({"FOREIGN", "CHECK", "FULLTEXT", "SYSTEM", "PARTITIONS"})
_COMPUTED: Final = frozenset({"STORED", "PERSISTENT", "AUTO_INCREMENT"})


def _may_copy(words: Sequence[str]) -> bool:
    if words[0] == "CONVERT":
        return words[1:2] == ["TO"]
    if words[0] == "PARTITION":
        return words[1:2] == ["BY"]
    adds = words[0] == "ADD" and (
        not _ADDED_BY_COPY.isdisjoint(words[1:4]) or not _COMPUTED.isdisjoint(words[2:])
    )
    return words[0] in _MAY_COPY or adds


def _of_sqlite(step: Step) -> Iterator[Rewrite]:
    words = step.part.words
    if words[0] == "VACUUM" and "INTO" not in words:
        fault = "the whole file is rewritten, and nobody reads or writes it meanwhile"
        yield Rewrite(None, fault, "Run it in a quiet hour, outside a deploy")


# Without one of these words nothing is rewritten.
WORDS: Final = {
    "postgresql": (
        *("CLUSTER", "VACUUM", "REFRESH", "UNLOGGED", "LOGGED", "TABLESPACE", "METHOD"),
        *_SERIAL,
    ),
    "mysql": ("ALTER", "OPTIMIZE", "REPAIR", "INDEX"),
    "sqlite": ("VACUUM",),
}
_READERS: Final = {"postgresql": _of_postgresql, "mysql": _of_mysql, "sqlite": _of_sqlite}
