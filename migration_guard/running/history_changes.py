"""What a migration did to the history, which most may not touch."""

from migration_guard.history import CLEARED
from migration_guard.planning.scripts import Script, excludes_production
from migration_guard.running.task import HistoryChangedError, Task
from migration_guard.running.transaction import HistoryChanges


def reads_history(script: Script) -> bool:
    """Return whether the ids in the history must be read before the file, which may remove some."""
    return excludes_production(script.file)


def check_changes(task: Task, changes: HistoryChanges, before: set[str]) -> tuple[str, ...]:
    """Return the ids whose markers this transaction removed, after writing them to the audit.

    ``before`` are the ids in the history before it. Raises HistoryChangedError where it changed
    what it may not: anything in a file that may run in production, and in others anything but
    removing markers of other migrations.
    """
    file, history = task.script.file, task.history
    if not any(changes):
        return ()
    if changes.tables:
        raise HistoryChangedError(f"it changed {' and '.join(changes.tables)}")
    if not excludes_production(file):
        raise HistoryChangedError(_describe(changes))
    after = history.ids()
    cleared = tuple(sorted(before - after))
    if after - before - {file.id} or changes.inserted or changes.updated:
        raise HistoryChangedError("it inserted or updated rows there")
    for migration_id in cleared:
        history.audit.write(CLEARED, migration_id, f"cleared by {file.id}, to be applied again")
    return cleared


def audit_order(task: Task) -> None:
    """Write down that the migration runs after a higher number because the operator said so."""
    if task.out_of_order:
        task.history.audit.write("out-of-order", task.script.file.id, "--allow-out-of-order")


def _describe(changes: HistoryChanges) -> str:
    verbs = [verb for verb in ("inserted", "updated", "deleted") if getattr(changes, verb)]
    return f"it {' and '.join(verbs)} rows there"
