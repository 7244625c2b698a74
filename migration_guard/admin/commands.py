"""Which command within a remedy comes next. Pure."""

import re
from typing import Final

from migration_guard.reports.command_lines import LINE, RUN, for_database

_NEXT: Final = re.compile(rf"\b[Rr]un (?:it )?again\b|{LINE.pattern}")


def find_next(hint: str, alias: str) -> str:
    """Return the first command that a remedy names, on ``alias``; empty where it names none.

    "Run again" is a command too: behind it often comes the one for those who cannot.
    """
    match = _NEXT.search(hint)
    if match is None:
        return ""
    return for_database(match[0] if match[0].startswith("manage.py") else RUN, alias)
