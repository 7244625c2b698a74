"""MySQL and MariaDB: a statement of Django's with its parameters in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


def bind(wrapper: BaseDatabaseWrapper, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return the text that the driver sends; bytes that are no text are in hexadecimal."""
    wrapper.ensure_connection()
    driver = wrapper.connection

    def quote(value: Any) -> bytes:
        literal: bytes = driver.literal(value)
        try:
            literal.decode(driver.encoding)
        except UnicodeDecodeError:
            return b"x'%s'" % bytes(value).hex().encode()
        return literal

    values: Any = (
        {name.encode(): quote(value) for name, value in params.items()}
        if isinstance(params, Mapping)
        else tuple(map(quote, params))
    )
    text: str = (sql.encode(driver.encoding) % values).decode(driver.encoding)
    return text
