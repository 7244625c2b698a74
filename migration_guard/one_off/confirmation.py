"""Asking the person at the terminal, with a time limit."""

import os
import sys
import threading
from contextlib import suppress

from django.core.management.base import OutputWrapper


def can_ask(stream: OutputWrapper) -> bool:
    """Return whether a person sees what is written to ``stream``, and can type an answer."""
    return stream.isatty() and sys.stdin is not None and sys.stdin.isatty()


def ask(stream: OutputWrapper, question: str, seconds: float) -> str | None:
    """Return the line that was typed, stripped; None if none came in time.

    What was typed before the question was asked does not count.
    """
    _discard_typed_ahead()
    stream.write(question, style_func=str, ending="")
    stream.flush()
    answers: list[bytes] = []
    # Not sys.stdin, whose lock a thread that still waits would hold when the process ends.
    reader = threading.Thread(
        target=lambda: answers.append(os.read(sys.stdin.fileno(), 4096)), daemon=True
    )
    reader.start()
    reader.join(seconds)
    return answers[0].decode(errors="replace").strip() if answers else None


def _discard_typed_ahead() -> None:
    with suppress(ImportError, OSError):
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)
