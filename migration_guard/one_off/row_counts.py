"""Running the statements of a one-off script, and counting the rows that each of them writes.

A statement's number is the server's answer to it. Where the answer does not hold it (a WITH that
writes twice, a SELECT or DO that calls code which writes), the counters of PostgreSQL and MariaDB
do. What triggers and cascades wrote besides is counted for the script as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from migration_guard.one_off.results import StatementRows, TableRows
from migration_guard.one_off.script import WRITING, answers_for_itself, verb
from migration_guard.planning.scripts import Script
from migration_guard.running.connection import Connection, Progress
from migration_guard.running.row_counter import RowCounter, TableCounts, Tally
from migration_guard.sql.excerpt import excerpt
from migration_guard.sql.statements import Statement

_BLIND: Final = "any table (track_counts was off for a while)"


@dataclass(frozen=True, slots=True)
class ScriptCounts:
    """All that a script wrote; the fields are those of ``ScriptOutcome``."""

    statements: tuple[StatementRows, ...]
    everything: int | None = None
    tables: tuple[TableRows, ...] = ()
    uncounted: tuple[str, ...] = ()


def run(
    connection: Connection, counter: RowCounter, script: Script, step: Progress
) -> ScriptCounts:
    """Run the statements, and what waits for the commit; the transaction stays open.

    Raises StatementError for what fails.
    """
    counting = _Counting(connection, counter, script, step)
    before = counting.tally()
    for unit in script.units:
        counter.run(unit, script.file.text, counting.start, counting.end)
    after = counting.tally()
    statements = tuple(counting.statement_rows)
    if before is None or after is None or not after.tables:
        return ScriptCounts(statements)
    tables = tuple(
        TableRows(name, *counts[:3]) for name, counts in _table_differences(before, after)
    )
    # By table, SQLite does not count; and the total of PostgreSQL lacks what a TRUNCATE took back.
    everything = max(_rows(before, after), after.total - before.total)
    uncounted = [_BLIND] if counting.is_blind else []
    uncounted += _lost_tables(before, after)
    return ScriptCounts(statements, everything, tables, tuple(uncounted))


class _Counting:
    """What the statements that ran have written; ``is_blind``: the server did not always count."""

    def __init__(
        self,
        connection: Connection,
        counter: RowCounter,
        script: Script,
        step: Progress,
    ) -> None:
        self.statement_rows: list[StatementRows] = []
        self.is_blind = False
        self._connection = connection
        self._counter = counter
        self._statements = script.statements
        self._step = step
        self._before: Tally | None = None

    def tally(self) -> Tally | None:
        """Ask for the server's counts."""
        with self._connection.failing():
            tally = self._counter.tally()
        self.is_blind = self.is_blind or tally is None
        return tally

    def start(self, statement: Statement) -> None:
        """Announce that a statement is about to run, and count before it if need be."""
        self._step(statement)
        counts = not answers_for_itself(statement.text, self._connection.vendor)
        self._before = self.tally() if counts else None

    def end(self, answered: int | None) -> None:
        """Note what the last statement did; ``answered`` is the server's number."""
        number = len(self.statement_rows) + 1
        statement, vendor = self._statements[number - 1], self._connection.vendor
        writes = verb(statement.text, vendor) in WRITING
        rows = self._count()
        if rows is None:
            rows = (answered or 0) if writes else 0
        sql = excerpt(statement.text, vendor)
        self.statement_rows.append(
            StatementRows(number, statement.line, sql, writes, rows, answered)
        )

    def _count(self) -> int | None:
        """Return what the server counted since ``start``, None where it was not asked."""
        after = self.tally() if self._before is not None else None
        if self._before is None or after is None:
            return None
        # Without tables, a server counts the statement as a whole.
        whole = after.total - self._before.total
        return _rows(self._before, after) if after.tables else whole


def _rows(before: Tally, after: Tally) -> int:
    """Return the rows that were written to permanent tables between two tallies."""
    return sum(sum(counts[:3]) for _name, counts in _table_differences(before, after))


def _table_differences(before: Tally, after: Tally) -> Iterator[tuple[str, TableCounts]]:
    """Yield each table that was written to, with the rows between two tallies."""
    for name, now in sorted(after.tables.items()):
        then = before.tables.get(name, TableCounts(0, 0, 0, now.file))
        if then.file != now.file:
            continue  # emptied or rewritten, which takes back its counts
        rows = [max(0, b - a) for a, b in zip(then[:3], now[:3], strict=True)]
        if any(rows):
            yield name, TableCounts(rows[0], rows[1], rows[2], now.file)


def _lost_tables(before: Tally, after: Tally) -> Iterator[str]:
    """Yield the tables that lost rows, or may have, of which the server gives no number."""
    for name, then in sorted(before.tables.items()):
        now = after.tables.get(name)
        if now is None:
            yield f"{name} (dropped or renamed)"
        elif now.file != then.file:
            yield f"{name} (emptied or rewritten)"
