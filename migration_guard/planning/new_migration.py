"""Create the next migration file, and name it in ``max_migration.txt`` beside it.

An existing file is never overwritten, and two processes at once get different numbers. No database
is needed.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from django.core.files import locks

from migration_guard.exceptions import CannotTell
from migration_guard.planning import max_migration
from migration_guard.planning.names import MAX_DIGITS, MAX_ID, FileName, number_of, scan
from migration_guard.problems import Problem

_FIRST: Final = "0001"
_TIMESTAMP: Final = "%Y%m%d%H%M%S"
_TIMESTAMP_DIGITS: Final = 14
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")

# No line here may be a directive, or hold the words DEV/TEST ONLY, which act like one.
_HEADER: Final = """\
-- {id}
--
-- Before you write:
-- * The number is this file's own. If another branch is merged first with the same number, give
--   this file the next free one.
-- * What this file alters must exist already, made by a file with a lower number.
-- * Once it is applied anywhere, never edit it: add a new migration.
-- * Prove it on an empty database: manage.py checkschema --fresh
--
-- Directives, each on a line of its own in this block, as "-- guard: key = value":
--   environments = dev, test           runs only there
--   transaction = off                  for CREATE INDEX CONCURRENTLY, VACUUM
--   lock_timeout = 5s                  overrides the setting; likewise statement_timeout
--   requires = app_label.0001_initial  a Django migration that must be applied first
--   rerun = safe                       an interrupted statement may simply be run again
--   allow = rule, reason               silences one rule of the guard
"""
_PLACEHOLDER: Final = "-- Write the SQL below; until then the guard refuses this file as empty.\n"
_EMPTY: Final = "-- guard: allow = empty\n"


class NewMigration(NamedTuple):
    """A migration file that was just created; ``problems`` are those of the files before it."""

    id: str
    number: int
    path: Path
    problems: tuple[Problem, ...] = ()


def create(
    folders: Sequence[Path],
    name: str,
    sql: str | None = None,
    *,
    empty: bool = False,
    folder: Path | None = None,
) -> NewMigration:
    """Create the next migration of the set in ``folders``.

    It goes into ``folder``. Without that, it goes into the folder that holds the highest number, or
    into the first. Without ``sql`` the file has no statement, and the guard refuses it unless
    ``empty``. Raises CannotTell for a bad name, and for a folder that cannot be used.
    """
    name = clean_name(name)
    if sql is not None and not sql.strip():
        raise CannotTell(
            "--sql is blank.",
            "Give the SQL, leave the option out to write it later, or use --empty.",
        )
    configured = {_real_folder(path): path for path in reversed(folders)}
    with lock_folders(configured):
        names, problems = scan(folders)
        names = sorted([*names, *_names_without_file(problems)], key=lambda name: name.number)
        target = choose_folder(names, folders, folder)
        digits = next_digits(names, target, datetime.now(UTC))
        migration_id = f"{digits}_{name}"
        if len(digits) > MAX_DIGITS or len(migration_id) > MAX_ID:
            raise CannotTell(
                f"The id {migration_id} is too long: {len(migration_id)} characters, "
                f"{len(digits)} of them digits.",
                f"An id has at most {MAX_ID} characters, a number at most {MAX_DIGITS} digits.",
            )
        path = configured[target] / f"{migration_id}.sql"
        _write_new(path, _content(migration_id, sql, empty=empty))
        max_migration.write(path, migration_id)
    return NewMigration(migration_id, int(digits), path, tuple(problems))


def clean_name(name: str) -> str:
    """Return ``name`` with ``_`` for white space. Raises CannotTell if it is not a valid name."""
    cleaned = "_".join(name.split())
    if not _NAME.fullmatch(cleaned):
        raise CannotTell(
            f'"{name}" is not a name for a migration.',
            "Use letters (A-Z, a-z), digits, _ and -; spaces become _. The number in front and "
            ".sql at the end are added for you.",
        )
    return cleaned


def next_digits(names: Sequence[FileName], folder: Path, now: datetime) -> str:
    """Return the number after all of ``names`` (in order), written as ``folder`` writes numbers.

    The number is as wide as that of the folder's highest file, or a time in UTC if that is one.
    """
    if not names:
        return _FIRST
    number = names[-1].number + 1
    model = next((name for name in reversed(names) if name.folder == str(folder)), names[-1])
    digits = model.id.partition("_")[0]
    if len(digits) == _TIMESTAMP_DIGITS and not digits.startswith("0"):
        number = max(number, int(now.strftime(_TIMESTAMP)))
    return str(number).zfill(len(digits))


def _names_without_file(problems: Iterable[Problem]) -> Iterator[FileName]:
    """Yield the names of what is no file: their numbers are taken, once that is mended."""
    for problem in problems:
        if problem.rule == "not-a-file" and problem.path is not None:
            migration_id = problem.path.name.partition(".")[0]
            yield FileName(migration_id, number_of(migration_id) or 0, None, str(problem.path))


def _real_folder(folder: Path) -> Path:
    with suppress(OSError):
        return folder.resolve(strict=True)
    return folder  # scan() refuses it with the reason


def choose_folder(names: Sequence[FileName], folders: Sequence[Path], chosen: Path | None) -> Path:
    """Return the folder for a new migration, links resolved. Raises CannotTell for another one."""
    if chosen is None:
        return Path(names[-1].folder) if names else _real_folder(folders[0])
    target = _real_folder(chosen)
    if target not in map(_real_folder, folders):
        names_of_folders = ", ".join(map(str, folders))
        raise CannotTell(
            f"{chosen} is not a migration folder of this database.",
            f'Choose from {names_of_folders}; or add it to MIGRATION_GUARD["DIRS"].',
        )
    return target


@contextmanager
def lock_folders(folders: Iterable[Path]) -> Iterator[None]:
    """Let one process at a time number a file. The lock ends with the process."""
    with ExitStack() as stack:
        for folder in sorted(folders):
            # Windows cannot open a folder, and some network file systems cannot lock one. There
            # the exclusive create still protects files, and the guard reports a number taken twice.
            with suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                locks.lock(descriptor, locks.LOCK_EX)
        yield


def _content(migration_id: str, sql: str | None, *, empty: bool) -> str:
    header = _HEADER.format(id=migration_id)
    if sql is not None:
        return f"{header}\n{sql.strip()}\n"
    return header + _EMPTY if empty else f"{header}\n{_PLACEHOLDER}"


def _write_new(path: Path, content: str) -> None:
    try:
        encoded = content.encode()
        with path.open("xb") as file:
            file.write(encoded)
    except UnicodeEncodeError as error:
        raise CannotTell(
            f"--sql is not UTF-8: {error.reason} at character {error.start}.",
            "Set the terminal to UTF-8, or write the file with an editor.",
        ) from error
    except OSError as error:
        raise CannotTell(
            f"{path} cannot be made: {error.strerror or error}.",
            "Make the folder writable; no file was changed.",
        ) from error
