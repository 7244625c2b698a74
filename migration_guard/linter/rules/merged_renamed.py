"""merged-renamed: a migration that is merged already has another name here."""

from collections.abc import Iterator

from migration_guard.linter.merge_base import Merged
from migration_guard.linter.needs import PAST
from migration_guard.linter.source import Source
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem, Severity

SLUG = "merged-renamed"
SEVERITY = Severity.ERROR
NEEDS = PAST


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each new file that has the text of a merged one which is gone."""
    for merged in gone(source):
        file = renamed(source, merged)
        if file is not None:
            yield Problem(
                SLUG,
                f"{merged.id} is merged already, and here it is called {file.id}: databases that "
                "applied it would apply it again under the new name",
                f"Name it {merged.path.name} again. Only a migration that is applied nowhere may "
                "be renamed; then: -- guard: allow = merged-renamed, <reason>.",
                SEVERITY,
                file.path,
            )


def gone(source: Source) -> Iterator[Merged]:
    """Yield the merged migrations whose file is neither here nor on the other branch."""
    here = {name.id for name in source.names}
    for merged in source.past.merged.values():
        if merged.id not in here and merged.id in source.past.tip:
            yield merged


def renamed(source: Source, merged: Merged) -> MigrationFile | None:
    """Return the new file with the text of a merged one, if there is one."""
    new = (file for file in source.files if file.id not in source.past.merged_ids)
    name = merged.id.partition("_")[2]
    return next(
        (file for file in new if merged.text == file.text or file.id.partition("_")[2] == name),
        None,
    )
