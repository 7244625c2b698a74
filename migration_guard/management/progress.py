"""The progress of a run: a live line on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable
from typing import Final

from django.core.management.base import OutputWrapper

from migration_guard.planning.names import list_ids
from migration_guard.reports.escaping import escape_text
from migration_guard.reports.text import moment
from migration_guard.running import events

# Without a terminal, the seconds between two lines about the same migration.
PATIENCE: Final = 10.0
REFRESH: Final = 0.2


class Progress:
    """An observer that writes to ``stream``; use it as a context manager.

    ``applied`` says whether each applied migration leaves a line of its own.
    """

    def __init__(self, stream: OutputWrapper, verbosity: int, *, applied: bool = True) -> None:
        self._applied = applied
        self._stream = stream
        self._verbosity = verbosity
        self._live = verbosity > 0 and stream.isatty()
        self._lock = threading.Lock()
        self._current = ""
        self._started = self._last_line_at = 0.0
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Callable[[events.Event], None]:
        if self._verbosity > 0:
            self._ticker.start()
        return self._observe

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        if self._ticker.is_alive():
            self._ticker.join()
        self._erase()

    def _observe(self, event: events.Event) -> None:
        if self._verbosity == 0:
            return
        with self._lock:
            if isinstance(event, events.Started | events.DjangoStarted):
                self._started = self._last_line_at = time.monotonic()
                self._current = event.id
            elif isinstance(event, events.Step):
                self._current = f"{event.id}  statement {event.number}/{event.total}"
            else:
                if not isinstance(event, events.Retrying):
                    self._current = ""
                self._erase()
                if self._applied or not isinstance(event, events.Applied | events.DjangoApplied):
                    self._write(_describe(event) + "\n")

    def _tick(self) -> None:
        while not self._stop.wait(REFRESH):
            with self._lock:
                if not self._current:
                    continue
                now = time.monotonic()
                if self._live:
                    self._erase()
                    self._write(f"Applying {self._current}  {now - self._started:.1f} s")
                elif now - self._last_line_at > PATIENCE:
                    self._last_line_at = now
                    self._write(f"Applying {self._current}  {now - self._started:.0f} s\n")

    def _erase(self) -> None:
        if self._live:
            self._write_raw("\r\x1b[2K")

    def _write(self, text: str) -> None:
        self._write_raw(escape_text(text))

    def _write_raw(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")
        self._stream.flush()


def _describe(event: events.Event) -> str:  # noqa: PLR0911
    match event:
        case events.Applied():
            at = moment(event.applied_at)
            return f"Applied {event.id} @ {at} ({event.duration_ms} ms)"
        case events.DjangoApplied():
            return f"Applied {event.id} (Django)"
        case events.AppliedElsewhere():
            return f"Applied by another process: {event.id}"
        case events.Recorded():
            return f"Recorded as {event.how}, not run: {event.id}"
        case events.Retrying():
            return (
                f"{event.id}: {event.message}; rolled back, "
                f"try {event.attempt + 1} of {event.attempts + 1} in {event.delay:.1f} s"
            )
        case events.Cleared():
            return f"{event.id} cleared, to be applied again: {list_ids(event.ids)}"
        case events.Waiting():
            ending = f"; if its host is gone: {event.ending}" if event.ending else ""
            run = " for another run of the SQL migrations" if event.is_run else ""
            return f"Waiting{run}: {event.holder}{ending}"
        case _:
            return ""
