"""The causes that history and audit show: an edit, a record without a run, disorder, a script.

Pure. What they do not show is no cause.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from migration_guard.contracts.causes.events import Event
from migration_guard.contracts.causes.statements import Statements, split_text
from migration_guard.contracts.causes.wording import NEW_MIGRATION, bare_names
from migration_guard.planning.evidence import Act, Evidence
from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.sql.classify import mentions
from migration_guard.sql.cursor import keyword
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import significant


class ShownCauses:
    """What the tables of one database show of its migrations."""

    def __init__(self, plan: Plan | None, evidence: Evidence, vendor: str, option: str) -> None:
        self._plan = plan
        self._evidence = evidence
        self._vendor = vendor
        self._option = option

    def of_events(
        self,
        events: Iterable[Event],
        names: Sequence[str],
        of_table: Sequence[Event],
        remedy: str,
    ) -> str:
        """Return why applied statements are not what the database has, the last one first.

        ``of_table`` are the events of the table of a column or the like. Return "" if nothing shows
        a cause.
        """
        applied = [event for event in events if event.migration.row is not None]
        for event in applied[::-1]:
            if text := self._edit(event):
                return text
            for cause in (self._record, self._accepted_edit):
                if text := cause(event):
                    return f"{text} {remedy}"
        return self._disorder(applied, of_table, names) or self.of_script(names)

    def of_applied_text(self, names: Sequence[str]) -> str:
        """Return which migration made an object by SQL that is not, or no more, in its file."""
        events = self._applied_texts.changes(names)
        if not events:
            return ""
        last = events[-1]
        why = "its file is missing" if last.migration.file is None else "its file was edited since"
        return (
            f"{last.migration.id} {last.verb.word} it by the SQL that was applied, and {why}: "
            "restore the file from version control, and put a change into a new migration."
        )

    def of_script(self, names: Sequence[str]) -> str:
        """Return which audited script speaks of an object."""
        for act in self._evidence.acts[::-1]:
            is_script = not act.migration_id and act.sql
            if is_script and all(mentions(act.sql, n, self._vendor) for n in bare_names(names)):
                return (
                    f"The audited script {act.file} ({act.circumstances}) names it. Put what "
                    f"it changed into a new migration ({NEW_MIGRATION})."
                )
        return ""

    def _edit(self, event: Event) -> str:
        migration = event.migration
        if migration.state is not State.EDITED:
            return ""
        if self._has_statement(self._evidence.sql.get(migration.id), event):
            return ""  # the edit was elsewhere in the file
        return (
            f"{migration.id} {event.verb.word} it, and its file was edited after it was applied: "
            f"this database ran another text. manage.py runsqlmigrations --check{self._option} "
            "shows the difference; restore the file, and put the change into a new migration."
        )

    def _record(self, event: Event) -> str:
        migration = event.migration
        row = migration.row
        if row is None or row.how not in _NOT_RUN:
            return ""
        # Which of the migrations that a squash replaces made it is not known.
        if row.id != migration.id and any(row.how not in _NOT_RUN for row in migration.former):
            return ""
        act = self._act(migration, row.how, "mark-applied")
        who = f" ({act.circumstances})" if act is not None else ""
        return (
            f"{migration.id} {event.verb.word} it, and was recorded as applied without being run "
            f"here{who}."
        )

    def _accepted_edit(self, event: Event) -> str:
        migration = event.migration
        act = next(iter(self._acts(migration, "accept-edit")), None)
        if act is None or self._has_statement(act.sql, event):
            return ""
        ran = "ran" if act.sql else "may have run"
        return (
            f"{migration.id} {event.verb.word} it. Its file was edited after it was applied, and "
            f"the edit was accepted ({act.circumstances}): this database {ran} another text."
        )

    def _has_statement(self, applied: str | None, event: Event) -> bool:
        """Return whether a statement is in the SQL that was applied."""
        text = _tokens(event.source.text, self._vendor)
        statements = split_text(applied, self._vendor) if applied else []
        return any(_tokens(statement, self._vendor) == text for statement, _ in statements)

    def _disorder(
        self, events: Sequence[Event], of_table: Sequence[Event], names: Sequence[str]
    ) -> str:
        """Return which of two migrations ran after the other, against the order of the numbers."""
        table = bare_names(names)[0]
        for event in events[::-1]:
            for other in (*events, *of_table):
                early, late = sorted((event, other), key=lambda use: use.place)
                act = self._act_of_order(early.migration, late.migration)
                if act is not None:
                    objects = [table if use in of_table else "it" for use in (early, late)]
                    return (
                        f"{early.migration.id} {early.verb.word} {objects[0]}, and ran after "
                        f"{late.migration.id}, which {late.verb.word} {objects[1]} (out of order, "
                        f"{act.circumstances}). A fresh database runs them in the order of their "
                        f"numbers: write what is right into a new migration ({NEW_MIGRATION})."
                    )
        return ""

    def _act_of_order(self, first: Planned, second: Planned) -> Act | None:
        """Return the act that let ``first`` run after ``second``, None if it did not."""
        if first is second or first.row is None or second.row is None:
            return None
        is_late = first.row.applied_at > second.row.applied_at
        return self._act(first, *_REORDERING) if is_late else None

    def _act(self, migration: Planned, *actions: str) -> Act | None:
        """Return the last act of these kinds on a migration."""
        return next(iter(self._acts(migration, *actions)[::-1]), None)

    def _acts(self, migration: Planned, *actions: str) -> list[Act]:
        ids = {migration.id, migration.row.id if migration.row is not None else ""}
        return [
            act for act in self._evidence.acts if act.migration_id in ids and act.action in actions
        ]

    @cached_property
    def _applied_texts(self) -> Statements:
        accepted = {
            act.migration_id: act.sql
            for act in self._evidence.acts[::-1]
            if act.action == "accept-edit" and act.sql
        }
        return Statements(self._plan, self._vendor, {**accepted, **self._evidence.sql})


def _tokens(text: str, vendor: str) -> list[str]:
    return [keyword(token) for token in significant(text, dialect(vendor))]


# How a migration was recorded that this app did not run.
_NOT_RUN: Final = frozenset({"fake", "baseline"})
# The acts after which a migration may run after one with a higher number.
_REORDERING: Final = ("out-of-order", "forget", "cleared")
