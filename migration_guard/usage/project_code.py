"""Which code is the project's, a test's or a package's, and what a function is called."""

import re
import sys
from collections.abc import Collection
from enum import Enum, auto
from functools import partial
from inspect import unwrap
from pathlib import Path
from types import CodeType
from typing import Any, Final


class Role(Enum):
    """What code is to the caller of a statement."""

    PROJECT = auto()
    TEST = auto()
    NEVER = auto()  # a migration, Django as it connects or as it prepares a test
    ENTRY = auto()  # a request handler, the frame around a middleware, or a management command
    HANDOVER = auto()  # a thread that works for a coroutine
    LIBRARY = auto()


class ProjectCode:
    """The code of a project: files below ``root`` that are no tests and no packages.

    ``tests`` are further files that hold tests.
    """

    def __init__(self, root: Path, tests: Collection[Path] = ()) -> None:
        self._root = root.resolve()
        self._tests = frozenset(tests)
        self._paths: dict[str, Path] = {}

    def role(self, code: CodeType) -> Role:
        """Return what a code object is."""
        return self._role(self._path(code.co_filename), code.co_name)

    def name(self, code: CodeType) -> str:
        """Return ``path:function`` of a code object."""
        return self._name(self._path(code.co_filename), code.co_qualname)

    def entry_name(self, code: CodeType, owner: type, callback: Any) -> str:
        """Return the name of a request's view or middleware, or of a command.

        ``code`` is the method of an ``owner`` that the entry called, ``callback`` a view as the
        URLs have it, if there is one. A name of the project goes before that of a package; a class
        of the project that inherits all its methods is named with the method.
        """
        if self._is_project(owner):
            return f"{self._defined(owner)}.{code.co_name}"
        if view := self._view(callback):
            return view
        method = f"{name}.{code.co_name}" if (name := self._defined(owner)) else ""
        return method or self.name(code)

    def _view(self, callback: Any) -> str:
        """Return the name of a request's view, "" for none that a file defines."""
        while isinstance(callback, partial):
            callback = callback.func
        if callback is None:
            return ""
        if (admin := getattr(callback, "model_admin", None)) is not None:
            method = unwrap(callback).__name__
            return f"{name}.{method}" if (name := self._defined(type(admin))) else ""
        view = getattr(callback, "view_class", getattr(callback, "cls", None))
        return self._defined(view or unwrap(callback))

    def _is_project(self, definition: Any) -> bool:
        file = _file(definition)
        return file is not None and self._parts(self._path(file)) is not None

    def _defined(self, definition: Any) -> str:
        """Return the name of a class or function, "" for those of no file."""
        if not hasattr(definition, "__qualname__"):  # an object that is called
            definition = type(definition)
        file = _file(definition)
        return self._name(self._path(file), definition.__qualname__) if file else ""

    def _role(self, path: Path, function: str) -> Role:
        # This app is a library too where its source lies in the project.
        if path.is_relative_to(_OWN):
            return Role.LIBRARY
        ending = path.parts[-4:]
        if function in _CONNECTING and ending[:2] == ("db", "backends"):
            return Role.NEVER
        for start in range(3):
            for role, functions in _DJANGO.get("/".join(ending[start:]), {}).items():
                if not functions or function in functions:
                    return role
        parts = self._parts(path)
        if parts is None:
            return Role.LIBRARY
        if path in self._tests or _is_test(parts):
            return Role.TEST
        return Role.NEVER if "migrations" in parts[:-1] else Role.PROJECT

    def _path(self, name: str) -> Path:
        """Return the path of a file, without links where it may be the project's."""
        if (path := self._paths.get(name)) is None:
            path = Path(name)
            if not _PACKAGES.intersection(path.parts) and not name.startswith("<"):
                path = path.resolve()
            self._paths[name] = path
        return path

    def _parts(self, path: Path) -> tuple[str, ...] | None:
        """Return the parts of a path of the project; None for others, and for code in no file."""
        if not path.is_relative_to(self._root) or _PACKAGES.intersection(path.parts):
            return None
        return path.relative_to(self._root).parts

    def _name(self, path: Path, qualified: str) -> str:
        parts = self._parts(path)
        if parts is None:
            places = [place for place, part in enumerate(path.parts) if part in _PACKAGES]
            parts = path.parts[places[-1] + 1 :] if places else path.parts[-2:]
        return f"{'/'.join(parts)}:{function_name(qualified)}"


def function_name(qualified: str) -> str:
    """Return the function that a comprehension or a lambda stands in, without ``<locals>``."""
    names = [name for name in qualified.split(".") if not name.startswith("<")]
    return ".".join(names) or qualified


def is_test_file(file: str) -> bool:
    """Return True for a path that has the name of tests, inside of the project or not."""
    return _is_test(Path(file).parts)


def _file(definition: Any) -> str | None:
    module = sys.modules.get(getattr(definition, "__module__", None) or "")
    return getattr(module, "__file__", None)


def _is_test(parts: tuple[str, ...]) -> bool:
    """Return True for a file of tests, or of the factories of factory_boy."""
    if any(_TEST_FOLDER.fullmatch(part) for part in parts[:-1]) or _TEST_FILE.fullmatch(parts[-1]):
        return True
    return "factory" in sys.modules and bool(_FACTORIES.intersection(parts))


# By file and role the functions in it, none for all of them.
_DJANGO: Final[dict[str, dict[Role, Collection[str]]]] = {
    "django/core/handlers/base.py": {
        Role.ENTRY: {"_get_response", "_get_response_async", "get_response", "get_response_async"}
    },
    "django/core/handlers/exception.py": {Role.ENTRY: {"inner"}},
    "django/core/management/base.py": {Role.ENTRY: {"execute"}},
    "django/test/testcases.py": {Role.NEVER: ()},
    "asgiref/sync.py": {Role.HANDOVER: {"thread_handler"}},
}
_OWN: Final = Path(__file__).resolve().parents[1]
_CONNECTING: Final = frozenset({"connect", "mysql_server_data"})
_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})
_TEST_FOLDER: Final = re.compile(r"tests?|test[_-].*|.*[_-]tests")
_TEST_FILE: Final = re.compile(r"(?:test_.*|.*_tests?|tests?|conftest)\.py")
_FACTORIES: Final = frozenset({"factories", "factories.py"})
