"""The reader for any database that Django has: Django's introspection, one table at a time.

What Django does not tell, or is known to tell wrongly, is UNKNOWN here. The differences between
Django 5.2, 6.0 and 6.1 end in this module.

Source: ``django.db.backends.base.introspection.BaseDatabaseIntrospection``, and the flags
``can_introspect_…`` of ``BaseDatabaseFeatures``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Fact,
    ForeignKey,
    Index,
    Key,
    Snapshot,
    Table,
    Unknown,
)
from migration_guard.schema.readers.lock_limits import attempt, reason
from migration_guard.schema.search_path import Pair
from migration_guard.schema.types import normalize
from migration_guard.vendors import VENDORS

Constraints = dict[str, dict[str, Any]]

_KINDS: Final[Mapping[str | None, Fact[str]]] = {"t": "table", "p": "table", "v": "view"}
# Names that Django makes up for constraints without one.
_INVENTED: Final = re.compile(r"__primary__|__unnamed_constraint_\d+__|fk_\d+")
# What Django's introspection is known to tell wrongly, by vendor.
_WRONG: Final[Mapping[str, frozenset[str]]] = {
    # The default of a generated column is its expression; a partitioned table is a table, and a
    # materialized view a view.
    "postgresql": frozenset({"defaults", "kinds"}),
    # A foreign key of two columns is listed as two; the columns of a primary key stand as in the
    # table; collations come from cutting the SQL at commas; the rowid's alias is never null.
    "sqlite": frozenset({"foreign keys", "order of keys", "collations", "nulls of keys"}),
    # A key of another table with the name of a foreign key makes that unique, or itself not; the
    # comment of every view is VIEW; names of columns never have a case, whatever those of tables.
    "mysql": frozenset({"unique", "comments of views", "case of columns"}),
}
# Nobody compared the backends of other vendors with their catalogues. So what one of the above gets
# wrong is doubted, and what a backend leaves empty may be something that it does not look for.
_DOUBTED: Final = frozenset(
    {"materialized views", "composite foreign keys", "order of keys", "what is empty"}
)
# The classes that Django 6.1 gives for an ON DELETE that it knows.
_ACTIONS: Final = {
    "DO_NOTHING": "no action",
    "DB_CASCADE": "cascade",
    "DB_SET_NULL": "set null",
    "DB_SET_DEFAULT": "set default",
}
# Not a precision, but what psycopg 2 gives for numeric without one (Django 6.1 says None).
_NO_PRECISION: Final = 65535
# Types with a precision that Django's template writes, whatever the column has.
_OF_SOME_PRECISION: Final = frozenset({"DateTimeField", "DurationField", "TimeField"})


def read(connection: BaseDatabaseWrapper, tables: tuple[str | Pair, ...] | None = None) -> Snapshot:
    """Return the facts about all tables and views that Django lists, or about those named.

    It lists those of the search path only, so a table of another schema is unknown, never missing.
    """
    with connection.cursor() as cursor:
        listed = connection.introspection.get_table_list(cursor)
    fold = connection.introspection.identifier_converter
    unknown: list[Unknown] = []
    if tables is not None:
        names = {fold(name) for name in tables if isinstance(name, str)}
        listed = [info for info in listed if fold(info.name) in names]
        unknown += _in_other_schemas(tables, {fold(info.name) for info in listed}, fold)
    return Snapshot(
        vendor=connection.vendor,
        tables=tuple(
            _TableReader(connection, info, unknown).table()
            for info in sorted(listed, key=lambda info: str(info.name))
        ),
        enums=UNKNOWN,
        extensions=UNKNOWN,
        unknown=tuple(unknown),
        folds_case=connection.features.ignores_table_name_case,
    )


def _in_other_schemas(
    names: Iterable[str | Pair], listed: set[str], fold: Any
) -> Iterator[Unknown]:
    """Yield a note for each name with a schema, since Django lists only tables without."""
    for name in names:
        label = name if isinstance(name, str) else ".".join(name)
        if "." in label and fold(label) not in listed:
            yield Unknown(label, "", "Django's introspection looks into no other schema")


@dataclass(frozen=True, slots=True)
class _TableReader:
    """Reads one table; what cannot be read is added to ``unknown``."""

    connection: BaseDatabaseWrapper
    info: Any
    unknown: list[Unknown]

    def table(self) -> Table:
        """Return the table; all of it is UNKNOWN where Django fails."""
        label = str(self.info.name)
        try:
            with attempt(self.connection), self.connection.cursor() as cursor:
                introspection: Any = self.connection.introspection
                columns = introspection.get_table_description(cursor, label)
                constraints: Constraints = introspection.get_constraints(cursor, label)
                key = introspection.get_primary_key_columns(cursor, label)
                relations = introspection.get_relations(cursor, label)
        except Exception as error:  # noqa: BLE001 - Django's parser of SQLite's SQL may stumble
            self.unknown.append(Unknown(label, "", f"{type(error).__name__}: {reason(error)}"))
            return Table("", label, label, self._kind())
        if self.info.type == "v" and self._is_wrong("materialized views"):
            why = "Django does not tell a materialized view from another"
            self.unknown.append(Unknown(label, "kind", why))
        return Table(
            schema="",
            name=label,
            label=label,
            kind=self._kind(),
            columns=tuple(self._column(info) for info in columns),
            primary_key=self._primary_key(constraints, key),
            uniques=_uniques(constraints, {str(info.name) for info in columns}),
            indexes=self._indexes(constraints),
            foreign_keys=self._foreign_keys(constraints, relations),
            checks=self._checks(constraints),
            comment=self._comment(),
            partition_of=UNKNOWN if self.info.type == "p" else "",
            definition=UNKNOWN if self.info.type == "v" else None,
            folds_case=self.connection.features.ignores_table_name_case
            or self._is_wrong("case of columns"),
            engine=UNKNOWN,
            transactional=UNKNOWN,
            insert_obstacle=UNKNOWN if self.info.type == "v" else "",
        )

    def _is_wrong(self, fact: str) -> bool:
        """Return whether Django's answer is wrong for the vendor, or was never checked."""
        vendor = self.connection.vendor
        return fact in (_WRONG[vendor] if vendor in VENDORS else _DOUBTED)

    def _kind(self) -> Fact[str]:
        if self._is_wrong("kinds") and self.info.type != "p":
            return UNKNOWN
        return _KINDS.get(self.info.type, UNKNOWN)

    def _comment(self) -> Fact[str | None]:
        comment: Fact[str | None] = getattr(self.info, "comment", UNKNOWN)
        if self.info.type == "v" and self._is_wrong("comments of views"):
            return UNKNOWN
        return comment if comment is UNKNOWN else comment or self._empty()

    def _empty(self) -> Fact[None]:
        """Return None where an empty answer means none, UNKNOWN where a backend may not look."""
        return UNKNOWN if self._is_wrong("what is empty") else None

    def _column(self, info: Any) -> Column:
        comment = getattr(info, "comment", UNKNOWN)
        collation = None if self._is_wrong("collations") else info.collation
        return Column(
            name=str(info.name),
            type=_type(self.connection, info),
            nullable=self._nullable(info),
            default=self._default(info.default),
            identity=_identity(info),
            generated=UNKNOWN,
            collation=UNKNOWN if self._is_wrong("collations") else collation or self._empty(),
            comment=comment if comment is UNKNOWN else comment or self._empty(),
            base_type=UNKNOWN,
        )

    def _nullable(self, info: Any) -> Fact[bool]:
        """Return whether there may be nulls; a driver may answer None (PEP 249)."""
        if info.null_ok is None:
            return UNKNOWN
        if info.null_ok and self._is_wrong("nulls of keys") and info.pk:
            return UNKNOWN
        return bool(info.null_ok)

    def _default(self, default: Any) -> Fact[str | None]:
        if not self.connection.features.can_introspect_default:
            return UNKNOWN
        # MariaDB writes no default of a nullable column as NULL, which says the same elsewhere.
        if default is None or str(default).upper() == "NULL":
            return self._empty()
        return UNKNOWN if self._is_wrong("defaults") else str(default)

    def _primary_key(self, constraints: Constraints, columns: list[str] | None) -> Fact[Key | None]:
        """Return the key, where Django gives its columns in the order of the key."""
        if not columns:
            return self._empty()
        if self._is_wrong("order of keys") and len(columns) > 1:
            return UNKNOWN
        names = [name for name, constraint in constraints.items() if constraint["primary_key"]]
        name = names[0] if names and not _INVENTED.fullmatch(names[0]) else ""
        return Key(name, tuple(columns), deferrable=UNKNOWN)

    def _indexes(self, constraints: Constraints) -> Fact[tuple[Index, ...]]:
        """Return the indexes; one that a constraint made is listed as the constraint only."""
        covering = self.connection.features.supports_covering_indexes
        return tuple(
            Index(
                name=name,
                columns=tuple(constraint["columns"]) or (None,),
                expressions=UNKNOWN,
                unique=UNKNOWN if self._is_wrong("unique") else bool(constraint["unique"]),
                predicate=UNKNOWN,
                include=UNKNOWN if covering else (),
                valid=UNKNOWN,
                orders=_orders(constraint.get("orders")),
                prefix_lengths=UNKNOWN,
                opclasses=UNKNOWN,
                collations=UNKNOWN,
                nulls_distinct=UNKNOWN,
                deferrable=UNKNOWN,
                backs="primary key" if constraint["primary_key"] else UNKNOWN,
            )
            for name, constraint in sorted(constraints.items())
            if constraint["index"]
        )

    def _checks(self, constraints: Constraints) -> Fact[tuple[Check, ...]]:
        if not self.connection.features.can_introspect_check_constraints:
            return UNKNOWN
        return tuple(
            Check("" if _INVENTED.fullmatch(name) else name, UNKNOWN, UNKNOWN)
            for name, constraint in sorted(constraints.items())
            if constraint["check"]
        )

    def _foreign_keys(
        self, constraints: Constraints, relations: Mapping[str, tuple[Any, ...]]
    ) -> Fact[tuple[ForeignKey, ...]]:
        """Return the foreign keys, as Django's two answers about them agree.

        A constraint has all columns, and the target cut at its first dot. A relation has the first
        column, the whole target, and since Django 6.1 the ON DELETE. UNKNOWN where they are about
        different keys, or leave the search path.
        """
        references = {
            name: constraint
            for name, constraint in constraints.items()
            if constraint["foreign_key"]
        }
        if self._may_be_split(references) or not (
            self.connection.features.can_introspect_foreign_keys
        ):
            return UNKNOWN
        keys = []
        for name, constraint in sorted(references.items()):
            columns, reference = tuple(constraint["columns"]), constraint["foreign_key"]
            column, target, *action = relations.get(columns[0], (None, None))
            agree = [target, column] == list(reference)
            if not agree and ".".join(reference) != f"{target}.{column}":
                return UNKNOWN
            single = len(columns) == 1 and column is not None
            on_delete = getattr(action[0], "__name__", "") if action else ""
            keys.append(
                ForeignKey(
                    name="" if _INVENTED.fullmatch(name) else name,
                    columns=columns,
                    target=str(target),
                    target_columns=(str(column),) if single else UNKNOWN,
                    on_delete=_ACTIONS.get(on_delete, UNKNOWN),
                )
            )
        return tuple(keys)

    def _may_be_split(self, references: Constraints) -> bool:
        """Return whether what is listed as several foreign keys may be one of several columns."""
        if self._is_wrong("foreign keys"):
            return len(references) > 1
        targets = {str(constraint["foreign_key"][0]) for constraint in references.values()}
        return self._is_wrong("composite foreign keys") and len(targets) < len(references)


def _type(connection: BaseDatabaseWrapper, info: Any) -> Fact[str]:
    """Return the type, where the driver's code means only one.

    Django maps codes to its fields, often several to one: ``timestamp`` with and without time zone
    are both a DateTimeField, so that the field does not tell the type.
    """
    if isinstance(info.type_code, str):
        return normalize(info.type_code, connection.vendor)
    introspection: Any = connection.introspection
    fields: Mapping[Any, str] = introspection.data_types_reverse
    field = fields.get(info.type_code)
    if field is None or Counter(fields.values())[field] > 1 or field in _OF_SOME_PRECISION:
        return UNKNOWN
    arguments = {"max_digits": info.precision, "decimal_places": info.scale}
    template: Any = connection.data_types.get(field)
    try:
        text = template(arguments) if callable(template) else template % arguments
    except (KeyError, TypeError):  # a length, which Django does not tell for every vendor
        return UNKNOWN
    if "None" in text or str(_NO_PRECISION) in text:
        return UNKNOWN
    unsigned = " unsigned" if getattr(info, "is_unsigned", False) else ""
    return normalize(text + unsigned, connection.vendor)


def _orders(orders: list[str | None] | None) -> Fact[tuple[str, ...]]:
    """Return the directions; Django has none for an index without order."""
    if not orders or None in orders:
        return UNKNOWN
    return tuple(str(order).lower() for order in orders)


def _identity(info: Any) -> Fact[str]:
    """Return "" for a column that surely does not number itself."""
    if hasattr(info, "extra"):  # MySQL
        return "by default" if "auto_increment" in info.extra else ""
    if getattr(info, "is_autofield", False) or getattr(info, "pk", False):
        return UNKNOWN
    return "" if hasattr(info, "is_autofield") or hasattr(info, "pk") else UNKNOWN


def _uniques(constraints: Constraints, columns: set[str]) -> Fact[tuple[Key, ...]]:
    """Return the unique constraints; a unique index may be partial, so it is left out.

    UNKNOWN where SQLite's parser has taken a keyword for a column.
    """
    keys = []
    for name, constraint in sorted(constraints.items()):
        if not constraint["unique"] or constraint["primary_key"] or constraint["index"]:
            continue
        if not set(constraint["columns"]) <= columns:
            return UNKNOWN
        key_name = "" if _INVENTED.fullmatch(name) else name
        keys.append(Key(key_name, tuple(constraint["columns"]), UNKNOWN, UNKNOWN))
    return tuple(keys)
