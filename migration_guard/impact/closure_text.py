"""The words of the rules of impact: whom a table shuts out, because of what, and what helps."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from migration_guard.impact.closures import READERS, WRITERS, Cause, Closure
from migration_guard.impact.sizes import UNKNOWN, TableSize
from migration_guard.impact.trace import StatementTrace
from migration_guard.sql.classify import words
from migration_guard.sql.ddl import read_ddl

_SECOND: Final = 1000  # milliseconds
_MOST: Final = 3  # tables, or statements, that a message names
# Who waits, and what the message says of the others.
_PEOPLE: Final[Mapping[str, tuple[str, str]]] = {
    READERS: ("readers and writers wait", ""),
    WRITERS: ("writers wait", "; readers do not"),
}
# What to do instead, by the statement; "" for any other.
_REMEDIES: Final[Mapping[str, Mapping[str, str]]] = {
    "postgresql": {
        "CREATE INDEX": "Use CREATE INDEX CONCURRENTLY, alone in a file with "
        "-- guard: transaction = off.",
        "ALTER TABLE": "Add a constraint NOT VALID and validate it in a later file; instead of "
        "another type, add a column and fill it in batches.",
        "": "Run it when nobody needs the table.",
    },
    "mysql": {
        "ALTER TABLE": "Write the change so that ALGORITHM=INPLACE, LOCK=NONE is accepted, or copy "
        "the table in the background.",
        "": "Run it when nobody writes to the table.",
    },
    "sqlite": {"": "Run it when nobody needs the database."},
}
# The same for a migration of Django's, where it has a way of its own.
_REMEDIES_OF_DJANGO: Final[Mapping[str, Mapping[str, str]]] = {
    "postgresql": {
        "CREATE INDEX": "Use AddIndexConcurrently of django.contrib.postgres.operations, in a "
        "migration with atomic = False.",
        "ALTER TABLE": "Add a constraint by AddConstraintNotValid of "
        "django.contrib.postgres.operations and validate it in a later migration; instead of "
        "another type, add a column and fill it in batches.",
    },
    "mysql": {},
    "sqlite": {},
}


class ClosureText:
    """The message and the hint of one closure; ``sizes`` has all of its tables, or none."""

    def __init__(
        self, closure: Closure, sizes: Mapping[str, TableSize], vendor: str, *, is_django: bool
    ) -> None:
        self._closure = closure
        self._sizes = sizes
        self._vendor = vendor
        self._is_django = is_django

    @property
    def message(self) -> str:
        """Which tables are shut to whom, from when to when, and why."""
        who, others = _PEOPLE[self._closure.rule]
        return f"{self._tables()}: {who} {self._span()}{self._time()}{others}"

    @property
    def hint(self) -> str:
        """What to do instead."""
        closure = self._closure
        later = [cause.trace.number for cause in closure.causes if cause.trace != closure.start]
        parts = []
        if len(later) < len(closure.causes):
            remedies = dict(_REMEDIES[self._vendor])
            if self._is_django:
                remedies |= _REMEDIES_OF_DJANGO[self._vendor]
            parts.append(remedies.get(self._head(closure.start), remedies[""]))
        if not closure.causes:
            parts.append(self._remedy_of_time())
        if later:
            parts.append(self._advise_move(f"statement {later[0]}"))
        if not self._is_django:
            parts.append(f"Or say when it may: -- guard: allow = {closure.rule}, REASON.")
        return f"{' '.join(parts)} More: manage.py checksqlmigrations --explain {closure.rule}."

    def _remedy_of_time(self) -> str:
        closure = self._closure
        if closure.start == closure.end:
            return "The time holds the wait for the lock: run it when no long query uses the table."
        return self._advise_move(f"what follows statement {closure.start.number}")

    def _advise_move(self, what: str) -> str:
        return (
            f"Move {what} into a {'migration' if self._is_django else 'file'} of its own, so that "
            f"the lock of statement {self._closure.start.number} is given back before."
        )

    def _tables(self) -> str:
        sizes = {name: self._sizes.get(name, UNKNOWN) for name in self._closure.tables}
        by_size = sorted(self._closure.tables, key=lambda name: (-(sizes[name].bytes or 0), name))
        shown = [self._table(name) for name in by_size[:_MOST]]
        more = len(by_size) - len(shown)
        return f"{', '.join(shown)}{f' and {more} more' if more else ''}"

    def _table(self, name: str) -> str:
        size = self._sizes.get(name)
        return name if size is None else f"{name} ({size})"

    def _span(self) -> str:
        closure = self._closure
        start, end = closure.start, closure.end
        if not closure.causes:
            place = f"statement {start.number} ({self._head(start)})"
            return f"for all of {place}" if start == end else f"from {place} to the commit"
        own = [cause for cause in closure.causes if cause.trace == start]
        if len(own) == len(closure.causes):
            rest = "" if start == end else " and to the commit"
            acts = f"{self._head(start)} {self._verbs(own)}"
            return f"for all of statement {start.number} ({acts}){rest}"
        return (
            f"from statement {start.number} ({self._head(start)}) to the commit, while "
            f"{self._later_acts()}"
        )

    def _later_acts(self) -> str:
        by_statement = [
            (trace, list(causes))
            for trace, causes in groupby(self._closure.causes, key=lambda cause: cause.trace)
        ]
        start = self._closure.start
        shown = [
            f"statement {trace.number}{'' if trace == start else f' ({self._head(trace)})'} "
            f"{self._verbs(causes)}"
            for trace, causes in by_statement[:_MOST]
        ]
        more = len(by_statement) - len(shown)
        return f"{', '.join(shown)}{f' and {more} more do so' if more else ''}"

    def _verbs(self, causes: Sequence[Cause]) -> str:
        shown = []
        for cause in causes[:_MOST]:
            verb = "rewrites" if cause.effect.rewrites else "reads"
            name = cause.effect.table
            is_known = name in self._closure.tables
            same = "the table" if len(self._closure.tables) == 1 else name
            shown.append(f"{verb} {same if is_known else self._table(name)}")
        more = len(causes) - len(shown)
        return f"{' and '.join(shown)}{f' and {more} more' if more else ''}"

    def _time(self) -> str:
        held = self._closure.held_ms
        if held is None:
            return ""
        return (
            f", {held / 1000:.1f} s as measured"
            if held >= _SECOND
            else f", {held:.0f} ms as measured"
        )

    def _head(self, trace: StatementTrace) -> str:
        ddl = read_ddl(trace.sql, self._vendor)
        if ddl is not None and ddl.kind:
            return f"{ddl.verb} {ddl.kind}"
        return " ".join(words(trace.sql, self._vendor, 1)) or "it"
