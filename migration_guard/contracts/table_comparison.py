"""Compare one table or view of a contract with that of a snapshot. Pure, but for ``deparse``."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from migration_guard.conf import nearest
from migration_guard.contracts import columns, constraints, inserts, keys_and_indexes
from migration_guard.contracts.causes import Causes, Subject
from migration_guard.contracts.clause_names import name_clause
from migration_guard.contracts.declare import Clause, Column, Table, View
from migration_guard.contracts.outcomes import (
    Outcome,
    Requirement,
    Undecided,
    Violated,
    with_hint,
)
from migration_guard.contracts.table_context import VIEWS, Deparse, TableContext, no_server
from migration_guard.results import Assertion, Verdict
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN, Snapshot

Judgement: TypeAlias = tuple[Clause, Outcome]
MAX_SUGGESTIONS: Final = 50


class Suggestions:
    """Suggests tables with a name like that of a missing table, for the first missing ones only."""

    # A database that lacks many tables is another database, so that similar names say nothing. To
    # compare all names with all would take longer than everything else.
    def __init__(self, snapshot: Snapshot) -> None:
        self._labels = [table.label for table in snapshot.tables]
        self._left = MAX_SUGGESTIONS

    def hint(self, name: str) -> str:
        """Return a hint with the most similar name, or "" if there is none."""
        self._left -= 1
        label = nearest(name, self._labels) if self._left >= 0 else ""
        return f'There is a "{label}".' if label else ""


class TableComparison(NamedTuple):
    """One table or view of the contract, and what it is compared with.

    ``kept_columns`` count what is kept of a column, by its facts; None where all is listed.
    """

    clause: Table | View
    snapshot: Snapshot
    deparse: Deparse
    causes: Causes
    suggestions: Suggestions
    kept_columns: dict[columns.Facts, Assertion] | None

    def counted_assertions(self) -> Iterator[Assertion]:
        """Yield what is not kept, then how much is."""
        kept = 0
        for assertion in self.assertions():
            if assertion.verdict is Verdict.KEPT:
                kept += assertion.stands_for
            else:
                yield assertion
        yield _KEPT._replace(table=self.clause.name, stands_for=kept)

    def assertions(self) -> Iterator[Assertion]:
        """Yield an assertion for each requirement."""
        actual = self.snapshot.table(self.clause.name)
        existence = self._assertion("exists", "", self.clause, self._judge_existence(actual))
        yield existence
        if isinstance(actual, objects.Table) and existence.verdict is not Verdict.VIOLATED:
            context = TableContext(self.snapshot, actual, self.deparse)
            yield from self._table_assertions(context)
            has_only_types = context.is_view or self._is_model_on_view(context)
            for column in self.clause.columns:
                yield from self._column_assertions(context, column, has_only_types)
            for clause, outcome in self._other_judgements(context):
                yield self._assertion("", "", clause, self._add_hint(clause, outcome))
        elif existence.violation is not None:
            for requirement in self._all_requirements():
                yield requirement.violated_assertion(existence.violation)
        else:
            undecided = Undecided(existence.unknown or f"{self.clause.name} cannot be read")
            for requirement in self._all_requirements():
                yield requirement.assertion(undecided)

    def _judge_existence(self, actual: objects.Fact[objects.Table | None]) -> Outcome:
        name, kind = self.clause.name, _kind(self.clause)
        if actual is UNKNOWN:
            return Undecided(self.snapshot.why(name))
        if actual is None:
            rule = "missing-view" if isinstance(self.clause, View) else "missing-table"
            hint = self.causes.hint(name, app=self._app) or self.suggestions.hint(name)
            return Violated(rule, f"{kind} {name}", "missing", hint)
        if self._has_unknown_kind(actual):
            return Undecided(self.snapshot.why(name, "kind"))
        if actual.kind is UNKNOWN or _is_right_kind(self.clause, actual.kind):
            return None
        return Violated("wrong-kind", kind, actual.kind, "Correct the contract, or the schema.")

    def _has_unknown_kind(self, actual: objects.Table) -> bool:
        """Return whether the kind is unknown and the clause is about it."""
        if isinstance(self.clause, Table):
            return actual.kind is UNKNOWN and not self.clause.or_view
        # Some readers know that it is a view, and note that it may be a materialized one.
        return actual.kind is UNKNOWN or (
            self.clause.materialized is not None
            and any(
                (note.table, note.object) == (actual.label, "kind")
                for note in self.snapshot.unknown
            )
        )

    def _column_assertions(
        self, context: TableContext, column: Column, has_only_types: bool
    ) -> Iterable[Assertion]:
        """Return what comes of a column; where nobody lists it, like ones are judged once."""
        actual = context.table.column(column.name)
        facts = columns.facts_of(context, column, actual) if self.kept_columns is not None else None
        if self.kept_columns is None or facts is None:
            return self._judge_column(context, column, actual, has_only_types)
        if facts in self.kept_columns:
            return (self.kept_columns[facts],)
        assertions = tuple(self._judge_column(context, column, actual, has_only_types))
        if all(assertion is _KEPT for assertion in assertions):
            self.kept_columns[facts] = _KEPT._replace(stands_for=len(assertions))
        return assertions

    def _judge_column(
        self,
        context: TableContext,
        column: Column,
        actual: objects.Fact[objects.Column | None],
        has_only_types: bool,
    ) -> Iterator[Assertion]:
        outcome: Outcome = context.undecided("columns") if actual is UNKNOWN else None
        if actual is None:
            hint = self.causes.hint(self.clause.name, column.name, app=self._app)
            outcome = Violated("missing-column", columns.describe(column), "missing", hint)
        existence = self._assertion("exists", column.name, column, outcome)
        yield existence
        for aspect, judge in columns.judges_of(column):
            can_be_judged = not has_only_types or aspect in columns.OF_VIEWS
            if not can_be_judged and isinstance(self.clause, Table):
                continue  # a model on a view
            if existence.violation is not None:
                requirement = self._requirement(aspect, column.name, column)
                yield requirement.violated_assertion(existence.violation)
                continue
            if isinstance(actual, objects.Column):
                judge_aspect = judge if can_be_judged else columns.judge_view_column
                outcome = judge_aspect(context, column, actual)
                if isinstance(outcome, Violated) and can_be_judged:
                    hint = self.causes.hint_for_difference(self.clause.name, column.name, self._app)
                    outcome = outcome._replace(hint=hint or outcome.hint)
            else:
                outcome = Undecided(existence.unknown)
            yield self._assertion(aspect, column.name, column, outcome)

    def _is_model_on_view(self, context: TableContext) -> bool:
        """Return whether this is a model, and its table can have no keys."""
        if not isinstance(self.clause, Table):
            return False
        is_model = self.clause.or_view or bool(self.clause.app)
        return context.is_view or (context.has_only_columns and is_model)

    def _table_assertions(self, context: TableContext) -> Iterator[Assertion]:
        """Yield what the clause states of the table itself; a view of models is included."""
        if not isinstance(self.clause, Table):
            return
        for aspect, judge in inserts.judges_of(self.clause):
            yield self._assertion(aspect, "", self.clause, judge(context, self.clause))

    def _other_judgements(self, context: TableContext) -> Iterator[Judgement]:
        """Judge what is not about a single column; a model on a view has none of it."""
        if self._is_model_on_view(context):
            return iter(())
        return self._judge_clauses(context)

    def _judge_clauses(self, context: TableContext) -> Iterator[Judgement]:
        if self.clause.exact:
            yield self.clause, self._judge_exact(context)
        for unique in self.clause.unique:
            yield unique, keys_and_indexes.judge_unique(context, unique)
        for index in self.clause.indexes:
            yield index, keys_and_indexes.judge_index(context, index)
        if isinstance(self.clause, Table):
            yield from self._judge_constraints(context, self.clause)

    def _judge_constraints(self, context: TableContext, table: Table) -> Iterator[Judgement]:
        key = table.primary_key
        if key is not None:
            yield key, keys_and_indexes.judge_primary_key(context, key)
        for check in table.checks:
            yield check, constraints.judge_check(context, check)
        for foreign_key in table.foreign_keys:
            yield foreign_key, constraints.judge_foreign_key(context, foreign_key)
        for exclusion in table.exclusions:
            yield exclusion, constraints.judge_exclusion(context, exclusion)

    def _judge_exact(self, context: TableContext) -> Outcome:
        if context.table.columns is UNKNOWN:
            return context.undecided("columns")
        expected = [column.name for column in self.clause.columns]
        folded = {context.fold(name) for name in expected}
        extra = [
            column.name
            for column in context.table.columns
            if context.fold(column.name) not in folded
        ]
        if not extra:
            return None
        hint = "State it in the contract, or drop it in a migration."
        return Violated("extra-column", ", ".join(expected), f"also {', '.join(extra)}", hint)

    def _add_hint(self, clause: Clause, outcome: Outcome) -> Outcome:
        """Add the migration that should have made a missing constraint."""
        if not isinstance(outcome, Violated) or outcome.hint or "missing" not in outcome.rule:
            return outcome
        name = getattr(clause, "name", "")
        columns = tuple(getattr(clause, "columns", ()))
        kind = name_clause(clause).partition("(")[0]
        subject = Subject(self.clause.name, name, kind, columns)
        if name:
            hint = self.causes.hint(self.clause.name, name, app=self._app, subject=subject)
        else:
            names = [name for name in columns if name.isidentifier()]
            hint = self.causes.hint_for_key(
                _SQL_WORDS.get(kind, ""), self.clause.name, names, app=self._app, subject=subject
            )
        return with_hint(outcome, hint or _ADD)

    @property
    def _app(self) -> str:
        return self.clause.app if isinstance(self.clause, Table) else ""

    def _all_requirements(self) -> Iterator[Requirement]:
        """Yield all requirements of the table but its existence."""
        if isinstance(self.clause, Table):
            for aspect, _ in inserts.judges_of(self.clause):
                yield self._requirement(aspect, "", self.clause)
        for column in self.clause.columns:
            yield self._requirement("exists", column.name, column)
            for aspect, _ in columns.judges_of(column):
                yield self._requirement(aspect, column.name, column)
        name = self.clause.name
        unknown_table = objects.Table("", name, name, UNKNOWN)
        context = TableContext(self.snapshot, unknown_table, no_server)
        for clause, _ in self._other_judgements(context):
            yield self._requirement("", "", clause)

    def _assertion(self, aspect: str, object_: str, clause: Clause, outcome: Outcome) -> Assertion:
        """Return an assertion. A check of thousands of tables keeps hundreds of thousands."""
        if outcome is None and self.kept_columns is not None:
            return _KEPT
        return self._requirement(aspect, object_, clause).assertion(outcome)

    def _requirement(self, aspect: str, object_: str, clause: Clause) -> Requirement:
        """Return what an aspect requires; without one, what a part of the table does, or exact."""
        name = self.clause.name
        aspect = aspect or name_clause(clause) or "exact"
        source = clause.source_of(aspect) if isinstance(clause, Column) else clause.source
        return Requirement(
            f"{name}::{object_}::{aspect}" if object_ else f"{name}::{aspect}",
            name,
            object_ or ("" if aspect in _OF_TABLES else aspect),
            source or self.clause.source,
            clause.owner or self.clause.owner,
            clause.reason or self.clause.reason,
        )


def _kind(clause: Table | View) -> str:
    if isinstance(clause, Table):
        return "table"
    return "materialized view" if clause.materialized else "view"


def _is_right_kind(clause: Table | View, kind: str) -> bool:
    if isinstance(clause, Table):
        return kind not in VIEWS or clause.or_view
    if clause.materialized is None:
        return kind in VIEWS
    return kind == VIEWS[clause.materialized]


# Stands for each kept assertion that nobody lists.
_KEPT: Final = Assertion("", "", "", "", Verdict.KEPT)
# The aspects of a table as a whole.
_OF_TABLES: Final = frozenset({"exists", "exact", *inserts.JUDGES})
# The word of a statement that makes such a key.
_SQL_WORDS: Final = {"unique": "UNIQUE", "index": "INDEX", "foreign_key": "REFERENCES"}
_ADD: Final = "Add it in a migration: manage.py makesqlmigration NAME."
