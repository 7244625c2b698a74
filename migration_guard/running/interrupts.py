"""Ctrl-C and SIGTERM at a moment when they would leave the outcome open."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    handlers = {
        int(number): handler for number in _SIGNALS if callable(handler := signal.getsignal(number))
    }
    held: list[tuple[int, FrameType | None]] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append((number, frame))
        if len(held) > 1:
            handlers[number](number, frame)

    for number in handlers:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if len(held) == 1:
            number, frame = held[0]
            handlers[number](number, frame)


@contextmanager
def breaking(stop: Callable[[], None]) -> Iterator[None]:
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
