"""merged-deleted: a migration that is merged already is not there any more."""

from collections.abc import Iterator

from migration_guard.linter.needs import BASE
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "merged-deleted"
SEVERITY = Severity.ERROR
NEEDS = BASE


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each removed migration, unless it has another name here."""
    base = source.merge_base
    for migration in base.removed_migrations(source.names, source.files):
        if not base.renamed_files(migration, source.files, source.vendor):
            yield Problem(
                SLUG,
                f"{migration.id} is merged already, and this branch deletes it: databases that "
                "applied it keep what it made, new ones never get it",
                "Restore it (git checkout), and undo it in a new migration.",
                SEVERITY,
                migration.path,
            )
