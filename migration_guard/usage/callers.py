"""Which function of the project sends a statement, by the frames of its call.

A statement that test code sends by itself has no caller: a fixture or an assertion is no code that
runs in production. A request or a management command between the test and the statement makes it
the code's.
"""

import re
import sys
from collections.abc import Collection, Iterable, Iterator
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
    """What is known of a code object. ``code`` keeps it alive, so that its ``id`` stays its own."""

    role: _Role
    name: str
    code: CodeType


class Way(NamedTuple):
    """How a call is known again without a walk: its code at three depths.

    Between a function and the cursor the same frames stand each time that it sends a text. Where a
    request or a command stands between, that is not sure: ``inner`` and ``outer`` are all of its
    frames, up to the outermost that is no wrapper and from there to its entry.
    """

    depth: int
    mark: object
    before: CodeType
    middle: int
    within: CodeType
    caller: str | None
    inner: tuple[CodeType, ...] = ()
    outer: tuple[CodeType, ...] = ()


class Callers:
    """Finds callers; files below ``root`` that are no tests and no packages are the project's.

    ``tests`` are further files that hold tests.
    """

    def __init__(self, root: Path, tests: Collection[Path] = ()) -> None:
        self._root = root.resolve()
        self._tests = frozenset(tests)
        # By id, since the hash of a code object reads all of it.
        self._seen: dict[int, _Seen] = {}
        # What a known way must meet: one function of the project, or any code of a role.
        self._marks: dict[int, object] = {}
        self._entries: dict[tuple[int, int, int], tuple[str, object]] = {}
        self._paths: dict[str, Path] = {}

    def find(self, ways: list[Way]) -> str | None:
        """Return ``path:function`` of the code whose call led here, None for none.

        ``ways`` are those of the same text, and get a new one. Where a request or a command has
        no function of the project, it is the view or command.
        """
        marks = self._marks
        for depth, mark, before, middle, within, caller, inner, outer in ways:
            try:
                code = _frame(depth).f_code
            except ValueError:  # the stack ends before
                continue
            if (
                (code is mark or marks.get(id(code)) is mark)
                and _frame(depth - 1).f_code is before
                and _frame(middle).f_code is within
            ):
                if not outer:
                    return caller
                outermost = _follow(_frame(), inner)
                entry = outermost and _follow(outermost, outer)
                if outermost and entry:
                    return caller and self._entry(outermost, entry)
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
        trail: list[CodeType] = []
        outermost: FrameType | None = None
        inner, outer = 0, 0
        entry = ""
        while frame is not None:
            code = frame.f_code
            seen = self._seen.get(id(code)) or self._look(code)
            role = seen.role
            if role is _Role.LIBRARY:
                if not entry and code.co_name not in _WRAPPERS:
                    outermost, inner = frame, len(trail)
            elif role is _Role.ENTRY:
                if not entry:
                    entry, outer = self._entry(outermost or frame, frame), len(trail)
            elif role is _Role.HANDOVER:
                if (sender := AWAITING.get()) is not None:
                    return (entry,) if entry else sender
            else:
                is_project = role is _Role.PROJECT and not entry
                caller = seen.name if is_project else None if role is _Role.NEVER else entry or None
                way = _way(trail, self._marks[id(code)], caller)
                if entry:
                    parts = tuple(trail[: inner + 1]), tuple(trail[inner : outer + 1])
                    way = way._replace(inner=parts[0], outer=parts[1])
                ways[:] = [way, *ways[: _MOST_WAYS - 1]]
                return (caller,)
            trail.append(code)
            frame = frame.f_back
        return (entry,) if entry else None

    # -- what a code object is

    def _look(self, code: CodeType) -> _Seen:
        path = self._path(code.co_filename)
        role = self._role(path, code.co_name)
        seen = _Seen(role, self._name(path, code.co_qualname), code)
        self._marks[id(code)] = code if role is _Role.PROJECT else role
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
        """Return the name of a request's view or middleware, or of a command."""
        parts = (
            outermost.f_code,
            type(outermost.f_locals.get("self")),
            entry.f_locals.get("callback"),
        )
        key = id(parts[0]), id(parts[1]), id(parts[2])
        known = self._entries.get(key)
        if known is None:
            # The parts are kept alive, so that each ``id`` stays its own.
            known = self._entries[key] = self._name_entry(*parts), parts
        return known[0]

    def _name_entry(self, code: CodeType, owner: type, callback: Any) -> str:
        """Return a name: that of the project before that of a package.

        A class of the project that inherits all its methods is named with the method.
        """
        if self._is_project(owner):
            return f"{self._defined(owner)}.{code.co_name}"
        if (view := self._view(callback)):
            return view
        method = f"{name}.{code.co_name}" if (name := self._defined(owner)) else ""
        return method or self._name(self._path(code.co_filename), code.co_qualname)

    def _view(self, callback: Any) -> str:
        """Return the name of a request's view, "" for none that a file defines."""
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
        file = _file(definition)
        return self._name(self._path(file), definition.__qualname__) if file else ""


def function_name(qualified: str) -> str:
    """Return the function that a comprehension or a lambda stands in, without ``<locals>``."""
    names = [name for name in qualified.split(".") if not name.startswith("<")]
    return ".".join(names) or qualified


def is_test_file(file: str) -> bool:
    """Return True for a path that has the name of tests, inside of the project or not."""
    return _is_test(Path(file).parts)


def _way(trail: list[CodeType], mark: object, caller: str | None) -> Way:
    middle = len(trail) // 2
    return Way(len(trail), mark, trail[-1], middle, trail[middle], caller)


def _follow(frame: FrameType | None, codes: Iterable[CodeType]) -> FrameType | None:
    """Return the frame at which a call's part with these codes ends, None for another call."""
    last = None
    for code in codes:
        if frame is None or frame.f_code is not code:
            return None
        last, frame = frame, frame.f_back
    return last


def _file(definition: Any) -> str | None:
    module = sys.modules.get(getattr(definition, "__module__", None) or "")
    return getattr(module, "__file__", None)


def _is_test(parts: tuple[str, ...]) -> bool:
    """Return True for a file of tests, or of the factories of factory_boy."""
    if any(_TEST_FOLDER.fullmatch(part) for part in parts[:-1]) or _TEST_FILE.fullmatch(parts[-1]):
        return True
    return "factory" in sys.modules and bool(_FACTORIES.intersection(parts))


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
    | {"_view_wrapper", "_wrapped_view", "_wrapper_view"}
)
