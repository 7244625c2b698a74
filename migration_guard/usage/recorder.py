"""Writes down the statements that code sends, while its tests run. It never keeps a value.

A statement that was sent before costs a look-up of its text, of its parameters' Python types, and
of three frames of its call. What passes the wrappers of Django's cursors by is not seen:
``cursor.copy``, ``stream``, ``callproc``, and a cursor of the driver.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from django.db import DataError, IntegrityError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from migration_guard.sql.dialects import dialect
from migration_guard.sql.masking import mask_secrets
from migration_guard.usage.awaiting import follow, forget
from migration_guard.usage.callers import Callers, Way
from migration_guard.usage.merging import merge, without_text
from migration_guard.usage.normal_form import is_usage, normal_form, without_comments
from migration_guard.usage.servers import NO_NAME, Server, Session, server
from migration_guard.usage.sources import Sources
from migration_guard.usage.statement import Statement, digest
from migration_guard.usage.values import mask_values

# Texts that are kept to be known again; more of them, and they are learned anew.
_MOST_TEXTS: Final = 100_000
# Numbers below it have the same type with each driver.
_SMALL: Final = 2**15
_ROWS: Final = frozenset({list, tuple})


@dataclass(eq=False, slots=True)
class _Record:
    """One statement as it was seen; ``shortest`` is its shortest text that code sent."""

    form: str
    shortest: "_Text | None" = None
    has_values: bool = False
    callers: set[str] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _Text:
    """One text of Django's cursor; ``sql`` is what the server takes.

    ``samples`` has parameters' types by those of Python, ``small`` the places of its numbers by
    Python types that were seen with small numbers.
    """

    record: _Record
    source: str
    sql: str
    ways: list[Way] = field(default_factory=list)
    samples: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)
    small: dict[tuple[type, ...], tuple[int, ...]] = field(default_factory=dict)
    columns: tuple[tuple[str, Any], ...] | None = None

    def knows(self, params: Any) -> bool:
        """Return True for parameters whose types were taken before, and whose numbers are small."""
        numbers = self.small.get(tuple(map(type, params)))
        if numbers is None:
            return False
        for at in numbers:  # noqa: SIM110 - faster than a generator
            if not -_SMALL <= params[at] < _SMALL:
                return False
        return True

    def goes_before(self, other: "_Text") -> bool:
        """Return True for the one that is kept of two texts of a statement."""
        return (len(self.source), self.source) < (len(other.source), other.source)


class Recorder:
    """Records the statements of one alias between ``start`` and ``stop``.

    ``tests`` are files that hold tests whatever their names are.
    """

    def __init__(self, alias: str, root: Path, tests: Collection[Path] = ()) -> None:
        self.alias = alias
        self.vendor = connections[alias].vendor
        self._root = root
        self._lexis = dialect(self.vendor)
        self._server: Server = server(self.vendor)
        self._callers = Callers(root, tests)
        # Without parameters and with them: only then does %% stand for %.
        self._texts: tuple[dict[Any, _Text], dict[Any, _Text]] = ({}, {})
        self._records: dict[str, _Record] = {}
        self._wrapped: list[BaseDatabaseWrapper] = []

    def start(self) -> None:
        """Record from now on, on each connection of the alias and in each thread."""
        follow(self._callers.sender)
        connection_created.connect(self._wrap)
        self._wrap(connection=connections[self.alias])

    def stop(self) -> None:
        """Record no more."""
        forget(self._callers.sender)
        connection_created.disconnect(self._wrap)
        for connection in self._wrapped:
            if self._see in connection.execute_wrappers:
                connection.execute_wrappers.remove(self._see)
        self._wrapped.clear()

    def statements(self) -> list[Statement]:
        """Stop, and return what was recorded; the test database is asked what it makes of it."""
        self.stop()
        sources = Sources(self._callers, self._root)
        texts = [record.shortest for record in self._records.values() if record.shortest]
        with self._server.session(connections[self.alias]) as session:
            return merge(self._statement(text, session, sources) for text in texts)

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
        except (IntegrityError, DataError):
            # The server refused the values; the statement is one that the code sends.
            self._note(sql, params, context["cursor"], many, is_done=False)
            raise
        self._note(sql, params, context["cursor"], many, is_done=True)
        return result

    def _note(self, sql: Any, params: Any, cursor: Any, many: bool, *, is_done: bool) -> None:
        if type(sql) is not str:
            has_values = self._server.has_values(sql)
            sql = self._server.text(sql, cursor)
        else:
            has_values = False
        takes_values = many or params is not None
        text = self._texts[takes_values].get(sql)
        if text is None or (has_values and not text.record.has_values):
            if not is_usage(sql, self._lexis):
                return
            text = self._learn(sql, takes_values, has_values)
        caller = self._callers.find(text.ways)
        if caller is None:
            return
        record = text.record
        record.callers.add(caller)
        kept = record.shortest
        if kept is not text:
            if kept is not None and not text.goes_before(kept):
                return
            record.shortest = text
        if text.columns is None and is_done:
            text.columns = self._server.columns(cursor)
        if params and not (type(params) in _ROWS and text.knows(params)):
            self._sample(text, cursor, params, many)

    def _learn(self, sql: str, takes_values: bool, has_values: bool) -> _Text:
        texts = self._texts[takes_values]
        if len(texts) >= _MOST_TEXTS:
            texts.clear()
        text = self._server.placeholders(sql) if takes_values else sql
        form = normal_form(text, self._lexis)
        record = self._records.setdefault(form, _Record(form))
        record.has_values |= has_values
        known = record.shortest
        # Its types are noted there; it may have been forgotten, or sent without parameters.
        is_known = known is not None and (known.source, known.sql) == (sql, text)
        texts[sql] = known if known is not None and is_known else _Text(record, sql, text)
        return texts[sql]

    def _sample(self, text: _Text, cursor: Any, params: Any, many: bool) -> None:
        """Note the types of parameters, each combination once."""
        if not many:
            self._sample_row(text, cursor, params)
        elif isinstance(params, Sequence):  # an iterator is spent by now
            for row in params:
                self._sample_row(text, cursor, row)

    def _sample_row(self, text: _Text, cursor: Any, params: Any) -> None:
        values = self._server.values(text.source, params)
        if text.knows(values):
            return
        signature = tuple(map(_type, values))
        if signature not in text.samples:
            text.samples[signature] = self._server.sent_types(cursor, values)
        # Of lists and tuples the items have types, too.
        if not any(isinstance(value, list | tuple) for value in values):
            places = tuple(at for at, value in enumerate(values) if isinstance(value, int))
            if all(-_SMALL <= values[at] < _SMALL for at in places):
                text.small[tuple(map(type, values))] = places

    # -- what is kept

    def _statement(self, text: _Text, session: Session, sources: Sources) -> Statement:
        sql = without_comments(text.sql, self._lexis)
        callers = tuple(sorted(text.record.callers))
        id_ = digest(self.vendor, text.record.form)
        statement = Statement(id_, self.vendor, mask_secrets(sql, self.vendor), callers)
        statement = statement.sent_to(self.alias)
        masked = mask_values(sql, self._lexis, sources)
        if text.record.has_values or masked != sql:
            return without_text(replace(statement, sql=masked))
        return session.complete(
            statement, list(text.samples.values()), self._columns(text, sources)
        )

    def _columns(self, text: _Text, sources: Sources) -> Sequence[tuple[str, Any]]:
        """Return the columns of a result; a server may call one by its expression, or by data."""
        return [
            (name if mask_values(name, self._lexis, sources) == name else NO_NAME, type_)
            for name, type_ in text.columns or ()
        ]


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


# The bits of the numbers that drivers and servers tell apart: int2, int4, int8, and all others.
_SIZES: Final = (15, 31, 63)


def _type(value: Any) -> Any:
    if isinstance(value, int):
        return type(value), _size(value)
    if isinstance(value, list | tuple):
        return (type(value), *map(_type, value[:1]))
    return type(value)


def _size(number: int) -> int:
    bits = (number if number >= 0 else -number - 1).bit_length()
    return next((size for size in _SIZES if bits <= size), bits)
