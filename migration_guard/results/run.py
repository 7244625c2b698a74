"""What a run did, or would do."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from migration_guard.exceptions import GuardError
from migration_guard.planning.foreign_tables import names_beside, names_of
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.one_order import Step
from migration_guard.planning.plan import Plan, Planned
from migration_guard.problems import Problem, errors

EMPTY_PLAN: Final = Plan((), ())


class Stamped(NamedTuple):
    """The stamp that a run wrote; ``again`` beside a history whose stamp was missing."""

    environment: str
    again: bool


class Adoption(NamedTuple):
    """What a run records, or would record, of another tool's history.

    ``recorded`` has ids with the tool's times, None for a tool without. ``known`` are in the
    history already, and ``pending`` the tool has not applied. ``believed`` has ids with the reason
    why their rows prove nothing; of ``accepted`` another text ran.
    """

    tool: str
    table: str
    recorded: tuple[tuple[str, datetime | None], ...]
    known: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    believed: tuple[tuple[str, str], ...] = ()
    accepted: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids to record, in order of time."""
        return tuple(migration_id for migration_id, _time in self.recorded)

    @property
    def own_names(self) -> tuple[str, ...]:
        """The tool's tables and schemas, as drift knows them."""
        names = (self.table, *names_of(self.tool), *names_beside(self.table))
        return tuple(dict.fromkeys(names))


class TakenOver(NamedTuple):
    """The files that were written for those of another tool.

    ``notes`` say what was left out. ``not_built`` is why no throwaway database was built of them.
    """

    tool: str
    paths: tuple[Path, ...]
    down_parts: int = 0
    notes: tuple[str, ...] = ()
    not_built: GuardError | None = None


class Impact(NamedTuple):
    """What traced statements did to tables: for people, and as JSON has it.

    ``failing`` is the number of problems that are errors.
    """

    text: str
    fields: Mapping[str, Any]
    failing: int = 0


class Outcome(NamedTuple):
    """What a run did, or what it would do.

    ``applied`` holds the ids that this run applied or recorded, in order. ``rows`` is the history
    in order of time. ``stamp`` is the environment that the database counts as, None
    before its first run; ``stamped`` is the stamp that this run wrote. ``steps`` is what a run over
    both kinds of migrations carries out, None for a run of the SQL ones alone. ``adoptions`` has
    what --adopt records, one for each table. ``impact`` is None
    unless statements were traced.
    ``error`` ended the run early.
    """

    database: str
    vendor: str = ""
    environment: str = ""
    plan: Plan = EMPTY_PLAN
    applied: tuple[str, ...] = ()
    rows: tuple[HistoryRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    error: GuardError | None = None
    stamp: str | None = None
    stamped: Stamped | None = None
    steps: tuple[Step, ...] | None = None
    adoptions: tuple[Adoption, ...] = ()
    impact: Impact | None = None

    @property
    def to_run(self) -> list[Planned]:
        """The migrations that a run would still apply, without out-of-order ones."""
        return self.plan.to_run()

    @property
    def is_empty(self) -> bool:
        """True if there is neither a migration nor a history, and no problem."""
        contents = self.plan.migrations, self.rows, self.steps, self.adoptions
        return not any((*contents, self.problems, self.error))

    @property
    def returncode(self) -> int:
        """The exit code: 0 for success, 1 if a guard said no, 2 if it could not find out."""
        if self.error is not None:
            return self.error.returncode
        return 1 if errors(self.problems) else 0


class Readiness(NamedTuple):
    """Whether a database has what this image ships.

    ``missing`` holds ids of SQL migrations, and Django's as ``app.name``. ``reason`` says why
    that is not known, without a secret; then nothing was reached.
    """

    alias: str
    missing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_ready(self) -> bool:
        """True if nothing is missing."""
        return not self.missing and not self.reason
