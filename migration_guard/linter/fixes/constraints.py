"""Add constraints as NOT VALID, and validate them in the next migration."""

import re
from collections.abc import Iterator, Sequence

from migration_guard.linter.fixes.indexes import Statement
from migration_guard.linter.fixes.new_files import NewFiles
from migration_guard.planning.files import MigrationFile
from migration_guard.results import Edit
from migration_guard.sql.cursor import Cursor, keyword, source_of
from migration_guard.sql.scanner import Token


def validate_later(
    file: MigrationFile, statements: Sequence[Statement], line: int, new_files: NewFiles
) -> Iterator[Edit]:
    """Yield the edits of the file and of the new one, for a constraint that has a name."""
    if file.directives.environments is not None or file.directives.requires:
        return
    for statement in statements:
        if not statement.first_line <= line <= statement.last_line:
            continue
        ddl = statement.step.ddl
        if ddl is None or (ddl.verb, ddl.kind) != ("ALTER", "TABLE") or not ddl.names:
            return
        for clause in statement.step.part.clauses:
            name = _unproven_name(clause, statement)
            if name is None:
                continue
            end = statement.start + clause[-1].start + len(clause[-1].text)
            table = _table_text(statement)
            new_path = new_files.path(file.path, f"validate_{_plain(name)}")
            yield Edit(file.path, end, end, " NOT VALID")
            yield Edit(
                new_path, 0, 0, f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};\n"
            )  # fmt: skip


def _unproven_name(clause: Sequence[Token], statement: Statement) -> str | None:
    """Return the name, as it is written, of a constraint that can be added as NOT VALID."""
    words = [keyword(token) for token in clause]
    if words[:2] != ["ADD", "CONSTRAINT"] or len(words) < 5:  # noqa: PLR2004
        return None
    is_key = words[3:5] == ["FOREIGN", "KEY"]
    if not (words[3] == "CHECK" or is_key) or words[-1] in {"VALID", "ENFORCED"}:
        return None
    # A foreign key of a partitioned table must be valid at once.
    return clause[2].text if words[3] == "CHECK" or statement.is_plain else None


def _table_text(statement: Statement) -> str:
    """Return the table's name as the statement writes it."""
    step = statement.step
    cursor = Cursor(step.part.tokens, step.lexis)
    cursor.take()
    cursor.take()
    _ = cursor.accept("IF", "EXISTS")
    _ = cursor.accept("ONLY")
    start = cursor.position
    cursor.take_name()
    return source_of(step.statement.text, step.part.tokens[start : cursor.position])


def _plain(name: str) -> str:
    """Return a name with the characters that file names may have."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name.strip('"'))
