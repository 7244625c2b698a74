"""The bytes of project modules, and of the project modules that these import.

A module of the project is one that is installed nowhere: neither with Python nor as a package.
"""

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

_OWN: Final = __name__.partition(".")[0]
# Functions that import what a text names; a name that is put together is read as code runs.
_IMPORTERS: Final = frozenset({"import_module", "import_string", "__import__"})


class Sources:
    """Reads each module once. ``changed_at`` is when one of them was changed last."""

    def __init__(self) -> None:
        self._imports: dict[str, frozenset[str]] = {}
        self.contents: dict[str, bytes] = {}
        self.changed_at = 0.0

    def digest(self, *modules: str) -> bytes:
        """Return the digest of modules, and of all of the project that they import."""
        digest = sha256()
        for module in sorted(self._closure(modules)):
            content = self.contents[module]
            digest.update(b"%b:%d:%b" % (module.encode(), len(content), content))
        return digest.digest()

    def mentions(self, word: str) -> bool:
        """Return whether a module that was read has this word."""
        return any(word.encode() in content for content in self.contents.values())

    def _closure(self, modules: Iterable[str]) -> set[str]:
        closed: set[str] = set()
        ahead = [name for module in modules for name in _with_packages(module)]
        while ahead:
            module = ahead.pop()
            if module not in closed and self._read(module):
                closed.add(module)
                ahead += self._imports[module]
        return closed

    def _read(self, module: str) -> bool:
        """Read a module; return False if it is not of the project."""
        if module not in self._imports:
            path = source_file(module)
            if path is None or not is_project_module(module):
                return False
            self.changed_at = max(self.changed_at, Path(path).stat().st_mtime)
            content = Path(path).read_bytes()
            self.contents[module] = content
            self._imports[module] = frozenset(
                name for found in _imported(module, path, content) for name in _with_packages(found)
            )
        return True


def is_project_module(module: str) -> bool:
    """Return whether a module has a source, and belongs to no package that is installed."""
    path = source_file(module)
    is_own = module.partition(".")[0] == _OWN  # also where its checkout is used
    return path is not None and not is_own and not path.startswith(_installed())


def source_file(module: str) -> str | None:
    """Return the path of a module's source, or of what was compiled of it; None without."""
    loaded = sys.modules.get(module)
    path = getattr(loaded, "__file__", None)
    if loaded is None:
        # Its parent may be no package; to find it runs the parent's code, which may fail.
        with suppress(Exception):
            spec = importlib.util.find_spec(module)
            path = spec.origin if spec is not None and spec.has_location else None
    return path


@cache
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    shared = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return tuple({f"{path}/" for path in (*(paths[name] for name in names), *shared)})


def _with_packages(module: str) -> Iterator[str]:
    """Yield a module and the packages that contain it, whose code runs first."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def _imported(module: str, path: str, content: bytes) -> Iterator[str]:
    """Yield the names that a source imports, in functions too; some are no modules."""
    if not path.endswith(".py"):
        return
    is_package = Path(path).stem == "__init__"
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call) and _called(node.func) in _IMPORTERS:
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            names = (value.value for value in values if isinstance(value, ast.Constant))
            yield from (_absolute(name, package) for name in names if isinstance(name, str))


def _absolute(name: str, package: str) -> str:
    """Return a name without the dots that begin a relative one."""
    rest = name.lstrip(".")
    level = len(name) - len(rest)
    parts = package.split(".")
    above = parts[: len(parts) - level + 1] if level else []
    return ".".join([*above, rest]).strip(".")


def _called(function: ast.expr) -> str:
    """Return the last part of the name of a function that is called."""
    return getattr(function, "attr", "") or getattr(function, "id", "")
