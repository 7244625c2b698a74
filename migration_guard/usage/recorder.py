"""Writes down the statements that code sends, while its tests run. It never keeps a value.

A statement costs two look-ups in dictionaries and a walk over the frames of its call. What passes
the wrappers of Django's cursors by is not seen: ``cursor.copy``, ``stream``, ``callproc``, and a
cursor of the driver.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.db import IntegrityError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from migration_guard.sql.dialects import dialect
from migration_guard.sql.masking import mask_secrets
from migration_guard.usage.callers import Callers
from migration_guard.usage.merging import merge
from migration_guard.usage.normal_form import NormalForm, is_usage, normal_form, without_comments
from migration_guard.usage.servers import Server, server
from migration_guard.usage.statement import Statement, digest

# Texts that are kept to be known again; more of them, and they are learned anew.
_MOST_TEXTS: Final = 100_000
# Stands for a text that was not seen; None stands for one that is no usage.
_NEW: Final[Any] = object()
_INT4: Final = range(-(2**31), 2**31)


class _BigInt:
    """Stands for the type of a number that a 4-byte integer cannot hold."""


@dataclass(eq=False)
class _Record:
    """One statement as it was seen. ``samples`` has parameters' types by those of Python.

    ``source`` is the shortest text that Django's cursor got, ``text`` what the server takes.
    """

    form: NormalForm
    source: str = ""
    text: str = ""
    samples: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)
    columns: tuple[tuple[str, Any], ...] = ()
    callers: set[str] = field(default_factory=set)


class Recorder:
    """Records the statements of one alias between ``start`` and ``stop``."""

    def __init__(self, alias: str, root: Path) -> None:
        self.alias = alias
        self.vendor = connections[alias].vendor
        self._lexis = dialect(self.vendor)
        self._server: Server = server(self.vendor)
        self._callers = Callers(root)
        self._texts: dict[str, tuple[_Record, str] | None] = {}
        self._records: dict[str, _Record] = {}
        self._wrapped: list[BaseDatabaseWrapper] = []

    def start(self) -> None:
        """Record from now on, on each connection of the alias and in each thread."""
        connection_created.connect(self._wrap)
        self._wrap(connection=connections[self.alias])

    def stop(self) -> None:
        """Record no more."""
        connection_created.disconnect(self._wrap)
        for connection in self._wrapped:
            if self._see in connection.execute_wrappers:
                connection.execute_wrappers.remove(self._see)
        self._wrapped.clear()

    def statements(self) -> list[Statement]:
        """Stop, and return what was recorded; the test database is asked what it makes of it."""
        self.stop()
        records = [record for record in self._records.values() if record.callers]
        with self._server.session(connections[self.alias]) as session:
            return merge(
                session.complete(
                    self._statement(record), list(record.samples.values()), record.columns
                )
                for record in records
            )

    # -- seeing a statement

    def _wrap(self, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
        if connection.alias == self.alias and self._see not in connection.execute_wrappers:
            # In front, since a test that adds one takes the last one away.
            connection.execute_wrappers.insert(0, self._see)
            self._wrapped.append(connection)

    def _see(
        self,
        execute: Callable[..., Any],
        sql: Any,
        params: Any,
        many: bool,
        context: Mapping[str, Any],
    ) -> Any:
        try:
            result = execute(sql, params, many, context)
        except IntegrityError:
            # The values broke a constraint; the statement is one that the code sends.
            self._note(sql, params, context["cursor"], many=many)
            raise
        self._note(sql, params, context["cursor"], many=many)
        return result

    def _note(self, sql: Any, params: Any, cursor: Any, *, many: bool) -> None:
        sql = self._server.text(sql, cursor)
        # One look-up, since another thread may forget all texts meanwhile.
        seen = self._texts.get(sql, _NEW)
        if seen is _NEW:
            seen = self._learn(sql, takes_values=many or params is not None)
        if seen is not None:
            record, text = seen
            if (caller := self._callers.find()) is not None:
                record.callers.add(caller)
                self._sample(record, (sql, text), cursor, params, many=many)

    def _learn(self, sql: str, *, takes_values: bool) -> tuple[_Record, str] | None:
        if len(self._texts) >= _MOST_TEXTS:
            self._texts.clear()
        seen = None
        if is_usage(sql, self._lexis):
            text = self._server.placeholders(sql) if takes_values else sql
            form = normal_form(text, self._lexis)
            seen = self._records.setdefault(form.text, _Record(form)), text
        self._texts[sql] = seen
        return seen

    def _sample(
        self, record: _Record, texts: tuple[str, str], cursor: Any, params: Any, *, many: bool
    ) -> None:
        """Note the types of the shortest text, each combination of types once."""
        source = texts[0]
        if record.source != source:
            if record.source and (len(record.source), record.source) < (len(source), source):
                return
            record.source, record.text = texts
            record.samples.clear()
            record.columns = ()
        if not record.columns and cursor.description:
            record.columns = self._server.columns(cursor)
        if many:
            if not isinstance(params, Sequence) or not params:  # an iterator is spent by now
                return
            params = params[0]
        values = self._server.values(source, params)
        signature = tuple(map(_type, values))
        if signature not in record.samples:
            record.samples[signature] = self._server.sent_types(cursor, values)

    # -- what is kept

    def _statement(self, record: _Record) -> Statement:
        text = mask_secrets(without_comments(record.text, self._lexis), self.vendor)
        callers = tuple(sorted(record.callers))
        return Statement(digest(self.vendor, record.form.text), self.vendor, text, callers)


@contextmanager
def record(alias: str = "default", root: Path | None = None) -> Iterator[list[Statement]]:
    """Record the statements of this block into the list that it yields.

    They are there at its end. ``root`` is the project's folder, None for the current one.
    """
    recorder = Recorder(alias, root or Path.cwd())
    statements: list[Statement] = []
    recorder.start()
    try:
        yield statements
    finally:
        statements += recorder.statements()


def _type(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value not in _INT4:
        return _BigInt
    if isinstance(value, list | tuple):
        return (type(value), *(_type(item) for item in value[:1]))
    return type(value)
