"""blanket-delete: rows or columns of others are deleted, dropped or overwritten as a whole."""

from collections.abc import Iterator

from migration_guard.linter.danger.losses import (
    EVERY_ROW_CHANGED,
    EVERY_ROW_DELETED,
    WORDS,
    is_harmless,
    read_losses,
)
from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "blanket-delete"
SEVERITY = Severity.ERROR
NEEDS = NOTHING

_MEANT = "If no release needs it any more"
_FIRST = dict.fromkeys(
    (EVERY_ROW_DELETED, EVERY_ROW_CHANGED), "Restrict it with WHERE. If you mean it"
)
# squawk's name for the loss of a column, which files may have silenced before.
_FORMER = "ban-drop-column"


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each statement that loses what this set did not make itself."""
    for step in source.walk.steps(WORDS):
        losses = [loss for loss in read_losses(step) if not is_harmless(step, loss)]
        if losses and losses[0].columns and _FORMER in step.file.directives.allow:
            continue
        if losses:
            yield source.problem(
                SLUG,
                SEVERITY,
                step.file,
                step.part.offset,
                f"{step.excerpt}: {losses[0].fault}, and a migration cannot be undone",
                f"{_FIRST.get(losses[0].fault, _MEANT)}: "
                "-- guard: allow = blanket-delete, <reason>.",
            )
