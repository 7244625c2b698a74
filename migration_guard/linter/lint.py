"""The static guard from settings and git to a result; and the renumbering of a branch.

Asks no database.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import connections

from migration_guard.conf import Conf
from migration_guard.exceptions import CannotTell
from migration_guard.linter import git, merge_base, registry, run_rules
from migration_guard.linter.order.search_path import Setting, configured_for
from migration_guard.linter.source import Context, read
from migration_guard.planning import renumbering
from migration_guard.planning.names import scan
from migration_guard.results import Inspected


@dataclass(frozen=True, slots=True)
class LintRequest:
    """What a person asked for."""

    database: str
    vendor: str
    base: str | None = None
    strict: bool = False
    server_version: str = ""


def inspect(conf: Conf, asked: LintRequest) -> Inspected:
    """Check the migrations of one database; raise CannotTell where they cannot be read."""
    folders = conf.folders(asked.database)
    source = read(folders, _context(conf, asked, folders))
    problems, not_run = run_rules.check(source)
    meanings = {slug: rule.meaning for slug, rule in registry.rules().items()}
    return Inspected(
        asked.database,
        asked.vendor,
        len(source.files),
        problems,
        not_run,
        asked.strict,
        meanings,
    )


def renumber(conf: Conf, asked: LintRequest, now: datetime) -> Iterator[str]:
    """Give the branch's own migrations the next free numbers; yield a line for each change."""
    if asked.base is None:
        raise CannotTell(
            "--renumber needs to know what is merged.", "Add --base GITREF, such as origin/main."
        )
    folders = conf.folders(asked.database)
    repository = _repository(folders)
    merged = merge_base.read(repository, asked.base, folders)
    names, _ = scan(folders)
    own = {name.id for name in names} - merged.merged_ids - merged.since
    renamings = renumbering.renumber(names, own, merged.tip, now)
    contracts = conf.contracts.get(asked.database, ())
    real = sorted({Path(name.folder) for name in names})
    rewritten = renumbering.apply(renamings, real, contracts, repository.move)
    repository.add(rewritten)
    for renaming in renamings:
        yield f"Renamed {renaming.old} to {renaming.new}."
    for path in rewritten:
        yield f"Updated {path}."
    if renamings:
        yield (
            "Where an old name is applied (your own database, say), tell its history: "
            "manage.py repairsqlmigrations OLD --forget and NEW --mark-applied, with --reason."
        )
    else:
        yield "No migration of this branch needs another number."


def _context(conf: Conf, asked: LintRequest, folders: tuple[Path, ...]) -> Context:
    repository = git.repository(folders)
    compared = None
    uncommitted = None
    if asked.base is not None:
        compared = merge_base.read(_repository(folders), asked.base, folders)
    elif repository is not None and repository.has_commits():
        uncommitted = repository.differing("HEAD", folders)
    return Context(
        asked.vendor,
        conf.environments,
        compared,
        uncommitted,
        _search_path(asked.database),
        bool(conf.lock_timeout),
        asked.server_version,
    )


def _repository(folders: tuple[Path, ...]) -> git.Repository:
    found = git.repository(folders)
    if found is None:
        raise CannotTell(
            f"{folders[0]} is in no git repository, or git is not installed.",
            "Leave --base out, or run it in a checkout.",
        )
    return found


def _search_path(alias: str) -> Setting:
    options = connections[alias].settings_dict.get("OPTIONS") or {}
    return configured_for(str(options.get("options", "")))
