"""Drift: the configured database compared with one that is built now from the files.

Pure. Each thing is one assertion; where it is broken, the violation names the migration that speaks
of the thing, and what became of that migration in the configured database.
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
_RULE = {
    Change.MISSING: "drift-missing",
    Change.EXTRA: "drift-extra",
    Change.DIFFERS: "drift-differs",
}
# The word by which a statement makes a key that it does not name.
_WORD: Final = {
    "unique": "unique",
    "primary key": "primary",
    "foreign key": "references",
    "check": "check",
    "index": "index",
}
# What a reader calls the facts that a thing is made of.
_NOTED: Final = {
    "table": ("definition", "tables", "programs"),
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
    """Return an assertion for each thing of either database.

    ``plan`` is that of the configured database, ``apps`` the Django app by table. ``ignore`` are
    patterns as a shell has them, for ``table``, ``table.name``, or the name of what has no table.
    """
    causes = Causes(plan, actual.vendor)
    return tuple(
        _assertion(one, (actual, fresh), causes, apps or {})
        for one in compare(fresh, actual)
        if not _ignored(one.database_object, (*ignore, SET_ASIDE))
    )


def _ignored(thing: DatabaseObject, patterns: Sequence[str]) -> bool:
    names = [thing.table, thing.name] if thing.table else [thing.name]
    names = [names[0], ".".join(dict.fromkeys(names))]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _assertion(
    one: Comparison, databases: Sequence[Snapshot], causes: Causes, apps: Mapping[str, str]
) -> Assertion:
    thing = one.database_object
    id_ = "::".join(filter(None, ("drift", thing.table, thing.object or "table")))
    if one.change is Change.SAME:
        return Assertion(id_, thing.table, thing.object, "", Verdict.KEPT)
    if one.change is Change.UNKNOWN:
        why = _why(thing, databases)
        return Assertion(id_, thing.table, thing.object, "", Verdict.UNKNOWN, unknown=why)
    mention, vendor = _mention(one, causes), databases[0].vendor
    source = place(mention.path, mention.line) if mention is not None else ""
    violation = Violation(
        _RULE[one.change],
        thing.table,
        thing.object,
        mask_secrets(one.expected, vendor),
        mask_secrets(one.actual, vendor),
        source,
        _hint(one, mention, apps.get(thing.table, "")),
    )
    return Assertion(id_, thing.table, thing.object, source, Verdict.VIOLATED, violation)


def _why(thing: DatabaseObject, databases: Sequence[Snapshot]) -> str:
    """Return why a thing is unknown, as the reader of either database noted it."""
    notes = [
        note
        for database in databases
        for note in database.unknown
        if note.table in {thing.table, ""}
    ]
    said = {thing.kind, thing.kind.replace(" ", "_"), *_NOTED.get(thing.kind, ()), ""}
    fitting = [note for note in notes if note.object in said] or notes
    return fitting[0].why if fitting else databases[0].why(thing.table)


def _mention(one: Comparison, causes: Causes) -> Mention | None:
    """Return what says most of the thing, by its name; of a key, else by what it is over."""
    thing = one.database_object
    table = thing.table.rpartition(".")[2]
    name = (thing.name if thing.table else thing.name.rpartition(".")[2]).partition("(")[0]
    asked: list[tuple[str, ...]] = []
    if name:
        asked.append((table, name.rpartition(".")[2]) if thing.object else (table,))
    # That a file speaks of its columns does not mean that it makes what nobody should have.
    if thing.kind in _WORD and thing.columns and one.change is not Change.EXTRA:
        asked.append((table, _WORD[thing.kind], *thing.columns))
    found = (causes.find_mention(*filter(None, names)) for names in asked)
    return next((one for one in found if one is not None), None)


def _hint(one: Comparison, mention: Mention | None, app: str) -> str:
    if mention is None:
        made = f"Django's own migrations of {app} make it" if app else _NOBODY
        return _UNMENTIONED[one.change].format(made=made)
    if mention.state == "edited":
        return (
            f"{mention.id} {mention.verb} it, and its file was edited after it was applied: this "
            "database ran another text. manage.py runsqlmigrations --check shows the difference; "
            "restore the file, and put the change into a new migration."
        )
    said = f"{mention.id} {mention.verb} it and is {mention.state}"
    if mention.state == "skipped":
        return f"{said}: its environments exclude this database, so it was made by hand."
    if not mention.applied:
        return f"{said}: apply it with manage.py runsqlmigrations."
    return f"{said}: {_SINCE[one.change]}"


_BACK = "make it so again by hand, or write a migration that makes this the truth"
_SINCE = {
    Change.MISSING: f"it was removed since, by hand; {_BACK}.",
    Change.EXTRA: "yet a fresh database does not have it; drop it by hand, or write a migration "
    "that makes it (IF NOT EXISTS).",
    Change.DIFFERS: f"it was changed since, by hand; {_BACK}.",
}
_NOBODY = "no SQL migration speaks of it by this name"
_UNMENTIONED = {
    Change.MISSING: "A fresh database has it: {made}. Look whether all that is pending is applied "
    "(manage.py migrate, manage.py runsqlmigrations).",
    Change.EXTRA: f"It was made by hand: {_NOBODY}. Write a migration that makes it (IF NOT "
    "EXISTS), drop it, or leave it out with --ignore.",
    Change.DIFFERS: "It was changed by hand: {made}. Write a migration that makes this the truth, "
    "change it back, or leave it out with --ignore.",
}
