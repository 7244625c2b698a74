"""Ctrl-C and SIGTERM at a moment when they would leave the outcome open."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def is_behind(error: BaseException) -> bool:
    """Return whether the error came of unwinding from an interrupt, and hides it."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__context__
    return seen is not None


class _Standing:
    """Stands before the program's handlers, and holds one signal back on demand."""

    def __init__(self) -> None:
        self.handlers = {
            int(number): handler
            for number in _SIGNALS
            if callable(handler := signal.getsignal(number))
        }
        self.holding = False
        self.held: list[tuple[int, FrameType | None]] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self.holding and not self.held:
            self.held.append((number, frame))
            return
        self.held.clear()
        self.handlers[number](number, frame)

    @contextmanager
    def holding_back(self) -> Iterator[None]:
        """Hold the first signal back until the end of the outermost such block."""
        outer, self.holding = self.holding, True
        try:
            yield
        finally:
            self.holding = outer
            if self.held and not outer:
                self(*self.held[0])


_in_place: list[_Standing] = []  # one at most


@contextmanager
def keep_handlers() -> Iterator[None]:
    """Put the handlers in place once, which makes each ``defer_signals`` in this block cheap."""
    if _in_place or threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone
        return
    standing = _Standing()
    try:
        for number in standing.handlers:
            signal.signal(number, standing)
        _in_place.append(standing)
        yield
    finally:
        for number, before in standing.handlers.items():
            signal.signal(number, before)
        _in_place.clear()


@contextmanager
def defer_signals() -> Iterator[None]:
    """Hold the first signal back until the end; a second one gets through.

    A driver that is interrupted in a COMMIT no longer knows what became of it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with keep_handlers(), _in_place[0].holding_back():
        yield


@contextmanager
def stop_on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` from another thread as soon as a signal comes inside this block.

    A driver that waits in C hears of no signal: the handler runs only when it comes back, which
    ``stop`` sees to. Source: Python, ``signal.set_wakeup_fd``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # where Python delivers no signals
        return
    listening, waking = socket.socketpair()
    waking.setblocking(False)

    def listen() -> None:
        while received := listening.recv(1):
            if received[0] in _SIGNALS:
                with suppress(Exception):  # the handler comes anyway, when the statement ends
                    stop()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        waking.close()
        listener.join()
        listening.close()
