"""How a foreign key's target is written in a contract: ``users(id)``, or ``users`` alone. Pure."""

import re
from collections.abc import Iterable
from typing import Final

# Quotes are for names that hold a bracket, a comma or a quote.
_NAME: Final = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<bare>[^(),"]*[^(),"\s]))\s*')
_REFERENCE: Final = re.compile(
    rf"{_NAME.pattern}(?:\({_NAME.pattern}(?:,{_NAME.pattern})*\)\s*)?".replace(
        "?P<quoted>", "?:"
    ).replace("?P<bare>", "?:")
)


def is_reference(text: str) -> bool:
    """Return whether ``text`` names a table, and columns in brackets where it has any."""
    return _REFERENCE.fullmatch(text) is not None


def parse_reference(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the table and the columns of a reference."""
    table, *columns = (
        (match["quoted"] or "").replace('""', '"') or match["bare"].strip()
        for match in _NAME.finditer(text)
    )
    return table, tuple(columns)


def write_reference(table: str, columns: Iterable[str]) -> str:
    """Return the text from which ``parse_reference`` returns this table and these columns."""
    names = ", ".join(map(_quote, columns))
    return f"{_quote(table)}({names})" if names else _quote(table)


def _quote(name: str) -> str:
    if name == name.strip() and not re.search(r'[(),"]', name):
        return name
    return '"{}"'.format(name.replace('"', '""'))
