"""replaced: a file stands beside the squash that replaces it, and is not read."""

from collections.abc import Iterator

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "replaced"
SEVERITY = Severity.WARNING
NEEDS = NOTHING


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each file that a squash replaces."""
    squashes = {
        migration_id: file
        for file in source.files
        for ids in file.directives.replaces
        for migration_id in ids
    }
    read = {file.id for file in source.files}
    for name in source.names:
        if name.id in squashes and name.id not in read:
            yield Problem(
                SLUG,
                f"{name.id} is replaced by {squashes[name.id].id}, and nothing reads it any more",
                f"Delete it (git rm {name.path.name}).",
                SEVERITY,
                name.path,
            )
