"""Run the static guard with settings and git; renumber and fix the migrations of a branch.

No database is queried here; ``touched`` says what one has begun.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from django.db import connections

from migration_guard.conf import Conf
from migration_guard.exceptions import CannotTell
from migration_guard.linter import git, merge_base, registry, run_rules
from migration_guard.linter.fixes.edits import write
from migration_guard.linter.fixes.find import find_fixes
from migration_guard.linter.order.search_path import path_of_options
from migration_guard.linter.rules import merged_renamed
from migration_guard.linter.source import Context, Source, read
from migration_guard.linter.target import find_target
from migration_guard.planning import files as planning_files
from migration_guard.planning import renumbering
from migration_guard.planning.names import scan
from migration_guard.problems import Problem
from migration_guard.results import Edit, Inspected


@dataclass(frozen=True, slots=True)
class LintRequest:
    """The options of a person who checks one database."""

    database: str
    vendor: str
    base: str | None = None
    strict: bool = False
    server_version: str = ""


Touched: TypeAlias = Callable[[], frozenset[str] | None]
# Each round makes problems fewer: renamed, split, named. More would not end.
_ROUNDS: Final = 20


def inspect(conf: Conf, request: LintRequest, touched: Touched | None = None) -> Inspected:
    """Check the migrations of one database, with fixes where ``touched`` is given.

    Raises CannotTell if they cannot be read.
    """
    folders = conf.folders(request.database)
    source = read(folders, _context(conf, request, folders))
    problems, not_run = run_rules.check(source)
    meanings = {slug: rule.meaning for slug, rule in registry.rules().items()}
    return Inspected(
        request.database,
        request.vendor,
        len(source.files),
        problems,
        not_run,
        request.strict,
        meanings,
        registry.pages(),
        _find_fixes(source, problems, touched) if touched is not None else {},
    )


def fix(conf: Conf, request: LintRequest, touched: Touched, now: datetime) -> Iterator[str]:
    """Apply the fixes that are certain, and yield a line for each change.

    Raises CannotTell if files or git cannot be read, or a file cannot be changed.
    """
    for _ in range(_ROUNDS):
        inspected = inspect(conf, request, touched)
        fixes = inspected.fixes
        # A file that states its old name keeps its number.
        renamed = {p: edits for p, edits in fixes.items() if p.rule == merged_renamed.SLUG}
        fixes = renamed or fixes
        if any(edit.new_path is not None for edits in fixes.values() for edit in edits):
            yield from renumber(conf, request, now)
            continue
        if not fixes:
            return
        changed: set[Path] = set()
        for problem, edits in fixes.items():
            paths = {edit.path for edit in edits}
            if not paths & changed:
                write(edits)
                changed |= paths
                yield f"Fixed {problem.rule}: {', '.join(sorted(path.name for path in paths))}."


def _find_fixes(
    source: Source, problems: tuple[Problem, ...], touched: Touched
) -> dict[Problem, tuple[Edit, ...]]:
    now = datetime.now(UTC)
    fixes = find_fixes(source, problems, frozenset(), now)
    if not any(edit.path.suffix == ".sql" for edits in fixes.values() for edit in edits):
        return fixes
    # Asked only where a migration would be changed.
    return find_fixes(source, problems, touched() or frozenset(), now)


def renumber(conf: Conf, request: LintRequest, now: datetime) -> Iterator[str]:
    """Give the branch's own migrations the next free numbers, and yield a line for each change.

    Raises CannotTell without a base, and if files or git cannot be read.
    """
    folders = conf.folders(request.database)
    base = _read_base(request, folders)
    if base is None:
        raise CannotTell(
            "--renumber compares this branch with the branch that it merges into.",
            "Add --base GITREF, such as origin/main.",
        )
    repository = _require_repository(folders)
    names, _ = scan(folders)
    files = planning_files.read(folders, request.vendor, conf.environments).files
    own_ids = base.own_ids(names, files)
    renamings = renumbering.renumber(names, own_ids, base.tip, now)
    contracts = conf.contracts.get(request.database, ())
    real_folders = sorted({Path(name.folder) for name in names})
    rewritten = renumbering.apply(renamings, real_folders, contracts, repository.move)
    repository.add(rewritten)
    for renaming in renamings:
        yield f"Renamed {renaming.old} to {renaming.new}."
    for path in rewritten:
        yield f"Updated {path}."
    if renamings:
        yield (
            "Where an old name is applied (your own database, say), let the file say so: "
            "-- guard: formerly = OLD. Or tell that history: "
            "manage.py repairsqlmigrations OLD --forget and NEW --mark-applied, with --reason."
        )
    else:
        yield "No migration of this branch needs another number."


def find_own_ids(conf: Conf, request: LintRequest) -> frozenset[str]:
    """Return the ids of the migrations that only this branch has; all where nothing is merged.

    Raises CannotTell if files or git cannot be read.
    """
    folders = conf.folders(request.database)
    files = planning_files.read(folders, request.vendor, conf.environments).files
    base = _read_base(request, folders)
    own = files if base is None else base.own_files(files)
    return frozenset(file.id for file in own)


def _read_base(request: LintRequest, folders: tuple[Path, ...]) -> merge_base.MergeBase | None:
    """Return what the files are compared with, None if all of them are new."""
    if request.base is not None:
        return merge_base.read(_require_repository(folders), request.base, folders)
    repository = git.find_repository(folders)
    ref = find_target(repository, os.environ) if repository is not None else None
    return merge_base.read(repository, ref, folders) if repository and ref else None


def _context(conf: Conf, request: LintRequest, folders: tuple[Path, ...]) -> Context:
    options = connections[request.database].settings_dict.get("OPTIONS") or {}
    return Context(
        request.vendor,
        conf.environments,
        _read_base(request, folders),
        path_of_options(str(options.get("options", ""))),
        bool(conf.lock_timeout),
        request.server_version,
        knows_new=True,
    )


def _require_repository(folders: tuple[Path, ...]) -> git.Repository:
    repository = git.find_repository(folders)
    if repository is None:
        raise CannotTell(
            f"{folders[0]} is in no git repository, or git is not installed.",
            "Leave --base out, or run it in a checkout.",
        )
    return repository
