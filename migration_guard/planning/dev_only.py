"""Words below the leading comment block that say where a file runs, and have no effect.

Pure.
"""

import re
from typing import Final

from migration_guard.planning.directives import DEV_WORDS
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem

DEV_ONLY_SLUG: Final = "dev-only-in-production"


def dev_only_problems(file: MigrationFile) -> list[Problem]:
    """Return a problem if the text says DEV/TEST ONLY where that has no effect."""
    own = file.directives
    if own.environments is not None or DEV_ONLY_SLUG in own.allow:
        return []
    words = DEV_WORDS.search(file.text)
    return [] if words is None else [_dev_only_problem(file, words)]


def _dev_only_problem(file: MigrationFile, words: re.Match[str]) -> Problem:
    return Problem(
        DEV_ONLY_SLUG,
        f'the text says "{words[0]}" below the leading comment block, where it has no effect: '
        "the file runs in production too",
        "Move the line above the first statement, or write there: "
        "-- guard: environments = dev, test",
        path=file.path,
        line=file.text.count("\n", 0, words.start()) + 1,
        column=words.start() - file.text.rfind("\n", 0, words.start()),
    )
