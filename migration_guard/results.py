"""What the commands found or did, as values for every report."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from migration_guard.exceptions import GuardError
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.problems import Problem, Severity, Violation, errors

EMPTY_PLAN = Plan((), ())


class Outcome(NamedTuple):
    """What a run did, or what it would do.

    ``applied`` are the ids that this run applied or recorded, in order; ``rows`` the history, in
    the order of time; ``stamp`` the environment that the database is stamped with, if it is;
    ``error`` what ended the run early.
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

    @property
    def to_run(self) -> list[Planned]:
        """What a run would still apply, out-of-order migrations aside."""
        return self.plan.to_run()

    @property
    def returncode(self) -> int:
        """The exit code: 0 fine, 1 a guard said no, 2 it could not find out."""
        if self.error is not None:
            return self.error.returncode
        return 1 if errors(self.problems) else 0


class Action(StrEnum):
    """What a repair does; the value is the command's option, and what the audit says."""

    ACCEPT_EDIT = "accept-edit"
    MARK_APPLIED = "mark-applied"
    FORGET = "forget"
    STAMP = "stamp"


class Change(NamedTuple):
    """One migration before and after; ``after`` None: neither file nor history knows it now."""

    id: str
    before: State
    after: State | None


class Repaired(NamedTuple):
    """What a repair did; with an ``error``, nothing.

    ``environment`` is the database's stamp as it is now (the setting, where it has none), ``was``
    the stamp before.
    """

    database: str
    action: Action
    vendor: str = ""
    environment: str = ""
    was: str | None = None
    changes: tuple[Change, ...] = ()
    error: GuardError | None = None


class Verdict(StrEnum):
    """What became of one assertion; an unknown one never passes silently."""

    KEPT = "kept"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


class Assertion(NamedTuple):
    """One thing that a contract says of a database, and whether it is so.

    ``id`` is readable and stable (``user_profiles::relationship_type::exists``); ``violation`` is
    set if and only if it is violated, ``unknown`` says why it could not be told. A tuple, because a
    check of thousands of tables makes hundreds of thousands of them.
    """

    id: str
    table: str
    object: str
    source: str
    verdict: Verdict
    violation: Violation | None = None
    unknown: str = ""


@dataclass(frozen=True)
class Examination:
    """All assertions of a contract against one database, in the order of the contract.

    ``seconds`` is the time that reading and comparing took.
    """

    database: str
    vendor: str
    assertions: tuple[Assertion, ...]
    seconds: float = 0.0

    @cached_property
    def violations(self) -> tuple[Violation, ...]:
        """The violations, each once, in order: what hangs on a missing thing repeats its own."""
        found = (one.violation for one in self.assertions if one.violation is not None)
        return tuple(dict.fromkeys(found))

    @cached_property
    def unknown(self) -> tuple[Assertion, ...]:
        """The assertions that could not be told."""
        return tuple(one for one in self.assertions if one.verdict is Verdict.UNKNOWN)


class Chapter(NamedTuple):
    """What one migration did to the schema: the things that it made, changed and removed."""

    migration: str
    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Built(NamedTuple):
    """A throwaway database as it was built from the files, or as far as that came.

    ``django`` are Django's migrations as ``app.name``, ``rows`` the history of the SQL ones, both
    in the order in which they ran. ``timeline`` is None where nobody watched. ``template`` is the
    database that it was copied from, "" if it was built for this run. ``seconds`` is what all of it
    took.
    """

    environment: str
    django: tuple[str, ...] = ()
    rows: tuple[HistoryRow, ...] = ()
    timeline: tuple[Chapter, ...] | None = None
    problems: tuple[Problem, ...] = ()
    template: str = ""
    seconds: float = 0.0


class Checked(NamedTuple):
    """What ``checkschema`` found out.

    ``migrations`` is the plan that the hints rest on, None where there is none; ``error`` is why
    nothing was examined. Unknown assertions count as kept only where ``allow_unknown`` says so.
    ``built`` is the fresh database that was checked (or ``drift``: compared with), if one was.
    """

    database: str
    vendor: str = ""
    examination: Examination | None = None
    migrations: Plan | None = None
    allow_unknown: bool = False
    error: GuardError | None = None
    built: Built | None = None
    drift: bool = False

    @property
    def assertions(self) -> tuple[Assertion, ...]:
        """All assertions, in the order of the contract."""
        return self.examination.assertions if self.examination is not None else ()

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The violations, each once, in order."""
        return self.examination.violations if self.examination is not None else ()

    @property
    def unknown(self) -> tuple[Assertion, ...]:
        """The assertions that could not be told."""
        return self.examination.unknown if self.examination is not None else ()

    @property
    def subject(self) -> str:
        """What was examined, as a reader knows it."""
        if self.built is None:
            return self.database
        return f"{self.database}, and a fresh one" if self.drift else f"a fresh {self.database}"

    @property
    def returncode(self) -> int:
        """The exit code: 0 kept, 1 violated, 2 it could not find out."""
        if self.error is not None:
            return self.error.returncode
        if self.violations:
            return 1
        return 2 if self.examination is None or (self.unknown and not self.allow_unknown) else 0


class NotRun(NamedTuple):
    """Rules that could not run, why, and how to get them."""

    rules: tuple[str, ...]
    why: str
    remedy: str = ""


class Inspected(NamedTuple):
    """What the static guard found in the files of one database.

    ``files`` is their number; ``strict`` lets warnings fail; ``meanings`` has a sentence for each
    rule; ``error`` is why nothing was read.
    """

    database: str
    vendor: str = ""
    files: int = 0
    problems: tuple[Problem, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    strict: bool = False
    meanings: Mapping[str, str] = MappingProxyType({})
    error: GuardError | None = None

    @property
    def failing(self) -> list[Problem]:
        """The problems that make the guard say no."""
        severities = {Severity.ERROR, Severity.WARNING} if self.strict else {Severity.ERROR}
        return [problem for problem in self.problems if problem.severity in severities]

    @property
    def returncode(self) -> int:
        """The exit code: 0 fine, 1 the guard says no, 2 it could not find out."""
        if self.error is not None:
            return self.error.returncode
        return 1 if self.failing else 0
