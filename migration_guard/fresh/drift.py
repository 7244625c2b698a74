"""Drift: the configured database compared with one that is built now from the files.

Pure. Each database object is one assertion. A violation names the migration that mentions the
object, and the state of that migration in the configured database.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from migration_guard.contracts.causes import Causes, Mention
from migration_guard.planning.plan import Plan
from migration_guard.problems import Violation, place
from migration_guard.results import Assertion, Verdict
from migration_guard.running.own_tables import SET_ASIDE
from migration_guard.schema.diff.compare import Change, Comparison, compare
from migration_guard.schema.diff.database_objects import DatabaseObject
from migration_guard.schema.objects import Snapshot
from migration_guard.sql.classify import mask_secrets

RULES: Final[Mapping[str, str]] = {
    "drift-missing": "The files make it, and the database does not have it.",
    "drift-extra": "The database has it, and the files do not make it.",
    "drift-differs": "The database has it otherwise than the files make it.",
}
_RULES_BY_CHANGE: Final = {
    Change.MISSING: "drift-missing",
    Change.EXTRA: "drift-extra",
    Change.DIFFERS: "drift-differs",
}
# The word in a statement that makes a key or an index without a name.
_WORDS: Final = {
    "unique": "unique",
    "primary key": "primary",
    "foreign key": "references",
    "check": "check",
    "index": "index",
}
# The names in a reader's notes for the facts of an object, by its kind.
_FACTS: Final = {
    "table": ("definition", "tables", "programs", "clauses"),
    "column": ("columns", "defaults"),
    "unique": ("indexes", "uniques"),
    "index": ("indexes",),
    "foreign key": ("foreign_keys", "checks"),
    "exclusion": ("exclusions", "checks"),
    "check": ("checks",),
}


def drift(
    fresh: Snapshot,
    actual: Snapshot,
    plan: Plan | None,
    *,
    apps: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
) -> tuple[Assertion, ...]:
    """Return an assertion for each object of either database.

    ``plan`` is that of the configured database, ``apps`` the Django app by table. ``ignore`` has
    patterns as in a shell, for ``table``, ``table.name``, or the name of an object without a table.
    """
    causes = Causes(plan, actual.vendor)
    return tuple(
        _assertion(comparison, (actual, fresh), causes, apps or {})
        for comparison in compare(fresh, actual)
        if not _is_ignored(comparison.database_object, (*ignore, SET_ASIDE))
    )


def _is_ignored(item: DatabaseObject, patterns: Sequence[str]) -> bool:
    names = [item.table, item.name] if item.table else [item.name]
    names = [names[0], ".".join(dict.fromkeys(names))]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _assertion(
    comparison: Comparison, databases: Sequence[Snapshot], causes: Causes, apps: Mapping[str, str]
) -> Assertion:
    item = comparison.database_object
    id_ = "::".join(filter(None, ("drift", item.table, item.object or "table")))
    if comparison.change is Change.SAME:
        return Assertion(id_, item.table, item.object, "", Verdict.KEPT)
    if comparison.change is Change.UNKNOWN:
        why = _why_unknown(item, databases)
        return Assertion(id_, item.table, item.object, "", Verdict.UNKNOWN, unknown=why)
    mention, vendor = _mention(comparison, causes), databases[0].vendor
    source = place(mention.path, mention.line) if mention is not None else ""
    violation = Violation(
        _RULES_BY_CHANGE[comparison.change],
        item.table,
        item.object,
        mask_secrets(comparison.expected, vendor),
        mask_secrets(comparison.actual, vendor),
        source,
        _hint(comparison, mention, apps.get(item.table, "")),
    )
    return Assertion(id_, item.table, item.object, source, Verdict.VIOLATED, violation)


def _why_unknown(item: DatabaseObject, databases: Sequence[Snapshot]) -> str:
    """Return why an object is unknown, from the reader's notes on either database."""
    notes = [
        note
        for database in databases
        for note in database.unknown
        if note.table in {item.table, ""}
    ]
    facts = {item.object, item.kind, item.kind.replace(" ", "_"), *_FACTS.get(item.kind, ()), ""}
    fitting = [note for note in notes if note.object in facts] or notes
    return fitting[0].why if fitting else databases[0].why(item.table)


def _mention(comparison: Comparison, causes: Causes) -> Mention | None:
    """Return the statement that tells most about the object: by its name, else by its columns."""
    item = comparison.database_object
    table = item.table.rpartition(".")[2]
    name = (item.name if item.table else item.name.rpartition(".")[2]).partition("(")[0]
    queries: list[tuple[str, ...]] = []
    if name:
        queries.append((table, name.rpartition(".")[2]) if item.object else (table,))
    # For an extra object the columns prove nothing: a file that mentions them need not make it.
    if item.kind in _WORDS and item.columns and comparison.change is not Change.EXTRA:
        queries.append((table, _WORDS[item.kind], *item.columns))
    mentions = (causes.find_mention(*filter(None, names)) for names in queries)
    return next(filter(None, mentions), None)


def _hint(comparison: Comparison, mention: Mention | None, app: str) -> str:
    if mention is None:
        made = f"Django's own migrations of {app} make it" if app else _NOBODY
        return _UNMENTIONED[comparison.change].format(made=made)
    if mention.state == "edited":
        return (
            f"{mention.id} {mention.verb} it, and its file was edited after it was applied: this "
            "database ran another text. manage.py runsqlmigrations --check shows the difference; "
            "restore the file, and put the change into a new migration."
        )
    fact = f"{mention.id} {mention.verb} it and is {mention.state}"
    if mention.state == "skipped":
        return f"{fact}: its environments exclude this database, so it was made by hand."
    if not mention.applied:
        return f"{fact}: apply it with manage.py runsqlmigrations."
    return f"{fact}: {_SINCE[comparison.change]}"


_BACK: Final = "make it so again by hand, or write a migration that makes this the truth"
_SINCE: Final = {
    Change.MISSING: f"it was removed since, by hand; {_BACK}.",
    Change.EXTRA: "yet a fresh database does not have it; drop it by hand, or write a migration "
    "that makes it (IF NOT EXISTS).",
    Change.DIFFERS: f"it was changed since, by hand; {_BACK}.",
}
_NOBODY: Final = "no SQL migration speaks of it by this name"
_UNMENTIONED: Final = {
    Change.MISSING: "A fresh database has it: {made}. Look whether all that is pending is applied "
    "(manage.py migrate, manage.py runsqlmigrations).",
    Change.EXTRA: f"It was made by hand: {_NOBODY}. Write a migration that makes it (IF NOT "
    "EXISTS), drop it, or leave it out with --ignore.",
    Change.DIFFERS: "It was changed by hand: {made}. Write a migration that makes this the truth, "
    "change it back, or leave it out with --ignore.",
}
