"""Where a caller is now: the line of its function, looked up when a report is made."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import MappingProxyType

from migration_guard import problems


def place(caller: str, root: Path) -> str:
    """Return ``path:line`` of a caller, ``path:1`` where its function is no more there.

    A method that a class inherits is where the class is. A caller in a package, or in a file that
    is not there, stays as it is.
    """
    name, _, function = caller.rpartition(":")
    path = root / name
    lines = _lines(path)
    if lines is None:
        return caller
    while function not in lines and "." in function:  # a method that a class inherits
        function = function.rpartition(".")[0]
    return problems.place(path, lines.get(function, 1))


@cache
def _lines(path: Path) -> MappingProxyType[str, int] | None:
    """Return the lines of a file's functions by their qualified names, None without a file."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    return MappingProxyType(dict(_functions(tree, "")))


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}"
            yield name, child.lineno
            yield from _functions(child, f"{name}.")
        else:
            yield from _functions(child, prefix)
