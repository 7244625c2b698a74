"""The statements of a migration: which are done, failed, or not reached."""

from dataclasses import dataclass
from typing import Final

from migration_guard.planning.files import MigrationFile
from migration_guard.planning.preflight import prepare
from migration_guard.sql.excerpt import shorten
from migration_guard.sql.masking import mask_secrets

# How many statements a page lists.
LIMIT: Final = 500
_WIDTH: Final = 160


@dataclass(frozen=True, slots=True)
class Step:
    """A statement: its number, its line in the file, its first characters, and its state.

    ``done`` is True where it is committed, False where the run stopped or is now, and None where
    the run did not reach it.
    """

    number: int
    line: int
    text: str
    done: bool | None


def steps(file: MigrationFile, vendor: str, done: int | None) -> list[Step]:
    """Return the statements of ``file``, of which the first ``done`` are committed (None: all).

    Return none where the file cannot be split into statements.
    """
    scripts, _problems = prepare([file], vendor)
    if file.id not in scripts:
        return []
    steps_of_file: list[Step] = []
    for unit in scripts[file.id].parts:
        # A group from BEGIN to COMMIT counts these two as well, and commits as a whole.
        is_done = done is None or unit.last <= done
        is_here = done is not None and unit.first <= done + 1 <= unit.last
        for statement in unit.statements:
            text = shorten(mask_secrets(statement.text, vendor), _WIDTH)
            state = True if is_done else False if is_here else None
            number = len(steps_of_file) + 1
            steps_of_file.append(Step(number, statement.line, text, state))
    return steps_of_file
