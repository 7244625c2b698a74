"""The same DDL with each algorithm and lock in turn, from what costs least.

Pure. A server refuses an algorithm or a lock that a statement cannot do with, and does nothing
then, so that the first one it accepts is the one it would have chosen itself.

Source: MariaDB knowledge base, "InnoDB Online DDL Overview".
"""

from collections.abc import Mapping, Sequence
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
_OPTIONS: Final = frozenset({"ALGORITHM", "LOCK"})


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
    if cursor.is_at_end or _is_of_partitions(split_at_commas(cursor.rest)[0]):
        return []
    head = sql[: cursor.rest[0].start]
    named: dict[str, str] = {}
    parts: list[Sequence[Token]] = []
    for part in split_at_commas(cursor.rest):
        options, rest = _split_options(part)
        named |= options
        parts += [rest] if rest else []
    if is_online:
        named["LOCK"] = "NONE"
    tail = ", ".join(source_of(sql, part) for part in parts)
    comma = "" if not parts or keyword(parts[0][0]) in _WITHOUT_COMMA else ","
    least = "INPLACE" if _has_engine(parts) else "INSTANT"
    return [
        Trial(f"{head}ALGORITHM={algorithm}, LOCK={lock}{comma} {tail}", algorithm, lock)
        for algorithm, lock in _choices(named, least)
    ]


def _of_create_index(sql: str, cursor: Cursor) -> list[Trial]:
    while cursor.accept_any({"OR", "REPLACE", "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE"}):
        pass
    if not cursor.accept("INDEX"):
        return []
    while not (cursor.is_at_end or cursor.peek() == "("):
        cursor.take()
    cursor.take_group()
    tokens: Sequence[Token] = cursor.rest
    head = sql[: tokens[0].start] if tokens else f"{sql} "
    named: dict[str, str] = {}
    kept: list[str] = []
    while tokens:
        options, tokens = _split_options(tokens)
        named |= options
        kept += (token.text for token in tokens[:1])
        tokens = tokens[1:]
    tail = " ".join(kept)
    return [
        Trial(f"{head}{tail} ALGORITHM={algorithm} LOCK={lock}", algorithm, lock)
        for algorithm, lock in _choices(named)
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


def _split_options(tokens: Sequence[Token]) -> tuple[dict[str, str], Sequence[Token]]:
    """Return the algorithm and the lock that tokens begin with, and the rest of them."""
    options = {}
    while tokens and (name := keyword(tokens[0])) in _OPTIONS:
        skipped = 2 if [token.text for token in tokens[1:2]] == ["="] else 1
        options[name] = "".join(map(keyword, tokens[skipped : skipped + 1]))
        tokens = tokens[skipped + 1 :]
    return options, tokens


def _choices(named: Mapping[str, str], least: str = "INSTANT") -> list[tuple[str, str]]:
    """Return algorithms and locks in turn; a named algorithm allows what costs less, too."""
    first, algorithm, lock = ALGORITHMS.index(least), named.get("ALGORITHM"), named.get("LOCK")
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
