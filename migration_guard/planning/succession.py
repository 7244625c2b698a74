"""By which rows of former ids a file counts as applied, and where they stand in its way.

Pure. A renamed file counts through a row of a former id with the same fingerprint. A squash counts
where each migration that it replaces has a row. Nothing is written to the history for either.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from migration_guard.planning.history_rows import HistoryRow, RecordedHistory
from migration_guard.planning.migration_file import MigrationFile
from migration_guard.planning.names import list_ids
from migration_guard.problems import Problem


class Past(NamedTuple):
    """Which file stands for each id, now or before."""

    owners: Mapping[str, MigrationFile]

    def number_of(self, row: HistoryRow) -> int:
        """Return the number of a row, or of the file that stands for it now."""
        owner = self.owners.get(row.id)
        return owner.number if owner is not None else row.number


class Former(NamedTuple):
    """What history and journal have of the former ids of a file."""

    file: MigrationFile
    rows: tuple[HistoryRow, ...]
    half_done: tuple[str, ...]

    @property
    def has_begun(self) -> bool:
        """Whether anything of it is applied or half done."""
        return bool(self.rows or self.half_done)

    def counting(self, is_same: Callable[[HistoryRow], bool]) -> HistoryRow | None:
        """Return the row through which the file counts as applied, None if it does not.

        ``is_same`` tells whether a row has the SQL of the file.
        """
        if self.half_done:
            return None
        by_id = {row.id: row for row in self.rows}
        names = [by_id[name] for name in self.file.directives.formerly if name in by_id]
        if names:
            return next(filter(is_same, names), None)
        lines = self.file.directives.replaces
        if not lines or self._lacking:
            return None
        return self.rows[-1]

    @property
    def problems(self) -> list[Problem]:
        """Why a file of which something is applied neither runs nor counts as applied."""
        formerly = [row.id for row in self.rows if row.id in self.file.directives.formerly]
        if self.half_done:
            return []  # the half-done migration is a problem of its own
        if formerly:
            return [_edited_problem(self.file, formerly[0])]
        return [_partly_applied_problem(self.file, self._lacking)]

    @property
    def _lacking(self) -> list[str]:
        ids = {row.id for row in self.rows}
        return [names[0] for names in self.file.directives.replaces if not ids & {*names}]


def read_past(files: Sequence[MigrationFile]) -> Past:
    """Return which file stands for each id, now or before."""
    owners = {file.id: file for file in files}
    for file in files:
        for migration_id in file.former_ids:
            owners.setdefault(migration_id, file)
    return Past(owners)


def find_former(file: MigrationFile, recorded: RecordedHistory) -> Former:
    """Return what history and journal have of the former ids of ``file``, in order of time."""
    ids = {*file.former_ids}
    if not ids:
        return Former(file, (), ())
    rows = tuple(row for row in recorded.rows.values() if row.id in ids)
    half_done = tuple(entry for entry in recorded.journal if entry in ids - recorded.rows.keys())
    return Former(file, rows, half_done)


def order_problems(
    applied: Sequence[tuple[MigrationFile, HistoryRow, Sequence[HistoryRow]]],
    recorded: RecordedHistory,
) -> Iterator[Problem]:
    """Yield a problem for each file that passes over one that was applied before it.

    ``applied`` has each file with the row by which it counts, and its rows of former ids.
    """
    moved = [(file, former) for file, row, former in applied if row.id != file.id]
    if not moved:
        return
    times = {migration_id: place for place, migration_id in enumerate(recorded.rows)}
    for file, former in moved:
        last = max(times[row.id] for row in former)
        highest = max(former, key=_key)
        for other, row, _former in applied:
            if file.key < other.key and times[row.id] < last and _key(row) < _key(highest):
                yield _order_problem(file, highest, other)
                break


def _key(row: HistoryRow) -> tuple[int, str]:
    return row.number, row.id


def _edited_problem(file: MigrationFile, former: str) -> Problem:
    return Problem(
        "renamed-edited",
        f"{file.id} was {former} before, which is applied with another text: it was renamed and "
        "edited in one step",
        f"Restore the text of {former}, keep the new name and -- guard: formerly = {former}, and "
        "put the change into a new migration.",
        path=file.path,
    )


def _order_problem(file: MigrationFile, row: HistoryRow, other: MigrationFile) -> Problem:
    return Problem(
        "renamed-order",
        f"{file.id} was {row.id} before, and moves past {other.id}, which was applied before it: "
        "a new database would run them in another order",
        f"Give the file a number above {other.number}, or its old name.",
        path=file.path,
    )


def _partly_applied_problem(file: MigrationFile, lacking: Sequence[str]) -> Problem:
    total = len(file.directives.replaces)
    return Problem(
        "partly-applied",
        f"{file.id} replaces {total} migrations, of which this database lacks {len(lacking)}: "
        f"{list_ids(lacking)}",
        "Deploy the release before the squash first: its runsqlmigrations applies them. If this "
        f"database has what they make: manage.py repairsqlmigrations {file.id} --mark-applied "
        "--reason TEXT.",
        path=file.path,
    )
