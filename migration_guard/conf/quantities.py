"""Quantities as settings and directives write them: a number and its unit, as in 5s and 1GB."""

import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from migration_guard.conf.misspellings import nearest

_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(\w*)")


class Quantity(NamedTuple):
    """A kind of quantity: the factors of its units, where "" is a number alone, and an example.

    A number that is not 0 is at least ``least`` and at most ``most``.
    """

    name: str
    units: Mapping[str, float]
    example: str
    least: float = 0.0
    most: float = math.inf

    def parse(self, text: str) -> float | None:
        """Return the number in the smallest terms, None for other text. Units have no case."""
        match = _QUANTITY.fullmatch(text.strip())
        factors = {unit.lower(): factor for unit, factor in self.units.items()}
        if match is None or match[2].lower() not in factors:
            return None
        number = float(match[1]) * factors[match[2].lower()]
        if not math.isfinite(number):
            return None
        return min(max(number, self.least), self.most) if number else number

    def hint(self, text: str) -> str:
        """Return what ``text`` probably means, and the units."""
        units = [unit for unit in self.units if unit]
        match = _QUANTITY.search(text)
        meant = f'Write "{self.example}".'
        if match is not None:
            number, unit = match.groups()
            by_letter = (known for known in units if known[0].lower() == unit[:1].lower())
            near = nearest(unit, units) or next(by_letter, self.example.lstrip("0123456789"))
            meant = f'Did you mean "{number}{near}"?'
        return f"{meant} The units are {', '.join(units)}."


# PostgreSQL counts milliseconds in 32 bits, and takes 0 for no limit (lock_timeout).
TIME: Final = Quantity(
    "time",
    {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "": 1.0},
    "5s",
    least=0.001,
    most=2_147_483,
)
# PostgreSQL's units: 1 kB has 1,024 bytes.
SIZE: Final = Quantity(
    "size",
    {"": 1, "B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40},
    "1GB",
)


def seconds(text: str) -> float | None:
    """Return the seconds of ``5s``, ``500ms``, ``2min``, ``1h`` or a plain number, else None."""
    return TIME.parse(text)
