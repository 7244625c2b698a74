"""Files of another tool as files of ours: ids, directives, and all of them written or none."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from migration_guard.adopting import record
from migration_guard.adopting.record import AdoptedFile, Source
from migration_guard.adopting.tool import ForeignFile, ForeignProblem
from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.exceptions import CannotTell
from migration_guard.planning import files as planning_files
from migration_guard.planning import max_migration
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import MAX_DIGITS, MAX_ID, FileName, number_of
from migration_guard.planning.preflight import prepare
from migration_guard.planning.scripts import has_transactional_ddl
from migration_guard.problems import Problem, errors
from migration_guard.sql.alone import refuses_transaction
from migration_guard.sql.statements import SQLError, split

_FEWEST_DIGITS: Final = 4
_LISTED: Final = 5  # problems in one message
_OFF: Final = "transaction = off"
# What a file of another tool may do, since it did so there, and the directive that lets it.
_ALLOWED: Final = {
    "empty": "allow = empty",
    "no-effect": "allow = no-effect, it had none under the tool that it comes from",
}
_DUPLICATE: Final = "allow = duplicate-number, the tool that it comes from had both"


@dataclass(frozen=True)
class NewFile:
    """A file of ours that is to be written for one of another tool."""

    id: str
    text: str
    original: ForeignFile


def convert(
    files: Sequence[ForeignFile], taken: Sequence[FileName], vendor: str
) -> tuple[NewFile, ...]:
    """Return our files for those of a tool, in the tool's order.

    ``taken`` are the migrations that are there already, in order. Raises ForeignProblem.
    """
    double = [key for key, count in Counter(file.key for file in files).items() if count > 1]
    if double:
        places = ", ".join(str(file.path) for file in files if file.key == double[0])
        raise ForeignProblem(f"{places} are all {double[0]} for the tool. Rename all but one.")
    ids = _choose_ids(files, taken)
    numbers = [number_of(new_id) for new_id in ids]
    new_files, problems = [], []
    for index, (new_id, file) in enumerate(zip(ids, files, strict=True)):
        head = [f"requires = {name}" for name in file.requires]
        head += [_DUPLICATE] if index and numbers[index - 1] == numbers[index] else []
        head += [_OFF] if _refuses_transaction(file, vendor) else []
        text, file_problems = _complete(new_id, file, head, vendor)
        new_files.append(NewFile(new_id, text, file))
        problems += file_problems
    if problems:
        more = f"\nand {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise ForeignProblem("\n".join(problems[:_LISTED]) + more)
    return tuple(new_files)


@contextmanager
def writing(files: Sequence[NewFile], folder: Path, source: Source) -> Iterator[tuple[Path, ...]]:
    """Write the files, ``_adopted.json`` and ``max_migration.txt``; yield the files' paths.

    ``source`` lacks the migrations, which are added here. All of it is taken back if anything
    fails, in the block too. Raises CannotTell.
    """
    paths = tuple(folder / f"{file.id}.sql" for file in files)
    migrations = tuple(
        AdoptedFile(
            file.original.key,
            file.original.checksum,
            file.id,
            fingerprint(file.text, source.vendor),
        )
        for file in files
    )
    sources = record.add(record.read([folder]), replace(source, migrations=migrations))
    with ExitStack() as undo:
        try:
            for path, file in zip(paths, files, strict=True):
                with path.open("xb") as stream:
                    undo.callback(path.unlink, missing_ok=True)
                    stream.write(file.text.encode())
            _replace(folder / record.RECORD, record.render(sources), undo)
            _replace(folder / max_migration.MAX_MIGRATION, f"{files[-1].id}\n", undo)
        except FileExistsError as error:
            raise CannotTell(
                f"{error.filename} is there already; nothing was written.",
                "Choose another folder with --dir, or move that file away; no file is overwritten.",
            ) from error
        except OSError as error:
            raise CannotTell(
                f"{error.filename} cannot be written: {error.strerror or error}.",
                "Make the folder writable; the new files were removed.",
            ) from error
        yield paths
        undo.pop_all()


def _replace(path: Path, text: str, undo: ExitStack) -> None:
    """Put a file in the place of ``path``, and note how to take it back."""
    before: bytes | None = None
    with suppress(FileNotFoundError):
        before = path.read_bytes()
    if before is None:
        undo.callback(path.unlink, missing_ok=True)
    else:
        undo.callback(path.write_bytes, before)
    max_migration.replace(path, text.removesuffix("\n"))


# -- ids


def _choose_ids(files: Sequence[ForeignFile], taken: Sequence[FileName]) -> list[str]:
    """Return the ids: with the tool's numbers where these give its order, else counted anew."""
    highest = taken[-1].number if taken else -1
    kept = [_kept_id(file) for file in files]
    there = {name.id for name in taken} & {*filter(None, kept)}
    if there:
        raise ForeignProblem(
            f"{min(there)}.sql is there already. Where a run was killed, delete what it left, and "
            "run again; files of the tool itself belong into another folder."
        )
    if None not in kept:
        ids = [new_id for new_id in kept if new_id is not None]
        keys = [(number_of(new_id) or 0, new_id) for new_id in ids]
        is_order = keys == sorted(set(keys)) and keys[:1] > [(highest + 1, "")]
        if is_order or not keys:
            return ids
    first = max(highest + 1, 1)
    digits = max(_FEWEST_DIGITS, len(str(first + len(files))))
    return [
        _id(str(number).zfill(digits), file.name) for number, file in enumerate(files, start=first)
    ]


def _kept_id(file: ForeignFile) -> str | None:
    """Return the id with the tool's own number, as the name of file or folder writes it."""
    if file.number is None:
        return None
    digits = str(file.number).zfill(_FEWEST_DIGITS)
    for name in (file.path.name, file.path.parent.name):
        match = re.match(r"[VB]?([0-9]+)", name)
        if match is not None and int(match[1]) == file.number:
            digits = match[1]
            break
    return _id(digits, file.name) if len(digits) <= MAX_DIGITS else None


def _id(digits: str, name: str) -> str:
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "migration"
    return f"{digits}_{cleaned}"[:MAX_ID]


# -- directives


def _refuses_transaction(file: ForeignFile, vendor: str) -> bool:
    """Return whether a file must run outside a transaction: the tool says so, or a statement."""
    if not has_transactional_ddl(vendor):
        return False  # each statement commits there anyway
    if not file.in_transaction:
        return True
    with suppress(SQLError):
        statements = split(file.text, vendor)
        return any(refuses_transaction(statement.text, vendor) for statement in statements)
    return False


def _complete(
    new_id: str, file: ForeignFile, head: Sequence[str], vendor: str
) -> tuple[str, list[str]]:
    """Return the text of our file with all directives that it needs, and what none mends."""
    text, problems = _try(new_id, file, head, vendor)
    rules = {problem.rule for problem in problems}
    if "transaction-control" in rules and _OFF not in head and has_transactional_ddl(vendor):
        # The file commits in between.
        text_off, problems_off = _try(new_id, file, [*head, _OFF], vendor)
        if "transaction-control" not in {problem.rule for problem in problems_off}:
            head = [*head, _OFF]
            text, problems = text_off, problems_off
            rules = {problem.rule for problem in problems}
    if allowed := [directive for rule, directive in _ALLOWED.items() if rule in rules]:
        text, problems = _try(new_id, file, [*head, *allowed], vendor)
    return text, [f"{file.path}: {problem.message} {problem.hint}".strip() for problem in problems]


def _try(
    new_id: str, file: ForeignFile, head: Sequence[str], vendor: str
) -> tuple[str, list[Problem]]:
    """Return the text of our file with these directives, and what is wrong with it."""
    lines = [f"-- guard: {directive}" for directive in head]
    text = "\n".join([*lines, *([""] if lines else []), file.text.strip("\n"), ""])
    name = FileName(new_id, number_of(new_id) or 0, None, str(file.path))
    migration, problems = planning_files.parse(name, text.encode(), BUILT_IN_ENVIRONMENTS)
    if migration is not None:
        problems += prepare([migration], vendor)[1]
        problems += _environment_problems(migration)
    return text, errors(problems)


def _environment_problems(file: MigrationFile) -> list[Problem]:
    """Return a problem if a comment of the original would keep the file out of production."""
    if file.directives.environments is None:
        return []
    return [
        Problem(
            "dev-only-in-production",
            "a comment at its top is a directive here, and would keep it out of production.",
            "The tool ran it everywhere: change the comment.",
            path=file.path,
        )
    ]
