"""One model, with the schema editor that would make its table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Model


class ModelReader:
    """A model and its fields that have a column, as a database alias would have them."""

    def __init__(self, model: type["Model"], alias: str) -> None:
        from django.db import connections

        self.model = model
        self.meta: Any = model._meta
        self.connection: Any = connections[alias]
        self.connection.ensure_connection()
        self.features = self.connection.features
        self.editor: Any = self.connection.schema_editor(collect_sql=True)
        self.fields: list[Any] = [
            field for field in self.meta.local_concrete_fields if self.type_of(field) is not None
        ]

    def type_of(self, field: Any) -> str | None:
        """Return the type of a field's column, None for a field without a column."""
        # ``db_type()`` is None for a GeneratedField of a type that Django has no name of.
        type_text = field.db_parameters(self.connection)["type"]
        # MySQL's type says AUTO_INCREMENT as well.
        return str(type_text).replace(" AUTO_INCREMENT", "") if type_text else None

    def columns(self, names: Iterable[str]) -> list[str]:
        """Return the columns of these fields."""
        return [self.meta.get_field(name).column for name in names]

    def source(self, name: str) -> str:
        """Return the place of a statement of the model."""
        return f"{self.meta.label}.{name}"

    @property
    def has_opclasses(self) -> bool:
        """Whether the indexes have operator classes."""
        return bool(self.connection.vendor == "postgresql")


def unquote(name: str) -> str:
    """Return a table's name without quotes.

    ``db_table = '"billing"."invoices"'`` is a way to name a table of another schema.
    """
    return name.strip('"').replace('"."', ".")
