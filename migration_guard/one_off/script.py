"""Parsing a one-off script, which is no migration, into its statements and its problems.

Pure. All of it runs in one transaction that a person may still roll back, so whatever no rollback
undoes is a problem here, before the database is touched.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

from migration_guard.planning import files
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.planning.names import FileName
from migration_guard.planning.preflight import prepare
from migration_guard.planning.scripts import Script, Unit
from migration_guard.problems import Problem
from migration_guard.sql.alone import refuses_transaction
from migration_guard.sql.classify import (
    control,
    makes_temporary,
    mentions,
    words,
)
from migration_guard.sql.cursor import outside_brackets
from migration_guard.sql.dialects import dialect
from migration_guard.sql.excerpt import excerpt
from migration_guard.sql.implicit_commits import Commit, implicit_commit
from migration_guard.sql.scanner import Kind, Token, significant
from migration_guard.sql.statements import Statement, split

WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "LOAD"})

# What preflight finds that is as wrong here as in a migration.
_SHARED: Final = {
    "unterminated",
    "meta-command",
    "not-utf8",
    "near-miss",
    "dev-only-in-production",
    "foreign-format",
}
_READING: Final = frozenset({"SELECT", "VALUES", "TABLE"})
_SCHEMA: Final = {"CREATE", "ALTER", "DROP"}
# Functions whose effect no rollback takes back, though the statement runs in a transaction.
_LASTING_FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "postgresql": ("setval",),
    "mysql": (),
    "sqlite": (),
}
_SERVER_SCOPES: Final = {"GLOBAL", "PERSIST", "PERSIST_ONLY"}
_TEXTS: Final = (Kind.STRING, Kind.DOLLAR)


def parse_script(
    path: Path, raw: bytes, vendor: str, environments: Collection[str]
) -> tuple[Script | None, list[Problem]]:
    """Return the script whose content is ``raw``, None where it cannot be read, and its problems.

    All its statements form one unit; ``environments`` are the known names.
    """
    name = FileName(path.name, 0, None, str(path))
    file, problems = files.parse(name, raw, environments)
    if file is None:
        return None, problems
    scripts, preflight_problems = prepare([file], vendor, environments)
    problems += [problem for problem in preflight_problems if problem.rule in _SHARED]
    if file.id not in scripts:
        return None, problems
    statements = split(file.text, vendor)
    for statement in statements:
        problems += _problems(file, statement, vendor)
    problems += _about_the_whole(file, statements)
    unit = Unit(tuple(statements), 1, len(statements))
    return Script(file, (unit,), source=unit.statements), problems


def verb(sql: str, vendor: str) -> str:
    """Return the first word of a statement in upper case; for a WITH, that of its main part."""
    first = "".join(words(sql, vendor, 1))
    if first != "WITH":
        return first
    return next((word for word in _outer_words(sql, vendor) if word in WRITING | _READING), first)


def answers_for_itself(sql: str, vendor: str) -> bool:
    """Return whether the server's number is that of all rows that the statement names.

    It is not for a second INSERT, UPDATE or DELETE inside a WITH, nor for a SELECT, DO, CALL or
    EXECUTE, which can write too.
    """
    first = "".join(words(sql, vendor, 1))
    if first != "WITH":
        return first in WRITING
    tokens = (token for token in significant(sql, dialect(vendor)) if token.kind is Kind.WORD)
    writing = sum(token.text.upper() in WRITING for token in tokens)
    return writing == 1 and verb(sql, vendor) in WRITING


def first_write(script: Script, table: str, vendor: str) -> Statement | None:
    """Return the first statement that writes and names ``table``."""
    for statement in script.statements:
        if verb(statement.text, vendor) in WRITING and mentions(statement.text, table, vendor):
            return statement
    return None


def notes(script: Script, vendor: str) -> Iterator[str]:
    """Yield what whoever confirms the script should know besides its numbers."""
    for statement in script.statements:
        first = words(statement.text, vendor, 1)
        if _SCHEMA.intersection(first) and not makes_temporary(statement.text, vendor):
            yield (
                f"line {statement.line} changes the schema of this database alone; a migration "
                "(manage.py makesqlmigration) reaches all."
            )
        for function in _LASTING_FUNCTIONS[vendor]:
            if mentions(statement.text, function, vendor):
                yield f"line {statement.line} names {function}(), which no rollback undoes."


def _outer_words(sql: str, vendor: str) -> Iterator[str]:
    """Yield the words of a statement outside parentheses, in upper case."""
    return (token.text.upper() for token in _outer(sql, vendor) if token.kind is Kind.WORD)


def _outer(sql: str, vendor: str) -> Iterator[Token]:
    """Yield the tokens of a statement outside parentheses."""
    return outside_brackets(significant(sql, dialect(vendor)))


def _problems(file: MigrationFile, statement: Statement, vendor: str) -> Iterator[Problem]:
    sql = statement.text
    beginning = excerpt(sql, vendor)
    if control(sql, vendor) is not None:
        yield Problem(
            "transaction-control",
            f"transaction control: {beginning}",
            "Remove it: the whole script is one transaction, which the command begins, and commits "
            "once its numbers are confirmed.",
            path=file.path,
            line=statement.line,
        )
    elif _RUNS_ALONE[vendor](sql):
        yield Problem(
            "no-rollback",
            f"a statement that cannot run inside a transaction, or that commits it: {beginning}",
            "Nobody could undo it after seeing the numbers. Leave it out; changes of the "
            "schema and maintenance are for a migration: manage.py makesqlmigration NAME.",
            path=file.path,
            line=statement.line,
        )
    elif _WRITES_ELSEWHERE[vendor](sql):
        yield Problem(
            "no-rollback",
            f"a statement that writes a file or starts a program on the server: {beginning}",
            "Nobody could undo it after seeing the numbers. Leave it out.",
            path=file.path,
            line=statement.line,
        )
    own_table = next((name for name in OWN_TABLES if mentions(sql, name, vendor)), None)
    if own_table and "touches-history" not in file.directives.allow:
        yield Problem(
            "touches-history",
            f"the script names {own_table}: {beginning}",
            "Only manage.py repairsqlmigrations changes the history and what belongs to it. If the "
            "script only reads the table: -- guard: allow = touches-history, <reason>.",
            path=file.path,
            line=statement.line,
        )


def _runs_alone_on_mysql(sql: str) -> bool:
    """Return whether a statement commits, or sets what belongs to the whole server."""
    tokens = [token.text.upper() for token in significant(sql, dialect("mysql"))]
    sets_server = tokens[:1] == ["SET"] and not _SERVER_SCOPES.isdisjoint(tokens)
    return sets_server or implicit_commit(sql) is not Commit.NO


def _runs_alone_on_sqlite(sql: str) -> bool:
    return words(sql, "sqlite", 1) == ("PRAGMA",) or refuses_transaction(sql, "sqlite")


_RUNS_ALONE: Final[dict[str, Callable[[str], bool]]] = {
    "postgresql": partial(refuses_transaction, vendor="postgresql"),
    "mysql": _runs_alone_on_mysql,
    "sqlite": _runs_alone_on_sqlite,
}


def _copies_to_server(sql: str) -> bool:
    """Return whether a COPY writes a file, or starts a program, on PostgreSQL's server."""
    if words(sql, "postgresql", 1) != ("COPY",):
        return False
    return any(
        (before.text.upper() in ("TO", "FROM") and token.text.upper() == "PROGRAM")
        or (before.text.upper() == "TO" and token.kind in _TEXTS)
        for before, token in pairwise(_outer(sql, "postgresql"))
    )


def _selects_into_file(sql: str) -> bool:
    """Return whether a SELECT writes a file on MySQL's server."""
    return any(
        before.text.upper() == "INTO" and token.text.upper() in ("OUTFILE", "DUMPFILE")
        for before, token in pairwise(significant(sql, dialect("mysql")))
    )


_WRITES_ELSEWHERE: Final[dict[str, Callable[[str], bool]]] = {
    "postgresql": _copies_to_server,
    "mysql": _selects_into_file,
    "sqlite": lambda _sql: False,  # there is no server that could
}


def _about_the_whole(file: MigrationFile, statements: Collection[Statement]) -> Iterator[Problem]:
    if not statements:
        hint = "Write the SQL; nothing was run."
        yield Problem("empty", "the script has no statement", hint, path=file.path)
    directives = file.directives
    is_set = {
        "transaction = off": not directives.transaction,
        "requires": bool(directives.requires),
        "rerun": directives.rerun_safe,
        **{f"allow = {rule}": rule != "touches-history" for rule in directives.allow},
    }
    for name in (name for name, value in is_set.items() if value):
        yield Problem(
            "bad-directive",
            f'the directive "{name}" has no effect in a script that is not a migration',
            "Remove the line; environments, lock_timeout and statement_timeout hold here too.",
            path=file.path,
        )
