"""Ctrl-C and SIGTERM at a moment when they would leave the outcome open."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def behind(error: BaseException) -> bool:
    """Tell whether the error came of unwinding from an interrupt, and hides it."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__context__
    return seen is not None


@contextmanager
def deferred() -> Iterator[None]:
    """Hold the first signal back until the end; a second one gets through.

    A driver that is interrupted in a COMMIT cannot tell any more what became of it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # where Python delivers no signals
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    held: list[tuple[int, FrameType | None]] = []

    def deliver(number: int, frame: FrameType | None) -> None:
        handler = handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    def hold(number: int, frame: FrameType | None) -> None:
        held.append((number, frame))
        if len(held) > 1:
            deliver(number, frame)

    taken = [number for number, handler in handlers.items() if callable(handler)]
    for number in taken:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, handlers[number])
        if len(held) == 1:
            deliver(*held[0])
