"""The problems of a database as the status page lists them: the worst first, with remedies."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Final, TypeAlias

from django.utils.safestring import SafeString

from migration_guard.admin import badges, commands, highlighting
from migration_guard.exceptions import Refused
from migration_guard.planning.plan import HALF_DONE, Planned, State
from migration_guard.problems import Problem, Severity, errors
from migration_guard.reports.escaping import escape_characters
from migration_guard.results import Outcome
from migration_guard.sql.masking import mask_secrets

MAX_PROBLEMS: Final = 200
# Gives the URL of a migration's page; empty where it has none.
UrlOf: TypeAlias = Callable[[Planned], str]
_ORDER: Final = tuple(badges.STATES)


@dataclass(frozen=True, slots=True)
class ProblemText:
    """A problem with its texts as HTML, and the migration that has it.

    ``rule`` is its slug or, of a migration that failed or runs, the state; ``rule_url`` the page of
    the slug. ``command`` comes next; ``waits``: not before the other errors are mended.
    """

    badge: SafeString
    rule: str
    rule_url: str
    id: str
    url: str
    place: str
    message: str
    hint: SafeString
    command: str
    waits: bool
    detail: SafeString


def count_severities(outcome: Outcome) -> Counter[Severity]:
    """Return how many problems there are; a migration that failed is an error."""
    counts = Counter(severity for severity, _problem, _planned in _with_migrations(outcome))
    if isinstance(outcome.error, Refused) and not counts[Severity.ERROR]:
        counts[Severity.ERROR] = 1  # a refusal without a problem of its own
    return counts


def texts(outcome: Outcome, url_of: UrlOf, only: str = "") -> list[ProblemText]:
    """Return the problems, or ``only`` those of one migration, the most urgent first."""
    in_order = [
        item
        for item in sorted(_with_migrations(outcome), key=_urgency)
        if not only or (item[2] is not None and item[2].id == only)
    ]
    return [
        _text(outcome, severity, problem, planned, url_of)
        for severity, problem, planned in islice(in_order, MAX_PROBLEMS)
    ]


def _with_migrations(outcome: Outcome) -> Iterator[tuple[Severity, Problem, Planned | None]]:
    """Yield each problem with its severity to a person, and its migration."""
    migrations = outcome.plan.migrations
    by_path = {planned.file.path: planned for planned in migrations if planned.file is not None}
    by_id = {planned.id: planned for planned in migrations if planned.file is None}
    for problem in outcome.problems:
        if problem.path is not None:
            planned = by_path.get(problem.path)
        else:  # the message of a missing file begins with the id
            planned = by_id.get(problem.message.partition(" ")[0])
        failed = problem.rule == HALF_DONE and planned and planned.state is State.FAILED
        yield Severity.ERROR if failed else problem.severity, problem, planned


def _urgency(item: tuple[Severity, Problem, Planned | None]) -> tuple[int, int]:
    severity, _problem, planned = item
    place = len(_ORDER) if planned is None else _ORDER.index(planned.state)
    return tuple(Severity).index(severity), place


def _text(
    outcome: Outcome,
    severity: Severity,
    problem: Problem,
    planned: Planned | None,
    url_of: UrlOf,
) -> ProblemText:
    is_half_done = problem.rule == HALF_DONE and planned is not None
    command = commands.find_next(problem.hint, outcome.database)
    # Any other remedy begins with something to decide, and then the command is not the next step.
    has_box = is_half_done or problem.hint == command
    return ProblemText(
        badge=badges.SEVERITIES[severity].html,
        rule=str(badges.STATES[planned.state].label) if is_half_done and planned else problem.rule,
        rule_url="" if is_half_done else _page(problem.rule),
        id=planned.id if planned is not None else "",
        url=url_of(planned) if planned is not None else "",
        place=problem.place,
        message=_message(problem, outcome.vendor),
        hint=highlighting.prose(problem.hint, outcome.database),
        command=command if has_box else "",
        waits=has_box and any(other is not problem for other in errors(outcome.problems)),
        detail=highlighting.diff(problem.detail),
    )


@cache
def _page(rule: str) -> str:
    """Return the address of the rule's page in the documentation; empty where it has none."""
    from migration_guard.linter import registry

    return registry.pages()[rule].uri if rule in registry.rules() else ""


def _message(problem: Problem, vendor: str) -> str:
    """Return the message without secrets: it may quote an error, which quotes a statement."""
    message = mask_secrets(problem.message, vendor) if vendor else problem.message
    return escape_characters(message)
