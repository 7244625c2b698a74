"""A one-off script, which is no migration: its bytes -> its statements, and what is wrong with it.

Pure. All of it runs in one transaction that a person may still roll back, so whatever no rollback
undoes is a problem here, before the database is touched.
"""

from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path

from migration_guard.planning import files
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.planning.names import FileName
from migration_guard.planning.preflight import Script, Unit, prepare, shorten
from migration_guard.problems import Problem
from migration_guard.sql.classify import (
    control,
    makes_temporary,
    mask_secrets,
    mentions,
    transactional_dml,
    words,
)
from migration_guard.sql.cursor import outside_brackets
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, Token, significant
from migration_guard.sql.statements import Statement, split

WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "LOAD"})

# What preflight finds that is as wrong here as in a migration.
_SHARED = {"unterminated", "meta-command", "not-utf8"}
_READING = frozenset({"SELECT", "VALUES", "TABLE"})
_ALONE: dict[str, set[tuple[str, ...]]] = {
    "postgresql": {("VACUUM",), ("ALTER", "SYSTEM")}
    | {(verb, what) for verb in ("CREATE", "DROP") for what in ("DATABASE", "TABLESPACE")},
    "sqlite": {("PRAGMA",), ("VACUUM",), ("ATTACH",), ("DETACH",)},
}
_ELSEWHERE: dict[str, set[tuple[str, str]]] = {
    "postgresql": {("TO", "PROGRAM"), ("FROM", "PROGRAM")},
    "mysql": {("INTO", "OUTFILE"), ("INTO", "DUMPFILE")},
    "sqlite": set(),
}
_TEXTS = (Kind.STRING, Kind.DOLLAR)
_SCHEMA = {"CREATE", "ALTER", "DROP"}
_OF_THE_SERVER = {"GLOBAL", "PERSIST", "PERSIST_ONLY"}


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
    scripts, found = prepare([file], vendor)
    problems += [problem for problem in found if problem.rule in _SHARED]
    if file.id not in scripts:
        return None, problems
    statements = split(file.text, vendor)
    for statement in statements:
        problems += _problems(file, statement, vendor)
    problems += _about_the_whole(file, statements)
    unit = Unit(tuple(statements), 1, len(statements))
    return Script(file, (unit,), touches_history=False), problems


def verb(sql: str, vendor: str) -> str:
    """Return the first word of a statement in upper case; of a WITH the one that it leads to."""
    first = "".join(words(sql, vendor, 1))
    if first != "WITH":
        return first
    return next((word for word in _outer_words(sql, vendor) if word in WRITING | _READING), first)


def answers_for_itself(sql: str, vendor: str) -> bool:
    """Tell whether the number that the server answers is that of all rows the statement names.

    Not so for a second INSERT, UPDATE or DELETE inside a WITH, nor for a SELECT, DO, CALL or
    EXECUTE, which can write too.
    """
    first = "".join(words(sql, vendor, 1))
    if first != "WITH":
        return first in WRITING
    found = (token for token in significant(sql, dialect(vendor)) if token.kind is Kind.WORD)
    writing = sum(token.text.upper() in WRITING for token in found)
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
        if vendor == "postgresql" and mentions(statement.text, "setval", vendor):
            yield f"line {statement.line} names setval(), which no rollback takes back."


def brief(sql: str, vendor: str) -> str:
    """Return the beginning of a statement on one line, without its passwords."""
    return shorten(mask_secrets(sql, vendor))


def _outer_words(sql: str, vendor: str) -> Iterator[str]:
    """Yield the words of a statement outside parentheses, in upper case."""
    return (token.text.upper() for token in _outer(sql, vendor) if token.kind is Kind.WORD)


def _outer(sql: str, vendor: str) -> Iterator[Token]:
    """Yield the tokens of a statement outside parentheses."""
    return outside_brackets(significant(sql, dialect(vendor)))


def _problems(file: MigrationFile, statement: Statement, vendor: str) -> Iterator[Problem]:
    sql = statement.text
    shown = brief(sql, vendor)
    if control(sql, vendor) is not None:
        yield Problem(
            "transaction-control",
            f"transaction control: {shown}",
            "Remove it: the whole script is one transaction, which the command begins, and commits "
            "once its numbers are confirmed.",
            path=file.path,
            line=statement.line,
        )
    elif _runs_alone(sql, vendor):
        yield Problem(
            "no-rollback",
            f"a statement that cannot run inside a transaction, or that commits it: {shown}",
            "Nobody could take it back after seeing the numbers. Leave it out; changes of the "
            "schema and maintenance are for a migration: manage.py makesqlmigration NAME.",
            path=file.path,
            line=statement.line,
        )
    elif _writes_elsewhere(sql, vendor):
        yield Problem(
            "no-rollback",
            f"a statement that writes a file or starts a program on the server: {shown}",
            "Nobody could take it back after seeing the numbers. Leave it out.",
            path=file.path,
            line=statement.line,
        )
    named = next((name for name in OWN_TABLES if mentions(sql, name, vendor)), None)
    if named and "touches-history" not in file.directives.allow:
        yield Problem(
            "touches-history",
            f"the script names {named}: {shown}",
            "Only manage.py repairsqlmigrations changes the history and what belongs to it. If the "
            "script only reads the table: -- guard: allow = touches-history, <reason>.",
            path=file.path,
            line=statement.line,
        )


def _runs_alone(sql: str, vendor: str) -> bool:
    if vendor == "mysql":
        return not transactional_dml(sql, vendor) or _sets_the_server(sql, vendor)
    head = words(sql, vendor, 2)
    if vendor == "postgresql" and "CONCURRENTLY" in _outer_words(sql, vendor):
        return head[:1] != ("REFRESH",)
    return any(head[: len(alone)] == alone for alone in _ALONE[vendor])


def _writes_elsewhere(sql: str, vendor: str) -> bool:
    """Tell it of PostgreSQL's COPY, and of MySQL's SELECT … INTO OUTFILE."""
    if vendor == "postgresql" and words(sql, vendor, 1) != ("COPY",):
        return False
    tokens = significant(sql, dialect(vendor)) if vendor == "mysql" else _outer(sql, vendor)
    return any(
        (before.text.upper(), token.text.upper()) in _ELSEWHERE[vendor]
        or (before.text.upper() == "TO" and token.kind in _TEXTS and vendor == "postgresql")
        for before, token in pairwise(tokens)
    )


def _sets_the_server(sql: str, vendor: str) -> bool:
    found = [token.text.upper() for token in significant(sql, dialect(vendor))]
    return found[:1] == ["SET"] and not _OF_THE_SERVER.isdisjoint(found)


def _about_the_whole(file: MigrationFile, statements: Collection[Statement]) -> Iterator[Problem]:
    if not statements:
        hint = "Write the SQL; nothing was run."
        yield Problem("empty", "the script has no statement", hint, path=file.path)
    directives = file.directives
    idle = {
        "transaction = off": not directives.transaction,
        "requires": bool(directives.requires),
        "rerun": directives.rerun_safe,
        **{f"allow = {rule}": rule != "touches-history" for rule in directives.allow},
    }
    for name in (name for name, given in idle.items() if given):
        yield Problem(
            "bad-directive",
            f'the directive "{name}" means nothing in a script that is no migration',
            "Remove the line; environments, lock_timeout and statement_timeout hold here too.",
            path=file.path,
        )
