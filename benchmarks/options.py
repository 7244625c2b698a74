"""What the command line asks for."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Rounds and sizes; without sizes each benchmark takes its own."""

    rounds: int = 5
    sizes: tuple[int, ...] = ()

    def sizes_or(self, usual: Sequence[int]) -> Sequence[int]:
        """Return the sizes that were asked for, else the usual ones."""
        return self.sizes or usual
