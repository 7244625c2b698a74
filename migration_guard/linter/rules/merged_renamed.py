"""merged-renamed: a migration that is merged already has another name here."""

from collections.abc import Iterator

from migration_guard.linter.needs import BASE
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "merged-renamed"
SEVERITY = Severity.ERROR
NEEDS = BASE


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each new file that has the text or name of a removed migration."""
    base = source.merge_base
    for migration in base.removed_migrations(source.names):
        file = base.renamed_file(migration, source.files)
        if file is not None:
            yield Problem(
                SLUG,
                f"{migration.id} is merged already, and here it is called {file.id}: databases "
                "that applied it would apply it again under the new name",
                f"Name it {migration.path.name} again. Only a migration that is applied nowhere "
                "may be renamed; then: -- guard: allow = merged-renamed, <reason>.",
                SEVERITY,
                file.path,
            )
