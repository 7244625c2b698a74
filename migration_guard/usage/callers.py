"""Which function of the project sends a statement, by the frames of its call.

A statement that test code sends by itself has no caller: a fixture or an assertion is no code that
runs in production. A request or a management command between the test and the statement makes it
the code's.
"""

import re
import sys
from collections.abc import Collection, Iterator
from enum import Enum, auto
from inspect import unwrap
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

from migration_guard.usage.awaiting import AWAITING

# Ways that are tried for one text before its call is walked.
_MOST_WAYS: Final = 6
_frame: Final = sys._getframe  # noqa: SLF001 - by depth, without the frames between


class _Role(Enum):
    PROJECT = auto()
    TEST = auto()
    NEVER = auto()  # a migration, Django as it connects or as it prepares a test
    ENTRY = auto()  # a request handler, the frame around a middleware, or a management command
    HANDOVER = auto()  # a thread that works for a coroutine
    LIBRARY = auto()


class _Seen(NamedTuple):
    """What is known of a code object. ``code`` keeps it alive, so that its ``id`` stays its own.

    ``mark`` is what a known way must meet: one function of the project, or any code of its role.
    """

    role: _Role
    name: str
    code: CodeType
    mark: object


class Way(NamedTuple):
    """How a call is known again without a walk: its code at three depths, by id.

    Between a function and the cursor the same frames stand each time that it sends a text.
    """

    depth: int
    mark: object
    before: int
    middle: int
    within: int
    caller: str | None


class Callers:
    """Finds callers; files below ``root`` that are no tests and no packages are the project's.

    ``tests`` are further files that hold tests.
    """

    def __init__(self, root: Path, tests: Collection[Path] = ()) -> None:
        self._root = root.resolve()
        self._tests = frozenset(tests)
        # By id, since the hash of a code object reads all of it.
        self._seen: dict[int, _Seen] = {}
        self._paths: dict[str, Path] = {}

    def find(self, ways: list[Way]) -> str | None:
        """Return ``path:function`` of the code whose call led here, None for none.

        ``ways`` are those of the same text, and get a new one. Where a request or a command has
        no function of the project, it is the view or command.
        """
        known = self._seen
        for depth, mark, before, middle, within, caller in ways:
            try:
                code = id(_frame(depth).f_code)
            except ValueError:  # the stack ends before
                continue
            if (
                code in known
                and known[code].mark == mark
                and id(_frame(depth - 1).f_code) == before
                and id(_frame(middle).f_code) == within
            ):
                return caller
        sender = self._walk(_frame(), ways)
        return sender[0] if sender else None

    def sender(self) -> tuple[str | None] | None:
        """Return the caller in a tuple, None where this thread's call tells nothing."""
        return self._walk(_frame(), [])

    def codes(self, *, is_test: bool) -> Iterator[CodeType]:
        """Yield each code object of tests, or of others, that stood in a call."""
        for seen in list(self._seen.values()):
            if (seen.role is _Role.TEST) is is_test:
                yield seen.code

    def _walk(self, frame: FrameType | None, ways: list[Way]) -> tuple[str | None] | None:
        trail: list[int] = []
        outermost: FrameType | None = None
        entry = ""
        while frame is not None:
            code = frame.f_code
            seen = self._seen.get(id(code)) or self._look(code)
            role = seen.role
            if role in _ENDS:
                caller = seen.name if role is _Role.PROJECT else None
                if not entry:
                    ways[:] = [_way(trail, seen.mark, caller), *ways[: _MOST_WAYS - 1]]
                    return (caller,)
                return (None,) if role is _Role.NEVER else (entry,)
            if role is _Role.HANDOVER and (sender := AWAITING.get()) is not None:
                return (entry,) if entry else sender
            if role is _Role.ENTRY:
                entry = entry or self._entry(outermost or frame, frame)
            elif code.co_name not in _WRAPPERS:
                outermost = frame
            trail.append(id(code))
            frame = frame.f_back
        return (entry,) if entry else None

    # -- what a code object is

    def _look(self, code: CodeType) -> _Seen:
        path = self._path(code.co_filename)
        role = self._role(path, code.co_name)
        mark = id(code) if role is _Role.PROJECT else role
        seen = _Seen(role, self._name(path, code.co_qualname), code, mark)
        self._seen[id(code)] = seen
        return seen

    def _role(self, path: Path, function: str) -> _Role:
        # This app is a library too where its source lies in the project.
        if path.is_relative_to(_OWN):
            return _Role.LIBRARY
        ending = path.parts[-4:]
        if function in _CONNECTING and ending[:2] == ("db", "backends"):
            return _Role.NEVER
        for start in range(3):
            for role, functions in _DJANGO.get("/".join(ending[start:]), {}).items():
                if not functions or function in functions:
                    return role
        parts = self._parts(path)
        if parts is None:
            return _Role.LIBRARY
        if path in self._tests or _is_test(parts):
            return _Role.TEST
        return _Role.NEVER if "migrations" in parts[:-1] else _Role.PROJECT

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

    # -- its name

    def _name(self, path: Path, qualified: str) -> str:
        parts = self._parts(path)
        if parts is None:
            places = [place for place, part in enumerate(path.parts) if part in _PACKAGES]
            parts = path.parts[places[-1] + 1 :] if places else path.parts[-2:]
        return f"{'/'.join(parts)}:{function_name(qualified)}"

    def _entry(self, outermost: FrameType, entry: FrameType) -> str:
        """Return the name of a request's view or middleware, or of a command.

        A class of the project that inherits all its methods is named with the method.
        """
        code = outermost.f_code
        owner = type(outermost.f_locals.get("self"))
        method = f"{name}.{code.co_name}" if (name := self._defined(owner)) else ""
        view: Any = entry.f_locals.get("callback")
        view = getattr(view, "view_class", getattr(view, "cls", None)) or unwrap(view or owner)
        if not self._is_project(owner) and self._is_project(view):
            return self._defined(view)
        return method or self._name(self._path(code.co_filename), code.co_qualname)

    def _is_project(self, definition: Any) -> bool:
        file = _file(definition)
        return file is not None and self._parts(self._path(file)) is not None

    def _defined(self, definition: Any) -> str:
        """Return the name of a class or function, "" for those of no file."""
        file = _file(definition)
        return self._name(self._path(file), definition.__qualname__) if file else ""


def function_name(qualified: str) -> str:
    """Return the function that a comprehension or a lambda stands in, without ``<locals>``."""
    names = [name for name in qualified.split(".") if not name.startswith("<")]
    return ".".join(names) or qualified


def is_test_file(file: str) -> bool:
    """Return True for a path that has the name of tests, inside of the project or not."""
    return _is_test(Path(file).parts)


def _way(trail: list[int], mark: object, caller: str | None) -> Way:
    middle = len(trail) // 2
    return Way(len(trail), mark, trail[-1], middle, trail[middle], caller)


def _file(definition: Any) -> str | None:
    module = sys.modules.get(getattr(definition, "__module__", None) or "")
    return getattr(module, "__file__", None)


def _is_test(parts: tuple[str, ...]) -> bool:
    """Return True for a file of tests, or of the factories of factory_boy."""
    if any(_TEST_FOLDER.fullmatch(part) for part in parts[:-1]) or _TEST_FILE.fullmatch(parts[-1]):
        return True
    return "factory" in sys.modules and bool(_FACTORIES.intersection(parts))


_ENDS: Final = frozenset({_Role.PROJECT, _Role.TEST, _Role.NEVER})
# By file and role the functions in it, none for all of them.
_DJANGO: Final[dict[str, dict[_Role, Collection[str]]]] = {
    "django/core/handlers/base.py": {
        _Role.ENTRY: {"_get_response", "_get_response_async", "get_response", "get_response_async"}
    },
    "django/core/handlers/exception.py": {_Role.ENTRY: {"inner"}},
    "django/core/management/base.py": {_Role.ENTRY: {"execute"}},
    "django/test/testcases.py": {_Role.NEVER: ()},
    "asgiref/sync.py": {_Role.HANDOVER: {"thread_handler"}},
}
_OWN: Final = Path(__file__).resolve().parents[1]
_CONNECTING: Final = frozenset({"connect", "mysql_server_data"})
_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})
_TEST_FOLDER: Final = re.compile(r"tests?|test[_-].*|.*[_-]tests")
_TEST_FILE: Final = re.compile(r"(?:test_.*|.*_tests?|tests?|conftest)\.py")
_FACTORIES: Final = frozenset({"factories", "factories.py"})
# Django's and decorators' functions around a view, which tell nothing of it.
_WRAPPERS: Final = frozenset(
    {"view", "dispatch", "inner", "wrapper", "_wrapper", "wrapped_view", "hand_over"}
)
