"""What a statement of MariaDB does to tables, by the algorithm that the server accepted.

Pure. What takes no algorithm is known by its kind; ``tests/laws/test_mariadb_sessions.py`` holds
that against sessions. Statements that change rows lock rows and no table.

Sources: MariaDB knowledge base, "InnoDB Online DDL Overview", "Metadata Locking".
"""

from collections.abc import Iterator
from typing import Final

from migration_guard.impact.mysql.trials import Trial
from migration_guard.impact.trace import Effect
from migration_guard.running.mysql.lone_statements import innermost
from migration_guard.sql.cursor import Cursor, Name, keyword, read_tokens, split_at_commas
from migration_guard.sql.ddl import DDL, Clause, read_ddl
from migration_guard.sql.dialects import MYSQL
from migration_guard.usage.tables import tables_of

_EXCLUSIVE: Final = "MDL_EXCLUSIVE"
_NO_WRITE: Final = "MDL_SHARED_NO_WRITE"
_READ: Final = "MDL_SHARED_READ"
_BUILDS_INDEX: Final = frozenset(
    {"INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "PRIMARY", "FOREIGN"}
)
_COPY_PARTITIONS: Final = ("REORGANIZE", "COALESCE", "REBUILD", "OPTIMIZE", "REPAIR")
_IN_AN_INSTANT: Final = ("TRUNCATE", "RENAME", "DROP", "LOCK")


def effects_of(sql: str, trial: Trial | None) -> tuple[Effect, ...]:
    """Return the effects of a statement that the server ran, as ``trial`` where it was tried."""
    sql = innermost(sql)
    change = read_ddl(sql, "mysql")
    if change is not None and "TEMPORARY" in change.options:
        return ()
    effects = _of_ddl(sql, change, trial) if change is not None else _of_others(sql)
    return tuple({effect.table: effect for effect in effects}.values())


def of_rebuild(table: str, trial: Trial | None) -> Effect:
    """Return the effect of OPTIMIZE TABLE, which rebuilds a table as ``trial`` does."""
    name = read_tokens(table, MYSQL).take_name()
    return _tried(_label(name) if name is not None else table, trial, reads=True)


def locks_until_told(sql: str) -> bool:
    """Return whether a statement locks tables of any number until UNLOCK TABLES or the like."""
    words = [keyword(token) for token in read_tokens(innermost(sql), MYSQL).tokens[:20]]
    return words[:1] == ["BACKUP"] or (
        words[:1] == ["FLUSH"] and not {"LOCK", "EXPORT"}.isdisjoint(words)
    )


def made_by(sql: str) -> Iterator[str]:
    """Yield the tables that a statement makes."""
    change = read_ddl(innermost(sql), "mysql")
    if change is not None and (change.verb, change.kind) == ("CREATE", "TABLE"):
        yield from map(_label, change.names)


def renamed_by(sql: str) -> Iterator[tuple[str, str]]:
    """Yield the old and the new names of the tables that a statement renames."""
    change = read_ddl(innermost(sql), "mysql")
    if change is None or change.kind != "TABLE":
        return
    yield from zip(map(_label, change.names), map(_label, change.new_names), strict=False)
    for clause in change.clauses:
        if clause.verb == "RENAME" and not clause.kind and change.names:
            yield _label(change.names[0]), clause.new_name


def _of_ddl(sql: str, change: DDL, trial: Trial | None) -> Iterator[Effect]:
    if change.kind == "INDEX" and change.table is not None:
        builds = change.verb == "CREATE" or (trial is not None and trial.algorithm == "INPLACE")
        yield _tried(_label(change.table), trial, reads=builds)
    elif change.kind == "TRIGGER" and change.verb == "CREATE" and change.table is not None:
        yield _instant(_label(change.table))
    elif change.kind == "TABLE" and change.verb == "CREATE":
        yield from _of_create(sql, change)
    elif change.kind == "TABLE" and change.verb == "ALTER" and change.names:
        yield from _of_alter(sql, change, trial)
    elif change.kind == "TABLE":  # DROP, RENAME
        yield from (_instant(_label(name)) for name in change.names)


def _of_create(sql: str, change: DDL) -> Iterator[Effect]:
    if "REPLACE" in change.options:
        yield from (_instant(_label(name)) for name in change.names)
    sources = [name for name in set(tables_of(sql, MYSQL).values()) if name != change.name]
    for name in sorted(sources):
        yield Effect(name, _READ, False, False, True, False)
    for parent in _parents(sql, change.name):
        # Writers of a parent wait until the rows of the new table are there.
        yield (
            Effect(parent, _NO_WRITE, False, True, False, False) if sources else _instant(parent)
        )


def _of_alter(sql: str, change: DDL, trial: Trial | None) -> Iterator[Effect]:
    table = _label(change.names[0])
    first = change.clauses[0] if change.clauses else None
    if trial is None and first is not None:
        yield from _of_partitions(sql, table, first)
        return
    effect = _tried(table, trial, reads=any(map(_builds_index, change.clauses)))
    yield effect
    for parent in _parents(sql, table):
        # A key that is added to a copy: what the parent has may not change meanwhile.
        shut = effect.rewrites and effect.shuts_out_writers
        yield Effect(parent, _NO_WRITE, False, True, False, False) if shut else _instant(parent)


def _tried(table: str, trial: Trial | None, *, reads: bool) -> Effect:
    """Return the effect of the algorithm that was accepted; what was not tried is a copy."""
    algorithm, lock = (trial.algorithm, trial.lock) if trial is not None else ("COPY", "SHARED")
    rewrites = algorithm in ("INPLACE", "COPY")
    mode = f"ALGORITHM={algorithm}, LOCK={lock}"
    if algorithm == "INSTANT" or not (rewrites or reads):
        return _instant(table)._replace(mode=mode)
    shuts_out_readers = lock == "EXCLUSIVE"
    shuts_out_writers = lock != "NONE"
    return Effect(table, mode, shuts_out_readers, shuts_out_writers, True, rewrites)


def _builds_index(clause: Clause) -> bool:
    return clause.verb in ("ADD", "MODIFY", "CHANGE") and not _BUILDS_INDEX.isdisjoint(clause.words)


def _of_partitions(sql: str, table: str, clause: Clause) -> Iterator[Effect]:
    """Yield the effects of work on partitions, which takes no algorithm."""
    verb, words = clause.verb, clause.words
    if verb in ("ANALYZE", "CHECK"):
        yield Effect(table, _READ, False, False, True, False)
    elif verb == "EXCHANGE":
        yield Effect(table, _NO_WRITE, False, True, False, False)
        cursor = read_tokens(sql, MYSQL)
        while not cursor.is_at_end and not cursor.accept("WITH", "TABLE"):
            cursor.take()
        if (partner := cursor.take_name()) is not None:
            yield Effect(_label(partner), _NO_WRITE, False, True, True, False)
    elif verb in _COPY_PARTITIONS or "PARTITIONS" in words:  # ADD PARTITION PARTITIONS 4
        yield Effect(table, _NO_WRITE, False, True, True, True)
    else:
        yield _instant(table)


def _of_others(sql: str) -> Iterator[Effect]:
    cursor = read_tokens(sql, MYSQL)
    verb = cursor.take()
    cursor.accept_any({"NO_WRITE_TO_BINLOG", "LOCAL"})
    cursor.accept_any({"TABLE", "TABLES"})
    for part in split_at_commas(cursor.rest):
        name = Cursor(part, MYSQL).take_name()
        if name is None:
            return
        if verb in ("ANALYZE", "CHECK", "CHECKSUM"):
            yield Effect(_label(name), _READ, False, False, True, False)
        elif verb == "REPAIR":
            yield Effect(_label(name), _EXCLUSIVE, True, True, True, True)
        elif verb in _IN_AN_INSTANT:  # the runner ends LOCK TABLES before the next statement
            yield _instant(_label(name))


def _parents(sql: str, child: str) -> Iterator[str]:
    """Yield the tables that new foreign keys refer to, but for the table itself."""
    cursor = read_tokens(sql, MYSQL)
    while not cursor.is_at_end:
        if cursor.take() == "REFERENCES":
            name = cursor.take_name()
            if name is not None and _label(name) != child:
                yield _label(name)


def _instant(table: str) -> Effect:
    return Effect(table, _EXCLUSIVE, True, True, False, False)


def _label(name: Name) -> str:
    return f"{name.schema}.{name.name}" if name.schema else name.name
