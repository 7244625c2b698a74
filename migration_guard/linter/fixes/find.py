"""Find the certain fix of a problem, as edits. Nothing is written.

Only migrations that are neither merged nor begun on the database are touched, and only where the
fix changes nothing but how the server gets there.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from migration_guard.linter.fixes import constraints, indexes
from migration_guard.linter.fixes.edits import read
from migration_guard.linter.fixes.new_files import NewFiles
from migration_guard.linter.rules import merged_renamed
from migration_guard.linter.source import Source
from migration_guard.planning import renumbering
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.max_migration import MAX_MIGRATION
from migration_guard.problems import Problem
from migration_guard.results import Edit

_MAX_RULES: Final = frozenset({"max-migration-missing", "max-migration-stale"})
_NUMBER_RULES: Final = frozenset({"number-taken", "number-not-above"})


class Scene(NamedTuple):
    """What fixes need: the steps by file, and new names."""

    source: Source
    steps: Mapping[str, tuple[indexes.Statement, ...]]
    new_files: NewFiles


def find_fixes(
    source: Source, problems: Iterable[Problem], touched: Collection[str], now: datetime
) -> dict[Problem, tuple[Edit, ...]]:
    """Return the edits of each problem whose fix is certain."""
    problems = [problem for problem in problems if problem.path is not None]
    steps: dict[str, list[indexes.Statement]] = {}
    if any(problem.rule in _FIXES for problem in problems):
        for step in source.walk.steps():
            if not step.part.is_nested:
                steps.setdefault(step.file.id, []).append(indexes.look_at(step))
    scene = Scene(
        source, {key: tuple(value) for key, value in steps.items()}, NewFiles(source.names, now)
    )
    fixes = {}
    for problem in problems:
        edits = tuple(_edits(scene, problem, touched, now))
        if edits:
            fixes[problem] = edits
    return fixes


def _edits(
    scene: Scene, problem: Problem, touched: Collection[str], now: datetime
) -> Iterator[Edit]:
    source, path = scene.source, problem.path
    if problem.rule in _MAX_RULES and path is not None:
        yield from _name_newest(source, path)
        return
    file = source.by_path.get(path) if path is not None else None
    if file is None or not _may_be_changed(source, file, touched):
        return
    if problem.rule in _NUMBER_RULES:
        yield from _rename(source, file, touched, now)
    elif problem.rule == merged_renamed.SLUG:
        yield from _state_former_id(source, file)
    elif problem.rule in _FIXES and read(file.path) == file.text:
        fix = _FIXES[problem.rule]
        yield from fix(file, scene.steps.get(file.id, ()), problem.line or 0, scene.new_files)


def _may_be_changed(source: Source, file: MigrationFile, touched: Collection[str]) -> bool:
    base = source.context.merge_base
    is_merged = base is not None and (file.path in base.merged or file.id in base.since)
    return not is_merged and not {file.id, *file.former_ids} & {*touched}


def _state_former_id(source: Source, file: MigrationFile) -> Iterator[Edit]:
    """Yield the line that states the old name, where one file alone has the SQL of one removed."""
    base, vendor = source.merge_base, source.vendor
    removed = [
        migration
        for migration in base.removed_migrations(source.names, source.files)
        if file in base.renamed_files(migration, source.files, vendor)
    ]
    digest = fingerprint(file.text, vendor)
    same = [m for m in removed if fingerprint(m.text or "", vendor) == digest]
    if not same or len({migration.id for migration in removed}) != 1:
        return
    if len(base.renamed_files(same[0], source.files, vendor)) != 1:
        return
    for name in source.names:
        if name.id == file.id:  # the variants of other vendors have the new name, too
            text = read(name.path)
            start, end = int(text.startswith("\ufeff")), "\r\n" if "\r\n" in text else "\n"
            yield Edit(name.path, start, start, f"-- guard: formerly = {same[0].id}{end}")


def _name_newest(source: Source, path: Path) -> Iterator[Edit]:
    newest = [name.id for name in source.read_names if name.path.parent == path.parent]
    if newest and path.name == MAX_MIGRATION and not path.is_dir():
        yield Edit(path, 0, len(read(path)), f"{newest[-1]}\n")


def _rename(
    source: Source, file: MigrationFile, touched: Collection[str], now: datetime
) -> Iterator[Edit]:
    """Yield the new names of one file; all own files get theirs in order, or none does."""
    base = source.merge_base
    own = base.own_ids(source.names, source.files)
    renamings = renumbering.renumber(source.names, own, base.tip, now)
    if any(renaming.old in touched for renaming in renamings):
        return
    for renaming in renamings:
        if renaming.old == file.id:
            for path in renaming.paths:
                yield Edit(path, 0, 0, "", renaming.target(path))


_Fix = Callable[[MigrationFile, tuple[indexes.Statement, ...], int, NewFiles], Iterator[Edit]]
_FIXES: Final[Mapping[str, _Fix]] = {
    "require-concurrent-index-creation": indexes.build_concurrently,
    "mixed-concurrently": indexes.build_concurrently,
    "constraint-missing-not-valid": constraints.validate_later,
    "adding-foreign-key-constraint": constraints.validate_later,
}
