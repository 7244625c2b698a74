"""What a statement does to rows that people have put there: which table, and how they are lost.

Pure, by tokens, for all vendors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.linter.danger.clauses import elements, read_update, take_target
from migration_guard.linter.danger.conditions import restricts, without_casts
from migration_guard.sql.cursor import Cursor, Name, depths, identifier, keyword
from migration_guard.sql.scanner import Kind, Token

if TYPE_CHECKING:
    from migration_guard.linter.danger.walk import Step

# Without one of these words nothing is lost.
WORDS: Final = frozenset(
    ["DELETE", "UPDATE", "TRUNCATE", "DROP", "MERGE", "USING", "REPLACE", "DISCARD"]
)
EVERY_ROW_DELETED: Final = "every row is deleted"
EVERY_ROW_CHANGED: Final = "every row is changed"
_STARTS: Final = frozenset({"(", ")", "AS", "ANALYZE"})
_NAMES: Final = frozenset({Kind.WORD, Kind.QUOTED})


class Loss(NamedTuple):
    """A loss, and the table and columns that it is about; no table: it is not known which."""

    fault: str
    table: Name | None = None
    columns: tuple[str, ...] = ()


def read_losses(step: Step) -> Iterator[Loss]:
    """Yield what a statement destroys, whatever its tables hold."""
    first = keyword(step.part.tokens[0])
    if first == "TRUNCATE":
        yield from _truncations(step)
    elif first == "DROP":
        yield from _drops(step)
    elif first == "ALTER":
        yield from _alterations(step)
    elif first == "CREATE":
        yield from _replacements(step)
    elif first == "MERGE":
        yield from _merges(step.part.tokens, step)
    elif first in {"DELETE", "UPDATE", "WITH", "COPY", "EXPLAIN", "PREPARE", "INSERT", "SELECT"}:
        yield from _writes(step)


def is_harmless(step: Step, loss: Loss) -> bool:
    """Return True if the loss hits only what this set of new migrations has made."""
    tables, table = step.tables, loss.table
    if table is None:
        return False
    if table.schema == "pg_temp" or tables.is_fresh(table):
        return True
    if loss.columns:
        return all(_is_harmless_column(step, table, column, loss.fault) for column in loss.columns)
    full = tables.full(table)
    return (step.file.id, step.part.offset, full) in tables.replaced or (
        keyword(step.part.tokens[0]) in {"DROP", "CREATE"} and tables.is_gone(table)
    )


def _is_harmless_column(step: Step, table: Name, name: str, fault: str) -> bool:
    tables = step.tables
    if tables.is_new_column(table, name):
        return True
    column = tables.column(table, name)
    if fault == EVERY_ROW_CHANGED:
        # Where the releases are not known, the first that fills an added column may.
        is_first = column is not None and column.was_added and not column.was_filled
        return is_first and tables.has_unknown_releases
    known = tables.find(table)
    if known is None:
        return False
    is_absent = known.has_all_columns and column is None
    moved = known.moved.get(tables.fold(name), "")
    is_moved = bool(moved) and tables.is_new_column(table, moved)
    return is_absent or is_moved or (column is not None and column.is_generated)


def _truncations(step: Step) -> Iterator[Loss]:
    cursor = Cursor(step.part.tokens, step.lexis)
    cursor.take()
    _ = cursor.accept("TABLE")
    for piece in elements(cursor.rest):
        yield Loss("all rows of the table are lost", take_target(Cursor(piece, step.lexis)))


def _drops(step: Step) -> Iterator[Loss]:
    ddl, words = step.ddl, step.part.words
    if words[1:2] == ["OWNED"]:
        yield Loss("everything that these roles own is lost, also tables with their rows")
    elif ddl is None or ddl.options & {"FOREIGN", "TEMPORARY"}:
        return
    elif ddl.kind == "TABLE":
        for name in ddl.names:
            yield Loss("the table and its rows are lost", name)
    elif ddl.kind == "DATABASE" or (ddl.kind == "SCHEMA" and _holds_tables(step, words)):
        for name in ddl.names:
            if ddl.kind == "DATABASE" or not _is_harmless_schema(step, name.name):
                yield Loss(f"all tables of the {ddl.kind.lower()} and their rows are lost")


def _holds_tables(step: Step, words: Sequence[str]) -> bool:
    # MySQL's schema is a database; elsewhere a schema that is not empty needs CASCADE.
    return "CASCADE" in words or step.lexis.blocks


def _is_harmless_schema(step: Step, name: str) -> bool:
    tables = step.tables
    is_made_later = name not in tables.schemas and name in tables.made_schemas
    return not tables.has_old_tables(name) and (tables.is_new_schema(name) or is_made_later)


def _alterations(step: Step) -> Iterator[Loss]:
    ddl = step.ddl
    if ddl is None or ddl.kind != "TABLE" or not ddl.names or "FOREIGN" in ddl.options:
        return
    for clause in step.part.clauses:
        words = [keyword(token) for token in clause]
        if words[1:2] == ["PARTITION"] and words[0] in {"DROP", "TRUNCATE"}:
            yield Loss("the rows of the partition are lost", ddl.names[0])
            continue
        if words[:2] == ["DISCARD", "TABLESPACE"]:
            yield Loss("all rows of the table are lost", ddl.names[0])
            continue
        cursor = Cursor(clause, step.lexis)
        verb = cursor.take()
        if verb == "DROP" and cursor.peek() not in _NO_COLUMNS:
            _ = cursor.accept("COLUMN")
            _ = cursor.accept("IF", "EXISTS")
            column = cursor.take_name()
            if column is not None:
                fault = "the column and its values are lost"
                yield Loss(fault, ddl.names[0], (column.name,))
        elif verb == "ALTER" and "USING" in words and "TYPE" in words:
            _ = cursor.accept("COLUMN")
            column = cursor.take_name()
            value = clause[words.index("USING") + 1 :]
            if column is not None and not _reads(value, column.name, step):
                fault = "the column's values are replaced, since USING does not read them"
                yield Loss(fault, ddl.names[0], (column.name,))


_NO_COLUMNS: Final = frozenset(
    """CONSTRAINT PRIMARY FOREIGN INDEX KEY CHECK PARTITION PERIOD SYSTEM EXPRESSION DEFAULT NOT
    IDENTITY""".split()  # noqa: SIM905
)


def _reads(value: Sequence[Token], column: str, step: Step) -> bool:
    fold = step.tables.fold
    return any(
        token.kind in _NAMES and fold(identifier(token, step.lexis)) == fold(column)
        for token in without_casts(value)
    )


def _replacements(step: Step) -> Iterator[Loss]:
    ddl = step.ddl
    if ddl is not None and ddl.kind == "TABLE" and "REPLACE" in ddl.options and ddl.names:
        yield Loss("the existing table and its rows are lost", ddl.names[0])


def _merges(tokens: Sequence[Token], step: Step) -> Iterator[Loss]:
    cursor = Cursor(tokens, step.lexis)
    cursor.take()
    _ = cursor.accept("INTO")
    table = take_target(cursor)
    words = [keyword(token) for token in tokens]
    depth_of = list(depths(words))
    for at, word in enumerate(words):
        if depth_of[at] or word != "THEN" or words[at + 1 : at + 2] not in (["DELETE"], ["UPDATE"]):
            continue
        start = max(n for n in range(at) if words[n] == "WHEN" and not depth_of[n])
        condition = _behind(tokens[start:at], "AND")
        is_deletion = words[at + 1] == "DELETE"
        matched = _match_condition(tokens, words, depth_of)
        by_source = "SOURCE" in words[start:at]
        if restricts(condition) or (not is_deletion and (by_source or restricts(matched))):
            continue
        fault = "every row that it finds is deleted" if is_deletion else EVERY_ROW_CHANGED
        yield Loss(fault, table)


def _match_condition(
    tokens: Sequence[Token], words: Sequence[str], depth_of: Sequence[int]
) -> Sequence[Token]:
    """Return what stands between ON and the first WHEN of a MERGE."""
    outer = [at for at, depth in enumerate(depth_of) if depth == 0]
    start = next((at for at in outer if words[at] == "ON"), None)
    end = next((at for at in outer if words[at] == "WHEN"), len(words))
    return tokens[start + 1 : end] if start is not None else ()


def _writes(step: Step) -> Iterator[Loss]:
    tokens, words = step.part.tokens, step.part.words
    for at, word in enumerate(words):
        if word not in {"DELETE", "UPDATE", "MERGE"} or (at and words[at - 1] not in _STARTS):
            continue
        rest = _until_closed(tokens[at:])
        if word == "MERGE":
            yield from _merges(rest, step)
        elif word == "DELETE" and not _is_restricted(rest, step):
            yield Loss(EVERY_ROW_DELETED, _deleted_table(rest, step))
        elif word == "UPDATE" and not _is_restricted(rest, step):
            update = read_update(rest, step.lexis)
            columns = tuple(name for name, _ in update.assignments)
            yield Loss(EVERY_ROW_CHANGED, update.table, columns)


def _is_restricted(tokens: Sequence[Token], step: Step) -> bool:
    condition = _behind(tokens, "WHERE")
    if condition:
        return restricts(_until(condition, {"RETURNING", "ORDER", "LIMIT"}))
    # MySQL's UPDATE t JOIN u ON … writes only the rows that have a partner.
    words = [keyword(token) for token in tokens]
    is_inner = "JOIN" in words and "LEFT" not in words and "RIGHT" not in words
    return step.lexis.blocks and is_inner and restricts(_until(_behind(tokens, "ON"), {"SET"}))


def _deleted_table(tokens: Sequence[Token], step: Step) -> Name | None:
    cursor = Cursor(tokens, step.lexis)
    cursor.take()
    while cursor.accept_any({"LOW_PRIORITY", "QUICK", "IGNORE"}):
        pass
    if not cursor.accept("FROM"):
        return None  # MySQL: DELETE a, b FROM …
    return take_target(cursor)


def _behind(tokens: Sequence[Token], word: str) -> Sequence[Token]:
    """Return what stands behind the first such word outside brackets."""
    for at, depth in enumerate(depths(token.text for token in tokens)):
        if depth == 0 and keyword(tokens[at]) == word:
            return tokens[at + 1 :]
    return ()


def _until(tokens: Sequence[Token], words: set[str]) -> Sequence[Token]:
    for at, depth in enumerate(depths(token.text for token in tokens)):
        if depth == 0 and keyword(tokens[at]) in words:
            return tokens[:at]
    return tokens


def _until_closed(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return the tokens up to the bracket that closes what they stand in."""
    for at, depth in enumerate(depths(token.text for token in tokens)):
        if depth < 0:
            return tokens[:at]
    return tokens
