"""The command lines within a message: where they are, and which one comes next.

Pure. The runner and the planner write the messages; here they only get the database's option.
"""

import re
from typing import Final

from migration_guard.conf import database_option

RUN: Final = "manage.py runsqlmigrations"
# The options that are followed by a value.
VALUED: Final = (
    "accept-edit|as|base|baseline|columns|confirm|contract|database|dir|environment|expect-rows|"
    "explain|fake|format|from|ignore|output|reason|rows|server-version|sql|squash|stamp|table|"
    "target|upgrade-from|upto|usage|wait|write"
)
# Quoted, or a word without the punctuation of the sentence behind it.
_VALUE: Final = r"""'[^']*'|"[^"]*"|[^\s'"(-][^\s,;()]*?(?=[.,;:)]*(?:\s|$))"""
# A command line: the command, its options, ids and placeholders.
_OPTION: Final = rf"--(?:{VALUED})(?![\w-])(?: (?:{_VALUE}))?|--[a-z]+(?:-[a-z]+)*"
LINE: Final = re.compile(rf"manage\.py [a-z]+(?: (?:{_OPTION}|[A-Z]{{2,}}|\d[\w-]*))*")
_NEXT: Final = re.compile(rf"\b[Rr]un (?:it )?again\b|{LINE.pattern}")
_ON_FILES: Final = ("check", "checksqlmigrations", "makesqlmigration")


def for_database(text: str, alias: str) -> str:
    """Return a message whose commands work on ``alias``."""
    option = database_option(alias)

    def add_option(match: re.Match[str]) -> str:
        line = match[0]
        is_complete = " --database " in line or line.split()[1] in _ON_FILES
        return line if is_complete else line + option

    return LINE.sub(add_option, text)


def find_next(hint: str, alias: str) -> str:
    """Return the first command that a remedy names, on ``alias``; empty where it names none.

    "Run again" is a command too: behind it often comes the one for those who cannot.
    """
    match = _NEXT.search(hint)
    if match is None:
        return ""
    return for_database(match[0] if match[0].startswith("manage.py") else RUN, alias)
