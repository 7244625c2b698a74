"""Rows of the history against the files as they are now: matches, edited, missing.

The planner decides; only the files of the rows that are asked for are opened.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connections

from migration_guard import conf
from migration_guard.models import AppliedMigration
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow, RecordedHistory
from migration_guard.planning.plan import State, edit_diff, make_plan
from migration_guard.problems import Problem
from migration_guard.sql.classify import has_secret

_DIFF_LINES = 2000


@dataclass(frozen=True, slots=True)
class FileNow:
    """What became of one applied migration's file.

    ``cosmetic``: it differs in comments, white space or case only.
    """

    state: State
    file: MigrationFile | None
    problem: Problem | None

    @property
    def cosmetic(self) -> bool:
        """Whether the file differs in what no database can see."""
        return self.problem is not None and self.problem.rule == "cosmetic-edit"


def compare(alias: str, rows: Iterable[AppliedMigration]) -> dict[str, FileNow]:
    """Return each row's file by id; raise CannotTell where settings or files cannot be read."""
    settings = conf.load()
    vendor = connections[alias].vendor
    recorded = {row.id: _recorded(row) for row in rows}
    found = planning_files.read(
        settings.folders(alias), vendor, settings.environments, only=recorded
    )
    plan = make_plan(found.files, RecordedHistory(recorded, {}), settings.environment, vendor)
    by_path = {problem.path: problem for problem in plan.problems}
    return {
        one.id: FileNow(one.state, one.file, by_path.get(one.file.path) if one.file else None)
        for one in plan.migrations
    }


def difference(now: FileNow, row: AppliedMigration, vendor: str) -> str:
    """Return the unified diff from what was applied to the file now; empty where none is shown.

    There is none where the SQL was not stored, or the file holds a password.
    """
    if now.file is None or row.sql is None or row.sql == now.file.text:
        return ""
    return "" if has_secret(now.file.text, vendor) else edit_diff(now.file, row.sql, _DIFF_LINES)


def _recorded(row: AppliedMigration) -> HistoryRow:
    return HistoryRow(
        row.id,
        int(row.number),
        row.checksum,
        row.fingerprint,
        row.applied_at,
        row.duration_ms,
        row.how,
    )
