"""The checks, exclusions and foreign keys that Django makes for a model."""

from collections.abc import Iterator
from typing import Any

from migration_guard.contracts.declare import Check, Exclusion, ForeignKey
from migration_guard.contracts.model_reader import ModelReader, unquote
from migration_guard.vendors import VENDORS


def read_checks(reader: ModelReader) -> Iterator[Check]:
    """Yield the check constraints, with their conditions."""
    from django.db.models import CheckConstraint

    if not reader.features.supports_table_check_constraints:
        return
    for constraint in reader.meta.constraints:
        if isinstance(constraint, CheckConstraint):
            statement: Any = constraint.create_sql(reader.model, reader.editor)
            yield Check(
                constraint.name,
                None if statement is None else statement.parts.get("check"),
                source=reader.source(f"Meta.{constraint.name}"),
            )


def read_exclusions(reader: ModelReader) -> Iterator[Exclusion]:
    """Yield the exclusion constraints, which only PostgreSQL has."""
    if reader.connection.vendor != "postgresql":
        return
    for constraint in reader.meta.constraints:
        if type(constraint).__name__ == "ExclusionConstraint":
            sql = str(constraint.constraint_sql(reader.model, reader.editor))
            name = f"CONSTRAINT {reader.editor.quote_name(constraint.name)} "
            yield Exclusion(
                "",
                sql.removeprefix(name).replace("%%", "%"),
                source=reader.source(f"Meta.{constraint.name}"),
            )


def read_foreign_keys(reader: ModelReader) -> Iterator[ForeignKey]:
    """Yield the foreign keys; of a managed model with the options that Django gives them."""
    if not reader.features.supports_foreign_keys:
        return
    for field in reader.fields:
        if field.remote_field and field.db_constraint:
            target = field.target_field
            table = unquote(field.remote_field.model._meta.db_table)
            yield ForeignKey(
                [field.column],
                f"{table}({target.column})",
                _on_delete(reader, field),
                "no action" if _has_django_keys(reader) else None,
                _deferrable(reader),
                by_django=True,
                source=reader.source(field.name),
            )


def _on_delete(reader: ModelReader, field: Any) -> str | None:
    """Return the action of the database, which is none where Django itself acts.

    The database acts for DB_CASCADE and its like, since Django 6.1.
    """
    on_delete_sql = getattr(field.remote_field.on_delete, "on_delete_sql", None)
    if on_delete_sql is None:
        return "no action" if _has_django_keys(reader) else None
    return str(on_delete_sql(reader.editor)).lower().strip().removeprefix("on delete ")


def _deferrable(reader: ModelReader) -> str | None:
    """Return when Django's foreign keys are checked, None for those of an unmanaged model."""
    if not _has_django_keys(reader):
        return None
    # SQLite has it in the template alone.
    template = reader.editor.sql_create_inline_fk or ""
    is_deferred = reader.connection.ops.deferrable_sql() or "INITIALLY DEFERRED" in template
    return "deferred" if is_deferred else ""


def _has_django_keys(reader: ModelReader) -> bool:
    """Return whether Django makes the foreign keys, and the vendor's reader tells their options."""
    return bool(reader.meta.managed and reader.connection.vendor in VENDORS)
