"""What a replayed history, today's files and the live database make differently, and the cause.

Pure. A cause is stated only where a database that was built without it has no such difference.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from migration_guard.fresh import old_forms, other_tools
from migration_guard.fresh.drift import is_ignored, remedy, why_unknown
from migration_guard.problems import Violation
from migration_guard.results import Assertion, Verdict
from migration_guard.running.own_tables import SET_ASIDE
from migration_guard.schema.diff.compare import Change, Comparison, compare
from migration_guard.schema.diff.database_objects import DatabaseObject
from migration_guard.schema.objects import Snapshot
from migration_guard.sql.classify import mask_secrets

ORDER: Final = "replay-order"
EDITED: Final = "replay-edited"
ORDER_OR_EDIT: Final = "replay-order-or-edit"
UNEXPLAINED: Final = "replay-unexplained"
RULES: Final[Mapping[str, str]] = {
    ORDER: "The recorded order of the migrations makes another schema than their numbers do.",
    EDITED: "The SQL that was applied makes another schema than the files of today do.",
    ORDER_OR_EDIT: "The history makes another schema than the files do, by its order or an edit.",
    UNEXPLAINED: "The database is not what its history makes.",
}
_FACTS: Final = {
    ORDER: "Order: today's files in the recorded order make what the history makes.",
    EDITED: "Edited: today's files make what a fresh database has, also in the recorded order.",
    ORDER_OR_EDIT: "Order or edit: today's files in the recorded order do not show which.",
}
_CURES: Final = {
    ORDER: "Write a migration that gives both the same schema (manage.py makesqlmigration NAME), "
    "and leave what is applied as it is.",
    EDITED: "Restore the file from version control, and put the change into a new migration.",
    ORDER_OR_EDIT: "Restore what was edited from version control, and run it again: what is left "
    "is the order.",
}
_NOT_EXPLAINED: Final = (
    "Not explained by the history: its SQL, in its order, makes what is expected."
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said of differences: facts of the database at hand.

    ``doubts`` is why no cause is certain, "" if it is. ``late`` and ``edited`` name migrations.
    ``source`` returns the place of the file that speaks of an object, ``script`` what an audited
    script has to do with an object of these names.
    """

    vendor: str
    doubts_about_files: str = ""
    doubts_about_live: str = ""
    late: str = ""
    edited: str = ""
    apps: Mapping[str, str] = field(default_factory=dict)
    option: str = ""
    source: Callable[[Comparison], str] = lambda _comparison: ""
    script: Callable[[Sequence[str]], str] = lambda _names: ""


def compare_with_fresh(
    fresh: Snapshot,
    replayed: Snapshot,
    today: Callable[[], Snapshot | None],
    wording: Wording,
    ignore: Sequence[str] = (),
) -> Iterator[Assertion]:
    """Yield an assertion for each object of a fresh database and of a replayed one.

    ``today`` is called where they differ; it builds today's files in the recorded order, and
    returns None if it cannot.
    """
    classify: _Classifier | None = None
    for comparison in _compare(fresh, replayed, ignore):
        if comparison.change in {Change.SAME, Change.UNKNOWN}:
            yield _assertion("fresh", comparison, (fresh, replayed))
        elif wording.doubts_about_files:
            yield _unknown("fresh", comparison, wording.doubts_about_files)
        else:
            classify = classify or _Classifier.build(fresh, replayed, today())
            rule = classify.rule(comparison)
            mention = {ORDER: wording.late}.get(rule, wording.edited)
            hint = " ".join(filter(None, (_FACTS[rule], mention, _CURES[rule])))
            yield _violated("fresh", comparison, rule, hint, wording)


def compare_with_live(
    replayed: Snapshot, live: Snapshot, wording: Wording, ignore: Sequence[str] = ()
) -> Iterator[Assertion]:
    """Yield an assertion for each object of a replayed database and of the live one."""
    for comparison in _compare(replayed, live, ignore):
        if comparison.change in {Change.SAME, Change.UNKNOWN}:
            yield _assertion("live", comparison, (live, replayed))
        elif tool := _find_tool(comparison, live):
            yield _violated("live", comparison, UNEXPLAINED, tool, wording)
        elif wording.doubts_about_live:
            yield _unknown("live", comparison, wording.doubts_about_live)
        else:
            hint = f"{_NOT_EXPLAINED} {_explain(comparison, wording)}"
            yield _violated("live", comparison, UNEXPLAINED, hint, wording)


def _find_tool(comparison: Comparison, live: Snapshot) -> str:
    """Return what is said of another tool's own table, whose cause no row leaves open."""
    item = comparison.database_object
    is_table = comparison.change is Change.EXTRA and item.kind == "table"
    return other_tools.describe(live.table(item.table)) if is_table else ""


def _explain(comparison: Comparison, wording: Wording) -> str:
    """Return what else is known of a difference, and what to do."""
    item, change = comparison.database_object, comparison.change
    if item.table in wording.apps and change is Change.DIFFERS:
        form = old_forms.describe(comparison, wording.vendor, wording.option)
        if form:
            return form
    name = item.name.partition("(")[0].rpartition(".")[2]
    names = [*filter(None, (item.table, "" if item.kind == "table" else name))]
    return wording.script(names) or remedy(comparison, wording.vendor, wording.option)


class _Classifier(NamedTuple):
    """Looks up whether today's files in the recorded order have an object as another database has.

    Each maps an object of that database to what it was compared with; None if today's files could
    not be built.
    """

    fresh: Mapping[Hashable, Comparison] | None
    replayed: Mapping[Hashable, Comparison] | None

    @classmethod
    def build(cls, fresh: Snapshot, replayed: Snapshot, today: Snapshot | None) -> "_Classifier":
        if today is None:
            return cls(None, None)
        return cls(_by_first(compare(fresh, today)), _by_first(compare(replayed, today)))

    def rule(self, comparison: Comparison) -> str:
        if self.fresh is None or self.replayed is None:
            return ORDER_OR_EDIT
        ours, theirs = comparison.first, comparison.second
        is_as_fresh = _has(self.fresh, ours) and (ours is not None or _lacks(self.replayed, theirs))
        is_as_replayed = _has(self.replayed, theirs) and (
            theirs is not None or _lacks(self.fresh, ours)
        )
        if is_as_fresh is is_as_replayed:
            return ORDER_OR_EDIT
        return ORDER if is_as_replayed else EDITED


def _by_first(comparisons: Iterable[Comparison]) -> dict[Hashable, Comparison]:
    return {_key(comparison.first): comparison for comparison in comparisons if comparison.first}


def _key(item: DatabaseObject) -> Hashable:
    return item.table, item.kind, item.name, item.columns, tuple(item.properties.items())


def _has(comparisons: Mapping[Hashable, Comparison], item: DatabaseObject | None) -> bool:
    """Return whether today's files make the same object; True for no object."""
    if item is None:
        return True
    comparison = comparisons.get(_key(item))
    return comparison is not None and comparison.change is Change.SAME


def _lacks(comparisons: Mapping[Hashable, Comparison], item: DatabaseObject | None) -> bool:
    """Return whether today's files make no such object."""
    if item is None:
        return False
    comparison = comparisons.get(_key(item))
    # What belongs to a table or column that is not there is not listed.
    return comparison is None or comparison.change is Change.MISSING


def _compare(first: Snapshot, second: Snapshot, ignore: Sequence[str]) -> Iterator[Comparison]:
    for comparison in compare(first, second):
        if not is_ignored(comparison.database_object, (*ignore, SET_ASIDE)):
            yield comparison


# -- assertions


def _assertion(side: str, comparison: Comparison, databases: Sequence[Snapshot]) -> Assertion:
    if comparison.change is Change.UNKNOWN:
        return _unknown(side, comparison, why_unknown(comparison.database_object, databases))
    item = comparison.database_object
    return Assertion(_id(side, item), item.table, item.object, "", Verdict.KEPT)


def _unknown(side: str, comparison: Comparison, why: str) -> Assertion:
    item = comparison.database_object
    return Assertion(_id(side, item), item.table, item.object, "", Verdict.UNKNOWN, unknown=why)


def _violated(
    side: str, comparison: Comparison, rule: str, hint: str, wording: Wording
) -> Assertion:
    item, source = comparison.database_object, wording.source(comparison)
    violation = Violation(
        rule,
        item.table,
        item.object,
        mask_secrets(comparison.expected, wording.vendor),
        mask_secrets(comparison.actual, wording.vendor),
        source,
        hint,
    )
    return Assertion(_id(side, item), item.table, item.object, source, Verdict.VIOLATED, violation)


def _id(side: str, item: DatabaseObject) -> str:
    return "::".join(filter(None, ("replay", side, item.table, item.object or "table")))
