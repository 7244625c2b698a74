"""Run migrations with a trace, and write it down shortly."""

from collections.abc import Iterable
from pathlib import Path

from migration_guard.impact.trace import Effect, StatementTrace
from migration_guard.results import Outcome
from migration_guard.running import events, executor
from migration_guard.running.options import Options
from migration_guard.running.tracer import TraceRequest
from tests.linter.checkout import Checkout


def run_traced(
    *, measures: bool = True, names: frozenset[str] | None = None, **options: object
) -> tuple[Outcome, list[StatementTrace]]:
    """Run what is pending; return the outcome and what was seen of each statement."""
    traces: list[StatementTrace] = []

    def observe(event: events.Event) -> None:
        if isinstance(event, events.Traced):
            traces.extend(event.traces)

    request = TraceRequest(names, measures)
    run_options = Options(trace=request, **options)  # type: ignore[arg-type]
    return executor.run(options=run_options, observe=observe), traces


def commit_on_branch(root: Path, folder: Path, files: dict[str, str | None]) -> None:
    """Commit the migrations that are there on main, and then these files on a branch."""
    checkout = Checkout(root, folder)
    checkout.commit({})
    checkout.branch("topic")
    checkout.commit(files)


def describe(effect: Effect) -> str:
    """Return the lock of an effect, and what was read or rewritten."""
    acts = [("rewrites", effect.rewrites), ("reads", effect.reads and not effect.rewrites)]
    return ", ".join([effect.mode, *(word for word, is_done in acts if is_done)])


def effects_of(traces: Iterable[StatementTrace]) -> dict[str, str]:
    """Return by table what the last of these statements that touched it did."""
    return {effect.table: describe(effect) for trace in traces for effect in trace.effects}
