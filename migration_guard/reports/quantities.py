"""Counts of rows and sizes in bytes, as people write them."""

from typing import Final

_THOUSANDS: Final = ("", " k", " M", " G", " T", " P")
_NO_DECIMALS: Final = 10  # from here on
# PostgreSQL's units: 1 kB has 1,024 bytes.
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB", "PB")


def format_rows(rows: int | None) -> str:
    """Return ``412 M rows``; a count of None is not known.

    >>> format_rows(412_345_678), format_rows(1_000), format_rows(1), format_rows(None)
    ('412 M rows', '1 k rows', '1 row', 'rows unknown')
    """
    if rows is None:
        return "rows unknown"
    number, step = _scale(rows, 1000)
    return f"{number}{_THOUSANDS[step]} row{'' if rows == 1 else 's'}"


def format_bytes(size: int | None) -> str:
    """Return ``96 GB``; a size of None is not known.

    >>> format_bytes(96 << 30), format_bytes(1536), format_bytes(0), format_bytes(None)
    ('96 GB', '1.5 kB', '0 bytes', 'size unknown')
    """
    if size is None:
        return "size unknown"
    number, step = _scale(size, 1024)
    return f"{number} {_UNITS[step]}"


def _scale(number: int, base: int) -> tuple[str, int]:
    """Return the number in its largest unit, with one decimal below 10, and which unit it is.

    It is rounded down, so that no size passes for the next unit.
    """
    step = 0
    while step < len(_UNITS) - 1 and number >= base ** (step + 1):
        step += 1
    whole, tenths = divmod(number * 10 // base**step, 10)
    return f"{whole}.{tenths}" if tenths and whole < _NO_DECIMALS else str(whole), step
