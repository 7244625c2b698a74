"""The status of each database: its plan, what stands against it, and what to type next.

Looking writes nothing, takes no lock, and never raises: what went wrong is part of the answer.
"""

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from migration_guard.admin import badges, databases, highlighting
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.models import AppliedMigration, AuditEntry, EnvironmentStamp
from migration_guard.planning.plan import Planned, State
from migration_guard.problems import Problem, Severity, errors
from migration_guard.results import Outcome
from migration_guard.sql.masking import mask_secrets

# How many applied migrations the plan shows in full, and how many problems, unless asked for all.
APPLIED_SHOWN = 200
PROBLEMS_SHOWN = 200
# How many migrations of one state are named at a glance, and how many acts are told.
NAMED = 3
ACTS_SHOWN = 5
# Up to so many migrations the list, too, begins with the status.
CHEAP = 2000
# The address of a migration's page, empty where it has none.
Where = Callable[[Planned], str]


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and what it is good for."""

    purpose: str
    line: str


@dataclass(frozen=True, slots=True)
class Found:
    """A problem as the page shows it."""

    badge: SafeString
    problem: Problem
    message: str
    hint: SafeString
    detail: SafeString


@dataclass(frozen=True, slots=True)
class Count:
    """A state and how many migrations are in it; ``named`` (id, URL) are the first of them."""

    badge: SafeString
    count: int
    named: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the plan; ``hidden`` of them stand for applied migrations not shown."""

    planned: Planned | None = None
    badge: str = ""
    note: str = ""
    url: str = ""
    at: str = ""
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Glance:
    """A database in a few words."""

    outcome: Outcome
    stamp: EnvironmentStamp | None
    counts: Sequence[Count]
    errors: int
    warnings: int

    @property
    def hint(self) -> SafeString:
        """What to do about the error."""
        return highlighting.prose(self.outcome.error.hint if self.outcome.error else "")

    @property
    def bad(self) -> bool:
        """Whether somebody must do something."""
        failed = any(one.state is State.FAILED for one in self.outcome.plan.migrations)
        return bool(self.outcome.error or self.errors or failed)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong, and nothing to do."""
        clean = not (self.outcome.error or self.errors or self.warnings)
        return clean and not self.outcome.to_run


def glance(alias: str, where: Where) -> Glance:
    """Look at a database."""
    outcome = look(alias)
    severities = Counter(problem.severity for problem in outcome.problems)
    return Glance(
        outcome,
        _stamp(alias) if outcome.error is None else None,
        _counts(outcome.plan.migrations, where),
        severities[Severity.ERROR],
        severities[Severity.WARNING],
    )


def acts(alias: str) -> list[AuditEntry]:
    """Return the newest acts by hand, without their details; none where they cannot be read."""
    try:
        with databases.reading(alias):
            return list(AuditEntry.objects.using(alias).defer("details")[:ACTS_SHOWN])
    except GuardError:
        return []


def look(alias: str) -> Outcome:
    """Return the plan; whatever goes wrong is its ``error``."""
    from migration_guard.running import executor

    try:
        return executor.look(alias)
    except (TypeError, ValueError, OSError) as error:
        found = CannotTell(
            _("The setting MIGRATION_GUARD cannot be read: %(reason)s") % {"reason": error},
            _("manage.py check says what is wrong with it."),
        )
        return Outcome(alias, error=found)


def cheap(alias: str) -> bool:
    """Tell whether the status costs little enough to stand above the list."""
    from migration_guard import conf
    from migration_guard.planning.names import scan

    try:
        with databases.reading(alias):
            if AppliedMigration.objects.using(alias).order_by().values("id")[CHEAP : CHEAP + 1]:
                return False
        names, _problems = scan(conf.load().folders(alias))
        return len(names) <= CHEAP
    except (GuardError, TypeError, ValueError, OSError):
        return True


def problems(outcome: Outcome) -> list[Found]:
    """Return the problems, errors first."""
    order = list(badges.SEVERITIES)
    found = sorted(outcome.problems, key=lambda problem: order.index(problem.severity))
    return [
        Found(
            badges.SEVERITIES[one.severity].html,
            one,
            # It may quote an error, which quotes a statement.
            mask_secrets(one.message, outcome.vendor) if outcome.vendor else one.message,
            highlighting.prose(one.hint),
            highlighting.diff(one.detail),
        )
        for one in islice(found, PROBLEMS_SHOWN)
    ]


def rows(outcome: Outcome, where: Where, *, whole: bool) -> list[Row]:
    """Return the plan in numeric order; without ``whole``, only the newest applied ones."""
    plan = outcome.plan.migrations
    applied = sum(one.state is State.APPLIED for one in plan)
    hide = 0 if whole else max(0, applied - APPLIED_SHOWN)
    found: list[Row] = []
    for planned in plan:
        if planned.state is State.APPLIED and hide:
            hide -= 1
            if found and found[-1].hidden:
                found[-1] = Row(hidden=found[-1].hidden + 1)
            else:
                found.append(Row(hidden=1))
            continue
        row = planned.row
        at = badges.moment(row.applied_at) if row is not None else ""
        badge = badges.STATES[planned.state].html
        found.append(Row(planned, badge, _note(planned), where(planned), at))
    return found


def commands(outcome: Outcome, alias: str) -> list[Command]:
    """Return what to type next: what suits the state first."""
    database = databases.option(alias) if shlex.quote(alias) == alias else ""
    found = []
    if outcome.error is None and outcome.to_run and not errors(outcome.problems):
        found.append(Command(_("Apply what is pending"), f"manage.py runsqlmigrations{database}"))
    found += [
        Command(_("Show this plan in a terminal"), f"manage.py runsqlmigrations --plan{database}"),
        Command(_("Check the schema contract"), f"manage.py checkschema{database}"),
        Command(_("Check the files, without a database"), "manage.py checksqlmigrations"),
    ]
    return found


def _counts(plan: Sequence[Planned], where: Where) -> list[Count]:
    """Return each state that occurs; what is not as it should be is named."""
    found: dict[str, list[Planned]] = {}
    for planned in plan:
        found.setdefault(planned.state, []).append(planned)
    counts = []
    for state, badge in badges.STATES.items():
        ours = found.get(state, [])
        named = [] if state in (State.APPLIED, State.SKIPPED) else ours[:NAMED]
        more = len(ours) - len(named) if named else 0
        if ours:
            links = tuple((one.id, where(one)) for one in named)
            counts.append(Count(badge.html, len(ours), links, more))
    return counts


def _note(planned: Planned) -> str:
    if planned.entry is not None:
        return _("%(done)d of %(total)d statements are done") % {
            "done": planned.entry.done,
            "total": planned.entry.total,
        }
    if planned.state is State.SKIPPED and planned.file is not None:
        environments = planned.file.directives.environments
        return _("only for %(environments)s") % {
            "environments": ", ".join(sorted(environments or ()))
        }
    if planned.row is not None and planned.row.how != AppliedMigration.How.RUN:
        return str(AppliedMigration.How(planned.row.how).label)
    return ""


def _stamp(alias: str) -> EnvironmentStamp | None:
    try:
        with databases.reading(alias):
            found: EnvironmentStamp | None = EnvironmentStamp.objects.using(alias).first()
            return found
    except GuardError:
        return None
