"""SQLite: a statement of Django's with its parameters in it, which the driver sends apart."""

import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

# As Django's own cursor finds them, so that strftime('%Y') stays as it is.
_PLACE: Final = re.compile(r"(?<!%)%s")


def bind(_wrapper: BaseDatabaseWrapper, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return the statement with literals of the same values. Raises ValueError for a NUL byte."""
    if isinstance(params, Mapping):
        return sql % {name: _quote(value) for name, value in params.items()}
    parts = [part.replace("%%", "%") for part in _PLACE.split(sql)]
    if len(parts) != len(params) + 1:
        raise ValueError(f"it has {len(parts) - 1} places for {len(params)} parameters")
    literals = [*(_quote(value) for value in params), ""]
    return "".join(part + literal for part, literal in zip(parts, literals, strict=True))


# The bits of a number's mantissa, and of a factor that is read without a loss.
_BITS: Final = 53
_STEP: Final = 52


def _quote(value: Any) -> str:
    """Return a value as SQLite writes it, after the driver's adapters."""
    if isinstance(value, str) and "\0" in value:
        raise ValueError("a parameter has a NUL byte, which no SQL text can hold")
    with closing(sqlite3.connect(":memory:")) as connection:  # ours would make the database's file
        if isinstance(value, float) and not math.isnan(value):
            return write_float(value, connection)
        literal: str = connection.execute("SELECT quote(?)", [value]).fetchone()[0]
    return literal


def write_float(value: float, reader: sqlite3.Connection) -> str:
    """Return a number as ``reader`` reads it without a loss; quote() may write a word for Inf."""
    if math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    literal = repr(value)
    (read,) = reader.execute(f"SELECT {literal}").fetchone()
    return literal if read == value else compute(value)


def compute(value: float) -> str:
    """Return a number as SQL computes it from whole ones, without a loss.

    SQLite may read a number of more than 15 digits as its neighbour, in any spelling. Source:
    sqlite.org, "Floating Point Numbers".
    """
    mantissa, exponent = math.frexp(value)
    sign = "*" if exponent > _BITS else "/"
    steps, rest = divmod(abs(exponent - _BITS), _STEP)
    factors = "".join(f" {sign} {1 << step}.0" for step in (*[_STEP] * steps, rest))
    return f"({int(mantissa * (1 << _BITS))}.0{factors})"
