"""The two rules of impact: a lock shuts others out while a table is read or rewritten.

Pure: traces, sizes and limits become problems. A lock is held to the end of its transaction, so
that whatever a later statement of that transaction reads counts as well. So does a lock whose time
was measured and reaches the limit, whatever it was held for. Who only waits for an instant is no
problem.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from migration_guard.conf import ImpactLimits
from migration_guard.impact.closure_text import ClosureText
from migration_guard.impact.closures import READERS, WRITERS, Cause, Closure
from migration_guard.impact.sizes import Sizes, TableSize
from migration_guard.impact.trace import Effect, StatementTrace
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem, Severity


def find_closures(traces: Iterable[StatementTrace]) -> Iterator[Closure]:
    """Yield the tables that are shut for long, or for a measured time, in the order of traces."""
    for _migration, statements in groupby(traces, key=lambda trace: trace.migration):
        for transaction in _split_at_commits(statements):
            yield from _closures_of(transaction)


def judge(
    closure: Closure,
    files: Mapping[str, MigrationFile],
    vendor: str,
    limits: ImpactLimits,
    sizes: Sizes | None,
) -> Problem | None:
    """Return the problem that a closure is, None where its file allows it."""
    file = files.get(closure.start.migration)
    if file is not None and closure.rule in file.directives.allow:
        return None
    tables = {table: sizes.of(table) for table in closure.all_tables} if sizes is not None else {}
    limit = limits.read if closure.rule == READERS else limits.write
    held = closure.held_ms
    is_long = limit is not None and held is not None and held >= limit * 1000
    # With 0 as the limit, a lock for an instant is still no problem.
    if not (closure.causes or (limit and is_long)):
        return None
    is_error = is_long or _is_of_large(closure, limits, tables)
    text = ClosureText(closure, tables, vendor, is_django=file is None)
    severity = Severity.ERROR if is_error else Severity.WARNING
    path, line = file.path if file is not None else None, closure.start.line or None
    return Problem(closure.rule, text.message, text.hint, severity, path, line)


def _split_at_commits(traces: Iterable[StatementTrace]) -> Iterator[list[StatementTrace]]:
    transaction: list[StatementTrace] = []
    for trace in traces:
        transaction.append(trace)
        if trace.commits:
            yield transaction
            transaction = []
    if transaction:
        yield transaction


def _closures_of(transaction: Sequence[StatementTrace]) -> Iterator[Closure]:
    """Yield the closures of a transaction, one for all tables that one statement shuts."""
    total = len(transaction)
    to_readers = _first_shut(transaction, lambda effect: effect.shuts_out_readers)
    to_writers = _first_shut(transaction, lambda effect: effect.shuts_out_writers)
    # What is shut to readers is shut to writers too, and both together are one problem.
    spans = [
        *((start, total, READERS, table) for table, start in to_readers.items()),
        *(
            (start, to_readers.get(table, total), WRITERS, table)
            for table, start in to_writers.items()
            if start != to_readers.get(table)
        ),
    ]
    for (start, end, rule), group in groupby(sorted(spans), key=lambda span: span[:3]):
        tables = tuple(table for *_span, table in group)
        causes, held = _causes(transaction[start:end]), _longest(transaction, rule, tables)
        if causes or held is not None:
            yield Closure(rule, transaction[start], transaction[-1], tables, causes, held)


def _first_shut(
    transaction: Sequence[StatementTrace], shuts_out: Callable[[Effect], bool]
) -> dict[str, int]:
    """Return the index of the first statement that shuts each table."""
    first: dict[str, int] = {}
    for index, trace in enumerate(transaction):
        for effect in filter(shuts_out, trace.effects):
            first.setdefault(effect.table, index)
    return first


def _longest(
    transaction: Sequence[StatementTrace], rule: str, tables: Collection[str]
) -> float | None:
    """Return how long the tables were shut, in milliseconds; None where it was not measured."""
    held = [
        effect.held_ms
        for trace in transaction
        for effect in trace.effects
        if effect.table in tables
        and (effect.shuts_out_readers or (rule == WRITERS and effect.shuts_out_writers))
        and effect.held_ms is not None
    ]
    return max(held, default=None)


def _causes(traces: Sequence[StatementTrace]) -> tuple[Cause, ...]:
    return tuple(
        Cause(trace, effect)
        for trace in traces
        for effect in trace.effects
        if effect.reads or effect.rewrites
    )


def _is_of_large(closure: Closure, limits: ImpactLimits, sizes: Mapping[str, TableSize]) -> bool:
    """Return whether what is read meanwhile is large.

    Its tables count together, as those of a partitioned table are read in turn.
    """
    tables = {cause.effect.table for cause in closure.causes} & sizes.keys()
    total = sum(sizes[table].bytes or 0 for table in tables)
    return limits.large is not None and total >= limits.large
