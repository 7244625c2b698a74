"""Contract against snapshot: what a contract says -> assertions, kept, violated or unknown.

Pure, but for ``spell``, which may ask the server how it writes an expression. Assertions stand in
the order of the contract. What hangs on a missing thing is violated by that thing's absence, and
carries the very violation, so that an absence is one finding however much hangs on it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from migration_guard.conf import nearest
from migration_guard.contracts import columns, constraints, database_clauses, keys_and_indexes
from migration_guard.contracts.causes import Trail
from migration_guard.contracts.contract import Contract
from migration_guard.contracts.declare import Clause, Column, Table, View
from migration_guard.contracts.outcomes import Broken, Finding, Said, Untold, with_hint
from migration_guard.contracts.table_context import VIEWS, Scene, Spell, no_server
from migration_guard.planning.plan import Plan
from migration_guard.results import Assertion, Verdict
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN, Snapshot

Judged = tuple[Said, Clause, Finding]
MANY = 50


def compare(
    contract: Contract,
    snapshot: Snapshot,
    plan: Plan | None = None,
    *,
    spell: Spell = no_server,
    no_plan: str = "",
) -> tuple[Assertion, ...]:
    """Compare a contract with what a database holds.

    Without a ``plan`` the migrations are unknown, for the reason ``no_plan``, and hints name none.
    """
    trail = Trail(plan, snapshot.vendor)
    like = _Like(snapshot)
    found: list[Assertion] = []
    clauses: tuple[Table | View, ...] = (*contract.tables, *contract.views)
    for clause in clauses:
        found += _Subject(clause, snapshot, spell, trail, like).assertions()
    for judged in (
        database_clauses.enums(contract, snapshot, trail),
        database_clauses.extensions(contract, snapshot, trail),
        database_clauses.absences(contract, snapshot),
        database_clauses.migrations(contract, plan, no_plan),
        database_clauses.unlisted(contract, snapshot),
    ):
        found += [said.found(finding) for said, finding in judged]
    return tuple(found)


class _Like:
    """Finds tables that are spelt nearly like missing ones.

    Who misses many has another database before them: the names say nothing then, and to compare
    all with all would take longer than everything else.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._labels = [one.label for one in snapshot.tables]
        self._left = MANY

    def hint(self, name: str) -> str:
        """Name the table that is most like the one of this name, if there is such a table."""
        self._left -= 1
        near = nearest(name, self._labels) if self._left >= 0 else ""
        return f'There is a "{near}".' if near else ""


class _Subject(NamedTuple):
    """A table or a view of the contract, before the database."""

    clause: Table | View
    snapshot: Snapshot
    spell: Spell
    trail: Trail
    like: _Like

    def assertions(self) -> Iterator[Assertion]:
        actual = self.snapshot.table(self.clause.name)
        exists = self._said("exists", "", self.clause)
        first = exists.found(self._exists(actual))
        yield first
        if isinstance(actual, objects.Table) and first.verdict is not Verdict.VIOLATED:
            scene = Scene(self.snapshot, actual, self.spell)
            for column in self.clause.columns:
                yield from self._column(scene, column)
            for said, clause, finding in self._rest(scene):
                yield said.found(self._hinted(said, clause, finding))
        else:
            why = first.unknown or f"{self.clause.name} cannot be read"
            for said in self._all_said():
                yield said.broken(first.violation) if first.violation else said.found(Untold(why))

    def _exists(self, actual: objects.Fact[objects.Table | None]) -> Finding:
        name, stated = self.clause.name, _kind(self.clause)
        if actual is UNKNOWN:
            return Untold(self.snapshot.why(name))
        if actual is None:
            rule = "missing-view" if isinstance(self.clause, View) else "missing-table"
            hint = self.trail.of(name, app=self._app) or self.like.hint(name)
            return Broken(rule, f"{stated} {name}", "missing", hint)
        if self._may_be_another_kind(actual):
            return Untold(self.snapshot.why(name, "kind"))
        if actual.kind is UNKNOWN:
            return None
        if _right_kind(self.clause, actual.kind):
            return None
        return Broken("wrong-kind", stated, actual.kind, "Correct the contract, or the schema.")

    def _may_be_another_kind(self, actual: objects.Table) -> bool:
        if isinstance(self.clause, Table):
            return actual.kind is UNKNOWN and not self.clause.or_view
        stated = self.clause.materialized is not None
        notes = self.snapshot.unknown
        return actual.kind is UNKNOWN or (
            stated and any((note.table, note.object) == (actual.label, "kind") for note in notes)
        )

    def _column(self, scene: Scene, column: Column) -> Iterator[Assertion]:
        actual = scene.table.column(column.name)
        said = self._said("exists", column.name, column)
        finding: Finding = scene.untold("columns") if actual is UNKNOWN else None
        if actual is None:
            hint = self.trail.of(self.clause.name, column.name, app=self._app)
            finding = Broken("missing-column", columns.describe(column), "missing", hint)
        first = said.found(finding)
        yield first
        for aspect, judge in columns.stated(column):
            told = not scene.is_view or aspect in columns.OF_VIEWS
            if not told and isinstance(self.clause, Table):
                continue  # a model on a view
            said = self._said(aspect, column.name, column, column.source_of(aspect))
            if first.violation is not None:
                yield said.broken(first.violation)
            elif isinstance(actual, objects.Column):
                yield said.found((judge if told else columns.of_view)(scene, column, actual))
            else:
                yield said.found(Untold(first.unknown))

    def _rest(self, scene: Scene) -> Iterator[Judged]:
        """Judge what is not about a single column; a model on a view has none of it."""
        if scene.is_view and isinstance(self.clause, Table):
            return iter(())
        return self._clauses(scene)

    def _clauses(self, scene: Scene) -> Iterator[Judged]:
        clause = self.clause
        if clause.exact:
            yield self._said("exact", "", clause), clause, self._exact(scene)
        for unique in clause.unique:
            yield self._judged(
                f"unique{keys_and_indexes.describe(unique)}",
                unique,
                keys_and_indexes.unique(scene, unique),
            )
        for index in clause.indexes:
            yield self._judged(
                f"index{keys_and_indexes.describe(index)}",
                index,
                keys_and_indexes.index(scene, index),
            )
        if isinstance(clause, Table):
            yield from self._constraints(scene, clause)

    def _constraints(self, scene: Scene, table: Table) -> Iterator[Judged]:
        key = table.primary_key
        if key is not None:
            aspect = f"primary_key({', '.join(key.columns)})"
            yield self._judged(aspect, key, keys_and_indexes.primary_key(scene, key))
        for check in table.checks:
            aspect = f"check{constraints.describe(check)}"
            yield self._judged(aspect, check, constraints.check(scene, check))
        for reference in table.foreign_keys:
            aspect = f"foreign_key({', '.join(reference.columns)})"
            yield self._judged(aspect, reference, constraints.foreign_key(scene, reference))
        for exclusion in table.exclusions:
            aspect = f"exclusion{constraints.describe(exclusion)}"
            yield self._judged(aspect, exclusion, constraints.exclusion(scene, exclusion))

    def _judged(self, aspect: str, clause: Clause, finding: Finding) -> Judged:
        return self._said(aspect, "", clause), clause, finding

    def _exact(self, scene: Scene) -> Finding:
        if scene.table.columns is UNKNOWN:
            return scene.untold("columns")
        stated = [column.name for column in self.clause.columns]
        known = {scene.fold(name) for name in stated}
        extra = [one.name for one in scene.table.columns if scene.fold(one.name) not in known]
        if not extra:
            return None
        hint = "State it in the contract, or drop it in a migration."
        return Broken("extra-column", ", ".join(stated), f"also {', '.join(extra)}", hint)

    def _hinted(self, said: Said, clause: Clause, finding: Finding) -> Finding:
        """Name the migration that should have made a missing constraint."""
        if not isinstance(finding, Broken) or finding.hint or "missing" not in finding.rule:
            return finding
        name = getattr(clause, "name", "")
        word = _WORDS.get(said.object.partition("(")[0], "")
        if name:
            hint = self.trail.of(self.clause.name, name, app=self._app)
        else:
            names = [one for one in getattr(clause, "columns", ()) if one.isidentifier()]
            hint = self.trail.of_key(word, self.clause.name, names)
        return with_hint(finding, hint or _ADD)

    @property
    def _app(self) -> str:
        return self.clause.app if isinstance(self.clause, Table) else ""

    def _all_said(self) -> Iterator[Said]:
        """Yield all that is said of the table but its existence."""
        for column in self.clause.columns:
            yield self._said("exists", column.name, column)
            for aspect, _ in columns.stated(column):
                yield self._said(aspect, column.name, column, column.source_of(aspect))
        yield from (said for said, _, _ in self._rest(_nowhere(self.clause.name, self.snapshot)))

    def _said(self, aspect: str, object_: str, clause: Clause, source: str = "") -> Said:
        name = self.clause.name
        return Said(
            f"{name}::{object_}::{aspect}" if object_ else f"{name}::{aspect}",
            name,
            object_ or ("" if aspect in {"exists", "exact"} else aspect),
            source or clause.source or self.clause.source,
            clause.owner or self.clause.owner,
            clause.reason or self.clause.reason,
        )


def _nowhere(name: str, snapshot: Snapshot) -> Scene:
    """Return the scene of a table of which nothing is known."""
    return Scene(snapshot, objects.Table("", name, name, UNKNOWN), no_server)


def _kind(clause: Table | View) -> str:
    if isinstance(clause, Table):
        return "table"
    return "materialized view" if clause.materialized else "view"


def _right_kind(clause: Table | View, kind: str) -> bool:
    if isinstance(clause, Table):
        return kind not in VIEWS or clause.or_view
    if clause.materialized is None:
        return kind in VIEWS
    return kind == VIEWS[clause.materialized]


# What the statement says that would make it.
_WORDS = {"unique": "UNIQUE", "index": "INDEX", "foreign_key": "REFERENCES"}
_ADD = "Add it in a migration: manage.py makesqlmigration."
