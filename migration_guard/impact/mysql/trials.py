"""The same DDL with each algorithm and lock in turn, from what costs least.

Pure. A server refuses an algorithm or a lock that a statement cannot do with, and does nothing
then, so that the first one it accepts is the one it would have chosen itself.

Source: MariaDB knowledge base, "InnoDB Online DDL Overview".
"""

from collections.abc import Sequence
from itertools import product
from typing import Final, NamedTuple

from migration_guard.running.mysql.ddl_targets import quote
from migration_guard.running.mysql.lone_statements import innermost
from migration_guard.sql.cursor import Cursor, keyword, read_tokens, source_of, split_at_commas
from migration_guard.sql.dialects import MYSQL
from migration_guard.sql.scanner import Token

ALGORITHMS: Final = ("INSTANT", "NOCOPY", "INPLACE", "COPY")
LOCKS: Final = ("NONE", "SHARED", "EXCLUSIVE")
# The work on partitions and files, which takes neither option.
_OF_PARTITIONS: Final = frozenset(
    {
        *("ANALYZE", "CHECK", "COALESCE", "EXCHANGE", "OPTIMIZE", "REBUILD", "REPAIR"),
        *("REORGANIZE", "TRUNCATE", "DISCARD", "IMPORT"),
    }
)
_PAIRS_OF_PARTITIONS: Final = (
    *(["ADD", "PARTITION"], ["DROP", "PARTITION"]),
    *(["CONVERT", "PARTITION"], ["CONVERT", "TABLE"]),
)
# These follow the options without a comma.
_WITHOUT_COMMA: Final = frozenset({"PARTITION", "REMOVE"})
_OPTION_WORDS: Final = 3  # ALGORITHM = COPY


class Trial(NamedTuple):
    """A statement with an algorithm and a lock, as the server may accept or refuse it."""

    sql: str
    algorithm: str
    lock: str


def trials(sql: str) -> list[Trial]:
    """Return what to try in turn; [] for a statement that takes no algorithm."""
    inner = innermost(sql)
    before = sql[: len(sql) - len(inner)]
    return [trial._replace(sql=before + trial.sql) for trial in _trials(inner)]


def optimized_tables(sql: str) -> list[str]:
    """Return the tables of an OPTIMIZE TABLE as SQL writes them; [] for any other statement."""
    cursor = read_tokens(innermost(sql), MYSQL)
    if not cursor.accept("OPTIMIZE"):
        return []
    cursor.accept_any({"NO_WRITE_TO_BINLOG", "LOCAL"})
    cursor.accept_any({"TABLE", "TABLES"})
    tables = []
    for part in split_at_commas(cursor.rest):
        name = Cursor(part, MYSQL).take_name()
        tables += [quote(name)] if name is not None else []
    return tables


def rebuild_trials(table: str) -> list[Trial]:
    """Return the ways to rebuild a table, given as SQL writes it, as OPTIMIZE TABLE does."""
    return _trials(f"ALTER TABLE {table} FORCE")


def _trials(sql: str) -> list[Trial]:
    cursor = read_tokens(sql, MYSQL)
    verb = cursor.take()
    if verb == "ALTER":
        is_online = bool(cursor.accept("ONLINE"))
        cursor.accept("IGNORE")
        return _of_alter(sql, cursor, is_online=is_online) if cursor.accept("TABLE") else []
    if verb == "CREATE":
        return _of_create_index(sql, cursor)
    if verb == "DROP" and cursor.accept("INDEX"):
        return _of_drop_index(sql, cursor)
    return []


def _of_alter(sql: str, cursor: Cursor, *, is_online: bool) -> list[Trial]:
    cursor.accept("IF", "EXISTS")
    cursor.take_name()
    _pass_wait(cursor)
    parts = split_at_commas(cursor.rest)
    if cursor.is_at_end or _is_of_partitions(parts[0]):
        return []
    start = cursor.rest[0].start
    algorithm, lock = _named(parts, "ALGORITHM"), _named(parts, "LOCK")
    kept = [part for part in parts if not _is_option(part, {"ALGORITHM"} | _default_lock(lock))]
    if any(len(part) > _OPTION_WORDS and keyword(part[0]) == "ALGORITHM" for part in kept):
        return []
    lock = "NONE" if is_online else lock
    head, tail = sql[:start], ", ".join(source_of(sql, part) for part in kept)
    if len(kept) == len(parts):
        tail = sql[start:]
    comma = "" if not kept or keyword(kept[0][0]) in _WITHOUT_COMMA else ","
    least = "INPLACE" if _has_engine(kept) else ""
    return [
        Trial(f"{head}{_options(algorithm, at, lock)}{comma} {tail}", algorithm, at)
        for algorithm, at in _choices(algorithm, lock, least)
    ]


def _options(algorithm: str, lock: str, named_lock: str) -> str:
    """Return the options to write; a lock that the statement names stands there already."""
    is_named = named_lock not in ("", "DEFAULT")
    return f"ALGORITHM={algorithm}{'' if is_named else f', LOCK={lock}'}"


def _of_create_index(sql: str, cursor: Cursor) -> list[Trial]:
    while cursor.accept_any({"OR", "REPLACE", "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE"}):
        pass
    if not cursor.accept("INDEX"):
        return []
    words = [keyword(token) for token in cursor.rest]
    algorithm, lock = _word_behind(words, "ALGORITHM"), _word_behind(words, "LOCK")
    if "DEFAULT" in (algorithm, lock):
        return []
    choices = _choices(algorithm, lock, "")
    if algorithm:
        choices = [choice for choice in choices if choice[0] == algorithm]
    return [
        Trial(
            f"{sql}{'' if algorithm else f' ALGORITHM={at_best}'}{'' if lock else f' LOCK={at}'}",
            at_best,
            at,
        )
        for at_best, at in choices
    ]


def _of_drop_index(sql: str, cursor: Cursor) -> list[Trial]:
    """Return the same change as ALTER TABLE: MariaDB's DROP INDEX takes no options."""
    condition = "IF EXISTS " if cursor.accept("IF", "EXISTS") else ""
    start = cursor.position
    cursor.take_name()
    name = source_of(sql, cursor.tokens[start : cursor.position])
    if not cursor.accept("ON"):
        return []
    table = source_of(sql, cursor.rest)
    return _trials(f"ALTER TABLE {table} DROP INDEX {condition}{name}")


def _choices(algorithm: str, lock: str, least: str) -> list[tuple[str, str]]:
    """Return algorithms and locks in turn; a named algorithm allows what costs less, too."""
    first = ALGORITHMS.index(least) if least else 0
    last = ALGORITHMS.index(algorithm) if algorithm in ALGORITHMS else len(ALGORITHMS)
    first = last if algorithm == "COPY" else first
    return list(product(ALGORITHMS[first : last + 1], (lock,) if lock in LOCKS else LOCKS))


def _pass_wait(cursor: Cursor) -> None:
    if not cursor.accept("NOWAIT") and cursor.accept("WAIT"):
        cursor.take()


def _is_of_partitions(part: Sequence[Token]) -> bool:
    words = [keyword(token) for token in part[:2]]
    return words[0] in _OF_PARTITIONS or words in _PAIRS_OF_PARTITIONS


def _has_engine(parts: Sequence[Sequence[Token]]) -> bool:
    """Return whether a table's engine is named: MariaDB accepts INSTANT for that, and copies."""
    return any(keyword(part[0]) in {"ENGINE", "TYPE"} for part in parts)


def _is_option(part: Sequence[Token], names: set[str]) -> bool:
    return len(part) <= _OPTION_WORDS and keyword(part[0]) in names


def _default_lock(lock: str) -> set[str]:
    return {"LOCK"} if lock == "DEFAULT" else set()


def _named(parts: Sequence[Sequence[Token]], option: str) -> str:
    return next(
        (keyword(part[-1]) for part in parts if _is_option(part, {option})),
        "",
    )


def _word_behind(words: Sequence[str], option: str) -> str:
    for index, word in enumerate(words):
        if word == option:
            return next((value for value in words[index + 1 :] if value != "="), "")
    return ""
