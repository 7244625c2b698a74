"""The SQL of RunSQL operations as the text of one file.

Strings are taken as they stand. ``sqlmigrate`` is no source: it strips comments, and on some
vendors it only shows parameters.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations import RunSQL

from migration_guard.adopting.runsql.operations import StaysWithDjango
from migration_guard.exceptions import CannotTell
from migration_guard.sql.lexer import Kind, tokens
from migration_guard.sql.statements import SQLError
from migration_guard.vendors import VENDORS, load

_PAIR: Final = 2
_BLANK_LINES: Final = re.compile(r"\A(?:[ \t]*\n)+")


def write_script(operations: Sequence[RunSQL], wrapper: BaseDatabaseWrapper) -> str:
    """Return the SQL of ``operations`` in order, "" where they run none.

    Raises StaysWithDjango for SQL that a file cannot hold, or would not run as Django runs it.
    """
    parts = [part for operation in operations for part in _parts(operation.sql, wrapper)]
    parts = [_BLANK_LINES.sub("", part).rstrip() for part in parts]
    try:
        text = "\n\n".join(_end(part, wrapper.vendor) for part in parts if part)
    except SQLError as error:
        raise StaysWithDjango(f"its SQL does not end: {error}") from error
    if "\r\n" in text:
        raise StaysWithDjango("its SQL has the characters \\r\\n, which a file does not keep")
    if text.encode(errors="replace").decode() != text:
        raise StaysWithDjango("its SQL has half a character, which a file cannot hold")
    return f"{text}\n" if text else ""


def _parts(sql: Any, wrapper: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield the texts that Django sends, a string of several statements as one."""
    if not isinstance(sql, list | tuple):
        yield str(sql)
        return
    for element in sql:
        text, params = _pair(element)
        yield str(text) if params is None else _bind(str(text), params, wrapper)


def _pair(element: Any) -> tuple[Any, Any]:
    if not isinstance(element, list | tuple):
        return element, None
    if len(element) != _PAIR:
        raise StaysWithDjango(f"its SQL has a tuple of {len(element)}, where Django takes two")
    return element[0], element[1]


def _bind(text: str, params: Any, wrapper: BaseDatabaseWrapper) -> str:
    bind = load(VENDORS[wrapper.vendor].bind)
    try:
        bound: str = bind(wrapper, text, params)
    except OperationalError as error:
        raise CannotTell(
            f'"{wrapper.alias}" quotes the parameters of RunSQL, and cannot be reached: '
            f"{str(error).strip()}",
            "Nothing was written. Start its server, and run this again.",
        ) from error
    # What a driver raises for a value that it cannot quote is its own affair.
    except (DatabaseError, TypeError, ValueError, KeyError, OverflowError) as error:
        raise StaysWithDjango(f"its parameters cannot be quoted: {error}") from error
    return bound


def _end(part: str, vendor: str) -> str:
    """Return ``part`` with a semicolon at its end, if it has a statement without."""
    significant = last = None
    for token in tokens(part, vendor):
        last = token
        if token.kind not in (Kind.SPACE, Kind.COMMENT):
            significant = token
    if significant is None or significant.text == ";":
        return part
    return f"{part}\n;" if last is not significant else f"{part};"
