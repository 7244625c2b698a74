"""Compare files, history and journal, and give every migration one state.

Pure. Whole sets are compared, never just the highest number: a pending migration below the highest
applied one is ``out_of_order``, not forgotten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final, NamedTuple

from migration_guard.planning import succession
from migration_guard.planning.digests import checksum, fingerprint, is_fingerprint
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow, JournalRow, RecordedHistory
from migration_guard.planning.names import list_ids
from migration_guard.problems import Problem, Severity

HALF_DONE: Final = "half-done"


class State(StrEnum):
    """The one state that a migration has in a plan."""

    APPLIED = "applied"
    PENDING = "pending"
    SKIPPED = "skipped"
    RUNNING = "running"
    FAILED = "failed"
    EDITED = "edited"
    MISSING = "missing"
    OUT_OF_ORDER = "out_of_order"


class Planned(NamedTuple):
    """One migration and its state.

    ``file`` is None if it is missing, ``row`` if the migration is not applied, and ``entry`` if the
    journal has none. ``row`` may be that of a former id, or the last one of what a squash replaces.
    ``former`` has the rows of former ids; ``blocked`` says that something of it is applied, or half
    done, and that it does not count as applied.
    """

    id: str
    number: int
    state: State
    file: MigrationFile | None = None
    row: HistoryRow | None = None
    entry: JournalRow | None = None
    former: tuple[HistoryRow, ...] = ()
    blocked: bool = False

    @property
    def key(self) -> tuple[int, str]:
        """The sort key of migrations."""
        return self.number, self.id


class Plan(NamedTuple):
    """All migrations in numeric order, and the problems that stand against a run."""

    migrations: tuple[Planned, ...]
    problems: tuple[Problem, ...]

    def to_run(self, *, out_of_order: bool = False, target: int | None = None) -> list[Planned]:
        """Return the migrations to apply, in order, up to and with the number ``target``."""
        states = {State.PENDING, State.RUNNING, State.FAILED}
        if out_of_order:
            states.add(State.OUT_OF_ORDER)
        return [
            planned
            for planned in self.migrations
            if planned.state in states
            and not planned.blocked
            and (target is None or planned.number <= target)
        ]


def make_plan(
    files: Sequence[MigrationFile], recorded: RecordedHistory, environment: str, vendor: str
) -> Plan:
    """Return the plan for ``files`` (in order) on a database with this history and journal."""
    past = succession.read_past(files)
    highest = max(map(past.number_of, recorded.rows.values()), default=-1)
    newest = files[-1].number if files else -1
    planned: list[Planned] = []
    problems: list[Problem] = []
    for file in files:
        migration, file_problems = _plan_file(file, recorded, environment, vendor, highest)
        planned.append(migration)
        problems += file_problems
    missing = [row for row in recorded.rows.values() if row.id not in past.owners]
    if missing:
        candidates = _candidates(planned, vendor)
        for row in missing:
            planned.append(Planned(row.id, row.number, State.MISSING, row=row))
            problem = _missing_problem(row, ahead=row.number > newest)
            problems.append(_with_new_names(problem, row, candidates))
    for entry in recorded.journal.values():
        owner = past.owners.get(entry.id)
        if (owner is None or owner.id != entry.id) and entry.id not in recorded.rows:
            planned.append(Planned(entry.id, entry.number, State.MISSING, entry=entry))
            problems.append(_missing_half_done_problem(entry, owner))
    planned.sort(key=lambda migration: migration.key)
    problems += succession.order_problems(
        [(m.file, m.row, m.former) for m in planned if m.file and m.row], recorded
    )
    return Plan(tuple(planned), tuple(problems))


def is_allowed(file: MigrationFile, environment: str, stamp: str | None) -> bool:
    """Return True if both the setting and the database's own stamp let the file run."""
    return file.directives.runs_in(environment) and file.directives.runs_in(stamp or environment)


def _candidates(planned: Sequence[Planned], vendor: str) -> dict[str, list[str]]:
    """Return the ids of what is not applied by fingerprint."""
    candidates: dict[str, list[str]] = {}
    for migration in planned:
        if migration.file is not None and migration.row is None and not migration.blocked:
            digest = fingerprint(migration.file.text, vendor)
            candidates.setdefault(digest, []).append(migration.id)
    return candidates


def _with_new_names(
    problem: Problem, row: HistoryRow, candidates: Mapping[str, Sequence[str]]
) -> Problem:
    """Return the problem of a missing file with what may be that file under another name.

    It is a hint alone, since two files may hold the same SQL.
    """
    names = candidates.get(row.fingerprint or "", ())
    if not names:
        return problem
    which = names[0] if len(names) == 1 else f"one of {list_ids(names)}"
    hint = (
        f"{problem.hint} If {which} is {row.id} under a new name (they hold the same SQL), write "
        f"into it: -- guard: formerly = {row.id}"
    )
    return replace(problem, hint=hint)


def _plan_file(
    file: MigrationFile, recorded: RecordedHistory, environment: str, vendor: str, highest: int
) -> tuple[Planned, list[Problem]]:
    row, entry = recorded.rows.get(file.id), recorded.journal.get(file.id)
    former = succession.find_former(file, recorded)
    if row is not None:
        applied_sql = recorded.sql.get(file.id)
        state, problems = _state_of_applied(file, row, applied_sql, vendor)
        return Planned(file.id, file.number, state, file, row, entry, former.rows), problems
    row = former.counting(
        lambda row: (
            row.checksum in (None, file.checksum)
            or _means_the_same(file, row, recorded.sql.get(row.id), vendor)
        )
    )
    if row is not None:
        state = State.APPLIED
        return Planned(file.id, file.number, state, file, row, entry, former.rows), []
    if former.has_begun:
        planned = Planned(
            file.id, file.number, State.PENDING, file, None, entry, former.rows, blocked=True
        )
        return planned, former.problems
    state, problems = _state_of_unapplied(file, entry, recorded, environment, highest)
    return Planned(file.id, file.number, state, file, None, entry), problems


def _state_of_applied(
    file: MigrationFile, row: HistoryRow, applied_sql: str | None, vendor: str
) -> tuple[State, list[Problem]]:
    if row.checksum in (None, file.checksum):
        return State.APPLIED, []
    if _means_the_same(file, row, applied_sql, vendor):
        return State.APPLIED, [_cosmetic_problem(file)]
    return State.EDITED, [_edited_problem(file)]


def _means_the_same(
    file: MigrationFile, row: HistoryRow, applied_sql: str | None, vendor: str
) -> bool:
    """Return True if only what a fingerprint leaves out was edited since the file was applied."""
    # Both by today's code, so that a new definition makes no edit of what was none. A database
    # that stored other characters in place of some (MariaDB without strict mode) is no evidence.
    if applied_sql is not None and checksum(applied_sql) == row.checksum:
        return fingerprint(applied_sql, vendor) == fingerprint(file.text, vendor)
    return row.fingerprint is not None and is_fingerprint(row.fingerprint, file.text, vendor)


def _state_of_unapplied(
    file: MigrationFile,
    entry: JournalRow | None,
    recorded: RecordedHistory,
    environment: str,
    highest: int,
) -> tuple[State, list[Problem]]:
    if not is_allowed(file, environment, recorded.environment):
        return State.SKIPPED, []
    if entry is not None:
        return (State.FAILED if entry.failed else State.RUNNING), [_half_done_problem(file, entry)]
    ids = (file.id, *file.former_ids)
    if file.number < highest and not any(name in recorded.cleared for name in ids):
        return State.OUT_OF_ORDER, [_out_of_order_problem(file, highest)]
    return State.PENDING, []


def _cosmetic_problem(file: MigrationFile) -> Problem:
    return Problem(
        "cosmetic-edit",
        f"{file.id} was edited after it was applied, in comments, white space, case or directives "
        "only",
        f"Restore it, or accept it: manage.py repairsqlmigrations {file.id} --accept-edit "
        "--reason TEXT.",
        Severity.WARNING,
        file.path,
    )


def _edited_problem(file: MigrationFile) -> Problem:
    return Problem(
        "edited",
        f"{file.id} was edited after it was applied: this database ran another text",
        "Restore the file and put the change into a new migration; if this database has the "
        f"change already: manage.py repairsqlmigrations {file.id} --accept-edit --reason TEXT.",
        path=file.path,
    )


def _half_done_problem(file: MigrationFile, entry: JournalRow) -> Problem:
    fate, remedy = "is running, or was interrupted", "Run it again"
    if entry.failed:
        fate = f"failed: {entry.error}"
        remedy = (
            f"Correct the statement that failed in {file.path.name}, leave the finished ones as "
            "they are, and run it again"
        )
    then = "it continues after the finished statements."
    if entry.doubt:
        then = f"it looks for the result of statement {entry.doubt}, and then continues or asks."
    elif not entry.done:
        # Nothing holds the file to what it was, be it one transaction or only begun.
        remedy = "Correct it and run it again" if entry.failed else "Run it again"
        then = "no statement of it is done, so it starts again."
    return Problem(
        HALF_DONE,
        f"{file.id} {fate} ({entry.done} of {entry.total} statements are done)",
        f"{remedy} (manage.py runsqlmigrations): {then}",
        Severity.WARNING,
        file.path,
    )


def _out_of_order_problem(file: MigrationFile, highest: int) -> Problem:
    return Problem(
        "out-of-order",
        f"{file.id} is not applied, but number {highest} is: it would run after a higher number",
        "Give the file a number above all others (manage.py makesqlmigration shows the next); "
        "if it is right to run it late: --allow-out-of-order.",
        path=file.path,
    )


def _missing_problem(row: HistoryRow, *, ahead: bool) -> Problem:
    if ahead:
        return Problem(
            "database-ahead",
            f"{row.id} is applied, and its number is above the newest file here",
            "An older release is running against a newer database: deploy the newer release. Or "
            "the file was deleted here: restore it from version control.",
            Severity.WARNING,
        )
    return Problem(
        "missing",
        f"{row.id} is applied, and its file is missing",
        "Restore the file from version control. If it was never meant to be there: "
        f"manage.py repairsqlmigrations {row.id} --forget --reason TEXT (not in production).",
    )


def _missing_half_done_problem(entry: JournalRow, owner: MigrationFile | None) -> Problem:
    now = f"; {owner.id} stands for it now" if owner is not None else ""
    then = f", and bring {owner.id} afterwards" if owner is not None else ""
    return Problem(
        "missing",
        f"{entry.id} {'failed' if entry.failed else 'is running, or was interrupted'} "
        f"({entry.done} of {entry.total} statements are done), and there is no such file{now}",
        f"Restore the file from version control and run again{then}.",
    )
