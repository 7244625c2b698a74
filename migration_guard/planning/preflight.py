"""Split the SQL of migrations into statements before any of them runs.

Pure. All pending files pass through here before the first one runs, so an error in the last one
cannot leave the database halfway.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.planning.dev_only import dev_only_problems
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.foreign_markers import foreign_format_problems
from migration_guard.planning.near_misses import near_miss_problems
from migration_guard.planning.no_effect import no_effect_problems
from migration_guard.planning.own_table_statements import own_table_problems
from migration_guard.planning.psql_variables import psql_variable_problems
from migration_guard.planning.scripts import Script
from migration_guard.planning.units import group_statements
from migration_guard.problems import Problem
from migration_guard.sql.classify import control, copies_out
from migration_guard.sql.excerpt import excerpt, shorten
from migration_guard.sql.lexer import Kind, Token, tokens
from migration_guard.sql.statements import SQLError, Statement, split

# A statement that changes how the server reads the next one; the group is the encoding.
_ENCODING: Final[dict[str, re.Pattern[str] | None]] = {
    "postgresql": re.compile(
        r"SET\s+(?:SESSION\s+|LOCAL\s+)?(?:client_encoding\s*(?:=|TO\b)|NAMES\b)(.*)",
        re.IGNORECASE | re.DOTALL,
    ),
    "sqlite": None,
    "mysql": None,
}


def prepare(
    files: Sequence[MigrationFile],
    vendor: str,
    environments: Collection[str] = BUILT_IN_ENVIRONMENTS,
    string_setting: str = "",
) -> tuple[dict[str, Script], list[Problem]]:
    """Return the scripts of ``files`` by migration id, and all problems.

    A file that does not split into statements has no script. ``environments`` are the names that
    exist, and ``string_setting`` is what ``split`` takes.
    """
    scripts: dict[str, Script] = {}
    problems: list[Problem] = []
    for file in files:
        problems += [
            replace(problem, path=file.path)
            for problem in near_miss_problems(file.text, file.directives, environments)
        ]
        problems += dev_only_problems(file)
        script, file_problems = _prepare_file(file, vendor, string_setting)
        problems += file_problems
        if script is not None:
            scripts[file.id] = script
    return scripts, problems


def _prepare_file(
    file: MigrationFile, vendor: str, string_setting: str
) -> tuple[Script | None, list[Problem]]:
    try:
        statements = split(file.text, vendor, string_setting)
    except SQLError as error:
        return None, [
            Problem(
                "unterminated",
                f"{error}",
                "Close it; the file was not run.",
                path=file.path,
                line=getattr(error, "line", None),
            )
        ]
    problems = [
        _meta_command_problem(file, statement, vendor)
        for statement in statements
        if statement.meta or copies_out(statement.text, vendor)
    ]
    problems += psql_variable_problems(file, vendor, string_setting)
    problems += _open_comment_problems(file, vendor)
    problems += foreign_format_problems(file, vendor, string_setting)
    problems += [
        _encoding_problem(file, statement)
        for statement in statements
        if _changes_encoding(statement, vendor)
    ]
    is_empty = all(control(statement.text, vendor) for statement in statements)
    if is_empty and "empty" not in file.directives.allow:
        problems.append(_empty_problem(file))
    problems += own_table_problems(file, statements, vendor)
    script, unit_problems = group_statements(file, statements, vendor)
    return script, [*problems, *unit_problems, *no_effect_problems(script, vendor)]


def _changes_encoding(statement: Statement, vendor: str) -> bool:
    """Return True if the server would read the next statements in another encoding than UTF-8."""
    pattern = _ENCODING[vendor]
    match = pattern.match(statement.text) if pattern is not None else None
    return match is not None and match[1].strip(" '\"").upper() not in ("UTF8", "UTF-8", "UNICODE")


def _encoding_problem(file: MigrationFile, statement: Statement) -> Problem:
    return Problem(
        "not-utf8",
        f"the file changes the encoding of the session: {shorten(statement.text)}",
        "Remove it: files are UTF-8, and what follows would be garbled.",
        path=file.path,
        line=statement.line,
    )


def _open_comment_problems(file: MigrationFile, vendor: str) -> list[Problem]:
    """Return a problem if a comment has no end, which SQLite allows. It hides the rest."""
    start = file.text.rfind("/*")
    if vendor != "sqlite" or start <= file.text.rfind("*/"):
        return []
    last = Token(Kind.SPACE, "", 0)
    for token in tokens(file.text, vendor):
        last = token
    if last.kind is not Kind.COMMENT or not last.text.startswith("/*"):
        return []
    line = file.text.count("\n", 0, last.start) + 1
    message = f"line {line}: the comment that begins here never ends"
    hint = "Close it; the file was not run."
    return [Problem("unterminated", message, hint, path=file.path, line=line)]


def _empty_problem(file: MigrationFile) -> Problem:
    return Problem(
        "empty",
        "the file has no statement",
        "Write the SQL, or -- guard: allow = empty, if there is nothing to do.",
        path=file.path,
    )


def _meta_command_problem(file: MigrationFile, statement: Statement, vendor: str) -> Problem:
    if statement.meta:
        what = "a psql meta-command"
        why = "only psql understands it, a database does not"
    else:
        what = "rows for psql to write"
        why = "only psql takes them, a migration has nobody who does"
    return Problem(
        "meta-command",
        f"{what}: {excerpt(statement.text, vendor)}",
        f"Remove it: {why}.",
        path=file.path,
        line=statement.line,
    )
