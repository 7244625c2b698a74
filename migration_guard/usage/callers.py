"""Which function of the project sends a statement, by the frames of its call.

A statement that test code sends by itself has no caller: a fixture or an assertion is no code that
runs in production. A request or a management command between the test and the statement makes it
the code's.
"""

import re
from collections.abc import Collection
from enum import Enum, auto
from inspect import currentframe
from pathlib import Path
from types import CodeType
from typing import Final, NamedTuple


class _Role(Enum):
    PROJECT = auto()
    TEST = auto()
    NEVER = auto()  # a migration, Django as it connects or as it prepares a test
    ENTRY = auto()  # a request handler or a management command
    LIBRARY = auto()


class _Seen(NamedTuple):
    """What is known of a code object. ``code`` keeps it alive, so that its ``id`` stays its own."""

    role: _Role
    name: str
    code: CodeType


class Callers:
    """Finds callers; files below ``root`` that are no tests and no packages are the project's."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        # By id, since the hash of a code object reads all of it.
        self._seen: dict[int, _Seen] = {}

    def find(self) -> str | None:
        """Return ``path:function`` of the code whose call led here, None for none.

        Where a request or a command has no function of the project, it is the view or command.
        """
        frame = currentframe()
        outermost = entry = ""
        while frame is not None:
            code = frame.f_code
            seen = self._seen.get(id(code)) or self._look(code)
            role = seen.role
            if role is _Role.PROJECT:
                return entry or seen.name
            if role is _Role.TEST:
                return entry or None
            if role is _Role.NEVER:
                return None
            if role is _Role.ENTRY:
                entry = entry or outermost
            elif not entry and code.co_name not in _WRAPPERS:
                outermost = seen.name
            frame = frame.f_back
        return entry or None

    def _look(self, code: CodeType) -> _Seen:
        path = Path(code.co_filename)
        seen = _Seen(self._role(path, code.co_name), self._name(path, code), code)
        self._seen[id(code)] = seen
        return seen

    def _role(self, path: Path, function: str) -> _Role:
        ending = "/".join(path.parts[-4:])
        if function in _ENTRIES.get(ending, ()):
            return _Role.ENTRY
        if ending.endswith("django/test/testcases.py") or (
            function in _CONNECTING and path.parts[-4:-2] == ("db", "backends")
        ):
            return _Role.NEVER
        parts = self._parts(path)
        # This app is a library too where its source lies in the project.
        if parts is None or _PACKAGES.intersection(parts) or path.is_relative_to(_OWN):
            return _Role.LIBRARY
        if _TEST_FOLDERS.intersection(parts[:-1]) or _TEST_FILE.fullmatch(parts[-1]):
            return _Role.TEST
        return _Role.NEVER if "migrations" in parts[:-1] else _Role.PROJECT

    def _parts(self, path: Path) -> tuple[str, ...] | None:
        """Return the parts of a path below the root; None for others, and for code in no file."""
        return path.relative_to(self._root).parts if path.is_relative_to(self._root) else None

    def _name(self, path: Path, code: CodeType) -> str:
        parts = self._parts(path)
        if parts is None or _PACKAGES.intersection(parts):
            at = max(
                (place for place, part in enumerate(path.parts) if part in _PACKAGES), default=-2
            )
            parts = path.parts[at + 1 :] if at >= 0 else path.parts[-2:]
        return f"{'/'.join(parts)}:{function_name(code.co_qualname)}"


def function_name(qualified: str) -> str:
    """Return the function that a comprehension or a lambda stands in, without ``<locals>``."""
    names = [name for name in qualified.split(".") if not name.startswith("<")]
    return ".".join(names) or qualified


_ENTRIES: Final[dict[str, Collection[str]]] = {
    "django/core/handlers/base.py": {"_get_response", "_get_response_async"},
    "django/core/management/base.py": {"execute"},
}
_OWN: Final = Path(__file__).resolve().parents[1]
_CONNECTING: Final = frozenset({"connect", "mysql_server_data"})
_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})
_TEST_FOLDERS: Final = frozenset({"test", "tests"})
_TEST_FILE: Final = re.compile(r"(?:test_.*|.*_test|tests?|conftest)\.py")
# Django's and decorators' functions around a view, which tell nothing of it.
_WRAPPERS: Final = frozenset({"view", "dispatch", "inner", "wrapper", "_wrapper", "wrapped_view"})
