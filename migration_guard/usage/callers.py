"""Which function of the project sends a statement, by the frames of its call.

A statement that test code sends by itself has no caller: a fixture or an assertion is no code that
runs in production. A request or a management command between the test and the statement makes it
the code's.
"""

import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Final, NamedTuple

from migration_guard.usage.awaiting import AWAITING
from migration_guard.usage.project_code import ProjectCode, Role

# Ways that are tried for one text before its call is walked.
_MOST_WAYS: Final = 6
_frame: Final = sys._getframe  # noqa: SLF001 - by depth, without the frames between


class _Seen(NamedTuple):
    """What is known of a code object. ``code`` keeps it alive, so that its ``id`` stays its own."""

    role: Role
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
    """Finds callers in the project below ``root``; ``tests`` are files that hold tests."""

    def __init__(self, root: Path, tests: Collection[Path] = ()) -> None:
        self._project = ProjectCode(root, tests)
        # By id, since the hash of a code object reads all of it.
        self._seen: dict[int, _Seen] = {}
        # What a known way must meet: one function of the project, or any code of a role.
        self._marks: dict[int, object] = {}
        self._entries: dict[tuple[int, int, int], tuple[str, object]] = {}

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
            if (seen.role is Role.TEST) is is_test:
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
            if role is Role.LIBRARY:
                if not entry and code.co_name not in _WRAPPERS:
                    outermost, inner = frame, len(trail)
            elif role is Role.ENTRY:
                if not entry:
                    entry, outer = self._entry(outermost or frame, frame), len(trail)
            elif role is Role.HANDOVER:
                if (sender := AWAITING.get()) is not None:
                    return (entry,) if entry else sender
            else:
                is_project = role is Role.PROJECT and not entry
                caller = seen.name if is_project else None if role is Role.NEVER else entry or None
                way = _way(trail, self._marks[id(code)], caller)
                if entry:
                    parts = tuple(trail[: inner + 1]), tuple(trail[inner : outer + 1])
                    way = way._replace(inner=parts[0], outer=parts[1])
                ways[:] = [way, *ways[: _MOST_WAYS - 1]]
                return (caller,)
            trail.append(code)
            frame = frame.f_back
        return (entry,) if entry else None

    def _look(self, code: CodeType) -> _Seen:
        seen = _Seen(self._project.role(code), self._project.name(code), code)
        self._marks[id(code)] = code if seen.role is Role.PROJECT else seen.role
        self._seen[id(code)] = seen
        return seen

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
            known = self._entries[key] = self._project.entry_name(*parts), parts
        return known[0]


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


# Django's and decorators' functions around a view, which tell nothing of it.
_WRAPPERS: Final = frozenset(
    {"view", "dispatch", "inner", "wrapper", "_wrapper", "wrapped_view", "hand_over"}
    | {"_view_wrapper", "_wrapped_view", "_wrapper_view"}
)
