"""Types by their meaning: one spelling for every name that a vendor has for the same type.

Invariant: ``normalize`` is idempotent, and leaves a type that it does not know as it is, but for
white space and the case of what is not quoted.

Sources: PostgreSQL manual, chapter 8 "Data Types" and ``format_type``; MariaDB and MySQL manuals,
"Data Types"; SQLite, "Datatypes In SQLite", 3.1.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple


class Spelt(NamedTuple):
    """A type taken apart: ``numeric`` (10, 2), or ``time`` (3) ``with time zone``, and ``[]``."""

    name: str
    arguments: tuple[str, ...] | None = None
    rest: str = ""
    array: bool = False

    def __str__(self) -> str:
        arguments = "" if self.arguments is None else f"({','.join(self.arguments)})"
        rest = f" {self.rest}" if self.rest else ""
        return f"{self.name}{arguments}{rest}{'[]' if self.array else ''}"


@lru_cache(maxsize=4096)
def normalize(type_text: str, vendor: str) -> str:
    """Return the one spelling of a type, the vendor's own (``character varying(40)``).

    ``vendor`` is Django's ``connection.vendor``; of an unknown one only case and white space count.
    """
    rule = _RULES.get(vendor)
    spelt = _spelt(type_text)
    return str(rule(spelt) if rule is not None else spelt)


def same_type(a: str, b: str, vendor: str) -> bool:
    """Return whether two texts name the same type.

    On PostgreSQL a type of the schema ``public`` is the same with and without its schema: the
    server writes the schema only where the search path does not find the type.
    """
    if a == b:
        return True
    first, second = normalize(a, vendor), normalize(b, vendor)
    if vendor == "postgresql":
        first, second = first.removeprefix("public."), second.removeprefix("public.")
    return first == second


def has_type_rules(vendor: str) -> bool:
    """Return whether the names that a vendor has for the same type are known here."""
    return vendor in _RULES


_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | [^\W]+ | [(),.] | \[[^\]]*\] | \S""", re.VERBOSE
)


def _spelt(text: str) -> Spelt:
    """Take a type apart; what is quoted keeps its case."""
    words: list[str] = []
    arguments: list[str] | None = None
    rest: list[str] = []
    array = inside = joined = False
    for token in _TOKEN.findall(text):
        part = token if token[0] in "'\"`" else token.lower()
        if inside:
            inside = part != ")"
            if inside and arguments is not None:
                _argue(arguments, part)
        elif part == "(":
            arguments, inside = [""], True
        elif part[0] == "[" or (part == "array" and words):
            array = True
        elif arguments is not None:
            rest.append(part)
        elif words and (joined or part == "."):
            words[-1] += part
            joined = part == "."
        else:
            words.append(part)
    return Spelt(
        " ".join(words), None if arguments is None else tuple(arguments), " ".join(rest), array
    )


def _argue(arguments: list[str], part: str) -> None:
    """Add a token to the arguments."""
    if part == ",":
        arguments.append("")
    else:
        arguments[-1] = f"{arguments[-1]} {part}" if arguments[-1] else part


# PostgreSQL

_POSTGRESQL_NAMES: Final[Mapping[str, str]] = {
    "int": "integer",
    "int4": "integer",
    "serial": "integer",
    "serial4": "integer",
    "int8": "bigint",
    "bigserial": "bigint",
    "serial8": "bigint",
    "int2": "smallint",
    "smallserial": "smallint",
    "serial2": "smallint",
    "bool": "boolean",
    "float4": "real",
    "float8": "double precision",
    "float": "double precision",
    "decimal": "numeric",
    "dec": "numeric",
    "varchar": "character varying",
    "char varying": "character varying",
    "national character varying": "character varying",
    "national char varying": "character varying",
    "nchar varying": "character varying",
    "char": "character",
    "nchar": "character",
    "national character": "character",
    "national char": "character",
    "varbit": "bit varying",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "time": "time without time zone",
}
_FINEST: Final = ("6",)  # fractional digits of a second: what there is without an argument
_SINGLE: Final = 24  # binary digits that a single precision number holds


def _postgresql(spelt: Spelt) -> Spelt:
    """Spell a type as ``format_type`` does."""
    plain = spelt.name.removeprefix("pg_catalog.")
    plain = _unquoted(plain) if plain != '"char"' else plain
    arguments = spelt.arguments
    if plain == "float" and arguments:
        single = arguments[0].isdecimal() and int(arguments[0]) <= _SINGLE
        return spelt._replace(name="real" if single else "double precision", arguments=None)
    if plain == "bpchar" and arguments:
        plain = "character"
    name = _POSTGRESQL_NAMES.get(plain, plain)
    if name.startswith(("timestamp", "time with", "time without")):
        return _postgresql_time(spelt._replace(name=name))
    if name in {"character", "bit"} and arguments is None:
        arguments = ("1",)
    if name == "numeric" and arguments is not None and len(arguments) == 1:
        arguments = (arguments[0], "0")
    if name.startswith("interval") and arguments == _FINEST:
        arguments = None
    return spelt._replace(name=name, arguments=arguments)


def _postgresql_time(spelt: Spelt) -> Spelt:
    """Spell a time: ``timestamp(3) with time zone``, without the precision where it is the full."""
    kind, _, zone = spelt.name.partition(" ")
    zone = spelt.rest or zone
    if spelt.arguments is None or spelt.arguments == _FINEST:
        return spelt._replace(name=f"{kind} {zone}", arguments=None, rest="")
    return spelt._replace(name=kind, rest=zone)


_LOWER_NAME: Final = re.compile(r'"([a-z_][a-z0-9_$]*)"')


def _unquoted(name: str) -> str:
    """Drop quotes that change nothing."""
    return _LOWER_NAME.sub(r"\1", name)


# MySQL and MariaDB

_MYSQL_NAMES: Final[Mapping[str, str]] = {
    "integer": "int",
    "int4": "int",
    "int1": "tinyint",
    "int2": "smallint",
    "int3": "mediumint",
    "middleint": "mediumint",
    "int8": "bigint",
    "dec": "decimal",
    "numeric": "decimal",
    "fixed": "decimal",
    "double precision": "double",
    "real": "double",
    "float8": "double",
    "float4": "float",
    "character varying": "varchar",
    "char varying": "varchar",
    "national varchar": "varchar",
    "nvarchar": "varchar",
    "character": "char",
    "national char": "char",
    "nchar": "char",
    "long": "mediumtext",
    "long varchar": "mediumtext",
    "long varbinary": "mediumblob",
}
_MYSQL_INTEGERS: Final = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_MYSQL_CHARSET: Final = re.compile(r"\s*\b(?:character set|charset|collate)\s+\S+")
_BOOLEAN: Final = Spelt("tinyint", ("1",))


def _mysql(spelt: Spelt) -> Spelt:
    """Spell a type as information_schema does, without display widths.

    ``tinyint(1)`` alone keeps its width: it is what BOOLEAN means, and drivers read it so.
    """
    words = _MYSQL_CHARSET.sub("", f"{spelt.name} {spelt.rest}".strip())
    unsigned = "unsigned" in words.split() or "zerofill" in words.split()
    words = " ".join(one for one in words.split() if one not in _MYSQL_SIGNS)
    name, arguments = _MYSQL_NAMES.get(words, words), spelt.arguments
    if name in {"bool", "boolean"}:
        return _BOOLEAN
    if name == "serial":
        name, unsigned = "bigint", True
    if name in _MYSQL_INTEGERS:
        kept = ("1",) if name == "tinyint" and arguments == ("1",) and not unsigned else None
        return Spelt(name, kept, "unsigned" if unsigned else "")
    return Spelt(*_mysql_arguments(name, arguments), "unsigned" if unsigned else "")


_MYSQL_SIGNS: Final = frozenset({"signed", "unsigned", "zerofill"})


def _mysql_arguments(
    name: str, arguments: tuple[str, ...] | None
) -> tuple[str, tuple[str, ...] | None]:
    """Spell out what is implied and drop what says nothing."""
    if name == "decimal":
        given = arguments or ("10",)
        return name, given if len(given) > 1 else (given[0], "0")
    if name in {"char", "binary", "bit"} and arguments is None:
        return name, ("1",)
    if name == "year" or (name in {"datetime", "timestamp", "time"} and arguments == ("0",)):
        return name, None
    if name == "float" and arguments is not None and len(arguments) == 1:
        single = arguments[0].isdecimal() and int(arguments[0]) <= _SINGLE
        return ("float" if single else "double"), None
    return name, arguments


# SQLite


def _sqlite(spelt: Spelt) -> Spelt:
    """Keep the declared name and its length: it is a name, and only its affinity has a meaning."""
    return spelt


_RULES: Final[Mapping[str, Callable[[Spelt], Spelt]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}
