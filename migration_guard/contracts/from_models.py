"""Models as a contract: what Django expects of the tables that it reads and writes.

The contract has every concrete model of the alias, managed or not, and the tables of many-to-many
fields. Proxies and swapped-out models have no table of their own. Where Django's feature flags say
that a vendor lacks something, the contract leaves it out, as Django's migrations do. It also leaves
out ``db_comment`` and the CHECK of some field types, since no code breaks over them.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

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
from migration_guard.contracts.index_text import split_keys, split_opclass

if TYPE_CHECKING:
    from django.db.models import Model

_ALL: Final = Models()
# Types that Django gives no index, by vendor: they would need a prefix length, or cannot have one.
UNINDEXED_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "postgresql": frozenset(),
    "mysql": frozenset(
        {
            *("tinyblob", "blob", "mediumblob", "longblob"),
            *("tinytext", "text", "mediumtext", "longtext", "json"),
        }
    ),
    "sqlite": frozenset(),
    "oracle": frozenset({"clob", "nclob", "blob"}),
}


def from_models(alias: str = "default", models: Models = _ALL) -> Contract:
    """Return the contract of the models of a database alias.

    ``models`` narrows it by patterns of ``app.Model``, in any case. This opens the connection, for
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
            if _is_included(model._meta.label, models) and _has_table(model, alias)
        ]
    )


def _is_included(label: str, models: Models) -> bool:
    def matches(patterns: Iterable[str]) -> bool:
        return any(fnmatchcase(label.lower(), pattern.lower()) for pattern in patterns)

    return (not models.include or matches(models.include)) and not matches(models.exclude)


def _has_table(model: type["Model"], alias: str) -> bool:
    """Return whether the table of a model is in this database.

    The router decides: by where it migrates a managed model, and where it reads an unmanaged one.
    """
    from django.db import connections, router

    meta = model._meta
    if meta.proxy or meta.swapped:
        return False
    connection = connections[alias]
    if meta.required_db_vendor not in {None, connection.vendor}:
        return False
    if not all(
        getattr(connection.features, feature, False) for feature in meta.required_db_features
    ):
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
            _unquote(self.meta.db_table),
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

    def _column(self, field: Any) -> Column:
        from django.db.models.fields import AutoFieldMixin

        parameters: Any = field.db_parameters(self.connection)
        is_generated = bool(getattr(field, "generated", False))
        # A generated column is as nullable as its expression, whatever the field says.
        has_unknown_null = is_generated or (
            field.empty_strings_allowed and self.features.interprets_empty_strings_as_nulls
        )
        return Column(
            str(field.column),
            # MySQL's type says AUTO_INCREMENT as well.
            None
            if self._is_automatic_key(field)
            else str(parameters["type"]).replace(" AUTO_INCREMENT", ""),
            None if has_unknown_null else field.null,
            self._default(field),
            True if isinstance(field, AutoFieldMixin) else None,
            self._with_literals(*field.generated_sql(self.connection)) if is_generated else None,
            bool(getattr(field, "db_persist", False)) if is_generated else None,
            parameters.get("collation"),
            by_affinity=True,
            source=self._source(field.name),
        )

    def _is_automatic_key(self, field: Any) -> bool:
        """Return whether a field is the primary key of a many-to-many table."""
        # Its type is that of DEFAULT_AUTO_FIELD when the migration ran, which nobody knows now.
        return bool(self.meta.auto_created) and bool(field.primary_key)

    def _default(self, field: Any) -> str | None:
        from django.db.models import NOT_PROVIDED

        if getattr(field, "db_default", NOT_PROVIDED) is NOT_PROVIDED:
            return None
        return self._with_literals(*self.editor.db_default_sql(field))

    def _with_literals(self, sql: str, params: Any) -> str:
        """Return the SQL with its parameters as literals."""
        if not params:
            # Django's SQLite and Oracle have put them in already, and undone the %%.
            return sql if self.features.requires_literal_defaults else sql.replace("%%", "%")
        literals = (self.editor.quote_value(parameter) for parameter in params)
        # MySQL's driver quotes numbers as bytes.
        return str(
            sql
            % tuple(
                literal.decode() if isinstance(literal, bytes) else literal for literal in literals
            )
        )

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
        columns = self._columns(constraint.fields)
        if constraint.expressions:
            columns = [text for text, _ in self._keys_of(statement)]
        deferrable = constraint.deferrable
        yield Unique(
            columns,
            _condition_of(statement),
            self._columns(constraint.include),
            constraint.nulls_distinct is not False,
            deferrable.value if deferrable is not None else "",
            source=self._source(f"Meta.{constraint.name}"),
        )

    def _indexes(self) -> list[Index]:
        indexes = [
            Index([field.column], source=self._source(field.name))
            for field in self.fields
            if field.db_index and not field.unique and not self._is_unindexed(field)
        ]
        return indexes + [
            self._index(index)
            for index in self.meta.indexes
            if not index.contains_expressions or self.features.supports_expression_indexes
        ]

    def _is_unindexed(self, field: Any) -> bool:
        types = UNINDEXED_TYPES.get(self.connection.vendor, frozenset())
        return field.db_type(self.connection).lower() in types

    def _index(self, index: Any) -> Index:
        columns = self._columns(name for name, _ in index.fields_orders)
        if self.features.supports_index_column_ordering:
            orders = [order for _, order in index.fields_orders]
            columns = [
                f"{column} {order}".strip() for column, order in zip(columns, orders, strict=True)
            ]
        opclasses: list[str] = []
        where = None
        if index.expressions or index.opclasses or index.condition is not None:
            statement = index.create_sql(self.model, self.editor)
            # Only PostgreSQL's schema editor writes operator classes.
            if index.opclasses and f" {index.opclasses[0]}" in str(statement.parts["columns"]):
                opclasses = list(index.opclasses)
            if index.expressions:
                keys = self._keys_of(statement)
                columns, opclasses = [text for text, _ in keys], [opclass for _, opclass in keys]
            if self.features.supports_partial_indexes:
                where = _condition_of(statement)
        return Index(
            columns,
            where,
            self._columns(index.include) if self.features.supports_covering_indexes else (),
            index.suffix if index.suffix != "idx" else None,
            opclasses if any(opclasses) else (),
            source=self._source(f"Meta.{index.name}"),
        )

    def _keys_of(self, statement: Any) -> list[tuple[str, str]]:
        """Return the keys of a CREATE INDEX, each as text and operator class."""
        vendor = self.connection.vendor
        return [
            split_opclass(text, vendor)
            for text in split_keys(str(statement.parts["columns"]), vendor)
        ]

    def _columns(self, names: Iterable[str]) -> list[str]:
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
                table = _unquote(field.remote_field.model._meta.db_table)
                yield ForeignKey(
                    [field.column],
                    f"{table}({target.column})",
                    self._on_delete(field),
                    source=self._source(field.name),
                )

    def _on_delete(self, field: Any) -> str | None:
        """Return the action of the database, None where Django itself acts.

        The database acts for DB_CASCADE and its like, since Django 6.1.
        """
        on_delete_sql = getattr(field.remote_field.on_delete, "on_delete_sql", None)
        if on_delete_sql is None:
            return None
        return str(on_delete_sql(self.editor)).lower().strip().removeprefix("on delete ")

    def _source(self, name: str) -> str:
        return f"{self.meta.label}.{name}"


def _condition_of(statement: Any) -> str | None:
    """Return the condition of a CREATE INDEX, None where it has none."""
    # A statement of an index class of the project's own may have no such part.
    return statement.parts.get("condition", "").removeprefix(" WHERE ") or None


def _unquote(name: str) -> str:
    """Return a table's name without quotes.

    ``db_table = '"billing"."invoices"'`` is a way to name a table of another schema.
    """
    return name.strip('"').replace('"."', ".")
