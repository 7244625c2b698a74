"""Replace RunSQL by RequiresSQL in the source of a migration; all else stays as it is written.

Pure. Places come from ``ast``. What is not written out, such as operations that a loop makes, is
refused.
"""

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation

from migration_guard.adopting.runsql.operations import StaysWithDjango, runs_sql

_IMPORT: Final = "from migration_guard.operations import RequiresSQL"
_STATE: Final = "state_operations"
_INDENT: Final = "    "


class _Call(NamedTuple):
    """A RunSQL that is written out, and the list of its state operations."""

    node: ast.Call
    state: ast.expr | None


def edit_source(raw: bytes, operations: Sequence[Operation], migration_id: str) -> bytes:
    """Return the source with RequiresSQL(``migration_id``) in the place of each RunSQL.

    ``operations`` are those that the source makes. Raises StaysWithDjango.
    """
    encoding, _lines = tokenize.detect_encoding(io.BytesIO(raw).readline)
    text = raw.decode(encoding)
    tree = ast.parse(raw)
    source = _Source(text)
    migration = _migration_class(tree)
    for call in _calls(_elements(migration), operations):
        source.replace(call.node, _requirement(source, call, migration_id))
    imports = [
        node
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno < migration.lineno
    ]
    if not any(ast.unparse(node) == _IMPORT for node in imports):
        source.insert_below(_last_import(imports), _IMPORT)
    return source.edited().encode(encoding)


class _Source:
    """A text that is edited at the places of ``ast``, which counts the bytes of UTF-8."""

    def __init__(self, text: str) -> None:
        self._raw = text.encode()
        self._lines = [0]
        for line in self._raw.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._newline = "\r\n" if b"\r\n" in self._raw else "\n"
        self._edits: list[tuple[int, int, str]] = []

    def segment(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self._raw[start:end].decode().replace("\r\n", "\n")

    def indent(self, node: ast.expr) -> str:
        line = self._raw[self._lines[node.lineno - 1] :].splitlines()[0].decode()
        return line[: len(line) - len(line.lstrip())]

    def replace(self, node: ast.expr, text: str) -> None:
        self._edits.append((*self._span(node), text.replace("\n", self._newline)))

    def insert_below(self, node: ast.stmt, text: str) -> None:
        start = self._lines[node.end_lineno or node.lineno]
        self._edits.append((start, start, text + self._newline))

    def edited(self) -> str:
        raw = self._raw
        for start, end, text in sorted(self._edits, reverse=True):
            raw = raw[:start] + text.encode() + raw[end:]
        return raw.decode()

    def _span(self, node: ast.expr) -> tuple[int, int]:
        last, column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[last - 1] + column


def _migration_class(tree: ast.Module) -> ast.ClassDef:
    classes = [
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Migration"
    ]
    if len(classes) != 1:
        raise StaysWithDjango("its class Migration does not stand at the top of the file")
    return classes[0]


def _elements(migration: ast.ClassDef) -> list[ast.expr]:
    """Return the operations as they are written."""
    values = [*_assigned(migration, "operations")]
    if len(values) != 1:
        raise StaysWithDjango("its operations are made by code, not one list in the class")
    return _written_list(values[0], "its operations")


def _assigned(node: ast.ClassDef, name: str) -> Iterator[ast.expr]:
    for statement in node.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        for target in targets:
            value = statement.value  # type: ignore[attr-defined]
            if isinstance(target, ast.Name) and target.id == name and value is not None:
                yield value


def _written_list(value: ast.expr, subject: str) -> list[ast.expr]:
    if not isinstance(value, ast.List | ast.Tuple):
        raise StaysWithDjango(f"{subject} are made by code (line {value.lineno}), not a list")
    return value.elts


def _calls(elements: Sequence[ast.expr], operations: Sequence[Operation]) -> Iterator[_Call]:
    """Yield each RunSQL among ``operations`` with the place where it is written."""
    if len(elements) != len(operations):
        raise StaysWithDjango(
            f"{len(elements)} of its operations are written out, and it has {len(operations)}"
        )
    for element, operation in zip(elements, operations, strict=True):
        if not runs_sql([operation]):
            continue
        if not isinstance(element, ast.Call):
            what = "a variable" if isinstance(element, ast.Name) else "made by code"
            raise StaysWithDjango(f"an operation is {what} (line {element.lineno})")
        if isinstance(operation, RunSQL):
            yield _Call(element, _state_of(element, operation))
            continue
        inner = _argument(element, "database_operations", 0)
        if inner is None:
            raise StaysWithDjango(
                f"its database_operations are not written (line {element.lineno})"
            )
        yield from _calls(
            _written_list(inner, "its database_operations"),
            operation.database_operations,  # type: ignore[attr-defined]
        )


def _state_of(call: ast.Call, operation: RunSQL) -> ast.expr | None:
    if not operation.state_operations:
        return None
    is_direct = type(operation) is RunSQL and ast.unparse(call.func).endswith("RunSQL")
    state = _argument(call, _STATE, 2) if is_direct else None
    if state is None:
        raise StaysWithDjango(f"line {call.lineno} does not write its state operations")
    return state


def _argument(call: ast.Call, name: str, place: int) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    before = call.args[: place + 1]
    is_there = len(before) > place and not any(isinstance(arg, ast.Starred) for arg in before)
    return before[place] if is_there else None


def _requirement(source: _Source, call: _Call, migration_id: str) -> str:
    """Return the text of RequiresSQL, on one line without state operations."""
    if call.state is None:
        return f'RequiresSQL("{migration_id}")'
    outer = source.indent(call.node)
    lines = (
        "RequiresSQL(",
        f'{outer}{_INDENT}"{migration_id}",',
        f"{outer}{_INDENT}{_STATE}={source.segment(call.state)},",
        f"{outer})",
    )
    return "\n".join(lines)


def _last_import(imports: Sequence[ast.Import | ast.ImportFrom]) -> ast.stmt:
    """Return the last import of Django's, so that sorted imports stay sorted; else the last."""
    django = [
        node
        for node in imports
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("django.")
    ]
    if not imports:
        raise StaysWithDjango("it imports nothing at the top of the file")
    return (django or imports)[-1]
