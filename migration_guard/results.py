"""What the commands find or do, as values for every report."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from migration_guard.exceptions import GuardError
from migration_guard.planning.foreign_tables import names_beside, names_of
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.one_order import Step
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.problems import Problem, Severity, Violation, errors

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
        found = self.plan.migrations or self.rows or self.problems or self.error
        return not (found or self.steps or self.adoptions)

    @property
    def returncode(self) -> int:
        """The exit code: 0 for success, 1 if a guard said no, 2 if it could not find out."""
        if self.error is not None:
            return self.error.returncode
        return 1 if errors(self.problems) else 0


class Readiness(NamedTuple):
    """Whether a database has what this image ships.

    ``missing`` holds ids of SQL migrations, and Django's as ``app.name``. ``reason`` says why it
    cannot be told, without a secret; then nothing was reached.
    """

    alias: str
    missing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_ready(self) -> bool:
        """True if nothing is missing."""
        return not self.missing and not self.reason


class Action(StrEnum):
    """What a repair does. The value is the command's option and the action in the audit."""

    ACCEPT_EDIT = "accept-edit"
    MARK_APPLIED = "mark-applied"
    FORGET = "forget"
    STAMP = "stamp"


class Change(NamedTuple):
    """The state of a migration before and after a repair; None where nothing is left of it."""

    id: str
    before: State
    after: State | None


class Repaired(NamedTuple):
    """What a repair did; nothing if there is an ``error``.

    ``environment`` is the stamp that the database has now, or the setting where it has none.
    """

    database: str
    action: Action
    vendor: str = ""
    environment: str = ""
    previous_stamp: str | None = None
    changes: tuple[Change, ...] = ()
    error: GuardError | None = None


class Verdict(StrEnum):
    """The result of one assertion. An unknown one never passes silently."""

    KEPT = "kept"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


class Assertion(NamedTuple):
    """One statement of a contract about a database, and whether it holds.

    ``id`` is readable and stable (``user_profiles::relationship_type::exists``). ``violation`` is
    set if and only if the verdict is VIOLATED; ``unknown`` is the reason for UNKNOWN. ``owner`` is
    who relies on it; ``warning`` says what deserves a look, by the rule ``warning_rule``. One value
    may stand for all kept assertions of a table, where nobody lists them.
    """

    # A tuple, because a check of thousands of tables makes hundreds of thousands of them.

    id: str
    table: str
    object: str
    source: str
    verdict: Verdict
    violation: Violation | None = None
    unknown: str = ""
    owner: str = ""
    warning: str = ""
    warning_rule: str = "expires"
    stands_for: int = 1


@dataclass(frozen=True)
class Examination:
    """All assertions about one database, in the order of the contract.

    ``seconds`` is the time that reading and comparing took.
    """

    database: str
    vendor: str
    assertions: tuple[Assertion, ...]
    seconds: float = 0.0

    @cached_property
    def violations(self) -> tuple[Violation, ...]:
        """The violations, each once, in order."""
        # All assertions about parts of a missing object share the object's violation.
        violations = (assertion.violation for assertion in self.assertions)
        return tuple(dict.fromkeys(filter(None, violations)))

    @cached_property
    def unknown(self) -> tuple[Assertion, ...]:
        """The assertions that could not be checked."""
        return tuple(
            assertion for assertion in self.assertions if assertion.verdict is Verdict.UNKNOWN
        )


class Chapter(NamedTuple):
    """The database objects that one migration made, changed and removed."""

    migration: str
    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class FreshDatabase(NamedTuple):
    """A throwaway database that was built from the files, or built until an error.

    ``django`` holds Django's migrations as ``app.name``, ``rows`` the history of the SQL ones, both
    in the order in which they ran. ``timeline`` is None if it was not asked for. ``template`` is
    the database that was copied, "" if there is none. ``seconds`` is the time for all of it.
    """

    environment: str
    django: tuple[str, ...] = ()
    rows: tuple[HistoryRow, ...] = ()
    timeline: tuple[Chapter, ...] | None = None
    problems: tuple[Problem, ...] = ()
    template: str = ""
    seconds: float = 0.0


class RemovedApp(NamedTuple):
    """An app of an older release that is not installed any more, and the tables that it left."""

    app: str
    tables: tuple[str, ...]


class Upgrade(NamedTuple):
    """A throwaway database that a release migrated, and today's code upgraded, maybe in part.

    ``ref`` is what the release was called, ``planted`` the file that planted rows, "" without one.
    ``applied`` is what ran since, in order: ids, and Django's migrations as ``app.name``.
    """

    ref: str
    commit: str
    planted: str = ""
    applied: tuple[str, ...] = ()
    removed: tuple[RemovedApp, ...] = ()
    problems: tuple[Problem, ...] = ()


class Doubt(NamedTuple):
    """Why a migration leaves open what made a difference.

    ``files``: between replay and fresh database; ``live``: between replay and live database.
    """

    migration: str
    why: str
    files: bool = True
    live: bool = True


class Late(NamedTuple):
    """A migration recorded after those of higher numbers, and what the audit says of it."""

    migration: str
    after: tuple[str, ...]
    why: tuple[str, ...] = ()


class Replay(NamedTuple):
    """How a database was built again from the order and the SQL of a history.

    ``order`` names all migrations, Django's as ``app.name``.
    """

    order: tuple[str, ...] = ()
    late: tuple[Late, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    seconds: float = 0.0


class Cell(NamedTuple):
    """What a schema does to the statements of code that is not its own.

    ``code`` and ``schema`` name the sides, ``moment`` when a deploy has both together. Only a cell
    that ``is_lived`` through by the order of deploys fails the check. ``left_out`` is the number of
    recorded statements that nothing can check.
    """

    code: str
    schema: str
    moment: str
    is_lived: bool
    assertions: tuple[Assertion, ...]
    left_out: int = 0

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What is broken, in the order of the statements."""
        return tuple(filter(None, (assertion.violation for assertion in self.assertions)))

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """The number of statements of each verdict; a broken one is counted once."""
        verdicts = {assertion.id: Verdict.KEPT for assertion in self.assertions}
        verdicts |= {a.id: a.verdict for a in self.assertions if a.verdict is not Verdict.KEPT}
        return Counter(verdicts.values())


class Matrix(NamedTuple):
    """A rolling deploy from the release ``ref``, in the order ``deploy``: both cells.

    A release that was asked for by its commit is called by ten digits of it.
    """

    ref: str
    commit: str
    deploy: str
    cells: tuple[Cell, ...] = ()

    @property
    def lived(self) -> tuple[Cell, ...]:
        """The cells that fail the check."""
        return tuple(cell for cell in self.cells if cell.is_lived)

    @property
    def spared(self) -> tuple[Cell, ...]:
        """The cells that are shown and fail nothing."""
        return tuple(cell for cell in self.cells if not cell.is_lived)


class UsageScope(NamedTuple):
    """How many of the recorded ``statements`` a check ``asked`` about.

    ``left_out`` has the reasons for the others, with their numbers. ``untold`` is a sentence on
    what the vendor's server does not tell of any statement.
    """

    statements: int
    asked: int
    left_out: tuple[tuple[str, int], ...]
    untold: str


class Checked(NamedTuple):
    """The result of ``checkschema``.

    ``migrations`` is the plan that the hints use, or None. ``error`` is the reason why nothing was
    checked. Unknown assertions make the check fail unless ``allow_unknown``. ``fresh`` is the
    fresh database that was checked; with ``drift`` or ``upgrade``, the one that was compared with.
    ``replay`` is None unless a history was replayed, ``usage`` unless statements were checked,
    ``matrix`` unless a release was compared with; the assertions of its cell that fails the check
    are among those of the examination. ``impact`` is that of an outcome.
    """

    database: str
    vendor: str = ""
    examination: Examination | None = None
    migrations: Plan | None = None
    allow_unknown: bool = False
    error: GuardError | None = None
    fresh: FreshDatabase | None = None
    drift: bool = False
    upgrade: Upgrade | None = None
    replay: Replay | None = None
    impact: Impact | None = None
    matrix: Matrix | None = None
    usage: UsageScope | None = None

    @property
    def assertions(self) -> tuple[Assertion, ...]:
        """All assertions, in the order of the contract."""
        return self.examination.assertions if self.examination is not None else ()

    def count_assertions(self, *verdicts: Verdict) -> int:
        """Return how many assertions have one of these verdicts."""
        return sum(
            assertion.stands_for for assertion in self.assertions if assertion.verdict in verdicts
        )

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The violations, each once, in order."""
        return self.examination.violations if self.examination is not None else ()

    @property
    def unknown(self) -> tuple[Assertion, ...]:
        """The assertions that could not be checked."""
        return self.examination.unknown if self.examination is not None else ()

    @property
    def warnings(self) -> tuple[Assertion, ...]:
        """The assertions that are kept, and deserve a look."""
        return tuple(assertion for assertion in self.assertions if assertion.warning)

    @property
    def subject(self) -> str:
        """The name of the database in messages."""
        if self.upgrade is not None:
            return f"{self.database} upgraded from {self.upgrade.ref}, and a fresh one"
        if self.fresh is None:
            return self.database
        if self.drift or self.replay is not None:
            return f"{self.database}, and a fresh one"
        of_release = f", and one of {self.matrix.ref}" if self.matrix is not None else ""
        return f"a fresh {self.database}{of_release}"

    @property
    def returncode(self) -> int:
        """The exit code: 0 if all is kept, 1 if violated, 2 if it could not find out."""
        if self.error is not None:
            return self.error.returncode
        if self.violations or (self.impact is not None and self.impact.failing):
            return 1
        return 2 if self.examination is None or (self.unknown and not self.allow_unknown) else 0


class NotRun(NamedTuple):
    """Rules that could not run, the reason, and what makes them run."""

    rules: tuple[str, ...]
    why: str
    remedy: str = ""


class RulePage(NamedTuple):
    """The page of a rule: Markdown, and its address where it has one."""

    text: str
    uri: str = ""


class Edit(NamedTuple):
    """A replacement in one file; ``start`` and ``end`` count the characters of its text.

    A file that does not exist has no text. ``new_path`` is the name that the file gets, if any.
    """

    path: Path
    start: int
    end: int
    text: str
    new_path: Path | None = None


class Inspected(NamedTuple):
    """The problems that the static guard found in the files of one database.

    ``files`` is the number of files. ``strict`` makes warnings fail. ``meanings`` has a sentence
    for each rule, ``pages`` its page.
    ``fixes`` has the edits of each problem whose fix is certain. ``error`` is the reason why
    nothing was read.
    """

    database: str
    vendor: str = ""
    files: int = 0
    problems: tuple[Problem, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    strict: bool = False
    meanings: Mapping[str, str] = MappingProxyType({})
    pages: Mapping[str, RulePage] = MappingProxyType({})
    fixes: Mapping[Problem, tuple[Edit, ...]] = MappingProxyType({})
    error: GuardError | None = None

    @property
    def failing(self) -> list[Problem]:
        """The problems that make the guard say no."""
        severities = {Severity.ERROR, Severity.WARNING} if self.strict else {Severity.ERROR}
        return [problem for problem in self.problems if problem.severity in severities]

    @property
    def returncode(self) -> int:
        """The exit code: 0 for success, 1 if the guard says no, 2 if it could not find out."""
        if self.error is not None:
            return self.error.returncode
        return 1 if self.failing else 0
