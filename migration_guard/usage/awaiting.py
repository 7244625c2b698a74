"""Which coroutine waits for the thread that runs a statement for it.

Django's asynchronous ORM hands its work to a thread, and there the call of the coroutine cannot be
seen. While statements are recorded, asgiref's door to that thread takes the caller along.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from asgiref.sync import SyncToAsync

# The caller, or None for test code, in a tuple; None where nothing is known of it.
AWAITING: Final[ContextVar[tuple[str | None] | None]] = ContextVar("AWAITING", default=None)

_Finder = Callable[[], tuple[str | None] | None]
_finders: Final[list[_Finder]] = []
_door: Final[Any] = SyncToAsync
_call: Final = _door.__call__


def follow(find: _Finder) -> None:
    """Note from now on what ``find`` returns where a coroutine hands work to a thread."""
    _finders.append(find)
    _door.__call__ = hand_over


def forget(find: _Finder) -> None:
    """Note it no more."""
    if find in _finders:
        _finders.remove(find)
    if not _finders:
        _door.__call__ = _call


async def hand_over(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a function in a thread, whose context tells who asked for it."""
    before = AWAITING.set(_finders[-1]() if _finders else None)
    try:
        return await _call(self, *args, **kwargs)
    finally:
        AWAITING.reset(before)
