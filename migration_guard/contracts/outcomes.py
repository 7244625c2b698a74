"""What was found of one thing a contract says, and how that becomes an assertion."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from migration_guard.problems import Violation
from migration_guard.results import Assertion, Verdict


class Broken(NamedTuple):
    """It is not so; ``hint`` is the remedy."""

    rule: str
    expected: str
    actual: str
    hint: str = ""


class Untold(NamedTuple):
    """Nobody could find out, and why."""

    why: str


# None: it is so.
Finding: TypeAlias = Broken | Untold | None


class Said(NamedTuple):
    """One thing a contract says: what the assertion of it will be called, and who says it."""

    id: str
    table: str
    object: str
    source: str
    owner: str = ""
    reason: str = ""

    def found(self, finding: Finding) -> Assertion:
        """Return the assertion, now that its truth is known."""
        if finding is None:
            return Assertion(self.id, self.table, self.object, self.source, Verdict.KEPT)
        if isinstance(finding, Untold):
            return self._assertion(Verdict.UNKNOWN, unknown=finding.why)
        return self.broken(
            Violation(
                finding.rule,
                self.table,
                self.object,
                finding.expected,
                finding.actual,
                self.source,
                finding.hint,
                self.owner,
                self.reason,
            )
        )

    def broken(self, violation: Violation) -> Assertion:
        """Return the assertion as broken by what another one found (a column's absence, say)."""
        return self._assertion(Verdict.VIOLATED, violation)

    def _assertion(
        self, verdict: Verdict, violation: Violation | None = None, unknown: str = ""
    ) -> Assertion:
        return Assertion(self.id, self.table, self.object, self.source, verdict, violation, unknown)


def either(findings: Iterable[Finding], otherwise: Callable[[], Finding]) -> Finding:
    """Return kept if any is, else the first that is untold, else what ``otherwise`` says."""
    untold: Untold | None = None
    for finding in findings:
        if finding is None:
            return None
        if isinstance(finding, Untold):
            untold = untold or finding
    return untold or otherwise()


def with_hint(finding: Finding, hint: str) -> Finding:
    """Return the finding with a remedy, where it is broken and has none."""
    if isinstance(finding, Broken) and not finding.hint:
        return finding._replace(hint=hint)
    return finding
