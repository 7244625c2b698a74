"""The command lines within a message: where they are, and the options that they need here.

Pure. The runner and the planner name commands without knowing how they were called.
"""

import re
from typing import Final

from migration_guard.conf import database_option

RUN: Final = "manage.py runsqlmigrations"
# The options that are followed by a value.
VALUED: Final = (
    "accept-edit|as|base|baseline|columns|confirm|contract|database|dir|environment|expect-rows|"
    "explain|fake|format|from|ignore|matrix|output|reason|rows|server-version|sizes|sql|squash|stamp|"
    "table|target|upgrade-from|upto|usage|usage-of-ref|wait|write|write-sizes"
)
# Quoted, or a word without the punctuation of the sentence behind it.
_VALUE: Final = r"""'[^']*'|"[^"]*"|[^\s'"(-][^\s,;()]*?(?=[.,;:)]*(?:\s|$))"""
# A command line: the command, its options, ids and placeholders.
_OPTION: Final = rf"--(?:{VALUED})(?![\w-])(?: (?:{_VALUE}))?|--[a-z]+(?:-[a-z]+)*"
LINE: Final = re.compile(rf"manage\.py [a-z]+(?: (?:{_OPTION}|[A-Z]{{2,}}|\d[\w-]*))*")
_ON_FILES: Final = (
    "check",
    "checksqlmigrations",
    "makemigrations",
    "makesqlmigration",
    "test",
)


def for_database(text: str, alias: str, repeated: str = "") -> str:
    """Return a message whose commands work on ``alias``.

    A run without options gets those that are ``repeated``: they say what this run was.
    """
    option = database_option(alias)

    def add_options(match: re.Match[str]) -> str:
        line = match[0]
        if line == RUN:
            line += repeated
        is_complete = " --database " in line or line.split()[1] in _ON_FILES
        return line if is_complete else line + option

    return LINE.sub(add_options, text) if option or repeated else text
