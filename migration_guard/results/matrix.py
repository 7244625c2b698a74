"""What a rolling deploy breaks."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from migration_guard.problems import Violation
from migration_guard.results.examination import Assertion, Verdict


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
