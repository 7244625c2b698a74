"""What to do about an error, by the code that the server gives it.

Pure. Each vendor's room holds its tables. The remedy of a migration goes on with "and run … again".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias


class Remedy(NamedTuple):
    """What to do where the server's message matches ``pattern``.

    In ``text``, braces name a field of the failure, or a named group of the pattern, which is
    quoted as an identifier. ``in_transaction``: only for a file that is one transaction, or none.
    """

    text: str
    pattern: str = ""
    in_transaction: bool | None = None


Table: TypeAlias = Mapping[Any, Sequence[Remedy]]


class FailedFile(NamedTuple):
    """What a remedy may name of a migration that failed.

    ``edit`` says what may be edited, ``off`` how it runs without a transaction, ``record`` is the
    command that records it as applied by hand, ``database`` the option that names the database in
    a command. ``requires`` returns what to add to ``edit`` for a missing table of Django's, and is
    slow. ``sql`` is the statement that failed.
    """

    id: str
    file: str
    edit: str
    off: str
    record: str
    database: str
    requires: Callable[[], str]
    sql: str
    in_transaction: bool


def find_remedy(
    remedies: Sequence[Remedy],
    message: str,
    fields: Mapping[str, Any],
    quote: Callable[[str], str] = str,
    *,
    in_transaction: bool = False,
) -> str:
    """Return the text of the first remedy that fits, with its fields; else an empty string.

    A field that is a function is called only for a text that names it.
    """
    for remedy in remedies:
        if remedy.in_transaction not in (None, in_transaction):
            continue
        match = re.search(remedy.pattern, message, re.DOTALL)
        if match is not None:
            groups = {name: quote(value) for name, value in match.groupdict("").items()}
            values = {
                name: value() if callable(value) and f"{{{name}}}" in remedy.text else value
                for name, value in fields.items()
            }
            return remedy.text.format(**{**values, **groups})
    return ""


# What more than one vendor needs.
THERE_ALREADY = (
    "if all that {file} makes is there because somebody ran it by hand, record it: {record}; if "
    "something else made it, {edit}"
)
MORE_TIME = (
    "give it more time in the first lines of {file}: -- guard: statement_timeout = 1h (0: no limit)"
)
