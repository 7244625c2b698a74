"""The same DDL with each algorithm and lock in turn, from what costs least.

Pure. A server refuses an algorithm or a lock that a statement cannot do with, and does nothing
then, so that the first one it accepts is the one it would have chosen itself.

Source: MariaDB knowledge base, "InnoDB Online DDL Overview".
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
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
# What a server accepts INSTANT for, and copies.
_COPIED: Final = frozenset({"ENGINE", "TYPE", "ORDER"})
_COPIED_PAIRS: Final = frozenset({("PARTITION", "BY"), ("REMOVE", "PARTITIONING")})
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
    start = cursor.rest[0].start
    comma = "" if cursor.peek() in _WITHOUT_COMMA else ","
    parts = split_at_commas(cursor.rest)
    named = {option: value for part in parts for option, value in _options_of(part)}
    locks = ("NONE",) if is_online else _locks(named)
    algorithms = _algorithms(named, "INPLACE" if any(map(_makes_anew, parts)) else "INSTANT")
    if not algorithms:  # INSTANT is named, and where a server accepts it, it copies
        return [Trial(sql, "COPY", lock) for lock in locks if lock != "NONE"][:1]
    result = []
    for algorithm, lock in product(algorithms, locks):
        added, text = _fill(sql, named, algorithm, lock)
        options = f"{', '.join(added)}{comma} " if added else ""
        result.append(Trial(text[:start] + options + text[start:], algorithm, lock))
    return result


def _of_create_index(sql: str, cursor: Cursor) -> list[Trial]:
    while cursor.accept_any({"OR", "REPLACE", "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE"}):
        pass
    if not cursor.accept("INDEX"):
        return []
    while not (cursor.is_at_end or cursor.peek() == "("):
        cursor.take()
    cursor.take_group()
    named: dict[str, Token] = {}
    for index in range(len(cursor.rest)):
        named |= dict(_options_of(cursor.rest[index:]))
    result = []
    for algorithm, lock in product(_algorithms(named), _locks(named)):
        added, text = _fill(sql, named, algorithm, lock)
        result.append(Trial(" ".join([text, *added]), algorithm, lock))
    return result


def _of_drop_index(sql: str, cursor: Cursor) -> list[Trial]:
    """Return the same change as ALTER TABLE: MariaDB's DROP INDEX takes no options."""
    condition = "IF EXISTS " if cursor.accept("IF", "EXISTS") else ""
    start = cursor.position
    cursor.take_name()
    name = source_of(sql, cursor.tokens[start : cursor.position])
    if not cursor.accept("ON"):
        return []
    table = source_of(sql, cursor.rest)
    cursor.take_name()
    _pass_wait(cursor)
    if not cursor.is_at_end:
        return []
    return _trials(f"ALTER TABLE {table} DROP INDEX {condition}{name}")


def _options_of(tokens: Sequence[Token]) -> Iterator[tuple[str, Token]]:
    """Yield the algorithm or the lock that tokens begin with, and the token of its value."""
    if tokens and keyword(tokens[0]) in _OPTIONS:
        skipped = 2 if [token.text for token in tokens[1:2]] == ["="] else 1
        yield from ((keyword(tokens[0]), value) for value in tokens[skipped : skipped + 1])


def _fill(sql: str, named: Mapping[str, Token], algorithm: str, lock: str) -> tuple[list[str], str]:
    """Return the options to add, and the statement with those that it names in their places."""
    added = []
    # From the end, so that places before stay where they are.
    for option, value in sorted(
        {"ALGORITHM": algorithm, "LOCK": lock}.items(),
        key=lambda pair: -named[pair[0]].start if pair[0] in named else 0,
    ):
        if option in named:
            token = named[option]
            sql = sql[: token.start] + value + sql[token.start + len(token.text) :]
        else:
            added.append(f"{option}={value}")
    return added, sql


def _algorithms(named: Mapping[str, Token], least: str = "INSTANT") -> Sequence[str]:
    """Return the algorithms in turn; a named one allows what costs less, too."""
    algorithm = keyword(named["ALGORITHM"]) if "ALGORITHM" in named else "DEFAULT"
    last = ALGORITHMS.index(algorithm) if algorithm in ALGORITHMS else len(ALGORITHMS)
    first = last if algorithm == "COPY" else ALGORITHMS.index(least)
    return ALGORITHMS[first : last + 1]


def _locks(named: Mapping[str, Token]) -> Sequence[str]:
    lock = keyword(named["LOCK"]) if "LOCK" in named else "DEFAULT"
    return (lock,) if lock in LOCKS else LOCKS


def _pass_wait(cursor: Cursor) -> None:
    if not cursor.accept("NOWAIT") and cursor.accept("WAIT"):
        cursor.take()


def _is_of_partitions(part: Sequence[Token]) -> bool:
    words = [keyword(token) for token in part[:2]]
    return not _OF_PARTITIONS.isdisjoint(words[:1]) or words in _PAIRS_OF_PARTITIONS


def _makes_anew(part: Sequence[Token]) -> bool:
    """Return whether a clause makes a table anew: MariaDB accepts INSTANT, and copies."""
    words = [keyword(token) for token in part]
    return not _COPIED.isdisjoint(words[:1]) or any(
        pair in _COPIED_PAIRS for pair in pairwise(words)
    )
