"""PostgreSQL: a statement of Django's with its parameters in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


def bind(wrapper: BaseDatabaseWrapper, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return the text that Django's schema editor sends, which the driver composes as well."""
    text: str = wrapper.ops.compose_sql(sql, params)  # type: ignore[attr-defined]
    return text
