"""The status of a database: its plan, its problems, and the command to type next.

It writes nothing, takes no lock and raises nothing: an error is part of the result.
"""

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from migration_guard import conf
from migration_guard.admin import badges, databases, highlighting
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.models import AppliedMigration, AuditEntry, EnvironmentStamp
from migration_guard.planning.plan import Planned, State
from migration_guard.problems import Problem, Severity, errors
from migration_guard.reports.escaping import escape_characters
from migration_guard.results import Outcome
from migration_guard.sql.masking import mask_secrets

# How many applied migrations the plan lists (unless all are requested), and how many problems.
MAX_APPLIED: Final = 200
MAX_PROBLEMS: Final = 200
# How many migrations of a state the summary names, and how many changes by hand.
MAX_NAMED: Final = 3
MAX_ACTS: Final = 5
# With more migrations, the list of the history does not begin with the status.
MAX_CHEAP: Final = 2000
# Gives the URL of a migration's page; empty where it has none.
UrlOf: TypeAlias = Callable[[Planned], str]


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and its purpose."""

    purpose: str
    line: str


@dataclass(frozen=True, slots=True)
class ProblemText:
    """A problem, with its texts as HTML."""

    badge: SafeString
    problem: Problem
    message: str
    hint: SafeString
    detail: SafeString


@dataclass(frozen=True, slots=True)
class Count:
    """The number of migrations in a state; ``named`` are the id and the URL of the first."""

    badge: SafeString
    count: int
    named: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the plan, or a line that stands for ``hidden`` applied migrations."""

    planned: Planned | None = None
    badge: str = ""
    note: str = ""
    url: str = ""
    at: str = ""
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Glance:
    """A summary of a database."""

    outcome: Outcome
    stamp: EnvironmentStamp | None
    counts: Sequence[Count]
    errors: int
    warnings: int

    @property
    def hint(self) -> SafeString:
        """The hint of the error, as HTML."""
        return highlighting.prose(self.outcome.error.hint if self.outcome.error else "")

    @property
    def bad(self) -> bool:
        """Whether somebody must act."""
        has_failed = any(planned.state is State.FAILED for planned in self.outcome.plan.migrations)
        return bool(self.outcome.error or self.errors or has_failed)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong and nothing is pending."""
        is_clean = not (self.outcome.error or self.errors or self.warnings)
        return is_clean and not self.outcome.to_run


def glance(alias: str, url_of: UrlOf) -> Glance:
    """Return the summary of a database."""
    outcome = look(alias)
    severities = Counter(problem.severity for problem in outcome.problems)
    return Glance(
        outcome,
        _read_stamp(alias) if outcome.error is None else None,
        _counts(outcome.plan.migrations, url_of),
        severities[Severity.ERROR],
        severities[Severity.WARNING],
    )


def acts(alias: str) -> list[AuditEntry]:
    """Return the newest changes by hand, without details; none where they cannot be read."""
    try:
        with databases.reading(alias):
            return list(AuditEntry.objects.using(alias).defer("details")[:MAX_ACTS])
    except GuardError:
        return []


def look(alias: str) -> Outcome:
    """Return the plan; its ``error`` says what went wrong."""
    from migration_guard.running import executor

    try:
        return executor.look(alias)
    except (TypeError, ValueError, OSError) as error:
        problem = CannotTell(
            _("The setting MIGRATION_GUARD cannot be read: %(reason)s") % {"reason": error},
            _("manage.py check says what is wrong with it."),
        )
        return Outcome(alias, error=problem)


def is_cheap(alias: str) -> bool:
    """Tell whether the status costs little enough to be shown above the list."""
    from migration_guard import conf
    from migration_guard.planning.names import scan

    try:
        with databases.reading(alias):
            if (
                AppliedMigration.objects.using(alias)
                .order_by()
                .values("id")[MAX_CHEAP : MAX_CHEAP + 1]
            ):
                return False
        names, _problems = scan(conf.load().folders(alias))
        return len(names) <= MAX_CHEAP
    except (GuardError, TypeError, ValueError, OSError):
        return True


def problems(outcome: Outcome) -> list[ProblemText]:
    """Return the problems, errors first."""
    order = list(badges.SEVERITIES)
    in_order = sorted(outcome.problems, key=lambda problem: order.index(problem.severity))
    return [
        ProblemText(
            badges.SEVERITIES[problem.severity].html,
            problem,
            _message(problem, outcome.vendor),
            highlighting.prose(problem.hint),
            highlighting.diff(problem.detail),
        )
        for problem in islice(in_order, MAX_PROBLEMS)
    ]


def _message(problem: Problem, vendor: str) -> str:
    """Return the message without secrets: it may quote an error, which quotes a statement."""
    message = mask_secrets(problem.message, vendor) if vendor else problem.message
    return escape_characters(message)


def rows(outcome: Outcome, url_of: UrlOf, *, with_all: bool) -> list[Row]:
    """Return the plan in numeric order; without ``with_all``, only the newest applied ones."""
    plan = outcome.plan.migrations
    applied = sum(planned.state is State.APPLIED for planned in plan)
    to_hide = 0 if with_all else max(0, applied - MAX_APPLIED)
    lines: list[Row] = []
    for planned in plan:
        if planned.state is State.APPLIED and to_hide:
            to_hide -= 1
            if lines and lines[-1].hidden:
                lines[-1] = Row(hidden=lines[-1].hidden + 1)
            else:
                lines.append(Row(hidden=1))
            continue
        row = planned.row
        at = badges.moment(row.applied_at) if row is not None else ""
        badge = badges.STATES[planned.state].html
        lines.append(Row(planned, badge, _note(planned), url_of(planned), at))
    return lines


def commands(outcome: Outcome, alias: str) -> list[Command]:
    """Return the commands to type next, the most urgent first."""
    database = conf.database_option(alias) if shlex.quote(alias) == alias else ""
    lines = []
    if outcome.error is None and outcome.to_run and not errors(outcome.problems):
        lines.append(Command(_("Apply what is pending"), f"manage.py runsqlmigrations{database}"))
    lines += [
        Command(_("Show this plan in a terminal"), f"manage.py runsqlmigrations --plan{database}"),
        Command(_("Check the schema contract"), f"manage.py checkschema{database}"),
        Command(_("Check the files, without a database"), "manage.py checksqlmigrations"),
    ]
    return lines


def _counts(plan: Sequence[Planned], url_of: UrlOf) -> list[Count]:
    """Return the states that occur; migrations are named where someone may have to act."""
    by_state: dict[str, list[Planned]] = {}
    for planned in plan:
        by_state.setdefault(planned.state, []).append(planned)
    counts = []
    for state, badge in badges.STATES.items():
        migrations = by_state.get(state, [])
        named = [] if state in (State.APPLIED, State.SKIPPED) else migrations[:MAX_NAMED]
        more = len(migrations) - len(named) if named else 0
        if migrations:
            links = tuple((migration.id, url_of(migration)) for migration in named)
            counts.append(Count(badge.html, len(migrations), links, more))
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


def _read_stamp(alias: str) -> EnvironmentStamp | None:
    try:
        with databases.reading(alias):
            stamp: EnvironmentStamp | None = (
                EnvironmentStamp.objects.using(alias)
                .defer(
                    "schema_name"  # a column that version 0.1 does not have
                )
                .first()
            )
            return stamp
    except GuardError:
        return None
