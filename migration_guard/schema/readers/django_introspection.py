"""The plain path: any database that Django knows, through Django's own API alone.

Invariant: what Django's introspection cannot tell, or is known to tell wrongly, is UNKNOWN here.
The differences between Django 5.2, 6.0 and 6.1 end in this module.

Source: ``django.db.backends.base.introspection.BaseDatabaseIntrospection``.
"""

import re
from collections import Counter
from collections.abc import Mapping
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

Constraints = dict[str, dict[str, Any]]

_KINDS: Final[Mapping[str | None, Fact[str]]] = {"t": "table", "p": "table", "v": "view"}
# Names that Django makes up for constraints without one.
_INVENTED: Final = re.compile(r"__primary__|__unnamed_constraint_\d+__|fk_\d+")
# What Django's introspection is known to tell wrongly.
_WRONG: Final[Mapping[str, frozenset[str]]] = {
    # The default of a generated column is its expression; a partitioned table is a table, and a
    # materialized view a view.
    "postgresql": frozenset({"defaults", "kinds"}),
    # A foreign key of two columns is listed as two; the columns of a primary key stand as in the
    # table; collations come from cutting the SQL at commas; the rowid's alias is never null.
    "sqlite": frozenset({"foreign keys", "order of keys", "collations", "nulls of keys"}),
    # A key of another table with the name of a foreign key makes that unique, or itself not; the
    # comment of every view is VIEW.
    "mysql": frozenset({"unique", "comments of views"}),
}
# The classes that Django 6.1 gives for an ON DELETE that it knows.
_ACTIONS: Final = {
    "DO_NOTHING": "no action",
    "DB_CASCADE": "cascade",
    "DB_SET_NULL": "set null",
    "DB_SET_DEFAULT": "set default",
}
# Not a precision, but what psycopg 2 gives for numeric without one (Django 6.1 says None).
_NO_PRECISION: Final = 65535


def read(connection: BaseDatabaseWrapper, tables: tuple[str | Pair, ...] | None = None) -> Snapshot:
    """Return what Django's API tells about all tables and views, or about those named.

    Names of other schemas are not found: Django's introspection reads the search path only.
    """
    with connection.cursor() as cursor:
        listed = connection.introspection.get_table_list(cursor)
    same = connection.introspection.identifier_converter
    asked = None if tables is None else {same(_bare(name)) for name in tables}
    unknown: list[Unknown] = []
    read_tables = [
        _Reading(connection, info, unknown).table()
        for info in sorted(listed, key=lambda info: str(info.name))
        if asked is None or same(info.name) in asked
    ]
    return Snapshot(
        vendor=connection.vendor,
        tables=tuple(read_tables),
        enums=UNKNOWN,
        extensions=UNKNOWN,
        unknown=tuple(unknown),
        folds_case=connection.features.ignores_table_name_case,
    )


def _bare(name: str | Pair) -> str:
    return name if isinstance(name, str) else name[1]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One table, asked for in Django's own words."""

    connection: BaseDatabaseWrapper
    info: Any
    unknown: list[Unknown]

    def table(self) -> Table:
        """Return what Django tells, UNKNOWN where it fails."""
        label = str(self.info.name)
        try:
            with attempt(self.connection), self.connection.cursor() as cursor:
                introspection: Any = self.connection.introspection
                described = introspection.get_table_description(cursor, label)
                constraints: Constraints = introspection.get_constraints(cursor, label)
                key = introspection.get_primary_key_columns(cursor, label)
                relations = introspection.get_relations(cursor, label)
        except Exception as error:  # noqa: BLE001 - Django's parser of SQLite's SQL may stumble
            self.unknown.append(Unknown(label, "", f"{type(error).__name__}: {reason(error)}"))
            return Table("", label, label, self._kind())
        return Table(
            schema="",
            name=label,
            label=label,
            kind=self._kind(),
            columns=tuple(self._column(info) for info in described),
            primary_key=self._primary_key(constraints, key),
            uniques=_uniques(constraints, {str(info.name) for info in described}),
            indexes=self._indexes(constraints),
            foreign_keys=self._foreign_keys(constraints, relations),
            checks=tuple(
                Check("" if _INVENTED.fullmatch(name) else name, UNKNOWN, UNKNOWN)
                for name, constraint in sorted(constraints.items())
                if constraint["check"]
            ),
            comment=self._comment(),
            partition_of=UNKNOWN if self.info.type == "p" else "",
            definition=UNKNOWN if self.info.type == "v" else None,
            folds_case=self.connection.vendor in {"mysql", "sqlite"},
        )

    def _kind(self) -> Fact[str]:
        if self._wrong("kinds") and self.info.type != "p":
            return UNKNOWN
        return _KINDS.get(self.info.type, UNKNOWN)

    def _comment(self) -> Fact[str | None]:
        comment: Fact[str | None] = getattr(self.info, "comment", UNKNOWN)
        if self.info.type == "v" and self._wrong("comments of views"):
            return UNKNOWN
        return comment if comment is UNKNOWN else comment or None

    def _column(self, info: Any) -> Column:
        comment = getattr(info, "comment", UNKNOWN)
        default = info.default
        # MariaDB writes no default of a nullable column as NULL, which says the same elsewhere.
        absent = default is None or str(default).upper() == "NULL"
        return Column(
            name=str(info.name),
            type=_type(self.connection, info),
            nullable=UNKNOWN if info.null_ok and self._wrong_null(info) else bool(info.null_ok),
            default=None if absent else UNKNOWN if self._wrong("defaults") else str(default),
            identity=_identity(info),
            generated=UNKNOWN,
            collation=UNKNOWN if self._wrong("collations") else info.collation,
            comment=comment if comment is UNKNOWN else comment or None,
            base_type=UNKNOWN,
        )

    def _wrong(self, fact: str) -> bool:
        """Return whether Django is known to tell this wrongly for this vendor."""
        return fact in _WRONG.get(self.connection.vendor, ())

    def _wrong_null(self, info: Any) -> bool:
        return self._wrong("nulls of keys") and bool(info.pk)

    def _primary_key(self, constraints: Constraints, columns: list[str] | None) -> Fact[Key | None]:
        """Return the key, where Django gives its columns in the order of the key."""
        if not columns:
            return None
        if self._wrong("order of keys") and len(columns) > 1:
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
                columns=tuple(one["columns"]) or (None,),
                expressions=UNKNOWN,
                unique=UNKNOWN if self._wrong("unique") else bool(one["unique"]),
                predicate=UNKNOWN,
                include=UNKNOWN if covering else (),
                valid=UNKNOWN,
                orders=_orders(one.get("orders")),
                prefix_lengths=UNKNOWN,
                opclasses=UNKNOWN,
                collations=UNKNOWN,
                nulls_distinct=UNKNOWN,
                deferrable=UNKNOWN,
                backs="primary key" if one["primary_key"] else UNKNOWN,
            )
            for name, one in sorted(constraints.items())
            if one["index"]
        )

    def _foreign_keys(
        self, constraints: Constraints, relations: Mapping[str, tuple[Any, ...]]
    ) -> Fact[tuple[ForeignKey, ...]]:
        """Return the foreign keys, in the two words that Django has for them.

        The constraint says its columns, and its target cut at the first dot; the relation, by the
        first column, the target whole, and since Django 6.1 the ON DELETE. UNKNOWN where they
        speak of different keys, or leave the search path.
        """
        found = {name: one for name, one in constraints.items() if one["foreign_key"]}
        if self._wrong("foreign keys") and len(found) > 1:
            return UNKNOWN
        keys = []
        for name, one in sorted(found.items()):
            column, target, *action = relations.get(one["columns"][0], (None, None))
            if [target, column] != list(one["foreign_key"]) and ".".join(
                one["foreign_key"]
            ) != f"{target}.{column}":
                return UNKNOWN
            single = len(one["columns"]) == 1 and column is not None
            keys.append(
                ForeignKey(
                    name="" if _INVENTED.fullmatch(name) else name,
                    columns=tuple(one["columns"]),
                    target=str(target),
                    target_columns=(str(column),) if single else UNKNOWN,
                    on_delete=_ACTIONS.get(getattr(action[0], "__name__", ""), UNKNOWN)
                    if action
                    else UNKNOWN,
                )
            )
        return tuple(keys)


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
    if field is None or Counter(fields.values())[field] > 1:
        return UNKNOWN
    given = {"max_digits": info.precision, "decimal_places": info.scale}
    template: Any = connection.data_types.get(field)
    try:
        text = template(given) if callable(template) else template % given
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
    """Return the unique constraints; of a unique index Django does not tell whether it is plain.

    UNKNOWN where SQLite's parser has taken a keyword for a column.
    """
    keys = []
    for name, constraint in sorted(constraints.items()):
        if not constraint["unique"] or constraint["primary_key"] or constraint["index"]:
            continue
        if not set(constraint["columns"]) <= columns:
            return UNKNOWN
        shown = "" if _INVENTED.fullmatch(name) else name
        keys.append(Key(shown, tuple(constraint["columns"]), UNKNOWN, UNKNOWN))
    return tuple(keys)
