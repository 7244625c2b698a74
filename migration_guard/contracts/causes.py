"""Which migration should have made a missing thing, and what became of that migration.

Pure: the plan's files are read as SQL, statement by statement.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from migration_guard.planning.plan import Plan, Planned, State
from migration_guard.sql.classify import mentions
from migration_guard.sql.ddl import DDL, read_ddl
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, significant
from migration_guard.sql.statements import SQLError, Statement, split


class _Verb(IntEnum):
    """What a statement does with a thing; the higher, the more it says."""

    MENTIONS = 0
    RENAMES = 1
    DROPS = 2
    ADDS = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class _Act(NamedTuple):
    """A statement of a migration that has to do with a thing; `change` is what its DDL does."""

    verb: _Verb
    migration: Planned
    change: DDL | None
    head: tuple[str, ...]
    line: int


class Mention(NamedTuple):
    """The statement that says most about a thing, and what became of its migration."""

    id: str
    path: Path
    line: int
    verb: str
    became: str
    applied: bool


class Trail:
    """What the migrations of a plan have to do with what is missing; without a plan: nothing."""

    def __init__(self, plan: Plan | None, vendor: str) -> None:
        migrations = plan.migrations if plan is not None else ()
        self._known = plan is not None
        self._files = [_File(one, one.file.text.lower(), vendor) for one in migrations if one.file]

    def of(self, *names: str, app: str = "") -> str:
        """Say which migration makes a thing, and what became of it; "" without a plan.

        The names go from the outer to the inner (table, column): all stand in one statement. Where
        no migration mentions it, ``app`` is the Django app whose own migrations make it.
        """
        if not self._known:
            return ""
        bare = (names[0].rpartition(".")[2], *names[1:])
        acts = self._acts(*bare)
        if app and not acts:
            return f"Django's own migrations of {app} make it: manage.py migrate {app}."
        return _tell(acts, bare, self._creators)

    def mention(self, *names: str) -> Mention | None:
        """Return the statement that creates a thing; else the last that adds, drops or mentions it.

        The names go from the outer to the inner; a single one is that of a table or a view.
        """
        acts = [act for act in self._acts(*names) if not _of_another(act, names)]
        if not acts:
            return None
        created = [act for act in acts if len(names) == 1 and _creates(act.change, names[0])]
        best = max(created or acts, key=lambda act: (act.verb, act.migration.key, act.line))
        migration = best.migration
        assert migration.file is not None  # noqa: S101 - only files have acts
        applied = migration.row is not None
        plainly = applied and migration.state is not State.EDITED
        became = "applied" if plainly else migration.state.value.replace("_", " ")
        return Mention(
            migration.id, migration.file.path, best.line, best.verb.word, became, applied
        )

    def of_key(self, word: str, table: str, columns: Sequence[str]) -> str:
        """Say which migration would make a key over these columns, were it applied.

        ``word`` is what such a statement says (UNIQUE, INDEX, REFERENCES). That a migration is
        applied says nothing here: it may have made another key with the same words.
        """
        names = (table.rpartition(".")[2], word, *columns)
        waiting = [act for act in self._acts(*names) if act.migration.row is None]
        if not waiting or not columns:
            return ""
        last = max(waiting, key=lambda act: (act.verb, act.migration.key))
        return f"{_named(last)} {_STATES.get(last.migration.state, '')}"

    def _acts(self, *names: str) -> list[_Act]:
        return [act for file in self._files for act in file.acts(names)]

    def _creators(self, table: str) -> list[str]:
        changes = [(act.migration.id, act.change) for act in self._acts(table)]
        return [
            id_
            for id_, change in changes
            if change is not None and (change.verb, change.kind) == ("CREATE", "TABLE")
        ]


class _File:
    """A migration's file, split into statements when first asked about what stands in it."""

    def __init__(self, migration: Planned, lowered: str, vendor: str) -> None:
        self.migration = migration
        self.lowered = lowered
        self.vendor = vendor

    @cached_property
    def statements(self) -> list[Statement]:
        """The statements; none of a text that is no SQL."""
        file = self.migration.file
        with suppress(SQLError):
            return split(file.text, self.vendor) if file is not None else []
        return []

    def acts(self, names: tuple[str, ...]) -> Iterator[_Act]:
        """Yield the statements that mention all these names."""
        if not all(name.lower() in self.lowered for name in names):
            return
        for statement in self.statements:
            if all(mentions(statement.text, name, self.vendor) for name in names):
                change = read_ddl(statement.text, self.vendor)
                head = tuple(islice(_words(statement.text, self.vendor), 12))
                verb = _verb(change, names[-1], head)
                yield _Act(verb, self.migration, change, head, statement.line)


def _tell(acts: list[_Act], names: tuple[str, ...], creators: Callable[[str], list[str]]) -> str:
    if not acts:
        thing = ".".join(names)
        return f"No migration mentions {thing}: write one with manage.py makesqlmigration."
    best = max(acts, key=lambda act: (act.verb, act.migration.row is None, act.migration.key))
    after = [
        act
        for act in acts
        if act.verb in {_Verb.DROPS, _Verb.RENAMES}
        and act.migration.row is not None
        and act.migration.key >= best.migration.key
    ]
    if best.migration.row is None:
        return f"{_named(best)} {_STATES.get(best.migration.state, '')}"
    if after and best.verb is _Verb.ADDS:
        return f"{_named(best)}; {_named(after[-1])} after it."
    return f"{_named(best)}, yet it is not there: {_why(best, lambda: creators(names[0]))}"


def _named(act: _Act) -> str:
    state = act.migration.state
    became = "applied" if act.migration.row is not None else state.value.replace("_", " ")
    verb = "" if state is State.FAILED else "is "
    return f"{act.migration.id} {act.verb.word} it and {verb}{became}"


def _why(best: _Act, creators: Callable[[], list[str]]) -> str:
    """Say what lets a statement succeed that adds nothing."""
    change = best.change
    if best.migration.state is State.EDITED:
        return "the file was edited after it was applied, and the database ran the older text."
    if change is None or not change.is_conditional or change.kind != "TABLE":
        return "something has removed it since. Add it again in a new migration."
    if change.verb == "ALTER":
        where = f" (in {', '.join(found)})" if (found := creators()) else ""
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
    """Return whether a statement creates the thing ``name``, which has no table."""
    return (
        change is not None
        and change.verb == "CREATE"
        and change.kind not in _NO_RELATION
        and change.name.upper() == name.upper()
    )


def _of_another(act: _Act, names: tuple[str, ...]) -> bool:
    """Return whether a statement makes or alters a thing and only refers to that of the names."""
    change = act.change
    if change is None or len(names) == 1:
        return False
    if change.verb == "CREATE" and change.names and change.kind not in _HOLD_OTHERS:
        return change.name.upper() not in {names[0].upper(), names[-1].upper()}
    made = act.head[: act.head.index("(")] if "(" in act.head else act.head
    is_table = change.kind == "TABLE" and change.verb in {"CREATE", "ALTER"}
    return is_table and names[0].upper() not in made


def _words(text: str, vendor: str) -> Iterator[str]:
    for token in significant(text, dialect(vendor)):
        if token.kind is Kind.QUOTED:
            yield token.text[1:-1].upper()
        elif token.kind is not Kind.KEPT_COMMENT:
            yield token.text.upper()


_NO_RELATION = {"INDEX", "TRIGGER", "POLICY", "RULE", "STATISTICS", "SCHEMA", "DATABASE"}
_HOLD_OTHERS = {"TABLE", "INDEX", "SCHEMA", "DATABASE"}
_VERBS = {"DROP": _Verb.DROPS, "RENAME": _Verb.RENAMES, "ADD": _Verb.ADDS}
_STATES = {
    State.PENDING: "(apply it: manage.py runsqlmigrations).",
    State.FAILED: "(see manage.py runsqlmigrations --plan; the next run goes on where it failed).",
    State.RUNNING: "(or was interrupted: manage.py runsqlmigrations goes on where it stopped).",
    State.SKIPPED: "(its environments exclude this database).",
    State.OUT_OF_ORDER: "(apply it: manage.py runsqlmigrations --allow-out-of-order).",
}
