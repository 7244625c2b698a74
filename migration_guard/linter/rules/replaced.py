"""replaced: a file stands beside the squash that replaces it, and is not read."""

from collections.abc import Iterator

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "replaced"
SEVERITY = Severity.WARNING
NEEDS = NOTHING


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each file that a squash replaces, on whatever database."""
    vendors = {file.id: file.name.vendor for file in source.files}
    for name in source.names:
        squash = source.replaced.get(name.id)
        # A squash for one vendor leaves the files that the others read.
        if squash is not None and vendors[squash] in (None, name.vendor):
            yield Problem(
                SLUG,
                f"{name.id} is replaced by {squash}, and nothing reads it any more",
                f"Delete it (git rm {name.path.name}).",
                SEVERITY,
                name.path,
            )
