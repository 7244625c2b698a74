"""Which migrations deal with an object that is missing, extra or different, and their state.

Pure: this reads the files of a plan as SQL, statement by statement.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from migration_guard.conf import database_option
from migration_guard.contracts.causes.django_states import Subject
from migration_guard.contracts.causes.events import Event, Part, Source, Verb
from migration_guard.contracts.causes.shown import ShownCauses
from migration_guard.contracts.causes.statements import Statements
from migration_guard.contracts.causes.wording import (
    NEW_MIGRATION,
    UNKNOWN_MAKER,
    describe,
    describe_with_command,
    put_back,
)
from migration_guard.planning.evidence import Evidence
from migration_guard.planning.plan import Plan, State
from migration_guard.schema.diff.compare import Change
from migration_guard.sql.classify import mentions


class Explanation(NamedTuple):
    """What is known of an object; ``source`` is the statement that states it.

    ``is_open`` says that nothing shows the cause, so that the hint names no remedy. ``is_made``
    says that a statement is known to make the object.
    """

    hint: str
    source: Source | None = None
    is_open: bool = False
    is_made: bool = True


class Background(NamedTuple):
    """What a database tells beside its plan, asked for when there is something to explain.

    ``django`` returns what Django's migrations of an app tell of an object, and what to do.
    ``database`` is the alias. ``is_from_files`` says that the database was built from the files
    just now, such as one for tests: what it lacks, a new migration must make.
    """

    evidence: Callable[[], Evidence] = Evidence
    django: Callable[[Change, str, Subject], str] = lambda _change, _app, _subject: ""
    database: str = ""
    is_from_files: bool = False


PLAN_ALONE: Final = Background()


class Causes:
    """What the files of a plan, its history and its audit tell of an object.

    Names go from the outer to the inner (table, column). Without a plan there are no statements.
    """

    def __init__(self, plan: Plan | None, vendor: str, background: Background = PLAN_ALONE) -> None:
        self._plan = plan
        self._vendor = vendor
        self._background = background
        self._statements = Statements(plan, vendor)
        self.option = database_option(background.database) if background.database else ""
        self._silent = (
            "no statement in the files shows"
            if background.is_from_files
            else "the history does not show"
        )
        self._put_back = put_back(vendor, self.option, is_from_files=background.is_from_files)

    def hint(self, *names: str, app: str = "", subject: Subject | None = None) -> str:
        """Return which migration makes a missing object, its state, and what to do.

        ``app`` is the Django app whose migrations make it, if no statement of ours does.
        """
        explanation = self.explain(Change.MISSING, *names)
        if app and (explanation is None or not explanation.is_made):
            subject = subject or Subject(names[0], "".join(names[1:2]))
            if hint := self._background.django(Change.MISSING, app, subject):
                return hint
        if explanation is None:
            name = ".".join(names)
            hint = f"No migration mentions {name}: write one with {NEW_MIGRATION}."
            return hint if self._plan is not None else ""
        remedy = f" {self._put_back}" if explanation.is_open else ""
        return explanation.hint + remedy

    def hint_for_key(
        self,
        word: str,
        table: str,
        columns: Sequence[str],
        app: str,
        subject: Subject,
    ) -> str:
        """Return which migration that is not applied would make a key over these columns.

        ``word`` is the word of such a statement: UNIQUE, INDEX or REFERENCES.
        """
        # An applied migration may have made another key with the same words.
        uses = self._statements.mentions((table, word, *columns)) if columns else []
        uses = [use for use in uses if not _is_applied(use)]
        if not uses:
            return self._background.django(Change.MISSING, app, subject) if app else ""
        return describe_with_command(_adder(uses), self.option)

    def hint_for_difference(self, table: str, column: str, app: str = "") -> str:
        """Return why a column is another one than is stated, "" if nothing shows it."""
        explanation = self.explain(Change.DIFFERS, table, column)
        if explanation is not None and not explanation.is_open:
            return explanation.hint
        return self._background.django(Change.DIFFERS, app, Subject(table, column)) if app else ""

    def last_change(self, *names: str, is_missing: bool) -> Event | None:
        """Return what made an object missing, or another one than it was; None if none shows it.

        A statement that waits to make it goes before one that removed it.
        """
        events = self._statements.changes(names)
        name = names[-1].rpartition(".")[2]
        if is_missing:
            waiting = [e for e in events if _is_waiting(e) and _makes(e, name)]
            events = waiting or [e for e in events if _is_applied(e) and _ends(e, name)]
        else:
            events = [e for e in events if _is_applied(e)]
        return events[-1] if events else None

    def lost_key(self, table: str, columns: Sequence[str]) -> Event | None:
        """Return what removed a key or index over these columns, None if none shows it."""
        events = [
            event
            for part in self._statements.parts(table)
            if _is_over(part, columns)
            for event in part.events
            if event.verb is Verb.DROPS and _is_applied(event)
        ]
        return max(events, key=lambda event: event.place, default=None)

    def explain(self, change: Change, *names: str) -> Explanation | None:
        """Return what is known of an object, None if nothing is.

        A key or index without a name has its table, its word (UNIQUE) and its columns for names.
        """
        events = self._statements.events(names)
        name = names[0].rpartition(".")[2] if len(names) == 1 else names[-1]
        if change is Change.MISSING:
            return self._explain_missing(events, names, name) if events else None
        if change is Change.EXTRA:
            return self._explain_extra(events, names, name)
        return self._explain_difference(events, names)

    def _explain_missing(self, events: list[Event], names: Sequence[str], name: str) -> Explanation:
        makers = [event for event in events if _makes(event, name)]
        enders = [event for event in events if _ends(event, name)]
        is_made = bool(makers)
        if not makers:
            makers = [max(events, key=lambda use: (use.verb, not _is_applied(use), use.place))]
        last = makers[-1]
        ender = enders[-1] if enders and enders[-1].place > last.place else None
        if ender is not None and (_is_applied(ender) or not _is_applied(last)):
            text = f"{describe(_adder(makers))}; {describe(ender)} after it. {_CORRECT}"
            return Explanation(text, ender.source, is_made=is_made)
        waiting = [event for event in makers if not _is_applied(event)]
        if waiting:
            best = _adder(waiting)
            text = describe_with_command(best, self.option)
            return Explanation(text, best.source, is_made=is_made)
        maker = _adder(makers)
        shown = self._shown_cause(events, names)
        if shown:
            return Explanation(shown, maker.source, is_made=is_made)
        why = self._skipped_statement(maker, names)
        renamed = "" if last is maker else f"; {describe(last)}"
        why_not = why or f"{self._silent} what removed it."
        text = f"{describe(maker)}{renamed}, yet it is not there: {why_not}"
        return Explanation(text, maker.source, is_open=not why, is_made=is_made)

    def _explain_difference(self, events: list[Event], names: Sequence[str]) -> Explanation | None:
        stating = [event for event in events if event.verb in _STATING] or events
        if not stating:
            text = self._shown.of_script(names) or self._shown.of_applied_text(names)
            return Explanation(text) if text else None
        waiting = [event for event in events if _is_waiting(event)]
        if waiting:
            text = describe_with_command(waiting[-1], self.option)
            return Explanation(text, waiting[-1].source)
        last = stating[-1]
        shown = self._shown_cause(events, names)
        if shown:
            return Explanation(shown, last.source)
        text = f"{describe(last)}; {self._silent} what made the difference."
        return Explanation(text, last.source, is_open=True)

    def _explain_extra(
        self, events: list[Event], names: Sequence[str], name: str
    ) -> Explanation | None:
        waiting = [event for event in events if _ends(event, name) and _is_waiting(event)]
        if waiting:
            text = describe_with_command(waiting[-1], self.option)
            return Explanation(text, waiting[-1].source)
        shown = self._shown_cause(events, names, _DROP) or self._shown.of_applied_text(names)
        last = events[-1] if events else None
        if last is None or shown:
            return Explanation(shown, last.source if last else None) if shown else None
        text = f"{describe(last)}, yet a fresh database does not have it."
        if last.migration.state is State.SKIPPED:
            text = f"{describe_with_command(last, self.option)[:-1]}; {UNKNOWN_MAKER}."
        elif _ends(last, name):
            text = f"{describe(last)}, yet it is there; {UNKNOWN_MAKER} again."
        return Explanation(text, last.source, is_open=True)

    def _shown_cause(self, events: Sequence[Event], names: Sequence[str], remedy: str = "") -> str:
        of_table = self._statements.changes(names[:1]) if len(names) > 1 else ()
        remedy = remedy or self._put_back
        return self._shown.of_events(events, names, of_table, remedy)

    def _skipped_statement(self, maker: Event, names: Sequence[str]) -> str:
        """Return why an applied statement with IF EXISTS or IF NOT EXISTS did nothing, or ""."""
        change = maker.source.change
        if change is None or not change.is_conditional or change.kind != "TABLE":
            return ""
        creators = [
            event
            for event in self._statements.events(names[:1])
            if event.source.change is not None and event.source.change.verb == "CREATE"
        ]
        if change.verb == "CREATE":
            older = [event for event in creators if event.place < maker.place]
            if self._background.is_from_files and not older:
                return ""  # nothing else than the files makes a table there
            return (
                "a CREATE TABLE IF NOT EXISTS does nothing where an older table of that name is"
                f"{_in_files(older)}. {self._put_back}"
            )
        where = _in_files(creators)
        return (
            f"an ALTER TABLE IF EXISTS that ran before the CREATE TABLE{where} does nothing. Add "
            f"it again in a new migration: {NEW_MIGRATION}."
        )

    @cached_property
    def _shown(self) -> ShownCauses:
        evidence = self._background.evidence() if self._plan is not None else Evidence()
        return ShownCauses(self._plan, evidence, self._vendor, self.option)


def _in_files(events: Iterable[Event]) -> str:
    ids = dict.fromkeys(event.migration.id for event in events)
    return f" (in {', '.join(ids)})" if ids else ""


def _is_over(part: Part, columns: Sequence[str]) -> bool:
    """Return whether a part was made over these columns; the server names one by its columns."""
    made = next((event for event in part.events if event.verb is Verb.ADDS), None)
    if made is None or part.name.casefold() in map(str.casefold, columns):
        return made is None and all(column.casefold() in part.name.casefold() for column in columns)
    return all(mentions(made.source.text, name, made.source.vendor) for name in columns)


def _is_applied(event: Event) -> bool:
    return event.migration.row is not None


def _is_waiting(event: Event) -> bool:
    return not _is_applied(event) and event.migration.state is not State.SKIPPED


def _adder(makers: Sequence[Event]) -> Event:
    """Return the last statement that adds an object, else the last one that gives it its name."""
    return max(makers, key=lambda event: (event.verb, event.place))


def _makes(event: Event, name: str) -> bool:
    return event.verb is Verb.ADDS or (event.verb is Verb.RENAMES and not _ends(event, name))


def _ends(event: Event, name: str) -> bool:
    """Return whether an object of this name is gone after a statement."""
    is_renamed = event.verb is Verb.RENAMES and event.name.casefold() != name.casefold()
    return event.verb is Verb.DROPS or is_renamed


_STATING: Final = frozenset({Verb.ADDS, Verb.CHANGES})
_DROP: Final = f"Drop it in a new migration (IF EXISTS): {NEW_MIGRATION}."
_CORRECT: Final = "Correct the contract, or make it again in a new migration."
