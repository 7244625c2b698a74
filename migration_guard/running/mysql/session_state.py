"""State that only one MySQL session has: user variables, prepared statements, last ids.

Pure: it reads the statements alone.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from migration_guard.sql.classify import words
from migration_guard.sql.lexer import fingerprint_tokens
from migration_guard.sql.statements import Statement

# Functions whose value depends on their arguments alone.
_PURE = {
    *("cast", "char", "coalesce", "concat", "concat_ws", "convert", "if", "ifnull", "json_array"),
    *("json_object", "lower", "nullif", "replace", "upper"),
}
# What the last statement of a session left, by the function that asks for it.
_OF_LAST = {"last_insert_id", "row_count", "found_rows"}
_LEAVES_LAST = {"INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "WITH", "LOAD", "CALL"}


def unrepeatable(
    done: Sequence[Statement], rest: Sequence[Statement]
) -> tuple[Statement, str] | None:
    """Return what of ``done`` its session knew, ``rest`` needs, and no other session can have.

    User variables whose values cannot be had again, prepared statements, last ids. The words go on
    from "It".
    """
    needed = [list(fingerprint_tokens(statement.text, "mysql")) for statement in rest]
    reads = {name for tokens in needed for name in _variables(tokens)}
    executes = {name for tokens in needed for name in _prepared_names(tokens)}
    of_last = _OF_LAST.intersection(needed[0] if needed else ())
    for statement in done:
        tokens = list(fingerprint_tokens(statement.text, "mysql"))
        if lost := sorted(_assigned_by_chance(tokens) & reads):
            return statement, f"gave the variable @{lost[0]} a value"
        if _prepared_names(tokens) & executes:
            return statement, "prepared a statement"
        if of_last and "".join(words(statement.text, "mysql", 1)) in _LEAVES_LAST:
            return done[-1], f"left what {of_last.pop()}() in line {rest[0].line} asks for"
    return None


def _variables(tokens: Sequence[str]) -> set[str]:
    """Return the names of the user variables in a statement."""
    return {name for _index, name in _variable_places(tokens)}


def _variable_places(tokens: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield each user variable with the index of what follows it; two ``@`` are the server's."""
    for index, (sign, name) in enumerate(pairwise(tokens)):
        if sign == "@" and "@" not in (name, tokens[index - 1] if index else ""):
            yield index + 2, name.strip("`'\"").lower()


def _assigned_by_chance(tokens: Sequence[str]) -> set[str]:
    """Return the variables to which a statement gives a value that it need not give again."""
    if tokens[:1] == ["set"]:
        return _set_by_chance(tokens)
    places = list(_variable_places(tokens))
    if tokens[:1] == ["call"]:
        return {name for _index, name in places}
    into = tokens.index("into") if "into" in tokens else len(tokens)
    into_variable = tokens[into + 1 : into + 2] == ["@"]
    return {
        name
        for index, name in places
        if tokens[index : index + 1] == [":="] or (into_variable and index > into)
    }


def _set_by_chance(tokens: Sequence[str]) -> set[str]:
    """Return the variables of a SET whose values come of more than constants and pure functions."""
    places = list(_variable_places(tokens))
    assigned = {name for index, name in places if tokens[index : index + 1] in (["="], [":="])}
    reads = {name for index, name in places if tokens[index : index + 1] not in (["="], [":="])}
    calls = {name for name, after in pairwise(tokens) if after == "(" and name.isidentifier()}
    return assigned if reads or calls - _PURE or "select" in tokens else set()


def _prepared_names(tokens: Sequence[str]) -> set[str]:
    """Return the prepared statement that a PREPARE makes or an EXECUTE runs."""
    return set(tokens[1:2]) if tokens[:1] in (["prepare"], ["execute"]) else set()
