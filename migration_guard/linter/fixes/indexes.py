"""Build indexes CONCURRENTLY, in a file without a transaction."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from migration_guard.linter.danger.walk import Step
from migration_guard.linter.fixes.new_files import NewFiles
from migration_guard.planning.files import MigrationFile
from migration_guard.results import Edit
from migration_guard.sql.classify import is_session
from migration_guard.sql.indexes import concurrent_index

_OFF: Final = "-- guard: transaction = off\n"


class Statement(NamedTuple):
    """A statement as the fixes see it.

    ``index_word`` is the place behind INDEX in a CREATE INDEX that can be concurrent; None for
    another statement. ``stands_beside`` is True for what may stand beside such a command.
    """

    step: Step
    start: int
    first_line: int
    last_line: int
    index_word: int | None
    stands_beside: bool
    is_plain: bool


def look_at(step: Step) -> Statement:
    """Return what the fixes need of a statement, with the tables as they are before it."""
    text, start = step.statement.text, step.statement.start
    is_concurrent = concurrent_index(text) is not None
    word = None if is_concurrent else _behind_index(step)
    return Statement(
        step,
        start,
        step.statement.line,
        step.statement.line + text.count("\n"),
        word,
        is_concurrent or word is not None or is_session(text, step.lexis.vendor),
        is_plain_table(step),
    )


def is_plain_table(step: Step) -> bool:
    """Return True if the table of a statement is known, and not partitioned."""
    ddl = step.ddl
    name = None if ddl is None else ddl.table or (ddl.names[0] if ddl.names else None)
    table = step.tables.find(name) if name is not None else None
    return table is not None and not table.partition_key and not table.is_view


def build_concurrently(
    file: MigrationFile, statements: Sequence[Statement], line: int, new_files: NewFiles
) -> Iterator[Edit]:
    """Yield the edits that make the file concurrent, or move its last statements into one."""
    if not file.directives.transaction or "transaction" in _header(file):
        if all(statement.stands_beside for statement in statements):
            yield from _insert_words(file, statements)
        return
    last = list(takewhile(lambda statement: statement.stands_beside, reversed(statements)))[::-1]
    if not last or not any(s.first_line <= line <= s.last_line for s in last):
        return
    if len(last) == len(statements):
        yield Edit(file.path, 0, 0, _OFF)
        yield from _insert_words(file, last)
    elif file.directives.environments is None and not file.directives.requires:
        cut = last[0].start
        new_text = _OFF + "\n" + _with_words(file.text, last)
        yield Edit(file.path, cut, len(file.text), "")
        name = f"{file.id.partition('_')[2]}_indexes"
        yield Edit(new_files.path(file.path, name), 0, 0, new_text)


def _insert_words(file: MigrationFile, statements: Sequence[Statement]) -> Iterator[Edit]:
    for statement in statements:
        if statement.index_word is not None:
            yield Edit(file.path, statement.index_word, statement.index_word, " CONCURRENTLY")


def _with_words(text: str, statements: Sequence[Statement]) -> str:
    """Return the text from the first statement on, with its indexes concurrent."""
    for statement in reversed(statements):
        at = statement.index_word
        if at is not None:
            text = f"{text[:at]} CONCURRENTLY{text[at:]}"
    return text[statements[0].start :].rstrip("\n") + "\n"


def _behind_index(step: Step) -> int | None:
    """Return the place behind the word INDEX of a CREATE INDEX that can be concurrent."""
    ddl, words = step.ddl, step.part.words
    if ddl is None or (ddl.verb, ddl.kind) != ("CREATE", "INDEX") or "ONLY" in words:
        return None
    if not is_plain_table(step):
        return None
    token = step.part.tokens[words.index("INDEX")]
    return step.statement.start + token.start + len(token.text)


def _header(file: MigrationFile) -> str:
    """Return the leading comment lines."""
    return "\n".join(takewhile(lambda text: text.startswith("--"), file.text.split("\n")))
