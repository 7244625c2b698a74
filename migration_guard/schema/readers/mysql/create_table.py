"""The text of CREATE TABLE as bytes: information_schema has ``?`` for each that is no text.

Source: MariaDB manual, "SHOW CREATE TABLE", ``character_set_results``.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import DatabaseError

from migration_guard.schema.objects import Unknown
from migration_guard.schema.readers.catalogue import Catalogue
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.schema.spelling import words
from migration_guard.sql.dialects import MYSQL, expression_dialect
from migration_guard.sql.scanner import Kind, significant

_NO_TEXT: Final = "surrogateescape"
_NO_CHARACTER: Final = re.compile("[\udc80-\udcff]")


@contextmanager
def results_as_bytes(catalogue: Catalogue) -> Iterator[None]:
    """Let the server send texts without converting them, inside this block."""
    ((before,),) = catalogue.rows("SELECT @@SESSION.character_set_results")
    with catalogue.connection.cursor() as cursor:
        cursor.execute("SET SESSION character_set_results = binary")
        try:
            yield
        finally:
            cursor.execute("SET SESSION character_set_results = %s", (before,))


def read_create_table(catalogue: Catalogue, table: str) -> str | None:
    """Return the text, None with a note if the role may not read it.

    A byte that is no text is a surrogate. Only inside ``results_as_bytes``.
    """
    try:
        text = catalogue.rows(f"SHOW CREATE TABLE {MYSQL.quote(table)}")[0][1]
    except DatabaseError as error:
        catalogue.unknown.append(Unknown(table, "clauses", reason(error)))
        return None
    return text.decode(errors=_NO_TEXT) if isinstance(text, bytes) else str(text)


def exact_text(create: str, before: str, shown: str) -> str:
    """Return an expression, with X'…' for each string that information_schema shows with ``?``.

    ``create`` is the text, or the line of it, in which the expression stands behind ``before``.
    """
    position = _NO_CHARACTER.sub("?", create).find(before + shown)
    if "?" not in shown or position < 0:
        return shown
    start = position + len(before)
    text = create[start : start + len(shown)]
    for token in reversed(list(significant(text, expression_dialect("mysql")))):
        if token.kind is Kind.STRING and _NO_CHARACTER.search(token.text):
            (literal,) = words(token.text, "mysql")
            value = literal[1:-1].replace("''", "'").encode(errors=_NO_TEXT)
            text = f"{text[: token.start]}X'{value.hex()}'{text[token.start + len(token.text) :]}"
    return text


def line_of(create: str, column: str) -> str:
    """Return the line of a column."""
    name = f"`{column.replace('`', '``')}` "
    return next((line for line in create.splitlines() if line.strip().startswith(name)), "")
