"""Types compared by meaning: one spelling for all names that a vendor has for the same type.

Invariant: ``normalize`` is idempotent, and leaves a type that it does not know as it is, but for
white space and the case of what is not quoted.

Sources: PostgreSQL manual, chapter 8 "Data Types" and ``format_type``; MariaDB and MySQL manuals,
"Data Types"; SQLite, "Datatypes In SQLite", 3.1.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple


class TypeParts(NamedTuple):
    """The parts of a type, such as ``time``, (3), ``with time zone`` and ``[]``."""

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
    """Return a type in the vendor's own spelling, such as ``character varying(40)``.

    ``vendor`` is Django's ``connection.vendor``. For one without rules here, only the case and the
    white space are normalised.
    """
    rule = _RULES.get(vendor)
    parts = _parse(type_text)
    return str(rule(parts) if rule is not None else parts)


def same_type(a: str, b: str, vendor: str) -> bool:
    """Return whether two texts name the same type.

    On PostgreSQL a type of the schema ``public`` is the same with and without its schema: the
    server writes the schema only where the search path does not find the type.
    """
    if a == b:
        return True
    first, second = normalize(a, vendor), normalize(b, vendor)
    implied = _IMPLIED_SCHEMA.get(vendor, "")
    return first.removeprefix(implied) == second.removeprefix(implied)


def has_type_rules(vendor: str) -> bool:
    """Return whether the app knows which types of a vendor have several names."""
    return vendor in _RULES


_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | [^\W]+ | [(),.] | \[[^\]]*\] | \S""", re.VERBOSE
)


def _parse(text: str) -> TypeParts:
    """Return the parts of a type; quoted names keep their case."""
    words: list[str] = []
    arguments: list[str] | None = None
    rest: list[str] = []
    array = inside = joined = False
    for token in _TOKEN.findall(text):
        part = token if token[0] in "'\"`" else token.lower()
        if inside:
            inside = part != ")"
            if inside and arguments is not None:
                _add_argument(arguments, part)
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
    return TypeParts(
        " ".join(words), None if arguments is None else tuple(arguments), " ".join(rest), array
    )


def _add_argument(arguments: list[str], part: str) -> None:
    """Add a token to the arguments; a comma begins the next one."""
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
_FULL_PRECISION: Final = ("6",)  # digits of a second, also where no precision is given
_SINGLE: Final = 24  # binary digits that a single precision number holds
_NEEDLESS_QUOTES: Final = re.compile(r'"([a-z_][a-z0-9_$]*)"')


def _postgresql(parts: TypeParts) -> TypeParts:
    """Return a type as ``format_type`` spells it."""
    plain = parts.name.removeprefix("pg_catalog.")
    if plain != '"char"':
        plain = _NEEDLESS_QUOTES.sub(r"\1", plain)
    arguments = parts.arguments
    if plain == "float" and arguments:
        single = arguments[0].isdecimal() and int(arguments[0]) <= _SINGLE
        return parts._replace(name="real" if single else "double precision", arguments=None)
    if plain == "bpchar" and arguments:
        plain = "character"
    name = _POSTGRESQL_NAMES.get(plain, plain)
    if name.startswith(("timestamp", "time with", "time without")):
        return _postgresql_time(parts._replace(name=name))
    if name in {"character", "bit"} and arguments is None:
        arguments = ("1",)
    if name == "numeric" and arguments is not None and len(arguments) == 1:
        arguments = (arguments[0], "0")
    if name.startswith("interval") and arguments == _FULL_PRECISION:
        arguments = None
    return parts._replace(name=name, arguments=arguments)


def _postgresql_time(parts: TypeParts) -> TypeParts:
    """Return ``timestamp(3) with time zone``; the full precision is left out."""
    kind, _, zone = parts.name.partition(" ")
    zone = parts.rest or zone
    if parts.arguments is None or parts.arguments == _FULL_PRECISION:
        return parts._replace(name=f"{kind} {zone}", arguments=None, rest="")
    return parts._replace(name=kind, rest=zone)


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
_BOOLEAN: Final = TypeParts("tinyint", ("1",))


def _mysql(parts: TypeParts) -> TypeParts:
    """Return a type as information_schema spells it, without display widths.

    Only ``tinyint(1)`` keeps its width: it is what BOOLEAN means, and drivers read it so.
    """
    words = _MYSQL_CHARSET.sub("", f"{parts.name} {parts.rest}".strip())
    unsigned = "unsigned" in words.split() or "zerofill" in words.split()
    words = " ".join(word for word in words.split() if word not in _MYSQL_SIGNS)
    name, arguments = _MYSQL_NAMES.get(words, words), parts.arguments
    if name in {"bool", "boolean"}:
        return _BOOLEAN
    if name == "serial":
        name, unsigned = "bigint", True
    if name in _MYSQL_INTEGERS:
        is_boolean = name == "tinyint" and arguments == ("1",) and not unsigned
        return TypeParts(name, ("1",) if is_boolean else None, "unsigned" if unsigned else "")
    return TypeParts(*_mysql_arguments(name, arguments), "unsigned" if unsigned else "")


_MYSQL_SIGNS: Final = frozenset({"signed", "unsigned", "zerofill"})


def _mysql_arguments(
    name: str, arguments: tuple[str, ...] | None
) -> tuple[str, tuple[str, ...] | None]:
    """Return name and arguments, with defaults written and arguments without effect left out."""
    if name == "decimal":
        precision, *scale = arguments or ("10",)
        return name, (precision, *(scale or ("0",)))
    if name in {"char", "binary", "bit"} and arguments is None:
        return name, ("1",)
    if name == "year" or (name in {"datetime", "timestamp", "time"} and arguments == ("0",)):
        return name, None
    if name == "float" and arguments is not None and len(arguments) == 1:
        single = arguments[0].isdecimal() and int(arguments[0]) <= _SINGLE
        return ("float" if single else "double"), None
    return name, arguments


# SQLite


def _sqlite(parts: TypeParts) -> TypeParts:
    """Return a type as it is declared, since SQLite gives the name itself no meaning."""
    return parts


# The schema that a type is in where its name is written without one.
_IMPLIED_SCHEMA: Final[Mapping[str, str]] = {"postgresql": "public.", "mysql": "", "sqlite": ""}
_RULES: Final[Mapping[str, Callable[[TypeParts], TypeParts]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}
