"""What the migrations of a run did to tables, worst first, as text and as JSON has it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from migration_guard.conf import ImpactLimits
from migration_guard.impact.closures import READERS, Closure
from migration_guard.impact.rules import find_closures, judge
from migration_guard.impact.sizes import Sizes
from migration_guard.impact.trace import StatementTrace
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import list_ids
from migration_guard.problems import Problem, Severity, errors
from migration_guard.reports.text import count
from migration_guard.results import Impact

_NOBODY = "nobody waits while a table is read or rewritten"
_NOTHING_NEW = "this branch adds none (--base GITREF names what it is compared with)"
_NO_STATEMENT = "no statement was traced, as it sends none or only such as lock rows alone"


class Surroundings(NamedTuple):
    """What traces are judged by; ``lock_timeout`` in seconds, None for no limit.

    ``untraced`` counts the migrations of Django's that ran without a trace. ``are_new`` is False
    where no migration was asked for, since what this branch is compared with has them all.
    ``sees_locks`` is that of the tracer.
    """

    vendor: str
    files: Mapping[str, MigrationFile]
    limits: ImpactLimits
    lock_timeout: float | None
    sizes: Sizes | None = None
    note: str = ""
    untraced: int = 0
    are_new: bool = True
    sees_locks: bool = True


class ImpactReport:
    """The traces of the migrations ``names``, and the problems that they are."""

    def __init__(
        self, names: Iterable[str], traces: Iterable[StatementTrace], around: Surroundings
    ) -> None:
        self._names = [*names]
        self._traces = [*traces]
        self._around = around
        closures = sorted(find_closures(self._traces), key=self._badness)
        judged = [(closure, self._judge(closure)) for closure in closures]
        # The migration and the problem that one of its statements is.
        self._problems = [
            (closure.start.migration, problem) for closure, problem in judged if problem is not None
        ]
        self._problems.sort(key=lambda pair: pair[1].severity is not Severity.ERROR)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those of the rules, worst first."""
        return tuple(problem for _migration, problem in self._problems)

    def _judge(self, closure: Closure) -> Problem | None:
        around = self._around
        return judge(closure, around.files, around.vendor, around.limits, around.sizes)

    def _badness(self, closure: Closure) -> tuple[bool, float, int]:
        """Return a key that is least for the worst: readers wait, long, for a large table."""
        sizes = self._around.sizes
        bytes_ = [sizes.of(table).bytes or 0 for table in closure.all_tables] if sizes else []
        return closure.rule != READERS, -(closure.held_ms or 0.0), -max(bytes_, default=0)

    @property
    def result(self) -> Impact:
        """The report as the results of commands carry it."""
        return Impact(self._text(), self._fields(), len(errors(self.problems)))

    def _text(self) -> str:
        """Return a line for each problem, what was not seen, and what waiting for a lock means."""
        if not self._around.sees_locks:
            return self._around.note
        lines = [self._around.note] if self._around.note else []
        if self._names:
            lines += ["Impact, worst first:" if self._problems else "Impact:", *self._account()]
        else:
            why = "none ran" if self._around.are_new else _NOTHING_NEW
            lines.append(f"Impact: no migration was traced, as {why}.")
        if self._around.untraced:
            lines.append(
                f"  Not traced: {count(self._around.untraced, 'migration')} of Django's. "
                "runsqlmigrations --with-django --impact traces them on a copy of production."
            )
        return "\n".join(lines)

    def _account(self) -> Iterable[str]:
        for migration, problem in self._problems:
            yield f"  {migration}: {problem.message}. [{problem.severity}: {problem.rule}]"
            yield f"    {problem.hint}"
        unknown = [trace for trace in self._traces if trace.unknown]
        for trace in unknown:
            yield (
                f"  {trace.migration}: statement {trace.number} ({trace.sql}) was not traced: "
                f"{trace.unknown}."
            )
        shown = {migration for migration, _problem in self._problems}
        shown |= {trace.migration for trace in unknown}
        seen = dict.fromkeys(trace.migration for trace in self._traces)
        if silent := [name for name in self._names if name not in seen]:
            yield f"  {list_ids(silent)}: {_NO_STATEMENT}."
        if quiet := [name for name in seen if name not in shown]:
            yield f"  {list_ids(quiet)}: {_NOBODY}."
        if any(effect.shuts_out_writers for trace in self._traces for effect in trace.effects):
            yield f"  {self._queue()}"

    def _queue(self) -> str:
        limit = self._around.lock_timeout
        until = f"at most {limit:g} s (lock_timeout) a try" if limit else "without a limit"
        return f"While a lock is waited for, all who come later queue behind it, {until}."

    def _fields(self) -> dict[str, Any]:
        """Return the traces as JSON has them."""
        return {
            "migrations": self._names,
            "note": self._around.note,
            "untraced_django_migrations": self._around.untraced,
            "lock_timeout_s": self._around.lock_timeout,
            "statements": [_statement(trace) for trace in self._traces],
        }


def _statement(trace: StatementTrace) -> dict[str, Any]:
    return {
        "migration": trace.migration,
        "number": trace.number,
        "line": trace.line or None,
        "sql": trace.sql,
        "own_ms": _round(trace.own_ms),
        "commits": trace.commits,
        "sampled": trace.is_sampled,
        "unknown": trace.unknown or None,
        "tables": [
            {
                "table": effect.table,
                "lock": effect.mode,
                "shuts_out_readers": effect.shuts_out_readers,
                "shuts_out_writers": effect.shuts_out_writers,
                "reads": effect.reads,
                "rewrites": effect.rewrites,
                "held_ms": _round(effect.held_ms),
            }
            for effect in trace.effects
        ],
    }


def _round(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)
