"""The types that psycopg sends, and those that a server has."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.usage.statement import UNTYPED

_INTEGER: Final = re.compile(r"\s*-?\d+\Z")
# The literals that psycopg writes without a cast: text and name.
_TEXTS: Final = frozenset({25, 19, 1043})
# The categories of arrays, and of types whose texts are like those of no other type there: ranges,
# geometric types, composites, and those of no category (uuid, json).
_ARRAY: Final = "A"
_UNLIKE: Final = frozenset("RGCU")
_JSON: Final = {"json", "jsonb"}


class Type(NamedTuple):
    """A type by its number; ``category`` is PostgreSQL's letter, ``base`` that of a domain."""

    number: int
    name: str
    category: str
    element: int
    base: int


class Types:
    """The types of one server, read when one is first asked for."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def name(self, type_: Any) -> str:
        """Return the name of a type number; names stay."""
        if isinstance(type_, str):
            return type_
        known = self._by_number.get(type_)
        return known.name if known is not None else UNTYPED

    def base(self, number: int) -> str:
        """Return the name of a type, that of its base for a domain."""
        known = self._by_number.get(number)
        while known is not None and known.base:
            number, known = known.base, self._by_number.get(known.base)
        return self.name(number)

    def holds_alike(self, actual: str, recorded: str) -> bool:
        """Return True if a text that is a value of one type is probably one of the other.

        The types of a category are read from like texts, those of some categories are not.
        """
        types = self._by_name.get(actual), self._by_name.get(recorded)
        if actual == recorded or None in types:
            return actual == recorded
        ours, theirs = (self._without_domain(type_) for type_ in types if type_ is not None)
        if ours.category != theirs.category:
            return False
        if ours.category == _ARRAY:
            return self.holds_alike(self.name(ours.element), self.name(theirs.element))
        names = {ours.name, theirs.name}
        return len(names) == 1 or names == _JSON or ours.category not in _UNLIKE

    def loads_alike(self, actual: str, recorded: str) -> bool:
        """Return True if the driver makes the same Python type of both."""
        types = self._by_name.get(actual), self._by_name.get(recorded)
        if actual == recorded or None in types:
            return actual == recorded
        ours, theirs = (self._without_domain(type_) for type_ in types if type_ is not None)
        if ours.category == theirs.category == _ARRAY:
            return self.loads_alike(self.name(ours.element), self.name(theirs.element))
        loaders = {self._loader(ours.number), self._loader(theirs.number)}
        return len(loaders) == 1

    def _without_domain(self, type_: Type) -> Type:
        while type_.base:
            type_ = self._by_number[type_.base]
        return type_

    def _loader(self, number: int) -> Any:
        from psycopg.pq import Format
        from psycopg.types.string import TextLoader

        loader = type(self._transformer.get_loader(number, Format.TEXT))
        unknown = type(self._transformer.get_loader(0, Format.TEXT))
        # Both make a str of it: an enum is a type that psycopg does not know.
        return TextLoader if loader is unknown else loader

    @cached_property
    def _transformer(self) -> Any:
        from psycopg.adapt import Transformer

        return Transformer.from_context(self._connection.connection)

    @cached_property
    def _by_number(self) -> dict[int, Type]:
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT oid::int8, CASE typname WHEN 'unknown' THEN 'unknown' "
                "ELSE pg_catalog.format_type(oid, NULL) END, typcategory::text, "
                "CASE typcategory WHEN 'A' THEN typelem::int8 ELSE 0 END, typbasetype::int8 "
                "FROM pg_catalog.pg_type"
            )
            return {row[0]: Type(*row) for row in cursor.fetchall()}

    @cached_property
    def _by_name(self) -> dict[str, Type]:
        return {type_.name: type_ for type_ in self._by_number.values()}


def sent_types(raw: Any, values: Sequence[Any]) -> tuple[Any, ...]:
    """Return for each value the number of its type, or the name that its literal has.

    ``raw`` is a cursor of psycopg.
    """
    from psycopg.adapt import PyFormat, Transformer
    from psycopg.client_cursor import ClientCursorMixin

    transformer = Transformer.from_context(raw)
    types: list[Any] = []
    for value in values:
        if value is None:
            types.append(UNTYPED)
            continue
        dumper = transformer.get_dumper(value, PyFormat.AUTO)
        if isinstance(raw, ClientCursorMixin):
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
