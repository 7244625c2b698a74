"""Running the statements of a one-off script, and counting the rows that each of them writes.

A statement's number is the server's answer to it. Where the answer does not tell (a WITH that
writes twice, a SELECT or DO that calls code which writes), the counters of PostgreSQL and MariaDB
do. What triggers and cascades wrote besides is told for the script as a whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migration_guard.one_off.script import WRITING, answers_for_itself, brief, verb
from migration_guard.planning.preflight import Script
from migration_guard.results import TableRows, Touched
from migration_guard.running.session import Counts, Session, Tally

_BLIND = "any table (track_counts was off for a while)"


@dataclass(frozen=True, slots=True)
class Counted:
    """All that a script wrote; the fields are those of ``results.Audited``."""

    statements: tuple[Touched, ...]
    everything: int | None = None
    tables: tuple[TableRows, ...] = ()
    uncounted: tuple[str, ...] = ()


def run(session: Session, script: Script, step: Callable[[int], None]) -> Counted:
    """Run the statements, and what waits for the commit; the transaction stays open.

    Raises StatementError for what fails.
    """
    counting = _Counting(session, script, step)
    before = counting.tally()
    for unit in script.units:
        session.run(unit, script.file.text, counting.starts)
    counting.ends()
    with session.failing():
        session.settle()
    after = counting.tally()
    if before is None or after is None or not after.tables:
        return Counted(tuple(counting.found))
    tables = tuple(TableRows(name, *counts[:3]) for name, counts in _written(before, after))
    # By table, SQLite does not count; and the total of PostgreSQL lacks what a TRUNCATE took back.
    everything = max(_rows(before, after), after.total - before.total)
    lost = [_BLIND] if counting.blind else []
    lost += _lost(before, after)
    return Counted(tuple(counting.found), everything, tables, tuple(lost))


class _Counting:
    """What is known of the statements that ran."""

    def __init__(self, session: Session, script: Script, step: Callable[[int], None]) -> None:
        self.found: list[Touched] = []
        self._session = session
        self._statements = script.statements
        self._step = step
        self._before: Tally | None = None
        # Whether the server did not count for a while.
        self.blind = False

    def tally(self) -> Tally | None:
        """Ask for the server's counts."""
        with self._session.failing():
            found = self._session.tally()
        self.blind = self.blind or found is None
        return found

    def starts(self, number: int) -> None:
        """Take in that ``number`` is about to run, and the one before it has run."""
        if number > 1:
            self.ends()
        self._step(number)
        self._session.answered = self._before = None
        if not answers_for_itself(self._statements[number - 1].text, self._session.vendor):
            self._before = self.tally()

    def ends(self) -> None:
        """Note what the statement that started last did."""
        number = len(self.found) + 1
        sql, vendor = self._statements[number - 1].text, self._session.vendor
        line, answered = self._statements[number - 1].line, self._session.answered
        writes = verb(sql, vendor) in WRITING
        rows = self._counted()
        if rows is None:
            rows = (answered or 0) if writes else 0
        self.found.append(Touched(number, line, brief(sql, vendor), writes, rows, answered))

    def _counted(self) -> int | None:
        """Return what the server counted since ``starts``, None where it was not asked."""
        after = self.tally() if self._before is not None else None
        if self._before is not None and after is not None:
            # Without tables, a server counts the statement as a whole.
            whole = after.total - self._before.total
            return _rows(self._before, after) if after.tables else whole
        return None


def _rows(before: Tally, after: Tally) -> int:
    """Return the rows that were written to permanent tables between two tallies."""
    return sum(sum(counts[:3]) for _name, counts in _written(before, after))


def _written(before: Tally, after: Tally) -> Iterator[tuple[str, Counts]]:
    """Yield each table that was written to, with the rows between two tallies."""
    for name, now in sorted(after.tables.items()):
        then = before.tables.get(name, Counts(0, 0, 0, now.file))
        if then.file != now.file:
            continue  # emptied or rewritten, which takes back its counts
        rows = [max(0, b - a) for a, b in zip(then[:3], now[:3], strict=True)]
        if any(rows):
            yield name, Counts(rows[0], rows[1], rows[2], now.file)


def _lost(before: Tally, after: Tally) -> Iterator[str]:
    """Yield the tables that lost rows, or may have, of which the server tells no number."""
    for name, then in sorted(before.tables.items()):
        now = after.tables.get(name)
        if now is None:
            yield f"{name} (dropped or renamed)"
        elif now.file != then.file:
            yield f"{name} (emptied or rewritten)"
