"""PL/pgSQL: what a body surely runs, in order, and what it may run.

Pure. A statement in a branch, in a loop or under an exception handler may not run, or may fail
without harm: it is a doubt, and so is all that comes after a RETURN that may not run.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from migration_guard.linter.grammar import library

_EXPRESSION: Final = 2  # libpg_query's parse modes
_ASSIGNMENT: Final = 3
_CONDITIONS: Final = {"PLpgSQL_stmt_if": "cond", "PLpgSQL_stmt_fors": "query"}
_PLAIN: Final = {"PLpgSQL_stmt_execsql": "sqlstmt", "PLpgSQL_stmt_perform": "expr"}
_DYNAMIC: Final = ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery")
# What the catalogue of the server does not have, as scripts ask before they make it.
_IF_MISSING: Final = re.compile(
    r"\s*not\s+exists\s*\(\s*select\b(?:(?!\bfrom\b).)*\bfrom\s+"
    r"(?:pg_catalog\.|information_schema\.)?(?:pg_\w+|tables|columns|views|table_constraints"
    r"|triggers|schemata|sequences|routines)\b",
    re.IGNORECASE | re.DOTALL,
)
_QUALIFIED_TYPE: Final = re.compile(
    r"(?m)^([ \t]*\w+[ \t]+)\w+\.\w+([ \t]*(?:\[\])?[ \t]*(?:;|:=))"
)
_DECLARED: Final = r"\b%s\s+(?:constant\s+)?([a-z_]\w*)\s*(?:;|:=|default\b|not\s+null\b)"
_DDL: Final = re.compile(r"\s*(?:create|alter|drop)\b", re.IGNORECASE)
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")  # of DDL, which names nothing in a literal
_LEAVING: Final = ("PLpgSQL_stmt_return", "PLpgSQL_stmt_exit")


@dataclass(frozen=True, slots=True)
class Step:
    """SQL that surely runs; or, if ``may_run``, SQL that may run, with its ``parts``.

    ``is_dynamic`` means that the body builds SQL from strings. A guarded step runs, and does
    nothing if what it makes is there; a likely one runs unless something is there.
    """

    text: str
    may_run: bool = False
    is_dynamic: bool = False
    parts: tuple[str, ...] = ()
    is_guarded: bool = False
    is_likely: bool = False


@dataclass(slots=True)
class Body:
    """The steps of a body, its variables, and the types that they are declared with."""

    steps: list[Step] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    types: list[str] = field(default_factory=list)


def read(text: str, *, trigger: bool = False) -> Body | None:
    """Return what a body does, None if it cannot be read."""
    tag = "$guard$"
    if tag in text:
        return None
    returns = "trigger" if trigger else "void"
    try:
        functions = library().parse_plpgsql(
            f"CREATE FUNCTION f() RETURNS {returns} LANGUAGE plpgsql AS {tag}{text}{tag}"
        )
    except (library().PgQueryError, ValueError):
        # libpg_query knows no schema of a type but public; what is left out is not checked.
        plain = _QUALIFIED_TYPE.sub(r"\1record\2", text)
        return read(plain, trigger=trigger) if plain != text else None
    function = functions[0]["PLpgSQL_function"]
    body = Body()
    _read_variables(function, body, text)
    block = function["action"]["PLpgSQL_stmt_block"]
    if not _has(block, ("PLpgSQL_stmt_block",)):  # else an inner block may declare them
        for default in _find(function.get("datums", []), "default_val"):
            body.steps += _expression(default)
    _read_block(block, body)
    return body


def _read_variables(function: dict[str, Any], body: Body, text: str) -> None:
    for datum in function.get("datums", []):
        for what, value in datum.items():
            name = value.get("refname", "")
            body.variables.add(name)
            kind = value.get("datatype", {}).get("PLpgSQL_type", {}).get("typname", "")
            if what == "PLpgSQL_rec":  # libpg_query does not tell a type that it does not know
                pattern = _DECLARED % re.escape(name)
                declared = re.search(pattern, text, re.IGNORECASE) if name else None
                kind = declared[1] if declared is not None else ""
            if "lineno" in value and kind.lower() not in {"", "record"}:
                body.types.append(kind)


def _read_block(block: dict[str, Any], body: Body) -> bool:
    """Read the statements of a block. Return True if it may have left the body."""
    statements: Sequence[dict[str, Any]] = block.get("body", [])
    if "exceptions" in block:
        if _catches_duplicates(block["exceptions"]):
            _read_guarded(statements[:1], body)
        body.steps.append(_doubt(block))
        return _has(block, _LEAVING)
    for position, statement in enumerate(statements):
        kind, value = next(iter(statement.items()))
        if kind in _LEAVING:
            return True
        if kind == "PLpgSQL_stmt_block":
            has_left = _read_block(value, body)
        else:
            has_left = _read_statement(kind, value, body)
        if has_left:
            body.steps.append(_doubt(statements[position + 1 :]))
            return True
    return False


def _read_statement(kind: str, value: dict[str, Any], body: Body) -> bool:
    if kind in _PLAIN:
        body.steps += _expression(value[_PLAIN[kind]])
        return False
    if kind == "PLpgSQL_stmt_assign":
        body.steps += _expression(value["expr"])
        return False
    if kind == "PLpgSQL_stmt_dynexecute" and (literal := _literal(value)):
        body.steps.append(Step(literal))
        return False
    if kind == "PLpgSQL_stmt_loop":  # which runs at least once
        _read_block(value, body)
        body.steps.append(_doubt(value))
        return _has(value, _LEAVING[:1])
    if kind in _CONDITIONS:
        body.steps += _expression(value[_CONDITIONS[kind]])
    if kind == "PLpgSQL_stmt_if" and _IF_MISSING.match(_text(value["cond"])):
        _read_guarded(value.get("then_body", []), body, is_likely=True)
    if kind not in {"PLpgSQL_stmt_raise", "PLpgSQL_stmt_assert", "PLpgSQL_stmt_getdiag"}:
        body.steps.append(_doubt(value, is_dynamic=kind in _DYNAMIC))
    return _has(value, _LEAVING)


def _read_guarded(
    statements: Sequence[dict[str, Any]], body: Body, *, is_likely: bool = False
) -> None:
    """Read plain statements that do nothing if what they make is there."""
    for statement in statements:
        kind, value = next(iter(statement.items()))
        if kind not in _PLAIN:
            return
        for step in _expression(value[_PLAIN[kind]]):
            body.steps.append(Step(step.text, is_guarded=True, is_likely=is_likely))


def _catches_duplicates(exceptions: dict[str, Any]) -> bool:
    """Return True if all that is caught is that an object is there already."""
    names = [condition["condname"] for condition in _find(exceptions, "PLpgSQL_condition")]
    return all(name.startswith("duplicate_") or name == "unique_violation" for name in names)


def _text(node: dict[str, Any]) -> str:
    return str(node.get("PLpgSQL_expr", node).get("query", ""))


def _expression(node: dict[str, Any]) -> Iterator[Step]:
    """Yield the SQL of an expression as a statement."""
    expression = node.get("PLpgSQL_expr", node)
    text, mode = expression.get("query", ""), expression.get("parseMode", 0)
    if mode == _ASSIGNMENT:
        text = text.partition(":=" if ":=" in text else "=")[2]
    yield Step(f"SELECT {text}" if mode in {_EXPRESSION, _ASSIGNMENT} else text)


def _literal(value: dict[str, Any]) -> str:
    """Return the SQL that EXECUTE runs if it is one plain literal, else an empty text."""
    text = value.get("query", {}).get("PLpgSQL_expr", {}).get("query", "").strip()
    inside = text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == "'" and "'" not in inside.replace("''", ""):
        return str(inside.replace("''", "'"))
    return ""


def _doubt(node: Any, *, is_dynamic: bool = False) -> Step:
    texts = [expression.get("query", "") for expression in _find(node, "PLpgSQL_expr")]
    is_dynamic = is_dynamic or _has(node, _DYNAMIC)
    named = [_LITERAL.sub("", text) if _DDL.match(text) else text for text in texts]
    return Step(" ".join(named), may_run=True, is_dynamic=is_dynamic, parts=tuple(texts))


def _has(node: Any, kinds: Sequence[str]) -> bool:
    return next(_find(node, *kinds), None) is not None


def _find(node: Any, *kinds: str) -> Iterator[Any]:
    """Yield all values under one of ``kinds`` in a tree."""
    if isinstance(node, dict):
        for kind, value in node.items():
            if kind in kinds:
                yield value
            yield from _find(value, *kinds)
    elif isinstance(node, list):
        for item in node:
            yield from _find(item, *kinds)
