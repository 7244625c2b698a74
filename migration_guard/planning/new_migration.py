"""Making the next migration: folders + name -> a new file, and ``max_migration.txt`` beside it.

Invariants: an existing file is never overwritten; two processes at once get different numbers;
``max_migration.txt`` names the newest migration of its folder, so that two branches which each add
one conflict in version control instead of in a deploy. No database.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from django.core.files import locks

from migration_guard.exceptions import CannotTell
from migration_guard.planning import max_migration
from migration_guard.planning.names import MAX_DIGITS, MAX_ID, FileName, scan
from migration_guard.problems import Problem

_FIRST = "0001"
_TIMESTAMP = "%Y%m%d%H%M%S"
_TIMESTAMP_DIGITS = 14
_NAME = re.compile(r"[A-Za-z0-9_-]+")

# No line may itself be a directive, nor hold the words that stand for one.
_HEADER = """\
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
_PLACEHOLDER = "-- Write the SQL below; until then the guard refuses this file as empty.\n"
_EMPTY = "-- guard: allow = empty\n"


class NewMigration(NamedTuple):
    """A migration file that was just made; ``problems`` were there before it."""

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
    """Make the next migration of the set in ``folders``.

    It goes into ``folder``, else into the folder that holds the highest number, else into the
    first. ``sql`` None leaves a file without a statement, which the guard refuses unless ``empty``.
    Raises CannotTell for a bad name, and for a folder that cannot be used.
    """
    name = clean_name(name)
    if sql is not None and not sql.strip():
        raise CannotTell(
            "--sql is blank.",
            "Give the SQL, leave the option out to write it later, or use --empty.",
        )
    configured = {_real(path): path for path in reversed(folders)}
    with _locked(configured):
        names, problems = scan(folders)
        target = _choose_folder(names, folders, folder)
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
    """Return ``name`` with ``_`` for white space; raise CannotTell where the grammar forbids it."""
    cleaned = "_".join(name.split())
    if not _NAME.fullmatch(cleaned):
        raise CannotTell(
            f'"{name}" is not a name for a migration.',
            "Use letters (A-Z, a-z), digits, _ and -; spaces become _. The number in front and "
            ".sql at the end are added for you.",
        )
    return cleaned


def next_digits(names: Sequence[FileName], folder: Path, now: datetime) -> str:
    """Return the number that comes after all of ``names`` (in order), as ``folder`` writes numbers.

    That is in the width of its highest file, or as a time in UTC where that file has one.
    """
    if not names:
        return _FIRST
    number = names[-1].number + 1
    like = next((name for name in reversed(names) if name.folder == str(folder)), names[-1])
    digits = like.id.partition("_")[0]
    if len(digits) == _TIMESTAMP_DIGITS and not digits.startswith("0"):
        number = max(number, int(now.strftime(_TIMESTAMP)))
    return str(number).zfill(len(digits))


def _real(folder: Path) -> Path:
    with suppress(OSError):
        return folder.resolve(strict=True)
    return folder  # what scan() refuses, with the reason


def _choose_folder(names: Sequence[FileName], folders: Sequence[Path], asked: Path | None) -> Path:
    if asked is None:
        return Path(names[-1].folder) if names else _real(folders[0])
    chosen = _real(asked)
    if chosen not in map(_real, folders):
        listed = ", ".join(map(str, folders))
        raise CannotTell(
            f"{asked} is not a migration folder of this database.",
            f'Choose from {listed}; or add it to MIGRATION_GUARD["DIRS"].',
        )
    return chosen


@contextmanager
def _locked(folders: Iterable[Path]) -> Iterator[None]:
    """Let one process at a time number a file; the lock ends with the process."""
    with ExitStack() as stack:
        for folder in sorted(folders):
            # Windows opens no folder, and some network file systems lock none. The exclusive
            # create protects existing files there too; a number taken twice the guard reports.
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
