"""The statement journal of one migration: which of its statements are done, failed, or to come."""

from dataclasses import dataclass

from migration_guard.planning.files import MigrationFile
from migration_guard.planning.preflight import prepare, shorten
from migration_guard.sql.masking import mask_secrets

# How many statements a page lists.
LIMIT = 500
_WIDTH = 160


@dataclass(frozen=True, slots=True)
class Step:
    """One statement: its number, its line in the file, its beginning, and what became of it.

    ``done`` True: committed; False: where the run stopped, or is; None: not reached.
    """

    number: int
    line: int
    text: str
    done: bool | None


def steps(file: MigrationFile, vendor: str, done: int | None) -> list[Step]:
    """Return the statements of ``file``, of which ``done`` are committed (None: all).

    Empty where the file does not split into statements.
    """
    scripts, _problems = prepare([file], vendor)
    if file.id not in scripts:
        return []
    found: list[Step] = []
    for unit in scripts[file.id].units:
        # A BEGIN … COMMIT group counts its brackets too, and commits as one.
        over = done is None or unit.last <= done
        here = done is not None and unit.first <= done + 1 <= unit.last
        for statement in unit.statements:
            text = shorten(mask_secrets(statement.text, vendor), _WIDTH)
            state = True if over else False if here else None
            found.append(Step(len(found) + 1, statement.line, text, state))
    return found
