"""The text of CREATE TABLE as bytes: information_schema has ``?`` for each that is no text.

Source: MariaDB manual, "SHOW CREATE TABLE", ``character_set_results``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from migration_guard.schema.readers.catalogue import Catalogue
from migration_guard.schema.spelling import words
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import significant

_NO_TEXT: Final = "surrogateescape"


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
    """Return the text, None if the role may not read it; a byte that is no text is a surrogate.

    Only inside ``results_as_bytes``.
    """
    quoted = catalogue.connection.ops.quote_name(table)
    rows = catalogue.rows_or_none((), f"SHOW CREATE TABLE {quoted}")
    text = rows[0][1] if rows else None
    return text.decode(errors=_NO_TEXT) if isinstance(text, bytes) else text


def binary_default(create: str, column: str) -> str | None:
    """Return the default of a column as a hexadecimal literal, if it is a string of no text."""
    name = f"`{column.replace('`', '``')}`"
    line = next((line for line in create.splitlines() if line.strip().startswith(f"{name} ")), "")
    texts = [token.text for token in significant(line, expression_dialect("mysql"))]
    if "DEFAULT" not in texts[1:-1]:
        return None
    (literal,) = words(texts[texts.index("DEFAULT") + 1], "mysql") or [""]
    value = literal[1:-1].replace("''", "'").encode(errors=_NO_TEXT)
    is_text = value.decode(errors=_NO_TEXT).isprintable()
    return None if is_text or literal[:1] != "'" else f"X'{value.hex()}'"
