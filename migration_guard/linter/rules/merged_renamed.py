"""merged-renamed: a migration that is merged already has another name here."""

from collections.abc import Iterator

from migration_guard.linter.merge_base import MergedMigration
from migration_guard.linter.needs import BASE
from migration_guard.linter.source import Source
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import list_ids
from migration_guard.problems import Problem, Severity

SLUG = "merged-renamed"
SEVERITY = Severity.ERROR
NEEDS = BASE


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each new name that no file states, or that is not that alone."""
    base, vendor = source.merge_base, source.vendor
    for migration in base.removed_migrations(source.names, source.files):
        files = base.renamed_files(migration, source.files, vendor)
        if files:
            yield _unstated(migration, files)
    for migration, file in base.renamed_migrations(source.files):
        before = migration.text
        if before is not None and fingerprint(before, vendor) != fingerprint(file.text, vendor):
            yield _problem(
                file,
                f"{file.id} was {migration.id} before, and its SQL differs from what is merged",
                f"Restore the SQL of {migration.id}, and put the change into a new migration.",
            )
        passed = _passed(source, migration, file)
        if passed is not None:
            yield _problem(
                file,
                f"{file.id} was {migration.id} before, and moves past {passed.id}, which is "
                "merged too: new databases would run the two in another order than others did",
                f"Give it a number on the same side of {passed.id} as before.",
            )


def _unstated(migration: MergedMigration, files: list[MigrationFile]) -> Problem:
    names = list_ids([file.id for file in files])
    which = f"it is called {names}" if len(files) == 1 else f"it may be one of {names}"
    return _problem(
        files[0],
        f"{migration.id} is merged already, and here {which}: databases that applied it would "
        "apply it again under the new name",
        f"Write -- guard: formerly = {migration.id} into that file, or name it "
        f"{migration.path.name} again.",
    )


def _passed(
    source: Source, migration: MergedMigration, file: MigrationFile
) -> MigrationFile | None:
    """Return a merged file that the new name puts on the other side."""
    old = migration.number, migration.id
    merged = source.merge_base.merged
    for other in source.files:
        if other.path in merged and (other.key < old) != (other.key < file.key):
            return other
    return None


def _problem(file: MigrationFile, fact: str, hint: str) -> Problem:
    return Problem(SLUG, fact, hint, SEVERITY, file.path)
