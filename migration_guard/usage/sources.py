"""What stands in code: the texts and names in all modules that are loaded, and in files of SQL.

A literal or a name of a statement that stands in none of them was formatted into it: it is a value.
"""

import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple

from django.apps import apps

from migration_guard.usage.callers import Callers
from migration_guard.usage.project_code import is_test_file

_PIECE: Final = re.compile(r"[^\W\d_]+|\d+")
_SQL: Final = re.compile(
    r"\b(?:SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES|WITH|CREATE|ALTER|FROM|WHERE)\b", re.IGNORECASE
)
_SPACE: Final = re.compile(r"\s+")
# How templates write a single sign.
_DOUBLED: Final = re.compile(r"%%|\{\{|\}\}")
_SHORT_NUMBER: Final = 2
_SKIPPED_FOLDERS: Final = frozenset({"node_modules", "site-packages", "__pycache__"})


class _Place(NamedTuple):
    """The texts of one place in code: all of them in one, its words, and those of no test."""

    text: str
    pieces: frozenset[str]
    own: frozenset[str]


class Sources:
    """The texts in code, read as far as an answer needs them.

    ``callers`` knows code that no module may have. Of tests only texts of SQL and names count. The
    files of SQL are below ``root``.
    """

    def __init__(self, callers: Callers, root: Path) -> None:
        self._unread = _places(callers, root)
        self._texts: list[str] = []
        self._pieces: set[str] = set()
        self._own: set[str] = set()
        self._answers: dict[tuple[str, str], bool] = {}

    def have_literal(self, literal: str, context: str) -> bool:
        """Return True if code has a literal of SQL, or code that is no test the text in it.

        ``context`` is the literal with what stands before it; white space and doubled signs of a
        template do not count.
        """
        context, content = _normal(context), literal[literal.find("'") + 1 : -1]
        key = context, content
        if key not in self._answers:
            exact = f"\0{_normal(literal)}\0"
            self._answers[key] = content in self._own or any(
                context in text or exact in text or content in self._own
                for text in chain(self._texts, self._read())
            )
        return self._answers[key]

    def have_pieces(self, name: str) -> bool:
        """Return True if code has each run of letters or digits of a name.

        A number of one or two digits tells nothing, and neither does a letter.
        """
        pieces = {
            piece
            for piece in _PIECE.findall(name.lower())
            if len(piece) > (_SHORT_NUMBER if piece[0].isdecimal() else 1)
        }
        return pieces <= self._pieces or any(pieces <= self._pieces for _text in self._read())

    def _read(self) -> Iterator[str]:
        for place in self._unread:
            self._texts.append(place.text)
            self._pieces.update(place.pieces)
            self._own.update(place.own)
            yield place.text


def _normal(text: str) -> str:
    return _SPACE.sub(" ", _DOUBLED.sub(lambda sign: sign[0][0], text))


def _place(constants: Collection[str], names: Iterable[str] = (), *, is_test: bool) -> _Place:
    if is_test:  # its other texts are values that it makes up
        constants = [constant for constant in constants if _SQL.search(constant)]
    text = _normal("\0".join(("", *constants, "")))
    pieces = frozenset(_PIECE.findall(f"{text} {' '.join(names)}".lower()))
    return _Place(text, pieces, frozenset() if is_test else frozenset(constants))


def _places(callers: Callers, root: Path) -> Iterator[_Place]:
    """Yield one place in code after the other, those at hand first."""
    yield _place((), _names_of_models(), is_test=False)
    for is_test in (False, True):
        for code in callers.codes(is_test=is_test):
            yield _place(*_read_code(code), is_test=is_test)
    modules = {
        name: module
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and _file(module)
    }
    for name in sorted(modules, key=lambda name: _distance(name, modules[name], str(root))):
        yield _read_module(name, is_test=is_test_file(_file(modules[name]) or ""))
    for path in _sql_files(root):
        yield _place((path.read_text(errors="replace"),), is_test=False)


@cache
def _read_module(name: str, *, is_test: bool) -> _Place:
    code = _code(sys.modules[name])
    constants, names = _read_code(code) if code else ([], [])
    return _place(constants, [*names, name], is_test=is_test)


def _names_of_models() -> Iterator[str]:
    for model in apps.get_models(include_auto_created=True):
        yield from (model._meta.db_table, model._meta.label_lower)
        for field in model._meta.get_fields():
            yield from (field.name, getattr(field, "column", None) or "")


def _distance(name: str, module: ModuleType, root: str) -> int:
    if _loader(module) is None:  # has to be compiled: pytest rewrote it
        return 3
    if (_file(module) or "").startswith(root):
        return 0
    return 1 if name.startswith("django.") else 2


def _file(module: ModuleType) -> str | None:
    file = vars(module).get("__file__")  # a lazy module would load for an attribute
    return file if isinstance(file, str) and file.endswith(".py") else None


def _loader(module: ModuleType) -> Any:
    loader = vars(module).get("__loader__")
    return loader if hasattr(loader, "get_code") else None


def _code(module: ModuleType) -> CodeType | None:
    """Return the code of a module as it was compiled, None where that cannot be found out."""
    file = _file(module) or ""
    try:
        if loader := _loader(module):
            code: CodeType | None = loader.get_code(loader.name)
            return code
        return compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)
    except (ImportError, OSError, SyntaxError, ValueError, AttributeError):
        return None


def _read_code(code: CodeType) -> tuple[list[str], list[str]]:
    """Return the constants and the names of a code object and of those in it."""
    constants: list[str] = []
    names: list[str] = []
    unread: list[Any] = [code]
    while unread:
        item = unread.pop()
        if isinstance(item, str | int):
            constants.append(str(item))
        elif isinstance(item, tuple | frozenset):
            unread.extend(item)
        elif isinstance(item, CodeType):
            unread.extend(item.co_consts)
            names += (*item.co_names, *item.co_varnames, *item.co_freevars, item.co_name)
    return constants, names


def _sql_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [
            name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith(".")
        ]
        yield from (Path(folder, name) for name in files if name.endswith(".sql"))
