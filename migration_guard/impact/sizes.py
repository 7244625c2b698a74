"""The sizes of a database's tables, as a file carries them from production to where SQL is traced.

Pure but for ``read``. The file names tables and holds numbers: no row, no host, no
user.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from migration_guard.exceptions import CannotTell
from migration_guard.reports.quantities import format_bytes, format_rows
from migration_guard.reports.text import count

VERSION: Final = 1
_KEY: Final = "migration_guard_sizes"
_REMEDY: Final = "Write it with manage.py checkschema --write-sizes FILE, on production."


class TableSize(NamedTuple):
    """The size of a table with its indexes and partitions; None is not known.

    ``writes_per_second`` is the mean number of rows that were inserted, updated or deleted. With
    ``is_at_least``, parts of it are not known, and the numbers are lower bounds.
    """

    rows: int | None = None
    bytes: int | None = None
    writes_per_second: float | None = None
    is_at_least: bool = False

    def __str__(self) -> str:
        """Return ``412 M rows, 96 GB, 31 writes a second``, as far as it is known."""
        if self.rows is None and self.bytes is None:
            return "size unknown"
        parts = [format_rows(self.rows)] if self.rows is not None else []
        parts += [format_bytes(self.bytes)] if self.bytes is not None else []
        if self.writes_per_second is not None and self.writes_per_second >= 1:
            parts.append(f"{count(int(self.writes_per_second), 'write')} a second")
        return f"{'at least ' if self.is_at_least else ''}{', '.join(parts)}"


UNKNOWN: Final = TableSize()


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a database's tables by name, with the schema where the vendor has schemas.

    ``counted_since`` is when the server began to count writes, None if it does not say.
    ``schema`` is that of a name without one.
    """

    vendor: str
    read_at: datetime
    counted_since: datetime | None = None
    tables: Mapping[str, TableSize] = field(default_factory=dict)
    schema: str = ""

    def of(self, table: str) -> TableSize:
        """Return the size of a table; a name without a schema is in that of the connection."""
        return self.tables.get(f"{self.schema}.{table}") or self.tables.get(table, UNKNOWN)


def add_up(
    own: Mapping[str, TableSize], parents: Iterable[tuple[str, str]]
) -> dict[str, TableSize]:
    """Return each table's own size together with that of all below it.

    ``parents`` has pairs of a partition, or a table that inherits, and what it belongs to.
    """
    children: dict[str, list[str]] = defaultdict(list)
    for child, parent in parents:
        children[parent].append(child)
    return {name: _sum(own, _with_those_below(name, children)) for name in own}


def _with_those_below(name: str, children: Mapping[str, list[str]]) -> list[str]:
    names = [name]
    for parent in names:  # grows while it is read
        names += (child for child in children.get(parent, ()) if child not in names)
    return names


def _sum(own: Mapping[str, TableSize], names: list[str]) -> TableSize:
    sizes = [own[name] for name in names if name in own]
    rows = [size.rows for size in sizes if size.rows is not None]
    counts = [size.bytes for size in sizes if size.bytes is not None]
    writes = [size.writes_per_second for size in sizes if size.writes_per_second is not None]
    is_whole = len(rows) == len(counts) == len(sizes) == len(names)
    return TableSize(
        sum(rows) if rows else None,
        sum(counts) if counts else None,
        round(sum(writes), 3) if len(writes) == len(sizes) else None,
        bool(rows or counts) and (not is_whole or any(size.is_at_least for size in sizes)),
    )


def dump(sizes: Sizes) -> str:
    """Return the text of the file: its tables in order, one a line."""
    head = {
        _KEY: VERSION,
        "vendor": sizes.vendor,
        "schema": sizes.schema,
        "read_at": sizes.read_at.isoformat(timespec="seconds"),
        "counted_since": sizes.counted_since and sizes.counted_since.isoformat(timespec="seconds"),
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    tables = [
        f"    {_to_json(name)}: {_to_json(_document(size))}"
        for name, size in sorted(sizes.tables.items())
    ]
    body = ",\n".join(tables)
    return "\n".join(["{", *lines, '  "tables": {', *([body] if body else []), "  }", "}", ""])


def _document(size: TableSize) -> dict[str, Any]:
    return dict(zip(_KINDS, size, strict=True))


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read(path: Path, vendor: str) -> Sizes:
    """Read the file of a database of this vendor. Raises CannotTell with what is wrong in it."""
    try:
        sizes = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CannotTell(f"{path} cannot be read: {error.strerror}.", _REMEDY) from error
    except UnicodeDecodeError as error:
        raise CannotTell(f"{path} has no sizes: it is not UTF-8.", _REMEDY) from error
    except json.JSONDecodeError as error:
        raise CannotTell(
            f"{path}:{error.lineno} is no JSON: {error.msg} (column {error.colno}).", _REMEDY
        ) from error
    except (ValueError, RecursionError) as error:
        raise CannotTell(f"{path} has no sizes: {error}.", _REMEDY) from error
    if sizes.vendor != vendor:
        raise CannotTell(
            f"{path} has the sizes of a {sizes.vendor} database, and this database is {vendor}.",
            "Name the file of this database, or choose another with --database.",
        )
    return sizes


def parse(text: str) -> Sizes:
    """Return the sizes in a file's text. Raises ValueError with what is wrong."""
    document = json.loads(text, object_pairs_hook=_unique)
    if not isinstance(document, dict) or _KEY not in document:
        raise ValueError(f'it lacks "{_KEY}": {VERSION}')
    if document[_KEY] != VERSION:
        raise ValueError(f"it has version {document[_KEY]!r}, and this release reads {VERSION}")
    _require_keys(document, (_KEY, "vendor", "schema", "read_at", "counted_since", "tables"), "it")
    tables = document["tables"]
    if not isinstance(tables, dict):
        raise ValueError('"tables" is no object')  # noqa: TRY004 - of the file, not of a caller
    since = document["counted_since"]
    return Sizes(
        str(document["vendor"]),
        _time("read_at", document["read_at"]),
        None if since is None else _time("counted_since", since),
        {name: _size(f'"tables"."{name}"', value) for name, value in tables.items()},
        str(document["schema"]),
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'"{twice}" is there twice')
    return document


def _require_keys(document: dict[str, Any], keys: Iterable[str], where: str) -> None:
    for key in keys:
        if key not in document:
            raise ValueError(f'{where} lacks "{key}"')
    for key in document:
        if key not in keys:
            raise ValueError(f'{where} has a key "{key}", which this release does not know')


def _time(key: str, value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f'"{key}" = {value!r} is no time with its zone')
    return time


def _size(where: str, document: Any) -> TableSize:
    if not isinstance(document, dict):
        raise ValueError(f"{where} is no object")  # noqa: TRY004
    _require_keys(document, _KINDS, where)
    for key, (is_right, kind) in _KINDS.items():
        if not is_right(document[key]):
            raise ValueError(f'{where}."{key}" = {document[key]!r} is no {kind}')
    return TableSize(*(document[key] for key in _KINDS))


def _is_count(value: Any) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _is_rate(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value) and value >= 0)


# The keys of a table, in the order of the fields of TableSize.
_KINDS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "rows": (_is_count, "count or null"),
    "bytes": (_is_count, "count or null"),
    "writes_per_second": (_is_rate, "number of at least 0, or null"),
    "at_least": (lambda value: isinstance(value, bool), "true or false"),
}
