"""merged-deleted: a migration that is merged already is not there any more."""

from collections.abc import Iterator

from migration_guard.linter.needs import PAST
from migration_guard.linter.rules.merged_renamed import gone, renamed
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "merged-deleted"
SEVERITY = Severity.ERROR
NEEDS = PAST


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each, unless it goes on under another name."""
    for merged in gone(source):
        if renamed(source, merged) is None:
            yield Problem(
                SLUG,
                f"{merged.id} is merged already, and this branch deletes it: databases that "
                "applied it keep what it made, new ones never get it",
                "Restore it (git checkout), and undo it in a new migration.",
                SEVERITY,
                merged.path,
            )
