"""What a check found."""

from typing import NamedTuple

from migration_guard.exceptions import GuardError
from migration_guard.planning.plan import Plan
from migration_guard.problems import Violation
from migration_guard.results.builds import FreshDatabase, Replay, Upgrade
from migration_guard.results.examination import Assertion, Examination, Verdict
from migration_guard.results.matrix import Matrix
from migration_guard.results.run import Impact


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
