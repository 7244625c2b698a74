"""Models as a contract: what Django believes of the tables that it reads and writes.

Every concrete model of the alias, managed or not, tables of many-to-many fields too; proxies and
swapped-out models have no table of their own. What the vendor lacks is left out as Django itself
leaves it out (its feature flags decide). Not stated, as code does not break over it: ``db_comment``
and the CHECK that some field types bring along.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from migration_guard.contracts.contract import Contract, Models
from migration_guard.contracts.declare import (
    Check,
    Column,
    Exclusion,
    ForeignKey,
    Index,
    PrimaryKey,
    Table,
    Unique,
)
from migration_guard.contracts.index_text import separate, taken_apart

if TYPE_CHECKING:
    from django.db.models import Field, Model

_EVERY = Models()


def from_models(alias: str = "default", models: Models = _EVERY) -> Contract:
    """Return the contract of the models of a database alias.

    ``models`` narrows it by patterns of ``app.Model``, in any case. The connection is opened, for
    the features of MariaDB and SQLite depend on the server.
    """
    from django.apps import apps

    return Contract(
        [
            _Reader(model, alias).table()
            for model in sorted(
                apps.get_models(include_auto_created=True),
                key=lambda model: (model._meta.db_table, model._meta.label),
            )
            if _chosen(model._meta.label, models) and _has_table(model, alias)
        ]
    )


def _chosen(label: str, models: Models) -> bool:
    def among(patterns: Any) -> bool:
        return any(fnmatchcase(label.lower(), one.lower()) for one in patterns)

    return (not models.include or among(models.include)) and not among(models.exclude)


def _has_table(model: type["Model"], alias: str) -> bool:
    """Tell whether the model stands on a table of this database.

    A router says of managed models where they migrate to; of unmanaged ones where they are read.
    """
    from django.db import connections, router

    meta = model._meta
    if meta.proxy or meta.swapped:
        return False
    connection = connections[alias]
    if meta.required_db_vendor not in {None, connection.vendor}:
        return False
    if not all(getattr(connection.features, one, False) for one in meta.required_db_features):
        return False
    if meta.managed:
        return bool(router.allow_migrate_model(alias, model))
    return str(router.db_for_read(model)) == alias


class _Reader:
    """Reads one model, with the help of the schema editor that would make its table."""

    def __init__(self, model: type["Model"], alias: str) -> None:
        from django.db import connections

        self.model = model
        self.meta: Any = model._meta
        self.connection: Any = connections[alias]
        self.connection.ensure_connection()
        self.features = self.connection.features
        self.editor: Any = self.connection.schema_editor(collect_sql=True)
        self.fields: list[Any] = [
            field for field in self.meta.local_concrete_fields if field.db_type(self.connection)
        ]

    def table(self) -> Table:
        key = [field.column for field in self.meta.pk_fields if field in self.fields]
        return Table(
            _bare(self.meta.db_table),
            [self._column(field) for field in self.fields],
            primary_key=PrimaryKey(key, source=self._source(self.meta.pk.name)) if key else None,
            unique=self._unique(),
            indexes=self._indexes(),
            checks=list(self._checks()),
            foreign_keys=list(self._foreign_keys()),
            exclusions=list(self._exclusions()),
            or_view=True,
            app=self.meta.app_label if self.meta.managed else "",
            source=self.meta.label,
        )

    # -- columns

    def _column(self, field: "Field[Any, Any]") -> Column:
        from django.db.models.fields import AutoFieldMixin

        parameters: Any = field.db_parameters(self.connection)
        loose = field.empty_strings_allowed and self.features.interprets_empty_strings_as_nulls
        generated = bool(getattr(field, "generated", False))
        return Column(
            str(field.column),
            None if self._made_by_django(field) else _type(str(parameters["type"])),
            # A generated column is as nullable as its expression, whatever the field says.
            None if loose or generated else field.null,
            self._default(field),
            True if isinstance(field, AutoFieldMixin) else None,
            self._generated(field) if generated else None,
            bool(getattr(field, "db_persist", False)) if generated else None,
            parameters.get("collation"),
            by_affinity=True,
            source=self._source(field.name),
        )

    def _made_by_django(self, field: Any) -> bool:
        """Tell whether this is the key of a many-to-many table.

        Its migration made it as DEFAULT_AUTO_FIELD was then, whatever the app's own setting says.
        """
        return bool(self.meta.auto_created) and bool(field.primary_key)

    def _default(self, field: Any) -> str | None:
        from django.db.models import NOT_PROVIDED

        if getattr(field, "db_default", NOT_PROVIDED) is NOT_PROVIDED:
            return None
        return self._filled(*self.editor.db_default_sql(field))

    def _generated(self, field: Any) -> str:
        return self._filled(*field.generated_sql(self.connection))

    def _filled(self, sql: str, params: Any) -> str:
        """Put the parameters into the SQL as literals."""
        if not params:
            # Django's SQLite and Oracle have put them in already, and undone the %%.
            return sql if self.features.requires_literal_defaults else sql.replace("%%", "%")
        quoted = (self.editor.quote_value(one) for one in params)
        # MySQL's driver quotes numbers as bytes.
        return str(sql % tuple(q.decode() if isinstance(q, bytes) else q for q in quoted))

    # -- keys

    def _unique(self) -> list[Unique]:
        from django.db.models import UniqueConstraint

        keys = [
            Unique([field.column], source=self._source(field.name))
            for field in self.fields
            if field.unique and not field.primary_key
        ]
        keys += [
            Unique(self._columns(names), source=self._source("Meta.unique_together"))
            for names in self.meta.unique_together
        ]
        for constraint in self.meta.constraints:
            if isinstance(constraint, UniqueConstraint):
                keys += self._unique_constraint(constraint)
        return keys

    def _unique_constraint(self, constraint: Any) -> Iterator[Unique]:
        statement = constraint.create_sql(self.model, self.editor)
        if statement is None:
            return
        columns = (
            [text for text, _ in self._expressions(statement)] if constraint.expressions else None
        )
        deferrable = constraint.deferrable
        yield Unique(
            columns or self._columns(constraint.fields),
            self._where(constraint),
            self._columns(constraint.include),
            constraint.nulls_distinct is not False,
            deferrable.value if deferrable is not None else "",
            source=self._source(f"Meta.{constraint.name}"),
        )

    def _indexes(self) -> list[Index]:
        indexes = [
            Index([field.column], source=self._source(field.name))
            for field in self.fields
            if field.db_index and not field.unique and not self._cannot_be_indexed(field)
        ]
        return indexes + [
            self._index(index)
            for index in self.meta.indexes
            if not index.contains_expressions or self.features.supports_expression_indexes
        ]

    def _index(self, index: Any) -> Index:
        keys: list[tuple[str, str]] = [
            (f"{self._columns([name])[0]} {order}".strip(), "")
            for name, order in index.fields_orders
        ]
        if index.expressions:
            keys = self._expressions(index.create_sql(self.model, self.editor))
        elif not self.features.supports_index_column_ordering:
            keys = [(self._columns([name])[0], "") for name, _ in index.fields_orders]
        classes = [opclass for _, opclass in keys]
        if self.connection.vendor == "postgresql" and index.opclasses:
            classes = list(index.opclasses)
        return Index(
            [text for text, _ in keys],
            self._where(index) if self.features.supports_partial_indexes else None,
            self._columns(index.include) if self.features.supports_covering_indexes else (),
            index.suffix if index.suffix != "idx" else None,
            classes if any(classes) else (),
            source=self._source(f"Meta.{index.name}"),
        )

    def _expressions(self, statement: Any) -> list[tuple[str, str]]:
        """Return the keys of a CREATE INDEX, each as text and operator class."""
        return [
            taken_apart(text, self.connection.vendor)
            for text in separate(str(statement.parts["columns"]), self.connection.vendor)
        ]

    def _cannot_be_indexed(self, field: Any) -> bool:
        """Tell whether MySQL would need a prefix length for this type, so that Django skips it."""
        limited = getattr(self.editor, "_is_limited_data_type", None)
        return bool(limited and limited(field))

    def _where(self, thing: Any) -> str | None:
        return thing._get_condition_sql(self.model, self.editor) or None  # noqa: SLF001

    def _columns(self, names: Any) -> list[str]:
        return [self.meta.get_field(name).column for name in names]

    # -- constraints

    def _checks(self) -> Iterator[Check]:
        from django.db.models import CheckConstraint

        if not self.features.supports_table_check_constraints:
            return
        for constraint in self.meta.constraints:
            if isinstance(constraint, CheckConstraint):
                yield Check(constraint.name, source=self._source(f"Meta.{constraint.name}"))

    def _exclusions(self) -> Iterator[Exclusion]:
        if self.connection.vendor != "postgresql":
            return
        for constraint in self.meta.constraints:
            if type(constraint).__name__ == "ExclusionConstraint":
                sql = str(constraint.constraint_sql(self.model, self.editor))
                name = f"CONSTRAINT {self.editor.quote_name(constraint.name)} "
                yield Exclusion(
                    "",
                    sql.removeprefix(name).replace("%%", "%"),
                    source=self._source(f"Meta.{constraint.name}"),
                )

    def _foreign_keys(self) -> Iterator[ForeignKey]:
        if not self.features.supports_foreign_keys:
            return
        for field in self.fields:
            if field.remote_field and field.db_constraint:
                target = field.target_field
                table = _bare(field.remote_field.model._meta.db_table)
                yield ForeignKey(
                    [field.column],
                    f"{table}({target.column})",
                    self._on_delete(field),
                    source=self._source(field.name),
                )

    def _on_delete(self, field: Any) -> str | None:
        """Return what the database does, since Django 6.1 (DB_CASCADE); Django does the others."""
        write = getattr(field.remote_field.on_delete, "on_delete_sql", None)
        if write is None:
            return None
        return str(write(self.editor)).lower().strip().removeprefix("on delete ")

    def _source(self, name: str) -> str:
        return f"{self.meta.label}.{name}"


def _bare(name: str) -> str:
    """Return the name without quotes; ``"billing"."invoices"`` is a way to name another schema."""
    return name.strip('"').replace('"."', ".")


def _type(text: str) -> str:
    """Return the type alone: MySQL's says AUTO_INCREMENT as well."""
    return text.replace(" AUTO_INCREMENT", "")
