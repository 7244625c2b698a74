"""psql's variables in a migration, which only psql replaces: `:v`, `:'v'`, `:"v"`, `:{?v}`.

Pure. PostgreSQL itself has a single colon in two places only: between the bounds of an array slice,
and between key and value of JSON_OBJECT and JSON_OBJECTAGG. Sources: PostgreSQL manual, "psql",
"SQL Interpolation"; "Array Type"; "JSON Creation Functions".
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem
from migration_guard.sql.dialects import Dialect, dialect
from migration_guard.sql.scanner import Kind, Token, significant
from migration_guard.sql.statements import read

# What every variable holds; read first, since hardly any file has it.
_COLON: Final = re.compile(r""":(?:[^\W\d]|['"{])""")
_NAME: Final = re.compile(r"""\w+|'\w+'|"\w+\"""")
_PAIRS: Final = {"JSON_OBJECT", "JSON_OBJECTAGG"}
_OPENING: Final = {"(", "["}
_CLOSING: Final = {")", "]"}


class _Group(Enum):
    """What brackets hold, as far as a colon may stand there."""

    SLICE = auto()
    PAIRS = auto()
    ARRAY = auto()
    OTHER = auto()


def psql_variable_problems(
    file: MigrationFile, vendor: str, string_setting: str = ""
) -> list[Problem]:
    """Return a problem for the first psql variable of a file; the server would see a colon.

    ``string_setting`` is that by which the file was split.
    """
    lexis = dialect(vendor)
    if not lexis.backslash_commands or not _COLON.search(file.text):
        return []
    for statement, read_by in read(file.text, vendor, string_setting):
        if statement.meta or not _COLON.search(statement.text):
            continue
        for start, name in _variables(statement.text, read_by):
            return [_problem(file, name, statement.line + statement.text.count("\n", 0, start))]
    return []


def _variables(text: str, lexis: Dialect) -> Iterator[tuple[int, str]]:
    """Yield offset and text of each variable."""
    tokens = list(significant(text, lexis))
    groups: list[_Group] = []
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else None
        if token.text in _OPENING and token.kind is Kind.OPERATOR:
            groups.append(_group(token.text, before, groups[-1:]))
        elif token.text in _CLOSING and token.kind is Kind.OPERATOR:
            del groups[-1:]
        elif token.text == ":" and not _is_of_server(before, groups[-1:]):
            name = _name(text, token.start + 1, tokens[index + 1 : index + 2])
            if name:
                yield token.start, f":{name}"


def _group(opening: str, before: Token | None, outer: list[_Group]) -> _Group:
    word = "" if before is None else before.text.upper()
    if opening == "(":
        return _Group.PAIRS if word in _PAIRS else _Group.OTHER
    is_nested = outer == [_Group.ARRAY] and word in {"[", ","}
    return _Group.ARRAY if is_nested or word == "ARRAY" else _Group.SLICE


def _is_of_server(before: Token | None, inner: list[_Group]) -> bool:
    """Return whether a colon may be one of the server's own, by where it stands."""
    if inner == [_Group.PAIRS]:
        # Behind a key; at the beginning of one, or behind another operator, it is a variable.
        return before is not None and (before.kind is not Kind.OPERATOR or before.text in _CLOSING)
    return inner == [_Group.SLICE]


def _name(text: str, start: int, following: list[Token]) -> str:
    """Return what follows the colon without a space, if psql takes it for a variable."""
    if not following or following[0].start != start:
        return ""
    token = following[0]
    if token.text == "{":
        return "{?…}" if text.startswith("{?", start) else ""
    is_name = token.kind in {Kind.WORD, Kind.STRING, Kind.QUOTED}
    return token.text if is_name and _NAME.fullmatch(token.text) else ""


def _problem(file: MigrationFile, name: str, line: int) -> Problem:
    return Problem(
        "meta-command",
        f"a variable of psql: {name}",
        "Write the value itself: only psql replaces variables, a database does not.",
        path=file.path,
        line=line,
    )
