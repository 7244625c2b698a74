"""User variables that the finished part of a file gave a value, and that the rest reads.

Pure: it reads the statements alone. A SET of constants and pure functions is made again by the next
run; every other way to give a value may give another one then. Source: MariaDB knowledge base,
"User-Defined Variables".
"""

import re
from collections.abc import Container, Iterator, Sequence
from itertools import islice, pairwise
from typing import Final, NamedTuple

from migration_guard.sql.implicit_commits import CODE
from migration_guard.sql.lexer import fingerprint_tokens
from migration_guard.sql.statements import Statement

Tokens = Sequence[str]
# Functions whose value depends on their arguments alone.
_PURE: Final = frozenset(
    {
        *("cast", "char", "coalesce", "concat", "concat_ws", "convert", "if", "ifnull"),
        *("json_array", "json_object", "lower", "nullif", "replace", "upper", "date", "time"),
        *("abs", "greatest", "hex", "least", "length", "md5", "mod", "round", "sha1", "sha2"),
        *("substr", "substring", "trim", "unhex", "decimal", "varchar", "binary", "in"),
    }
)
# Words of an expression that no chance is in; any other bare word may be CURRENT_TIMESTAMP.
_CONSTANT: Final = frozenset(
    {
        *("null", "true", "false", "default", "on", "off", "and", "or", "not", "xor", "is"),
        *("between", "like", "div", "mod", "as", "using", "case", "when", "then", "else", "end"),
        *("char", "signed", "unsigned", "integer", "int", "date", "datetime", "time", "binary"),
        *("utf8", "utf8mb3", "utf8mb4", "latin1", "ascii", "collate", "interval", "_utf8mb4"),
    }
)
# Variables of the server whose value is another one in each session, or at each time.
_BY_CHANCE: Final = frozenset(
    {
        *("identity", "last_insert_id", "insert_id", "warning_count", "error_count", "timestamp"),
        *("rand_seed1", "rand_seed2", "pseudo_thread_id", "last_gtid", "in_transaction"),
        *("gtid_current_pos", "gtid_binlog_pos", "global"),
    }
)
# Code may give any variable a value without its text saying so.
_CODE: Final = frozenset(map(str.lower, CODE))
_ASSIGN: Final = ("=", ":=")


_ROUTINES: Final = frozenset({"procedure", "function", "trigger", "event", "package"})
_SERVER_VARIABLE: Final = re.compile(r"@ @ (\w+(?: \. \w+)*)")
_IN_LITERAL: Final = re.compile(r"(?<!@)@([A-Za-z0-9_.$]+)")
_EVERY: Final = "*"


class _Use(NamedTuple):
    """One user variable in a statement; ``is_target`` says that it gets a value there."""

    name: str
    is_target: bool


def statement_tokens(text: str, *, in_full: bool) -> list[str]:
    """Return the tokens of a statement, or the first, without the mark of a kept comment."""
    tokens = (token for token in fingerprint_tokens(text, "mysql") if not token.startswith("/*"))
    return list(tokens if in_full else islice(tokens, 1))


def lost(done: Sequence[Statement], rest: Sequence[Statement]) -> tuple[Statement, str] | None:
    """Return the statement that gave a variable a value by chance which ``rest`` reads."""
    reads = _reads(rest)
    givers: dict[str, Statement] = {}
    for statement in done if reads else ():
        tokens = _tokens(statement.text)
        by_chance, again = _assigned(tokens, givers)
        if _EVERY in by_chance:
            by_chance |= reads
        givers = {name: giver for name, giver in givers.items() if name not in again}
        givers |= dict.fromkeys(by_chance, statement)
    for name, giver in givers.items():
        if name in reads:
            return giver, f"gave the variable @{name} a value"
    return None


def _reads(rest: Sequence[Statement]) -> set[str]:
    """Return the variables that statements read before they give them a value themselves."""
    reads: set[str] = set()
    given: set[str] = set()
    for statement in rest:
        tokens = _tokens(statement.text)
        uses = list(_uses(tokens))
        literals = tokens if tokens[:1] in (["prepare"], ["execute"]) else ()
        in_literals = {name.lower() for text in literals for name in _IN_LITERAL.findall(text)}
        reads |= ({use.name for use in uses if not use.is_target} | in_literals) - given
        given |= {use.name for use in uses if use.is_target}
    return reads


def _tokens(text: str) -> list[str]:
    """Return the tokens of a statement; only the first where no variable is in it."""
    return statement_tokens(text, in_full="@" in text)


def _assigned(tokens: Tokens, chancy: Container[str]) -> tuple[set[str], set[str]]:
    """Return the variables that a statement gives a value by chance, and by what runs again.

    ``chancy`` are the variables that have a value by chance before it.
    """
    if tokens[:2] == ["set", "statement"] and "for" in tokens:
        return _assigned(tokens[tokens.index("for") + 1 :], chancy)
    if tokens[:1] == ["create"] and _ROUTINES.intersection(tokens[:12]):
        return set(), set()
    if _CODE.intersection(tokens[:1]):
        return {_EVERY}, set()
    if tokens[:1] != ["set"]:
        return {use.name for use in _uses(tokens) if use.is_target}, set()
    by_chance: set[str] = set()
    again: set[str] = set()
    for target, value in _assignments(tokens):
        names = {use.name for use in _uses(value) if use.is_target}
        by_chance |= names
        if target:
            is_constant = not names and _is_constant(value, chancy)
            (again if is_constant else by_chance).add(target)
    return by_chance, again


def _assignments(tokens: Tokens) -> Iterator[tuple[str, Tokens]]:
    """Yield the user variable, or "" for others, and the value of each part of a SET."""
    depth, start = 0, 1
    for index, word in enumerate(tokens):
        depth += (word == "(") - (word == ")")
        if word == ";" or (word == "," and depth == 0):
            part, start = tokens[start:index], index + 1
            is_variable = part[:1] == ["@"] and part[2:3] and part[2] in _ASSIGN
            yield (_fold(part[1]), part[3:]) if is_variable else ("", part)


def _is_constant(value: Tokens, chancy: Container[str]) -> bool:
    """Return whether an expression has the same value in another session."""
    of_server = list(_SERVER_VARIABLE.findall(" ".join(value)))
    if any(set(name.split(" . ")) & _BY_CHANCE for name in of_server):
        return False
    if any(use.name in chancy for use in _uses(value)):
        return False
    for before, word, after in zip(["", *value], value, [*value[1:], ""], strict=False):
        is_word = word[0].isalpha() or word[0] in "_`"
        is_variable = before in ("@", ".")
        if is_word and not is_variable and word not in (_PURE if after == "(" else _CONSTANT):
            return False
    return True


def _uses(tokens: Tokens) -> Iterator[_Use]:
    """Yield each user variable; two ``@`` begin a variable of the server."""
    is_set, is_load = tokens[:1] == ["set"], tokens[:1] == ["load"]
    gets = tokens[:1] == ["get"]
    into_end = 0
    for index, (sign, name) in enumerate(pairwise(tokens)):
        if sign != "@" or "@" in (name, tokens[index - 1] if index else ""):
            continue
        before = tokens[index - 1] if index else ""
        after = tokens[index + 2] if index + 2 < len(tokens) else ""
        is_into = before == "into" or (before == "," and into_end == index - 1)
        into_end = index + 2 if is_into else into_end
        is_set_target = is_set and before in ("set", ",") and after in _ASSIGN
        is_target = after == ":=" or is_load or is_into or is_set_target or (gets and after == "=")
        yield _Use(_fold(name), is_target)


def _fold(name: str) -> str:
    return name.strip("`'\"").lower()
