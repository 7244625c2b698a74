"""merged-edited: a migration that is merged already is edited on this branch."""

from collections.abc import Iterator

from migration_guard.linter.needs import BASE
from migration_guard.linter.source import Source
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.edit_diff import diff_lines, first_difference
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem, Severity

SLUG = "merged-edited"
SEVERITY = Severity.ERROR
NEEDS = BASE


def check(source: Source) -> Iterator[Problem]:
    """Yield an error for each edit of the SQL, a warning for one of comments or directives."""
    for migration in source.merge_base.merged.values():
        file = source.by_path.get(migration.path)
        # A text that the other branch has too was not edited here.
        texts = {migration.text, migration.tip_text}
        if file is None or migration.text is None or file.text in texts:
            continue
        yield _problem(file, migration.text, source.vendor)


def _problem(file: MigrationFile, before: str, vendor: str) -> Problem:
    is_cosmetic = fingerprint(before, vendor) == fingerprint(file.text, vendor)
    diff = diff_lines(before, file.text, "merged", "here", context=1)
    return Problem(
        SLUG,
        "the file is merged already, and "
        + (
            "its comments, layout or directives differ here"
            if is_cosmetic
            else "its SQL differs here: databases that applied it never get the change, new ones do"
        ),
        "Restore it, and put the change into a new migration. If you mean it: "
        "-- guard: allow = merged-edited, <reason>.",
        Severity.WARNING if is_cosmetic else SEVERITY,
        file.path,
        first_difference(before, file.text),
        detail="\n".join(diff),
    )
