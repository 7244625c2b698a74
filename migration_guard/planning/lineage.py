"""Files that changed shape: which ones another file replaces, and whose former ids clash.

Pure. A renamed file names the ids that it had (``formerly``); a squash names the migrations that it
stands for (``replaces``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from migration_guard.planning.migration_file import MigrationFile
from migration_guard.problems import Problem

SLUG: Final = "former-id"


def without_replaced(
    files: Sequence[MigrationFile],
) -> tuple[list[MigrationFile], list[Problem]]:
    """Return the files that no other one replaces, with problems of those that are.

    A squash of a squash then says by which rows each of the first migrations may be recorded.
    """
    if not any(file.directives.replaces for file in files):
        return list(files), []
    by_id = {file.id: file for file in files}
    replacers = {
        migration_id: file
        for file in files
        for ids in file.directives.replaces
        for migration_id in ids
        if migration_id in by_id
    }
    circles = [file for file in files if file.id in _ancestry(file, replacers)]
    if circles:
        return list(files), [_circle_problem(file, replacers[file.id]) for file in circles]
    kept = [_widened(file, by_id) for file in files if file.id not in replacers]
    return kept, [
        _environments_problem(file, replacer)
        for file in files
        if (replacer := replacers.get(file.id)) is not None
        and file.directives.environments != replacer.directives.environments
    ]


def alternatives(
    ids: Sequence[str], by_id: Mapping[str, MigrationFile]
) -> Iterator[tuple[str, ...]]:
    """Yield the lines of ``replaces`` that stand for one line, with what the files here say.

    A renamed file may be recorded under a former id, and a squash through what it replaces.
    """
    names = [*ids]
    lines: list[tuple[str, ...]] = []
    for migration_id in ids:
        file = by_id.get(migration_id)
        if file is not None:
            names += file.directives.formerly
            for line in file.directives.replaces:
                lines += alternatives(line, by_id)
    for line in lines or [()]:
        yield tuple(dict.fromkeys((*line, *names)))


def lineage_problems(files: Sequence[MigrationFile]) -> list[Problem]:
    """Return a problem for each former id that is no former id of one file alone."""
    owners = {file.id: file for file in files}
    problems = []
    for file in files:
        for migration_id in file.former_ids:
            owner = owners.setdefault(migration_id, file)
            if owner is not file or migration_id == file.id:
                problems.append(_clash_problem(file, migration_id, owner))
    return problems


def _ancestry(file: MigrationFile, replacers: Mapping[str, MigrationFile]) -> set[str]:
    """Return the ids of what replaces a file, of what replaces that, and so on."""
    ids: set[str] = set()
    replacer = replacers.get(file.id)
    while replacer is not None and replacer.id not in ids:
        ids.add(replacer.id)
        replacer = replacers.get(replacer.id)
    return ids


def _widened(file: MigrationFile, by_id: Mapping[str, MigrationFile]) -> MigrationFile:
    lines = [line for ids in file.directives.replaces for line in alternatives(ids, by_id)]
    if tuple(lines) == file.directives.replaces:
        return file
    return file._replace(directives=replace(file.directives, replaces=tuple(lines)))


def _circle_problem(file: MigrationFile, replacer: MigrationFile) -> Problem:
    return Problem(
        SLUG,
        f"{file.id} and {replacer.id} replace each other, so neither would ever run",
        "Take out the line -- guard: replaces that is wrong.",
        path=file.path,
    )


def _environments_problem(file: MigrationFile, replacer: MigrationFile) -> Problem:
    return Problem(
        SLUG,
        f"{replacer.id} replaces {file.id}, and the two run in different environments: where one "
        "alone runs, a database would lack what the other makes, or get too much",
        "Give both the same line -- guard: environments, or leave the file out of the squash.",
        path=replacer.path,
    )


def _clash_problem(file: MigrationFile, migration_id: str, owner: MigrationFile) -> Problem:
    if migration_id == file.id:
        fact = f"{file.id} names itself as its old id"
    elif owner.id == migration_id:
        fact = f"{file.id} says that it was {migration_id} before, and that file is here too"
    else:
        fact = f"{file.id} and {owner.id} both name {migration_id} as their old id"
    return Problem(
        SLUG,
        f"{fact}: a row {migration_id} of a history would count for two files",
        "Let only one file name it (-- guard: formerly, -- guard: replaces), and delete the file "
        "that has another name now.",
        path=file.path,
    )
