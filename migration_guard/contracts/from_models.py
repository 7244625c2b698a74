"""Models as a contract: what Django expects of the tables that it reads and writes.

The contract has every concrete model of the alias, managed or not, and the tables of many-to-many
fields. Proxies and swapped-out models have no table of their own. Where Django's feature flags say
that a vendor lacks something, the contract leaves it out, as Django's migrations do. It also leaves
out ``db_comment`` and the CHECK of some field types, since no code breaks over them. What no
migration of Django makes is not held against an unmanaged model.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from migration_guard.contracts.contract import Contract, Models
from migration_guard.contracts.declare import Column, PrimaryKey, Table
from migration_guard.contracts.model_constraints import (
    read_checks,
    read_exclusions,
    read_foreign_keys,
)
from migration_guard.contracts.model_keys import read_indexes, read_uniques
from migration_guard.contracts.model_reader import ModelReader, unquote
from migration_guard.contracts.written_models import find_written_models
from migration_guard.exceptions import CannotTell

if TYPE_CHECKING:
    from django.db.models import Model

_ALL: Final = Models()


def from_models(alias: str = "default", models: Models = _ALL) -> Contract:
    """Return the contract of the models of a database alias.

    ``models`` narrows it by patterns of ``app.Model``, in any case. This opens the connection, for
    the features of MariaDB and SQLite depend on the server.
    """
    written = find_written_models(lambda label: _matches(label, models.writes))
    return Contract(
        [
            _table(ModelReader(model, alias), is_written=model in written)
            for model in _sorted_models()
            if _is_included(model._meta.label, models) and _has_table(model, alias)
        ]
    )


def tables_of_models(alias: str) -> dict[str, list[type["Model"]]]:
    """Return the models that may have a table in a database, by its name; asks no database."""
    tables: dict[str, list[type[Model]]] = {}
    for model in _sorted_models():
        if _belongs_to(model, alias):
            tables.setdefault(unquote(model._meta.db_table), []).append(model)
    return tables


def _sorted_models() -> list[type["Model"]]:
    from django.apps import apps

    return sorted(
        apps.get_models(include_auto_created=True),
        key=lambda model: (model._meta.db_table, model._meta.label),
    )


def _is_included(label: str, models: Models) -> bool:
    is_chosen = not models.include or _matches(label, models.include)
    return is_chosen and not _matches(label, models.exclude)


def _matches(label: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(label.lower(), pattern.lower()) for pattern in patterns)


def _has_table(model: type["Model"], alias: str) -> bool:
    """Return whether the table of a model is in this database."""
    from django.db import connections

    features = connections[alias].features
    return _belongs_to(model, alias) and all(
        getattr(features, feature, False) for feature in model._meta.required_db_features
    )


def _belongs_to(model: type["Model"], alias: str) -> bool:
    """Return whether this database is the one for the table of a model, whatever it can do.

    The router decides: by where it migrates a managed model, and where it reads an unmanaged one.
    """
    from django.db import connections, router

    meta = model._meta
    if meta.proxy or meta.swapped:
        return False
    if meta.required_db_vendor not in {None, connections[alias].vendor}:
        return False
    if meta.managed:
        return bool(router.allow_migrate_model(alias, model))
    return str(router.db_for_read(model)) == alias


def _table(reader: ModelReader, *, is_written: bool) -> Table:
    """Return the table; ``is_written`` says that the project creates rows of the model."""
    key = [field.column for field in reader.meta.pk_fields if field in reader.fields]
    return Table(
        unquote(reader.meta.db_table),
        [_column(reader, field) for field in reader.fields],
        primary_key=PrimaryKey(key, source=reader.source(reader.meta.pk.name)) if key else None,
        unique=read_uniques(reader),
        indexes=read_indexes(reader),
        checks=list(read_checks(reader)),
        foreign_keys=list(read_foreign_keys(reader)),
        exclusions=list(read_exclusions(reader)),
        or_view=not reader.meta.managed,
        writable=is_written,
        transactional=is_written
        and reader.connection.vendor == "mysql"
        and reader.features.supports_transactions,
        app=reader.meta.app_label if reader.meta.managed else "",
        source=reader.meta.label,
    )


def _column(reader: ModelReader, field: Any) -> Column:
    from django.db.models.fields import AutoFieldMixin

    is_generated = bool(getattr(field, "generated", False))
    # A generated column is as nullable as its expression, whatever the field says.
    has_unknown_null = is_generated or (
        field.empty_strings_allowed and reader.features.interprets_empty_strings_as_nulls
    )
    return Column(
        str(field.column),
        reader.type_of(field),
        None if has_unknown_null else field.null,
        _default(reader, field),
        True if isinstance(field, AutoFieldMixin) else None,
        _with_literals(reader, *field.generated_sql(reader.connection)) if is_generated else None,
        bool(getattr(field, "db_persist", False)) if is_generated else None,
        field.db_parameters(reader.connection).get("collation"),
        by_affinity=True,
        other_types=_other_types(reader, field),
        source=reader.source(field.name),
    )


def _other_types(reader: ModelReader, field: Any) -> list[str]:
    """Return the types that the key of an automatic many-to-many table may have as well.

    Its type is that of DEFAULT_AUTO_FIELD when the migration ran, which nobody knows now.
    """
    from django.db import models

    if not (reader.meta.auto_created and field.primary_key):
        return []
    keys = (models.SmallAutoField, models.AutoField, models.BigAutoField)
    return [str(reader.type_of(key(primary_key=True))) for key in keys]


def _default(reader: ModelReader, field: Any) -> str | None:
    from django.db.models import NOT_PROVIDED

    if getattr(field, "db_default", NOT_PROVIDED) is NOT_PROVIDED:
        return None
    try:
        return _with_literals(reader, *reader.editor.db_default_sql(field))
    except Exception as error:
        # A field of the project's, or the driver, may raise anything for a value of its own.
        raise CannotTell(
            f"The db_default of {reader.source(field.name)} cannot be written as SQL: {error}",
            "Correct the default: no migration can make it either.",
        ) from error


def _with_literals(reader: ModelReader, sql: str, params: Any) -> str:
    """Return the SQL with its parameters as literals."""
    if not params:
        # Django's SQLite and Oracle have put them in already, and undone the %%.
        return sql if reader.features.requires_literal_defaults else sql.replace("%%", "%")
    return str(sql % tuple(_literal(reader, parameter) for parameter in params))


def _literal(reader: ModelReader, parameter: Any) -> str:
    literal = reader.editor.quote_value(parameter)
    if not isinstance(literal, bytes):
        return str(literal)
    # MySQL's driver quotes numbers as bytes, and bytes as what need not be a text.
    is_binary = isinstance(parameter, bytes | bytearray | memoryview)
    return f"X'{bytes(parameter).hex()}'" if is_binary else literal.decode()
