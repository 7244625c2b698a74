"""The types that psycopg sends, and those that a server has."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.usage.statement import UNTYPED

_INTEGER: Final = re.compile(r"\s*-?\d+\Z")
# The literals that psycopg writes without a cast: text and name.
_TEXTS: Final = frozenset({25, 19, 1043})
_NUMBERS: Final = ("smallint", "integer", "bigint", "numeric")


class Types:
    """The types of one server, each looked up once."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._names: dict[int, str] = {}
        self._numbers: dict[str, tuple[str, int]] = {}

    def name(self, type_: Any) -> str:
        """Return the name of a type number; names stay."""
        if isinstance(type_, str):
            return type_
        if type_ not in self._names:
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "SELECT typname = 'unknown', format_type(oid, NULL) FROM pg_type "
                    "WHERE oid = %s",
                    (type_,),
                )
                row = cursor.fetchone()
            self._names[type_] = UNTYPED if row is None or row[0] else row[1]
        return self._names[type_]

    def category(self, name: str) -> str:
        """Return the category of a type, "" for a name that is none."""
        return self._look_up(name)[0]

    def _look_up(self, name: str) -> tuple[str, int]:
        """Return the category and the number of a type, ("", 0) for a name that is none."""
        if name not in self._numbers:
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "SELECT typcategory::text, oid::int8 FROM pg_type WHERE oid = to_regtype(%s)",
                    (name,),
                )
                self._numbers[name] = cursor.fetchone() or ("", 0)
        return self._numbers[name]

    def loads_alike(self, actual: str, recorded: str) -> bool:
        """Return True if the driver makes the same Python type of both."""
        if actual == recorded:
            return True
        from psycopg.adapt import Transformer
        from psycopg.pq import Format

        transformer = Transformer.from_context(self._connection.connection)
        loaders = {
            type(transformer.get_loader(self._look_up(name)[1], Format.TEXT))
            for name in (actual, recorded)
        }
        return len(loaders) == 1


def sent_types(raw: Any, values: Sequence[Any]) -> tuple[Any, ...]:
    """Return for each value the number of its type, or the name that its literal has.

    ``raw`` is a cursor of psycopg.
    """
    from psycopg import ClientCursor
    from psycopg.adapt import PyFormat, Transformer

    transformer = Transformer.from_context(raw)
    types: list[Any] = []
    for value in values:
        if value is None:
            types.append(UNTYPED)
            continue
        dumper = transformer.get_dumper(value, PyFormat.AUTO)
        if isinstance(raw, ClientCursor):
            literal = bytes(transformer.get_dumper(value, PyFormat.TEXT).quote(value))
            types.append(_literal_type(literal, dumper.oid))
        else:
            types.append(dumper.oid or UNTYPED)
    return tuple(types)


def _literal_type(literal: bytes, oid: int) -> Any:
    """Return the type that the server gives a literal of psycopg's client-side binding."""
    text = literal.decode(errors="replace").strip()
    if text.lower() in {"true", "false"}:
        return "boolean"
    if _INTEGER.match(text):
        number = int(text)
        return "integer" if abs(number) < 2**31 else "bigint" if abs(number) < 2**63 else "numeric"
    if text[:1].isdecimal() or text[:1] in "-.":
        return "numeric"
    return UNTYPED if oid in _TEXTS else oid or UNTYPED


def widest(samples: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the types of a statement whose parameters came with several ones.

    A typed value tells more than an untyped one, and a wide number more than a narrow one.
    """
    return tuple(max(types, key=_width) for types in zip(*samples, strict=True))


def _width(name: str) -> tuple[int, str]:
    if name == UNTYPED:
        return -1, name
    return (_NUMBERS.index(name), name) if name in _NUMBERS else (len(_NUMBERS), name)
