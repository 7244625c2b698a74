"""The status of a database: its plan, its problems, and the command to type next.

It writes nothing, takes no lock and raises nothing: an error is part of the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from migration_guard import conf
from migration_guard.admin import badges, commands, databases, highlighting
from migration_guard.admin.problems import UrlOf, count_severities
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.models import AppliedMigration, AuditEntry, EnvironmentStamp
from migration_guard.planning.plan import Planned, State
from migration_guard.problems import Severity
from migration_guard.reports.command_lines import RUN, for_database
from migration_guard.results import Outcome

# How many applied migrations the plan lists (unless all are requested).
MAX_APPLIED: Final = 200
# How many migrations of a state the summary names, and how many changes by hand.
MAX_NAMED: Final = 3
MAX_ACTS: Final = 5
# With more migrations, the list of the history does not begin with the status.
MAX_CHEAP: Final = 2000


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and its purpose."""

    purpose: str
    line: str


@dataclass(frozen=True, slots=True)
class Count:
    """The number of migrations in a state; ``named`` are the id and the URL of the first."""

    badge: SafeString
    count: int
    named: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the plan."""

    planned: Planned
    badge: SafeString
    note: str
    url: str
    at: str


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
        hint = self.outcome.error.hint if self.outcome.error else ""
        return highlighting.prose(hint, self.outcome.database)

    @property
    def command(self) -> str:
        """The command that the error names, if it names one."""
        hint = self.outcome.error.hint if self.outcome.error else ""
        return commands.find_next(hint, self.outcome.database)

    @property
    def tone(self) -> str:
        """The CSS class of the headline: red where somebody must act."""
        is_bad = self.outcome.error or self.errors
        return "bad" if is_bad else "warn" if self.warnings or self.outcome.to_run else "good"

    @property
    def headline(self) -> str:
        """One sentence: what stands against the next deploy."""
        to_run = len(self.outcome.to_run)
        if self.outcome.error is not None and not isinstance(self.outcome.error, Refused):
            return _("It is not known whether a deploy would work.")
        if self.errors:
            text = ngettext(
                "Deploys are blocked: %(count)d error",
                "Deploys are blocked: %(count)d errors",
                self.errors,
            )
            return text % {"count": self.errors}
        if to_run:
            text = ngettext(
                "%(count)d migration is to be applied.",
                "%(count)d migrations are to be applied.",
                to_run,
            )
            return text % {"count": to_run}
        if self.warnings:
            return _("Nothing is pending.")
        return _("Nothing is wrong, and nothing is pending.")


def glance(alias: str, url_of: UrlOf) -> Glance:
    """Return the summary of a database."""
    outcome = look(alias)
    severities = count_severities(outcome)
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


def rows(outcome: Outcome, url_of: UrlOf) -> list[Row]:
    """Return what is not applied, or is not as it was: the most urgent first."""
    order = list(badges.STATES)
    plan = [planned for planned in outcome.plan.migrations if planned.state is not State.APPLIED]
    plan.sort(key=lambda planned: order.index(planned.state))
    return [_row(planned, url_of) for planned in plan]


def applied_rows(outcome: Outcome, url_of: UrlOf, *, with_all: bool) -> list[Row]:
    """Return the applied migrations in numeric order; without ``with_all``, the newest ones."""
    plan = [planned for planned in outcome.plan.migrations if planned.state is State.APPLIED]
    return [_row(planned, url_of) for planned in (plan if with_all else plan[-MAX_APPLIED:])]


def _row(planned: Planned, url_of: UrlOf) -> Row:
    at = badges.moment(planned.row.applied_at) if planned.row is not None else ""
    return Row(planned, badges.state(planned.state), _note(planned), url_of(planned), at)


def command_lines(outcome: Outcome) -> list[Command]:
    """Return the commands to type next, the most urgent first."""
    alias = outcome.database
    lines = []
    if outcome.error is None and outcome.to_run and not count_severities(outcome)[Severity.ERROR]:
        lines.append(Command(_("Apply what is pending"), RUN))
    lines += [
        Command(_("Show this plan in a terminal"), f"{RUN} --plan"),
        Command(_("Check the schema contract"), "manage.py checkschema"),
        Command(_("Check the files, without a database"), "manage.py checksqlmigrations"),
    ]
    return [Command(command.purpose, for_database(command.line, alias)) for command in lines]


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
        return badges.source(planned.row.how)
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
