"""An upgraded database compared with a fresh one. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from migration_guard.fresh.drift import drift
from migration_guard.planning.names import list_ids
from migration_guard.planning.plan import Plan
from migration_guard.problems import Violation
from migration_guard.results import Assertion, RemovedApp
from migration_guard.schema.objects import Snapshot, Table

RULES: Final[Mapping[str, str]] = {
    "upgrade-missing": "A fresh database has it, and an upgraded one does not.",
    "upgrade-extra": "An upgraded database has it, and a fresh one does not.",
    "upgrade-differs": "An upgraded database has it otherwise than a fresh one.",
}
_REMEDIES: Final = {
    "upgrade-missing": "a database that upgrades from {0} does not get it. Write a migration that "
    "makes it there, and does nothing on a fresh database (IF NOT EXISTS).",
    "upgrade-extra": "a database that upgrades from {0} keeps it. Write a migration that drops it "
    "there, and does nothing on a fresh database (IF EXISTS); or leave it out with --ignore.",
    "upgrade-differs": "a database that upgrades from {0} keeps it as it was. Write a migration "
    "that makes both the same, or leave it out with --ignore.",
}


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A database after its upgrade; ``edited`` are the ids of files that changed meanwhile."""

    snapshot: Snapshot
    plan: Plan | None
    release: str
    edited: Sequence[str] = ()


def find_removed(
    tables: Mapping[str, Sequence[str]],
    labels: Collection[str],
    fresh: Snapshot,
    upgraded: Snapshot,
) -> Iterator[RemovedApp]:
    """Yield the apps of the release that are not installed any more, with the tables that stay.

    ``labels`` are those of today's apps. A table that a fresh database has as well is not theirs.
    """
    for app in sorted(tables.keys() - labels):
        missing = (upgraded.table(name) for name in tables[app] if fresh.table(name) is None)
        kept = sorted(table.label for table in missing if isinstance(table, Table))
        if kept:
            yield RemovedApp(app, tuple(kept))


def compare(
    fresh: Snapshot,
    upgraded: Upgraded,
    removed: Sequence[RemovedApp],
    apps: Mapping[str, str],
    ignore: Sequence[str],
) -> Iterator[Assertion]:
    """Yield an assertion for each object of either database, but those of removed apps.

    ``apps`` and ``ignore`` are as in ``drift``.
    """
    left_out = {table for app in removed for table in app.tables}
    for assertion in drift(fresh, upgraded.snapshot, upgraded.plan, apps=apps, ignore=ignore):
        if assertion.table not in left_out:
            id_ = assertion.id.replace("drift::", "upgrade::", 1)
            violation = assertion.violation and _violation(assertion.violation, upgraded)
            yield assertion._replace(id=id_, violation=violation)


def _violation(violation: Violation, upgraded: Upgraded) -> Violation:
    rule = violation.rule.replace("drift-", "upgrade-", 1)
    source = violation.source.rpartition("/")[2]
    edited = next((id_ for id_ in upgraded.edited if source.startswith(f"{id_}.")), "")
    if edited:
        hint = (
            f"{edited} was edited after {upgraded.release} applied it, and a database that has it "
            "does not run it again. Restore the file, and put the change into a new migration."
        )
    else:
        remedy = _REMEDIES[rule].format(upgraded.release)
        hint = remedy[0].upper() + remedy[1:]
        if upgraded.edited:
            hint += f" Look first at what was edited since: {list_ids(upgraded.edited)}."
    return replace(violation, rule=rule, hint=hint)
