"""Split the SQL of migrations into statements before any of them runs.

Pure. All pending files pass through here before the first one runs, so an error in the last one
cannot leave the database halfway.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.planning import foreign_formats
from migration_guard.planning.directives import DEV_WORDS
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.foreign_formats import CommentLine, Effect, ForeignMarker
from migration_guard.planning.history_rows import HISTORY_TABLE, OWN_TABLES
from migration_guard.planning.near_misses import near_miss_problems
from migration_guard.problems import Problem
from migration_guard.sql.classify import (
    Control,
    control,
    copies_out,
    mentions,
    show_statement,
    transactional_dml,
    words,
)
from migration_guard.sql.dialects import dialect
from migration_guard.sql.lexer import Kind, Token, line_comments, tokens
from migration_guard.sql.scanner import skip_gap
from migration_guard.sql.statements import SQLError, Statement, split

DEV_ONLY_SLUG: Final = "dev-only-in-production"
# In characters. Above it, sending without waiting gains nothing and costs memory on both sides.
SMALL: Final = 64 * 1024
_ENCODING: Final = re.compile(
    r"SET\s+(?:SESSION\s+|LOCAL\s+)?(?:client_encoding\s*(?:=|TO\b)|NAMES\b)(.*)",
    re.IGNORECASE | re.DOTALL,
)


class _VendorRules(NamedTuple):
    """What a vendor's transactions and files are like.

    Without ``transactional_ddl``, a DDL statement commits by itself. ``end_closes_comment`` means
    that a comment may hide the rest of a file. ``encoding`` matches a statement that changes how
    the server reads the next one; its group is the name of the encoding.
    """

    transactional_ddl: bool = True
    end_closes_comment: bool = False
    encoding: re.Pattern[str] | None = None


_VENDOR_RULES: Final = {
    "postgresql": _VendorRules(encoding=_ENCODING),
    "sqlite": _VendorRules(end_closes_comment=True),
    "mysql": _VendorRules(transactional_ddl=False),
}

# First words of statements that empty or redefine the table that they name.
_DEFINING: Final = {"ALTER", "DROP", "RENAME", "TRUNCATE", "REPLACE"}


class Unit(NamedTuple):
    """Statements that commit together: a single one, or those between BEGIN and COMMIT.

    ``first`` and ``last`` count the statements of the file from 1, BEGIN and COMMIT included.
    """

    statements: tuple[Statement, ...]
    first: int
    last: int


class Script(NamedTuple):
    """A migration ready to run, with its statements grouped into units.

    If the file runs as one transaction, all statements form one unit.
    """

    file: MigrationFile
    units: tuple[Unit, ...]
    touches_history: bool

    @property
    def statements(self) -> list[Statement]:
        """The statements to run, in order and without transaction control."""
        return [statement for unit in self.units for statement in unit.statements]

    @property
    def small(self) -> bool:
        """True if the whole file may be sent before the first answer is read."""
        is_short = len(self.file.text) <= SMALL
        return is_short and not any(statement.data for statement in self.statements)

    @property
    def total(self) -> int:
        """The number of the last statement, as the journal counts them."""
        return self.units[-1].last if self.units else 0


def prepare(
    files: Sequence[MigrationFile],
    vendor: str,
    environments: Collection[str] = BUILT_IN_ENVIRONMENTS,
) -> tuple[dict[str, Script], list[Problem]]:
    """Return the scripts of ``files`` by migration id, and all problems.

    A file that does not split into statements has no script. ``environments`` are the names that
    exist.
    """
    scripts: dict[str, Script] = {}
    problems: list[Problem] = []
    for file in files:
        problems += _comment_problems(file, environments)
        script, file_problems = _prepare_file(file, vendor)
        problems += file_problems
        if script is not None:
            scripts[file.id] = script
    return scripts, problems


def in_one_transaction(file: MigrationFile, vendor: str) -> bool:
    """Return True if the file runs as one transaction, False if through the journal."""
    return _VENDOR_RULES[vendor].transactional_ddl and file.directives.transaction


def foreign_markers(file: MigrationFile, vendor: str) -> list[ForeignMarker]:
    """Return the comment lines of a file that another tool executes, in order."""
    text = file.text
    if not foreign_formats.may_have_markers(text):
        return []
    header_end = skip_gap(text, dialect(vendor), 0)
    comments = []
    for token in line_comments(text, vendor):
        line_start = text.rfind("\n", 0, token.start) + 1
        comments.append(CommentLine(token.text, text[line_start : token.start], token.start))
    return list(foreign_formats.find_markers(text, comments, header_end))


def excludes_production(file: MigrationFile) -> bool:
    """Return True if the file never runs in production. Only then may it change the history."""
    environments = file.directives.environments
    return environments is not None and "production" not in environments


def _comment_problems(file: MigrationFile, environments: Collection[str]) -> list[Problem]:
    """Return problems of comments that say where the file runs, and have no effect."""
    own = file.directives
    problems = [
        replace(problem, path=file.path)
        for problem in near_miss_problems(file.text, own, environments)
    ]
    if own.environments is not None or DEV_ONLY_SLUG in own.allow:
        return problems
    words = DEV_WORDS.search(file.text)
    return problems if words is None else [*problems, _dev_only_problem(file, words)]


def _prepare_file(file: MigrationFile, vendor: str) -> tuple[Script | None, list[Problem]]:
    try:
        statements = split(file.text, vendor)
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
    problems += _open_comment_problems(file, vendor)
    problems += _foreign_format_problems(file, vendor)
    problems += [
        _encoding_problem(file, statement)
        for statement in statements
        if _changes_encoding(statement, vendor)
    ]
    is_empty = all(control(statement.text, vendor) for statement in statements)
    if is_empty and "empty" not in file.directives.allow:
        problems.append(_empty_problem(file))
    # Statement by statement, since a whole long file in lower case would be the peak of memory.
    naming = next(
        (statement for statement in statements if mentions(statement.text, HISTORY_TABLE, vendor)),
        None,
    )
    if "touches-history" not in file.directives.allow:
        if naming and not excludes_production(file):
            problems.append(_touches_history_problem(file, naming))
        else:
            problems += _own_table_problems(file, statements, vendor)
    if in_one_transaction(file, vendor):
        units, unit_problems = _one_unit(file, statements, vendor)
    else:
        units, unit_problems = _many_units(file, statements, vendor)
    return Script(file, units, naming is not None), [*problems, *unit_problems]


def _one_unit(
    file: MigrationFile, statements: list[Statement], vendor: str
) -> tuple[tuple[Unit, ...], list[Problem]]:
    """Return all statements as one unit, without an outer BEGIN … COMMIT."""
    # The runner opens and commits a transaction itself.
    controls = [control(statement.text, vendor) for statement in statements]
    first, last = 1, len(statements)
    if controls[:1] == [Control.BEGIN] and controls[-1:] == [Control.COMMIT] and last > 1:
        first, last = 2, last - 1
    inner = statements[first - 1 : last]
    problems = [
        _transaction_control_problem(file, statement, vendor)
        for statement, kind in zip(inner, controls[first - 1 : last], strict=True)
        if kind not in (None, Control.SAVEPOINT)
    ]
    return ((Unit(tuple(inner), first, last),) if inner else ()), problems


def _many_units(
    file: MigrationFile, statements: list[Statement], vendor: str
) -> tuple[tuple[Unit, ...], list[Problem]]:
    """Return each BEGIN … COMMIT group as one unit, and every other statement as its own."""
    units: list[Unit] = []
    problems: list[Problem] = []
    commits_ddl = not _VENDOR_RULES[vendor].transactional_ddl
    group: list[Statement] | None = None
    opened = 0
    for number, statement in enumerate(statements, 1):
        kind = control(statement.text, vendor)
        if kind is Control.BEGIN and group is None:
            group, opened = [], number
        elif kind is Control.COMMIT and group is not None:
            if group:
                units.append(Unit(tuple(group), opened, number))
            group = None
        elif kind is not None and not (kind is Control.SAVEPOINT and group is not None):
            problems.append(_transaction_control_problem(file, statement, vendor))
        elif group is not None:
            group.append(statement)
            if commits_ddl and not transactional_dml(statement.text, vendor):
                problems.append(_implicit_commit_problem(file, statement, vendor))
        else:
            units.append(Unit((statement,), number, number))
    if group is not None:
        problems.append(_transaction_control_problem(file, statements[opened - 1], vendor))
    return tuple(units), problems


def _changes_encoding(statement: Statement, vendor: str) -> bool:
    """Return True if the server would read the next statements in another encoding than UTF-8."""
    pattern = _VENDOR_RULES[vendor].encoding
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
    if not _VENDOR_RULES[vendor].end_closes_comment or start <= file.text.rfind("*/"):
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


def _foreign_format_problems(file: MigrationFile, vendor: str) -> list[Problem]:
    """Return a problem if another tool divides the file. No directive silences it."""
    markers = [
        marker for marker in foreign_markers(file, vendor) if marker.effect is Effect.DIVIDES
    ]
    if not markers:
        return []
    line = file.text.count("\n", 0, markers[0].start) + 1
    return [
        Problem(
            foreign_formats.RULE,
            f"{markers[0].tool} divides this file: "
            f"{foreign_formats.quote_markers(markers, file.text)}. Here the whole file would run, "
            "the part that takes the migration back with it",
            "Keep the statements that must run, and delete those that take them back and the "
            f"lines of {markers[0].tool}. Nothing silences this.",
            path=file.path,
            line=line,
        )
    ]


def _empty_problem(file: MigrationFile) -> Problem:
    return Problem(
        "empty",
        "the file has no statement",
        "Write the SQL, or -- guard: allow = empty, if there is nothing to do.",
        path=file.path,
    )


def _transaction_control_problem(file: MigrationFile, statement: Statement, vendor: str) -> Problem:
    is_off = not file.directives.transaction
    return Problem(
        "transaction-control",
        f"transaction control in the middle of the file: {_excerpt(statement, vendor)}",
        "Close each BEGIN with a COMMIT; ROLLBACK, PREPARE TRANSACTION and autocommit are not "
        "for a migration."
        if is_off
        else "Remove it: the runner wraps the file in one transaction with its history row. If "
        "the file must commit in between, write -- guard: transaction = off.",
        path=file.path,
        line=statement.line,
    )


def _implicit_commit_problem(file: MigrationFile, statement: Statement, vendor: str) -> Problem:
    return Problem(
        "transaction-control",
        f"a statement that commits by itself inside BEGIN … COMMIT: {_excerpt(statement, vendor)}",
        "MySQL and MariaDB commit at every DDL statement: move it out of the group.",
        path=file.path,
        line=statement.line,
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
        f"{what}: {_excerpt(statement, vendor)}",
        f"Remove it: {why}.",
        path=file.path,
        line=statement.line,
    )


def _own_table_problems(
    file: MigrationFile, statements: Sequence[Statement], vendor: str
) -> list[Problem]:
    """Return a problem for the first statement that no environment lets a migration have."""
    for statement in statements:
        for table in OWN_TABLES:
            if not mentions(statement.text, table, vendor):
                continue
            if table != HISTORY_TABLE or _changes_definition(statement, vendor):
                return [_own_table_problem(file, statement, table)]
    return []


def _changes_definition(statement: Statement, vendor: str) -> bool:
    """Return whether a statement empties or redefines the tables that it names, by its words."""
    first, *_rest = [*words(statement.text, vendor, 1), ""]
    if first == "CREATE":
        return bool({"TRIGGER", "RULE", "INDEX"} & set(words(statement.text, vendor, 6)))
    return first in _DEFINING


def _own_table_problem(file: MigrationFile, statement: Statement, table: str) -> Problem:
    what = "a table of the app that no migration may change"
    if table == HISTORY_TABLE:
        what = "whose definition no migration may change, nor empty it as a whole"
    return Problem(
        "touches-history",
        f"the statement names {table}, {what}",
        "Remove the statement: manage.py repairsqlmigrations changes history and stamp by hand, "
        "audited. If it only reads the table: -- guard: allow = touches-history, <reason>.",
        path=file.path,
        line=statement.line,
    )


def _touches_history_problem(file: MigrationFile, naming: Statement) -> Problem:
    return Problem(
        "touches-history",
        f"the file names {HISTORY_TABLE}, and it may run in production",
        "Only a migration whose environments exclude production may change the history: "
        "add -- guard: environments = dev, test. If it only reads the table: "
        "-- guard: allow = touches-history, <reason>.",
        path=file.path,
        line=naming.line,
    )


def _dev_only_problem(file: MigrationFile, words: re.Match[str]) -> Problem:
    return Problem(
        DEV_ONLY_SLUG,
        f'the text says "{words[0]}" below the leading comment block, where it has no effect: '
        "the file runs in production too",
        "Move the line above the first statement, or write there: "
        "-- guard: environments = dev, test",
        path=file.path,
        line=file.text.count("\n", 0, words.start()) + 1,
        column=words.start() - file.text.rfind("\n", 0, words.start()),
    )


def _excerpt(statement: Statement, vendor: str) -> str:
    """Return the beginning of a statement, without its passwords."""
    return shorten(show_statement(statement.text, vendor))


def shorten(sql: str, limit: int = 60) -> str:
    """Return ``sql`` on one line, at most ``limit`` characters."""
    line = " ".join(sql.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
