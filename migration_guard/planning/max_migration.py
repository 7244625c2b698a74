"""``max_migration.txt``, which names the newest migration of its folder.

It makes two branches that each add a migration conflict in version control, not in a deploy.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from migration_guard.exceptions import CannotTell
from migration_guard.planning.names import MAX_ID, FileName
from migration_guard.planning.regular_files import read_text
from migration_guard.problems import Problem, Severity

MAX_MIGRATION: Final = "max_migration.txt"


def problems(names: Sequence[FileName]) -> list[Problem]:
    """Return a warning for each folder whose ``max_migration.txt`` is missing or stale.

    ``names`` are the migrations in order, as ``scan`` returns them.
    """
    newest = {name.folder: name.id for name in names}
    return [
        problem
        for folder, migration_id in sorted(newest.items())
        if (problem := _folder_problem(Path(folder, MAX_MIGRATION), migration_id)) is not None
    ]


def write(migration: Path, migration_id: str) -> None:
    """Name the migration that was just created. Raises CannotTell if the file cannot be written."""
    path = migration.with_name(MAX_MIGRATION)
    try:
        replace(path, migration_id)
    except OSError as error:
        raise CannotTell(
            f"{migration} was made, but {path} cannot be written: {error.strerror or error}.",
            f'Make it a file with one line: "{migration_id}".',
        ) from error


def replace(path: Path, migration_id: str) -> None:
    """Put a file that names a migration in the place of ``path``. Raises OSError."""
    # A hidden file, so that an interrupted write leaves nothing that looks like a migration.
    draft = path.with_name(f".{MAX_MIGRATION}.new")
    with open(draft, "wb", opener=_open_at_once) as file:
        file.write(f"{migration_id}\n".encode())
    draft.replace(path)


def _open_at_once(path: str, flags: int) -> int:
    # A FIFO would wait for a reader.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def _folder_problem(path: Path, newest: str) -> Problem | None:
    remedy = f'Write one line into it: "{newest}".'
    try:
        text = read_text(str(path)).strip()
    except FileNotFoundError:
        return Problem(
            "max-migration-missing",
            f"there is no {MAX_MIGRATION} beside the migrations, so two branches can take one "
            "number without a conflict",
            f"Make it. {remedy} manage.py makesqlmigration keeps it from then on.",
            Severity.WARNING,
            path,
        )
    except OSError as error:
        fault = f"{MAX_MIGRATION} cannot be read: {error.strerror or error}"
        remedy = f'Make it a file with one line: "{newest}".'
        return Problem("max-migration-stale", fault, remedy, Severity.WARNING, path)
    if text == newest:
        return None
    if "\n" in text:
        fault = f"{MAX_MIGRATION} has several lines, as a merge conflict leaves them"
        remedy = (
            "Two branches have each added a migration: give the one that is applied nowhere yet "
            f"the next free number. As the files are now: {remedy}"
        )
    else:
        fault = f'{MAX_MIGRATION} says "{text[:MAX_ID]}", and the newest migration is {newest}'
    return Problem("max-migration-stale", fault, remedy, Severity.WARNING, path)
