"""Files whose SQL the history cannot store, told before they run."""

import unicodedata
from collections.abc import Iterable

from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem, Severity
from migration_guard.running.connection import Connection


def unstorable_problems(connection: Connection, files: Iterable[MigrationFile]) -> list[Problem]:
    """Return a note for each file with a character that the database's encoding does not have."""
    return [_problem(connection, file) for file in files if not connection.holds(file.text)]


def _problem(connection: Connection, file: MigrationFile) -> Problem:
    at, character = next(
        (at, character) for at, character in enumerate(file.text) if not connection.holds(character)
    )
    name = unicodedata.name(character, "a character without a name")
    return Problem(
        "sql-not-stored",
        f"the history will hold no SQL of {file.id}: the database's encoding has no "
        f"U+{ord(character):04X} ({name})",
        "A later edit of the file is found all the same, but shown without a diff.",
        Severity.INFO,
        file.path,
        file.text.count("\n", 0, at) + 1,
    )
