"""What comes of comparing one requirement of a contract, and how that becomes an assertion."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from migration_guard.problems import Violation
from migration_guard.results import Assertion, Verdict
from migration_guard.schema.unseen import escape_unseen


class Violated(NamedTuple):
    """The database does not keep the requirement; ``hint`` is the remedy."""

    rule: str
    expected: str
    actual: str
    hint: str = ""


class Undecided(NamedTuple):
    """Nobody could find out whether the database keeps the requirement, and why."""

    why: str


# None: the database keeps the requirement.
Outcome: TypeAlias = Violated | Undecided | None


class Requirement(NamedTuple):
    """One thing that a contract requires: the id of its assertion, and who requires it."""

    id: str
    table: str
    object: str
    source: str
    owner: str = ""
    reason: str = ""

    def assertion(self, outcome: Outcome) -> Assertion:
        """Return the assertion with this outcome."""
        if outcome is None:
            return self._assertion(Verdict.KEPT)
        if isinstance(outcome, Undecided):
            return self._assertion(Verdict.UNKNOWN, unknown=outcome.why)
        expected, actual = escape_unseen(outcome.expected, outcome.actual)
        return self.violated_assertion(
            Violation(
                outcome.rule,
                self.table,
                self.object,
                expected,
                actual,
                self.source,
                outcome.hint,
                self.owner,
                self.reason,
            )
        )

    def violated_assertion(self, violation: Violation) -> Assertion:
        """Return the assertion with a violation of another requirement, such as a lost column."""
        return self._assertion(Verdict.VIOLATED, violation)

    def _assertion(
        self, verdict: Verdict, violation: Violation | None = None, unknown: str = ""
    ) -> Assertion:
        place = self.id, self.table, self.object, self.source
        return Assertion(*place, verdict, violation, unknown, self.owner)


def best_of(outcomes: Iterable[Outcome], otherwise: Callable[[], Outcome]) -> Outcome:
    """Return kept if any outcome is, else the first undecided one, else ``otherwise()``."""
    undecided: Undecided | None = None
    for outcome in outcomes:
        if outcome is None:
            return None
        if isinstance(outcome, Undecided):
            undecided = undecided or outcome
    return undecided or otherwise()


def worst_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the first violated outcome, else the first undecided one, else kept."""
    undecided: Undecided | None = None
    for outcome in outcomes:
        if isinstance(outcome, Violated):
            return outcome
        undecided = undecided or outcome
    return undecided


def with_hint(outcome: Outcome, hint: str) -> Outcome:
    """Return the outcome with a remedy, where it is violated and has none."""
    if isinstance(outcome, Violated) and not outcome.hint:
        return outcome._replace(hint=hint)
    return outcome
