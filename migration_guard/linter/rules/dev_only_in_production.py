"""dev-only-in-production: a file says DEV/TEST ONLY where it has no effect."""

from collections.abc import Iterator

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.planning.directives import DEV_WORDS
from migration_guard.problems import Problem, Severity

SLUG = "dev-only-in-production"
SEVERITY = Severity.ERROR
NEEDS = NOTHING


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each file that has the words and no environments."""
    for file in source.files:
        words = DEV_WORDS.search(file.text)
        if words is not None and file.directives.environments is None:
            yield source.problem(
                SLUG,
                SEVERITY,
                file,
                words.start(),
                f'the text says "{words[0]}" below the leading comment block, where it has no '
                "effect: the file runs in production too",
                "Move the line above the first statement, or write there: "
                "-- guard: environments = dev, test",
            )
