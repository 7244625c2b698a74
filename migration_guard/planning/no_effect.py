"""Statements that succeed and do nothing because of how the runner runs them. Pure.

Sources: sqlite.org, "PRAGMA"; PostgreSQL manual, "SET", "SET CONSTRAINTS", "LOCK", "DECLARE";
MariaDB knowledge base, "LOCK TABLES".
"""

from collections.abc import Iterable, Iterator
from itertools import islice, takewhile
from typing import Final, NamedTuple

from migration_guard.planning.modes import OF_SESSION
from migration_guard.planning.scripts import Script, in_one_transaction
from migration_guard.problems import Problem
from migration_guard.sql.classify import ends_with_transaction, words
from migration_guard.sql.excerpt import excerpt
from migration_guard.sql.pragmas import read_pragma
from migration_guard.sql.statements import Statement

SLUG: Final = "no-effect"
_BEFORE: Final = "move it above the file's own BEGIN, or write -- guard: transaction = off"
# What SQLite takes only outside a transaction: it refuses the second, and ignores the others in
# silence. With what cures it.
_PRAGMAS: Final = {
    "journal_mode": _BEFORE,
    "synchronous": _BEFORE,
    "foreign_keys": f"{_BEFORE}. Without it, foreign keys are off while a migration runs, and "
    "rows without their parent are looked for before the commit",
    "auto_vacuum": f"{_BEFORE}, with VACUUM after it: a database that has tables changes only "
    "with VACUUM",
    "page_size": f"{_BEFORE}, with VACUUM after it: a database that has tables changes only "
    "with VACUUM, and not in WAL mode",
    "encoding": "remove it: SQLite takes it only before the first table of a database, and the "
    "tables of this app are there already",
}
_ALONE: Final = "write BEGIN and COMMIT around it and what it is for"


class _Place(NamedTuple):
    """Where a statement runs: whether in a transaction, and whether that is the whole file's."""

    in_transaction: bool
    is_whole_file: bool
    following: Iterable[Statement]


def no_effect_problems(script: Script, vendor: str) -> list[Problem]:
    """Return a problem for each statement whose effect is lost, unless the file silences them."""
    if SLUG in script.file.directives.allow:
        return []
    is_whole_file = in_one_transaction(script.file, vendor)
    units = [(unit, statement) for unit in script.units for statement in unit.statements]
    statements = [statement for _unit, statement in units]
    problems = []
    for number, (unit, statement) in enumerate(units, 1):
        if any(mode.start == statement.start for mode in unit.modes or ()):
            continue  # its transaction begins with these modes
        in_transaction = is_whole_file or unit.first != unit.last
        place = _Place(in_transaction, is_whole_file, islice(statements, number, None))
        reason = _REASONS[vendor](statement, place)
        if reason is not None:
            problems.append(_problem(script, statement, *reason, vendor))
    return problems


def _problem(script: Script, statement: Statement, fact: str, cure: str, vendor: str) -> Problem:
    return Problem(
        SLUG,
        f"{fact}: {excerpt(statement.text, vendor)}",
        f"{cure[0].upper()}{cure[1:]}.",
        path=script.file.path,
        line=statement.line,
    )


def _sqlite_reason(statement: Statement, place: _Place) -> tuple[str, str] | None:
    pragma = read_pragma(statement.text)
    if pragma is None or not pragma.value or pragma.name not in _PRAGMAS:
        return None
    cure = _PRAGMAS[pragma.name]
    if not place.in_transaction:
        return None
    if not place.is_whole_file and pragma.name != "encoding":
        cure = "move it out of BEGIN … COMMIT"
    return "SQLite takes this only outside a transaction", cure


def _postgresql_reason(statement: Statement, place: _Place) -> tuple[str, str] | None:
    if not place.in_transaction:
        if ends_with_transaction(statement.text):
            return "what this does ends with its own transaction", _ALONE
        return None
    if statement.text[: len("SET")].upper() != "SET":
        return None
    first, second, third = (*words(statement.text, "postgresql", 3), "", "", "")[:3]
    if (first, second, third) == ("SET", "SESSION", "CHARACTERISTICS") or (
        first == "SET" and OF_SESSION["postgresql"] & {second, third}
    ):
        return (
            "this holds for later transactions, and the file is one",
            "write BEGIN with these modes as its first statement, and COMMIT as its last"
            if place.is_whole_file
            else "write the modes behind BEGIN",
        )
    return None


_LOCKS: Final = (("LOCK", "TABLES"), ("LOCK", "TABLE"))


def _mysql_reason(statement: Statement, place: _Place) -> tuple[str, str] | None:
    if place.in_transaction or words(statement.text, "mysql", 2) not in _LOCKS:
        return None
    if all(_needs_no_lock(under_lock) for under_lock in _until_unlocked(place.following)):
        return None
    return (
        "this lock ends at once, because the runner counts each statement in a transaction of "
        "its own",
        "remove it and UNLOCK TABLES; what must see the same rows goes into BEGIN … COMMIT, with "
        "SELECT … FOR UPDATE. If nothing depends on the lock: -- guard: allow = no-effect, "
        "<reason>",
    )


def _until_unlocked(statements: Iterable[Statement]) -> Iterator[Statement]:
    return takewhile(
        lambda statement: words(statement.text, "mysql", 1) not in (("UNLOCK",), ("LOCK",)),
        statements,
    )


def _needs_no_lock(statement: Statement) -> bool:
    """Return whether a statement stands between the locks of a mysqldump, for speed only."""
    head = words(statement.text, "mysql", 3)
    return head[:1] in (("INSERT",), ("REPLACE",)) or head[:2] == ("ALTER", "TABLE")


_REASONS: Final = {
    "sqlite": _sqlite_reason,
    "postgresql": _postgresql_reason,
    "mysql": _mysql_reason,
}
