"""The values of a snapshot, whichever kind of record they are."""

from dataclasses import fields
from typing import Any


def field_names(value: Any) -> tuple[str, ...]:
    """Return the names of the fields of a record; none for any other value."""
    if hasattr(value, "__dataclass_fields__"):
        return tuple(field.name for field in fields(value))
    return getattr(value, "_fields", ())
