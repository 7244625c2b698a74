"""Compares rows of the history with their files as they are now: matches, edited, missing.

The planner decides. Only the files of the given rows are opened.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db import connections

from migration_guard import conf
from migration_guard.history import as_value
from migration_guard.models import AppliedMigration
from migration_guard.planning import files as planning_files
from migration_guard.planning.edit_diff import edit_diff
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow, RecordedHistory, edited_ids
from migration_guard.planning.plan import Planned, State, make_plan
from migration_guard.problems import Problem
from migration_guard.sql.classify import has_secret

_DIFF_LINES: Final = 2000


@dataclass(frozen=True, slots=True)
class FileNow:
    """The file of an applied migration as it is now, and its problem.

    ``squash`` is the id of the file that replaces it, which holds other SQL.
    """

    state: State
    file: MigrationFile | None
    problem: Problem | None
    squash: str = ""

    @property
    def is_cosmetic(self) -> bool:
        """Whether the file differs only in what a fingerprint leaves out."""
        return self.problem is not None and self.problem.rule == "cosmetic-edit"


def compare(alias: str, rows: Iterable[AppliedMigration]) -> dict[str, FileNow]:
    """Return the file of each row, by id.

    Raises CannotTell where settings or files cannot be read.
    """
    settings = conf.load()
    vendor = connections[alias].vendor
    recorded = {row.id: as_value(row) for row in rows}
    folders = settings.folders(alias)
    file_set = planning_files.read(folders, vendor, settings.environments, only=recorded)
    if recorded.keys() - {file.id for file in file_set.files}:  # a file may have a new name
        file_set = planning_files.read(folders, vendor, settings.environments)
    edited = edited_ids(file_set.files, recorded)
    stored = AppliedMigration.objects.using(alias).filter(id__in=edited, sql__isnull=False)
    history = RecordedHistory(
        recorded, {}, sql=dict(stored.values_list("id", "sql")) if edited else {}
    )
    plan = make_plan(file_set.files, history, settings.environment, vendor)
    by_path = {problem.path: problem for problem in plan.problems}
    now: dict[str, FileNow] = {}
    for planned in plan.migrations:
        problem = by_path.get(planned.file.path) if planned.file else None
        for row in planned.former:
            now[row.id] = _former_file(planned, row, problem)
        now[planned.id] = FileNow(planned.state, planned.file, problem)
    return now


def _former_file(planned: Planned, row: HistoryRow, problem: Problem | None) -> FileNow:
    """Return the file that stands for a row of a former id."""
    file = planned.file
    if file is not None and row.id in file.directives.formerly:
        state = State.EDITED if planned.blocked else State.APPLIED
        return FileNow(state, file, problem if planned.blocked else None)
    return FileNow(State.APPLIED, None, None, planned.id)


def difference(now: FileNow, row: AppliedMigration, vendor: str) -> str:
    """Return the unified diff from the applied SQL to the file now.

    It is empty where the SQL was not stored, or the file contains a password.
    """
    if now.file is None or row.sql is None or row.sql == now.file.text:
        return ""
    return "" if has_secret(now.file.text, vendor) else edit_diff(now.file, row.sql, _DIFF_LINES)
