"""The statements of a plan's files, and which of them are about an object. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Final

from migration_guard.contracts.causes.events import Event, Part, Source, Verb
from migration_guard.contracts.causes.provenance import Provenance
from migration_guard.contracts.causes.wording import bare_names
from migration_guard.planning.plan import Plan, Planned
from migration_guard.sql.classify import mentions
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, significant
from migration_guard.sql.statements import SQLError, split


class Statements:
    """The statements of all migrations of a plan, read when something is first looked up."""

    def __init__(
        self, plan: Plan | None, vendor: str, texts: Mapping[str, str] | None = None
    ) -> None:
        """Take the texts of the files, or the given ones by the ids of their migrations."""
        migrations = plan.migrations if plan is not None else ()
        self._vendor = vendor
        self._files = [
            _File(migration, text, vendor)
            for migration in migrations
            if (text := _text(migration, texts)) is not None
        ]

    def events(self, names: Sequence[str]) -> list[Event]:
        """Return what statements do to an object, in order; else those that mention it."""
        events = self.changes(names)
        if events:
            return events
        return [use for use in self.mentions(names) if not _is_about_another(use, names)]

    def changes(self, names: Sequence[str]) -> list[Event]:
        """Return what statements do to an object by its names, in order."""
        if len(names) > 1:
            part = self._provenance.find_part(*names[:2]) if len(names) == 2 else None  # noqa: PLR2004
        else:
            part = self._provenance.find(names[0])
        events = part.events if part is not None else []
        if all(event.verb is Verb.MENTIONS for event in events):
            return []
        return sorted(events, key=lambda event: event.place)

    def parts(self, table: str) -> list[Part]:
        """Return what a table ever had: columns, keys, indexes."""
        object_ = self._provenance.find(table)
        return object_.parts if object_ is not None else []

    def mentions(self, names: Sequence[str]) -> list[Event]:
        """Return the statements that mention all these names, or names that the objects had."""
        object_ = self._provenance.find(names[0])
        known = dict.fromkeys(object_.names if object_ is not None else ())
        alternatives = [known or {bare_names(names)[0]: None}]
        for name in names[1:]:
            part = object_.part(name) if object_ is not None else None
            alternatives.append(dict.fromkeys([name, *(part.names if part else ())]))
        return [use for file in self._files for use in file.uses(alternatives)]

    @cached_property
    def _provenance(self) -> Provenance:
        return Provenance(source for file in self._files for source in file.changes())


class _File:
    """The text of a migration; it is split into statements when something is first looked up."""

    def __init__(self, migration: Planned, text: str, vendor: str) -> None:
        self.migration = migration
        self.text = text
        self.vendor = vendor

    @cached_property
    def lower_text(self) -> str:
        return self.text.lower()

    @cached_property
    def statements(self) -> list[tuple[str, int]]:
        return split_text(self.text, self.vendor)

    def changes(self) -> Iterator[Source]:
        """Yield the statements of DDL."""
        if not _DDL.search(self.text):  # such as a large file of rows
            return
        for text, line in self.statements:
            change = read_ddl(text, self.vendor)
            if change is not None:
                yield Source(self.migration, text, line, self.vendor, change)

    def uses(self, alternatives: Sequence[Iterable[str]]) -> Iterator[Event]:
        """Yield the statements that mention a name of each of these alternatives."""
        if not all(
            any(name.lower() in self.lower_text for name in names) for names in alternatives
        ):
            return
        for text, line in self.statements:
            named = [
                next((name for name in names if mentions(text, name, self.vendor)), "")
                for names in alternatives
            ]
            if all(named):
                change = read_ddl(text, self.vendor)
                source = Source(self.migration, text, line, self.vendor, change)
                yield Event(_verb(source, named[-1]), source, named[-1])


def split_text(text: str, vendor: str) -> list[tuple[str, int]]:
    """Return the statements with their lines; none if the text is no SQL."""
    with suppress(SQLError):
        return [(statement.text, statement.line) for statement in split(text, vendor)]
    return []


def _text(migration: Planned, texts: Mapping[str, str] | None) -> str | None:
    if texts is not None:
        return texts.get(migration.id)
    return migration.file.text if migration.file is not None else None


def _verb(source: Source, name: str) -> Verb:
    """Return what a statement does with ``name``, by its words; only DDL does anything with it."""
    change = source.change
    if change is None or change.verb == "RENAME":
        return Verb.MENTIONS
    if change.verb == "CREATE":
        is_named = change.kind != "INDEX" or name.upper() in _head(source)
        return Verb.ADDS if is_named else Verb.MENTIONS
    if change.verb == "DROP":
        return Verb.DROPS
    of_name = [clause.verb for clause in change.clauses if name.upper() in clause.words]
    verb = next((_VERBS[verb] for verb in of_name if verb in _VERBS), None)
    if verb is None:
        adds = any("ADD" in clause.words for clause in change.clauses)
        verb = Verb.ADDS if adds else Verb.MENTIONS
    return verb


def _is_about_another(event: Event, names: Sequence[str]) -> bool:
    """Return whether a statement makes or alters another object, and only refers to this one."""
    change, head = event.source.change, _head(event.source)
    table = bare_names(names)[0].upper()
    if change is None or len(names) == 1:
        return False
    if change.verb == "CREATE" and change.names and change.kind not in _HOLD_OTHERS:
        return change.name.upper() not in {table, names[-1].upper()}
    before_columns = head[: head.index("(")] if "(" in head else head
    is_table = change.kind == "TABLE" and change.verb in {"CREATE", "ALTER"}
    return is_table and table not in before_columns


def _head(source: Source) -> tuple[str, ...]:
    """Return the first words of a statement in upper case, names without quotes."""
    words = (
        token.text[1:-1].upper() if token.kind is Kind.QUOTED else token.text.upper()
        for token in significant(source.text, dialect(source.vendor))
        if token.kind is not Kind.KEPT_COMMENT
    )
    return tuple(word for _, word in zip(range(_HEAD), words, strict=False))


_HEAD: Final = 12
_DDL: Final = re.compile(r"\b(?:CREATE|ALTER|DROP|RENAME)\b", re.IGNORECASE)
_HOLD_OTHERS: Final = {"TABLE", "INDEX", "SCHEMA", "DATABASE"}
_VERBS: Final = {"DROP": Verb.DROPS, "RENAME": Verb.RENAMES, "ADD": Verb.ADDS}
