# ruff: noqa: INP001 - Sphinx finds it by its path
"""Reads the messages that end a command from the code, for the page *Messages, A to Z*.

A message is the first argument of a class derived from ``GuardError``, its remedy the second. What
the code fills in becomes ``…``. A message that is computed elsewhere, such as a server's own text,
has no place on the page.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import migration_guard
from migration_guard.exceptions import CannotTell, GuardError, Refused

_ROOT: Final = Path(migration_guard.__file__).parent
_BASES: Final = (GuardError, CannotTell, Refused)
_GAP: Final = "…"


class Message(NamedTuple):
    """A message with its remedy, which may be empty, and the exit code of the command."""

    text: str
    remedy: str
    returncode: int

    @property
    def words(self) -> str:
        """Return what the message is sorted and looked up by: its text from the first letter on."""
        return re.sub(r"^[^A-Za-z]+", "", self.text)


def read_messages() -> list[Message]:
    """Return each message once, in the order of the alphabet."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted(_ROOT.rglob("*.py"))]
    codes = _returncodes(trees)
    messages = {message.text: message for tree in trees for message in _messages(tree, codes)}
    return sorted(messages.values(), key=lambda message: message.words.casefold())


def _returncodes(trees: list[ast.Module]) -> dict[str, int]:
    """Return the exit code of each class of errors, by its name."""
    codes = {base.__name__: base.returncode for base in _BASES}
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in classes:
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in codes:
                codes.setdefault(node.name, codes[base.id])
    return codes


def _messages(tree: ast.Module, codes: Mapping[str, int]) -> Iterator[Message]:
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in codes:
            text, remedy = ([*(_template(arg, constants) for arg in node.args[:2]), "", ""])[:2]
            if len(re.findall(r"[A-Za-z]{2,}", text)) > 1:
                yield Message(text, remedy, codes[node.func.id])


def _template(node: ast.expr, constants: Mapping[str, ast.expr]) -> str:
    """Return the text of an expression, with a gap for what only a run knows."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return re.sub(f"{_GAP}+", _GAP, "".join(_template(part, constants) for part in parts))
        case ast.FormattedValue(value=value):
            return _template(value, constants)
        case ast.Name(id=name) if name in constants:
            return _template(constants[name], {})
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _template(left, constants) + _template(right, constants)
    return _GAP


def render(_: str) -> str:
    """Return the page: a heading for each letter, below it each message with its remedy."""
    lines: list[str] = []
    letter = ""
    for message in read_messages():
        first = message.words[0].upper()
        if first != letter:
            letter = first
            lines += ["", f"## {letter}", ""]
        lines += [f"**{_escape(message.text)}** (exit code {message.returncode})", ""]
        if message.remedy.strip(f"{_GAP} "):
            lines += [f": {_escape(message.remedy)}", ""]
        else:
            lines += [": The rest of the message depends on what happened.", ""]
    return "\n".join(lines)


def _escape(text: str) -> str:
    """Return a text as Markdown that shows each of its characters, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~^$])", r"\\\1", " ".join(text.split()))
