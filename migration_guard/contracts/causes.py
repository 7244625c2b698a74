"""Which migration should have made a missing object, and the state of that migration.

Pure: this reads the files of a plan as SQL, statement by statement.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.sql.classify import mentions
from migration_guard.sql.ddl import DDL, read_ddl
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, significant
from migration_guard.sql.statements import SQLError, Statement, split


class _Verb(IntEnum):
    """What a statement does with an object; a higher value tells more about it."""

    MENTIONS = 0
    RENAMES = 1
    DROPS = 2
    ADDS = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class _Use(NamedTuple):
    """A statement of a migration that names an object; ``change`` is what its DDL does."""

    verb: _Verb
    migration: Planned
    change: DDL | None
    head: tuple[str, ...]
    line: int


class Mention(NamedTuple):
    """The statement that tells most about an object, and the state of its migration."""

    id: str
    path: Path
    line: int
    verb: str
    state: str
    applied: bool


class Causes:
    """The statements of a plan that may have made, changed or dropped a missing object.

    Names go from the outer to the inner (table, column); a statement counts if it has all of them.
    Without a plan there are no statements, and every hint is "".
    """

    def __init__(self, plan: Plan | None, vendor: str) -> None:
        migrations = plan.migrations if plan is not None else ()
        self._has_plan = plan is not None
        self._files = [
            _File(migration, migration.file.text.lower(), vendor)
            for migration in migrations
            if migration.file
        ]

    def hint(self, *names: str, app: str = "") -> str:
        """Return which migration makes an object, and its state.

        ``app`` is the Django app whose migrations make the object if none of ours mentions it.
        """
        if not self._has_plan:
            return ""
        bare_names = (names[0].rpartition(".")[2], *names[1:])
        uses = self._uses(*bare_names)
        if app and not uses:
            return f"Django's own migrations of {app} make it: manage.py migrate {app}."
        return _hint(uses, bare_names, self._creators)

    def find_mention(self, *names: str) -> Mention | None:
        """Return the statement that creates an object, else the last one that changes or names it.

        A single name is that of a table or a view.
        """
        uses = [use for use in self._uses(*names) if not _is_about_another(use, names)]
        if not uses:
            return None
        creators = [use for use in uses if len(names) == 1 and _creates(use.change, names[0])]
        best = max(creators or uses, key=lambda use: (use.verb, use.migration.key, use.line))
        migration = best.migration
        assert migration.file is not None  # noqa: S101 - a use is read from a file
        is_applied = migration.row is not None
        is_unchanged = is_applied and migration.state is not State.EDITED
        state = "applied" if is_unchanged else migration.state.value.replace("_", " ")
        return Mention(
            migration.id, migration.file.path, best.line, best.verb.word, state, is_applied
        )

    def hint_for_key(self, word: str, table: str, columns: Sequence[str]) -> str:
        """Return which migration that is not applied would make a key over these columns.

        ``word`` is the word of such a statement: UNIQUE, INDEX or REFERENCES.
        """
        names = (table.rpartition(".")[2], word, *columns)
        # An applied migration may have made another key with the same words.
        uses = [use for use in self._uses(*names) if use.migration.row is None]
        if not uses or not columns:
            return ""
        last = max(uses, key=lambda use: (use.verb, use.migration.key))
        return _describe_with_command(last)

    def _uses(self, *names: str) -> list[_Use]:
        return [use for file in self._files for use in file.uses(names)]

    def _creators(self, table: str) -> list[str]:
        """Return the ids of the migrations that have a CREATE TABLE with this name in it."""
        changes = [(use.migration.id, use.change) for use in self._uses(table)]
        return [
            id_
            for id_, change in changes
            if change is not None and (change.verb, change.kind) == ("CREATE", "TABLE")
        ]


class _File:
    """A migration's file; it is split into statements when a name in it is first looked up."""

    def __init__(self, migration: Planned, lower_text: str, vendor: str) -> None:
        self.migration = migration
        self.lower_text = lower_text
        self.vendor = vendor

    @cached_property
    def statements(self) -> list[Statement]:
        """The statements; none if the text is no SQL."""
        file = self.migration.file
        with suppress(SQLError):
            return split(file.text, self.vendor) if file is not None else []
        return []

    def uses(self, names: tuple[str, ...]) -> Iterator[_Use]:
        """Yield the statements that mention all these names."""
        if not all(name.lower() in self.lower_text for name in names):
            return
        for statement in self.statements:
            if all(mentions(statement.text, name, self.vendor) for name in names):
                change = read_ddl(statement.text, self.vendor)
                head = tuple(islice(_words(statement.text, self.vendor), 12))
                verb = _verb(change, names[-1], head)
                yield _Use(verb, self.migration, change, head, statement.line)


def _hint(uses: list[_Use], names: tuple[str, ...], creators: Callable[[str], list[str]]) -> str:
    if not uses:
        name = ".".join(names)
        return f"No migration mentions {name}: write one with manage.py makesqlmigration."
    best = max(uses, key=lambda use: (use.verb, use.migration.row is None, use.migration.key))
    if best.migration.row is None:
        return _describe_with_command(best)
    removals = [
        use
        for use in uses
        if use.verb in {_Verb.DROPS, _Verb.RENAMES}
        and use.migration.row is not None
        and use.migration.key >= best.migration.key
    ]
    if removals and best.verb is _Verb.ADDS:
        return f"{_describe(best)}; {_describe(removals[-1])} after it."
    return f"{_describe(best)}, yet it is not there: {_reason(best, lambda: creators(names[0]))}"


def _describe(use: _Use) -> str:
    state = use.migration.state
    text = "applied" if use.migration.row is not None else state.value.replace("_", " ")
    verb = "" if state is State.FAILED else "is "
    return f"{use.migration.id} {use.verb.word} it and {verb}{text}"


def _describe_with_command(use: _Use) -> str:
    return f"{_describe(use)} {_COMMANDS.get(use.migration.state, '')}"


def _reason(use: _Use, creators: Callable[[], list[str]]) -> str:
    """Return why an applied statement left nothing behind."""
    change = use.change
    if use.migration.state is State.EDITED:
        return "the file was edited after it was applied, and the database ran the older text."
    if change is None or not change.is_conditional or change.kind != "TABLE":
        return "something has removed it since. Add it again in a new migration."
    if change.verb == "ALTER":
        ids = creators()
        where = f" (in {', '.join(ids)})" if ids else ""
        return (
            f"an ALTER TABLE IF EXISTS that ran before the CREATE TABLE{where} does nothing. Add "
            "it again in a new migration: manage.py makesqlmigration."
        )
    return (
        "a CREATE TABLE IF NOT EXISTS does nothing where an older table of that name is. Add "
        "what is missing in a new migration: manage.py makesqlmigration."
    )


def _verb(change: DDL | None, name: str, head: tuple[str, ...]) -> _Verb:
    """Return what a statement does with ``name``; only DDL does anything with it."""
    if change is None or change.verb == "RENAME":
        return _Verb.MENTIONS
    if change.verb == "CREATE":
        return _Verb.ADDS if change.kind != "INDEX" or name.upper() in head else _Verb.MENTIONS
    if change.verb == "DROP":
        return _Verb.DROPS
    of_name = [clause.verb for clause in change.clauses if name.upper() in clause.words]
    verb = next((_VERBS[verb] for verb in of_name if verb in _VERBS), None)
    if verb is None:
        adds = any("ADD" in clause.words for clause in change.clauses)
        verb = _Verb.ADDS if adds else _Verb.MENTIONS
    return verb


def _creates(change: DDL | None, name: str) -> bool:
    """Return whether a statement creates an object of this name that is not on a table."""
    return (
        change is not None
        and change.verb == "CREATE"
        and change.kind not in _NO_RELATION
        and change.name.upper() == name.upper()
    )


def _is_about_another(use: _Use, names: tuple[str, ...]) -> bool:
    """Return whether a statement makes or alters another object, and only refers to this one."""
    change = use.change
    if change is None or len(names) == 1:
        return False
    if change.verb == "CREATE" and change.names and change.kind not in _HOLD_OTHERS:
        return change.name.upper() not in {names[0].upper(), names[-1].upper()}
    before_columns = use.head[: use.head.index("(")] if "(" in use.head else use.head
    is_table = change.kind == "TABLE" and change.verb in {"CREATE", "ALTER"}
    return is_table and names[0].upper() not in before_columns


def _words(text: str, vendor: str) -> Iterator[str]:
    for token in significant(text, dialect(vendor)):
        if token.kind is Kind.QUOTED:
            yield token.text[1:-1].upper()
        elif token.kind is not Kind.KEPT_COMMENT:
            yield token.text.upper()


_NO_RELATION: Final = {"INDEX", "TRIGGER", "POLICY", "RULE", "STATISTICS", "SCHEMA", "DATABASE"}
_HOLD_OTHERS: Final = {"TABLE", "INDEX", "SCHEMA", "DATABASE"}
_VERBS: Final = {"DROP": _Verb.DROPS, "RENAME": _Verb.RENAMES, "ADD": _Verb.ADDS}
# What to do about a migration in this state.
_COMMANDS: Final = {
    State.PENDING: "(apply it: manage.py runsqlmigrations).",
    State.FAILED: "(see manage.py runsqlmigrations --plan; the next run goes on where it failed).",
    State.RUNNING: "(or was interrupted: manage.py runsqlmigrations goes on where it stopped).",
    State.SKIPPED: "(its environments exclude this database).",
    State.OUT_OF_ORDER: "(apply it: manage.py runsqlmigrations --allow-out-of-order).",
}
