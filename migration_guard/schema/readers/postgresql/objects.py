"""Reads the kinds of object beside tables: a query for each, made of the columns in the list.

Left out are objects of the system and of extensions, and those that another object has within it:
the row type of a table, the functions of a range. Values of options with a secret name are never
kept, so that a password is in no difference.

Source: PostgreSQL manual, "System Catalogs", ``pg_identify_object``,
``pg_get_catalog_foreign_keys``.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import UNKNOWN, Fact, Program, Snapshot
from migration_guard.schema.readers.catalogue import Catalogue
from migration_guard.schema.readers.postgresql.object_kinds import (
    KINDS,
    Columns,
    Kind,
    Part,
    Wording,
    bare_name,
    identity,
)
from migration_guard.sql.masking import mask_text
from migration_guard.sql.secret_names import is_secret_name

_COLUMNS: Final = """
SELECT c.relname::text, a.attname::text, a.atttypid::regtype::text, f.relname::text
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_get_catalog_foreign_keys() k ON k.fktable = c.oid AND k.fkcols = ARRAY[a.attname::text]
LEFT JOIN pg_class f ON f.oid = k.pktable
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
"""
_OBJECTS: Final = """
SELECT {address}, {word}, i.schema, i.name, {identity}, n.nspname::text, t.relname::text,
       {name}, {is_hidden}{columns}
FROM pg_catalog.{catalogue} o {beside} {join}
CROSS JOIN LATERAL pg_identify_object('{class_}'::regclass, {address}, 0) i
LEFT JOIN pg_class t ON t.oid = {table} LEFT JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE {address} >= {first} AND ({where})
    AND (i.schema IS NULL OR i.schema !~ '^(pg_catalog|information_schema|pg_temp.*|pg_toast.*)$')
    AND NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.classid = '{class_}'::regclass AND e.objid = {address}
        AND (e.deptype = 'e' OR e.deptype = 'i' AND e.classid <> 'pg_class'::regclass))
"""
_PARTS: Final = """
SELECT {address}, {head}{columns} FROM {source} WHERE {address} >= {first} ORDER BY 1, {place}
"""
# The number of the first object that is not the server's own.
_FIRST: Final = 16384
_REFERENCES: Final = """
    (SELECT string_agg({name}, ', ' ORDER BY u.place)
     FROM unnest({column}) WITH ORDINALITY u (number, place))
"""
# A user mapping is a login, so that only these of its options are read.
_LOGIN: Final = "umoptions"
_NO_SECRETS: Final = frozenset({"user", "username", "user_name", "password_required"})


class _Column(NamedTuple):
    """The type of a column, and the catalogue that it points to."""

    type: str
    target: str | None


class _Property(NamedTuple):
    """A property as it is asked for: its column, its wording, and its SQL."""

    column: str
    wording: Wording
    sql: str


def read_objects(connection: BaseDatabaseWrapper, snapshot: Snapshot) -> Iterator[Program]:
    """Yield the objects beside tables. Raises Django's errors. Only inside ``brief_waits``."""
    catalogue = Catalogue(connection)
    columns: dict[str, dict[str, _Column]] = defaultdict(dict)
    for table, column, type_, target in catalogue.rows(_COLUMNS):
        columns[table][column] = _Column(type_, target)
    labels = {(table.schema, table.name): table.label for table in snapshot.tables}
    for kind in KINDS:
        if kind.catalogue in columns:
            yield from _objects(catalogue, kind, columns, labels, snapshot.search_path)


def _objects(
    catalogue: Catalogue,
    kind: Kind,
    columns: Mapping[str, Mapping[str, _Column]],
    labels: Mapping[tuple[str, str], str],
    path: Sequence[str],
) -> Iterator[Program]:
    own = (
        *_properties(kind.columns, {"o": columns[kind.catalogue], "b": columns[kind.beside[0]]}),
        *(_Property("", Wording(name, sql=sql), sql) for name, sql in kind.more.items()),
    )
    rows = catalogue.rows(_query(kind, own))
    parts = {
        name: _lines(catalogue, kind, part, columns)
        for name, part in kind.parts.items()
        if rows and part.catalogue in columns
    }
    for number, word, schema, name, full_name, table_schema, table, given, is_hidden, *row in rows:
        properties: dict[str, Fact[str]] = {
            item.wording.name: UNKNOWN if is_hidden else _text(item, value)
            for item, value in zip(own, row, strict=True)
            if value is not None or is_hidden
        }
        properties |= {part: "\n".join(lines.get(number, ())) for part, lines in parts.items()}
        label = labels.get((table_schema, table)) or _label(table_schema, table or "", path)
        own_name = given if given is not None else _name(schema, name, full_name, path)
        yield Program(word, own_name, label, "", properties)


def _query(kind: Kind, properties: Iterable[_Property]) -> str:
    class_, address = kind.address
    beside, condition = kind.beside
    return _OBJECTS.format(
        address=address,
        class_=class_ or kind.catalogue,
        columns="".join(f",\n{item.sql}" for item in properties),
        beside=f"JOIN pg_catalog.{beside} b ON {condition}" if beside else "",
        first=_FIRST,
        identity=bare_name("i.identity"),
        **{
            field: getattr(kind, field)
            for field in ("catalogue", "is_hidden", "join", "name", "table", "where", "word")
        },
    )


def _lines(
    catalogue: Catalogue, kind: Kind, part: Part, columns: Mapping[str, Mapping[str, _Column]]
) -> Mapping[int, list[str]]:
    """Return the lines of a property by the number of their object."""
    properties = _properties(part.columns, {"p": columns[part.catalogue]})
    lines: dict[int, list[str]] = defaultdict(list)
    query = _PARTS.format(
        address=kind.address[1],
        head=part.head,
        columns="".join(f",\n{item.sql}" for item in properties),
        source=part.source,
        first=_FIRST,
        place=part.place,
    )
    for number, head, *row in catalogue.rows(query):
        texts = (_text(item, value) for item, value in zip(properties, row, strict=True))
        lines[number].append(" ".join(filter(None, (head, *texts))))
    return lines


def _properties(
    columns: Columns, held: Mapping[str, Mapping[str, _Column]]
) -> tuple[_Property, ...]:
    """Return the properties of which the server has the column, by the alias of its table."""
    return tuple(
        _Property(name, wording, wording.sql or _sql(f"{alias}.{name}", of_table[name]))
        for name, value in columns.items()
        for wording in [value if isinstance(value, Wording) else Wording(value)]
        for alias, of_table in held.items()
        if name in of_table
    )


def _sql(name: str, column: _Column) -> str:
    if column.target is None:
        return name if column.type in {"boolean", "text[]"} else f"{name}::text"
    if column.type == "oidvector" or column.type.endswith("[]"):
        return _REFERENCES.format(name=identity(column.target, "u.number"), column=name)
    return identity(column.target, name)


def _text(item: _Property, value: Any) -> str:
    """Return the text of a property in the words of SQL, "" where there is none."""
    wording = item.wording
    if value is None or wording.sql:
        return value or ""
    if wording.words:
        value = str(value).lower() if isinstance(value, bool) else value
        return wording.words.get(value, f"{wording.name} {value}")
    if isinstance(value, bool):
        return wording.name if value else ""
    if isinstance(value, list):
        value = ", ".join(sorted(_option(entry, item.column) for entry in value))
    return f"{wording.name} {value}"


def _option(entry: str, column: str) -> str:
    """Return an option without its value if that is a secret."""
    name, sign, value = entry.partition("=")
    if is_secret_name(name) or (column == _LOGIN and name not in _NO_SECRETS):
        return f"{name}=***"
    return mask_text(f"{name}{sign}'{value}'" if "," in value else entry)


def _name(schema: str | None, name: str | None, full_name: str, path: Sequence[str]) -> str:
    """Return the name of an object: bare where the search path finds it."""
    if name is not None and full_name in {name, f"{schema}.{name}"}:
        return _label(_unquoted(schema), _unquoted(name), path)
    is_found = _unquoted(schema) in path
    return full_name.removeprefix(f"{schema}.") if is_found else full_name


def _label(schema: str | None, name: str, path: Sequence[str]) -> str:
    return name if not schema or schema in path else f"{schema}.{name}"


def _unquoted(name: str | None) -> str:
    if name is None or not name.startswith('"'):
        return name or ""
    return name[1:-1].replace('""', '"')
