"""Drift: the configured database compared with one that is built now from the files.

Pure. Each database object is one assertion. A violation names the migration that makes or changes
the object, and a cause only where files, history or audit show it.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from migration_guard.contracts.causes import PLAN_ALONE, Background, Causes, Explanation, Subject
from migration_guard.fresh import old_forms, other_tools
from migration_guard.planning.plan import Plan
from migration_guard.problems import Violation, place
from migration_guard.results import Assertion, Verdict
from migration_guard.running.own_tables import SET_ASIDE
from migration_guard.schema.diff.compare import Change, Comparison, compare
from migration_guard.schema.diff.database_objects import DatabaseObject
from migration_guard.schema.objects import Snapshot
from migration_guard.sql.classify import mask_secrets
from migration_guard.vendors import VENDORS

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
    background: Background = PLAN_ALONE,
) -> tuple[Assertion, ...]:
    """Return an assertion for each object of either database.

    ``plan`` is that of the configured database, ``apps`` the Django app by table that Django's
    migrations make. ``ignore`` has patterns as in a shell, for ``table``, ``table.name``, or the
    name of an object without a table. ``background`` is what the configured database tells.
    """
    causes = Causes(plan, actual.vendor, background)
    hints = _Hints(causes, actual, apps or {}, background)
    return tuple(
        _assertion(comparison, (actual, fresh), hints)
        for comparison in compare(fresh, actual)
        if not is_ignored(comparison.database_object, (*ignore, SET_ASIDE))
    )


def is_ignored(item: DatabaseObject, patterns: Sequence[str]) -> bool:
    """Return whether a pattern leaves an object out of a comparison."""
    names = [item.table, item.name] if item.table else [item.name]
    names = [names[0], ".".join(dict.fromkeys(names))]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _assertion(comparison: Comparison, databases: Sequence[Snapshot], hints: "_Hints") -> Assertion:
    item = comparison.database_object
    id_ = "::".join(filter(None, ("drift", item.table, item.object or "table")))
    if comparison.change is Change.SAME:
        return Assertion(id_, item.table, item.object, "", Verdict.KEPT)
    if comparison.change is Change.UNKNOWN:
        why = why_unknown(item, databases)
        return Assertion(id_, item.table, item.object, "", Verdict.UNKNOWN, unknown=why)
    vendor = databases[0].vendor
    explanation = explain(hints.causes, comparison)
    source = source_of(explanation)
    violation = Violation(
        _RULES_BY_CHANGE[comparison.change],
        item.table,
        item.object,
        mask_secrets(comparison.expected, vendor),
        mask_secrets(comparison.actual, vendor),
        source,
        hints.hint(comparison, explanation),
    )
    return Assertion(id_, item.table, item.object, source, Verdict.VIOLATED, violation)


def why_unknown(item: DatabaseObject, databases: Sequence[Snapshot]) -> str:
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


def explain(causes: Causes, comparison: Comparison) -> Explanation | None:
    """Return what statements tell of an object: by its name, else by its columns."""
    item = comparison.database_object
    name = item.name.partition("(")[0]
    queries: list[tuple[str, ...]] = []
    if name and item.object and item.table:
        queries.append((item.table, name.rpartition(".")[2]))
    elif name:
        queries.append((name,))
    # For an extra object the columns prove nothing: a file that mentions them need not make it.
    if item.kind in _WORDS and item.columns and comparison.change is not Change.EXTRA:
        queries.append((item.table, _WORDS[item.kind], *item.columns))
    answers = (causes.explain(comparison.change, *names) for names in queries)
    return next(filter(None, answers), None)


def source_of(explanation: Explanation | None) -> str:
    """Return the place of the statement that explains an object, "" if it is in no file."""
    statement = explanation.source if explanation is not None else None
    file = statement.migration.file if statement is not None else None
    return place(file.path, statement.line) if statement is not None and file is not None else ""


class _Hints(NamedTuple):
    """What is said of a difference: its cause, as far as one is shown, and what to do."""

    causes: Causes
    actual: Snapshot
    apps: Mapping[str, str]
    background: Background

    def hint(self, comparison: Comparison, explanation: Explanation | None) -> str:
        """Return what to say of a difference and its explanation."""
        app = self.apps.get(comparison.database_object.table)
        is_ours = explanation is not None and explanation.is_made
        return (
            self._name_what_nobody_made(comparison, app)
            or ("" if is_ours else self._explain_by_django(comparison, app or ""))
            or self._with_remedy(comparison, explanation, app)
        )

    def _name_what_nobody_made(self, comparison: Comparison, app: str | None) -> str:
        """Return what an old form of Django, or the history table of another tool, is."""
        item = comparison.database_object
        if app is not None and comparison.change is Change.DIFFERS:
            return old_forms.describe(comparison, self.actual.vendor, self.causes.option)
        if comparison.change is Change.EXTRA and item.kind == "table":
            return other_tools.describe(self.actual.table(item.table))
        return ""

    def _explain_by_django(self, comparison: Comparison, app: str) -> str:
        item = comparison.database_object
        if not (item.table and (app or comparison.change is Change.EXTRA)):
            return ""
        is_table = item.kind == "table"
        name, kind = ("", "") if is_table else (item.name, item.kind.replace(" ", "_"))
        subject = Subject(item.table, name, kind, item.columns, is_made=True)
        return self.background.django(comparison.change, app, subject)

    def _with_remedy(
        self, comparison: Comparison, explanation: Explanation | None, app: str | None
    ) -> str:
        change = comparison.change
        if explanation is not None and not explanation.is_open:
            return explanation.hint
        if explanation is not None:
            fact = explanation.hint
        elif app and change is not Change.EXTRA:
            fact = f"Django's own migrations of {app} make it; {_NOT_SHOWN[change]}."
        else:
            fact = f"No migration mentions it by this name; {_NOT_SHOWN[change]}."
        return f"{fact} {remedy(comparison, self.actual.vendor, self.causes.option)}"


def remedy(comparison: Comparison, vendor: str, option: str) -> str:
    """Return how a difference nobody explains is put right; ``option`` names the database."""
    change, kind = comparison.change, comparison.database_object.kind
    ways = _DROP_COLUMN if (change, kind) == (Change.EXTRA, "column") else _WAYS[change]
    recorded = _IF_MISSING if kind in _WITH_CONDITION else _RECORDED
    text = _REMEDIES[change].format(ways.get(vendor, _IN_A_MIGRATION), recorded)
    return text.replace("{}", option)


_NOT_SHOWN: Final = {
    Change.MISSING: "the history does not show what removed it",
    Change.EXTRA: "the history does not show what made it",
    Change.DIFFERS: "the history does not show what made the difference",
}
_REMEDIES: Final = {
    Change.MISSING: "Put it back {0}, or write a migration that drops it (IF EXISTS).",
    Change.EXTRA: "Drop it {0}, write a migration that makes it ({1}), or leave it out with "
    "--ignore.",
    Change.DIFFERS: "Change it back {0}, write a migration that makes this the truth, or leave it "
    "out with --ignore.",
}
# What CREATE makes; where ALTER makes it, a database that has it takes no second one.
_WITH_CONDITION: Final = frozenset({"table", "index"})
_IF_MISSING: Final = "IF NOT EXISTS"
_RECORDED: Final = "recorded here: manage.py repairsqlmigrations ID --mark-applied --reason TEXT{}"
_BY_SCRIPT: Final = "with manage.py runauditedsql FILE --reason TEXT{}"
_IN_A_MIGRATION: Final = "in a new migration (IF EXISTS, IF NOT EXISTS)"
_BY_VENDOR: Final = {
    "postgresql": _BY_SCRIPT,
    "sqlite": _BY_SCRIPT,
    "mysql": _IN_A_MIGRATION,  # DDL commits there, so that no audited script may hold it
}
# A script that drops a table is confirmed by a person alone.
_DROP: Final = "in a new migration (IF EXISTS)"
_WAYS: Final[Mapping[Change, Mapping[str, str]]] = {
    Change.MISSING: _BY_VENDOR,
    Change.DIFFERS: _BY_VENDOR,
    Change.EXTRA: dict.fromkeys(VENDORS, _DROP),
}
# SQLite knows no DROP COLUMN IF EXISTS.
_DROP_COLUMN: Final = {"postgresql": _DROP, "sqlite": _BY_SCRIPT, "mysql": _DROP}
