"""What a statement does to the tables of the walk. What cannot be read does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from migration_guard.linter.danger.clauses import (
    check_words,
    columns_proven,
    elements,
    read_update,
    select_source,
)
from migration_guard.linter.danger.tables import Check, Column
from migration_guard.sql.cursor import Cursor, Name, identifier, keyword
from migration_guard.sql.scanner import Kind, Token

if TYPE_CHECKING:
    from migration_guard.linter.danger.parts import Part
    from migration_guard.linter.danger.tables import Table, Tables
    from migration_guard.sql.ddl import DDL
    from migration_guard.sql.dialects import Dialect

# What begins a constraint of a table, and no column.
_CONSTRAINTS: Final = frozenset(
    "CONSTRAINT CHECK PRIMARY UNIQUE FOREIGN EXCLUDE LIKE KEY INDEX FULLTEXT SPATIAL PERIOD".split()  # noqa: SIM905
)
_UNPROVEN: Final = (("NOT", "VALID"), ("NOT", "ENFORCED"))


class Effects:
    """Applies statements to the tables, in their order."""

    def __init__(self, tables: Tables, lexis: Dialect) -> None:
        self.tables = tables
        self.lexis = lexis

    def apply(self, part: Part, ddl: DDL | None, file_id: str) -> None:
        """Apply a statement."""
        first = keyword(part.tokens[0])
        if ddl is not None:
            self._apply_ddl(part, ddl, file_id)
        elif first == "INSERT":
            self._insert(part.tokens)
        elif first == "UPDATE":
            self._update(part.tokens)
        elif first in {"SELECT", "WITH"}:
            self._select_into(part.tokens)
        elif first == "SET":
            self._set_schema(part.tokens)

    def _apply_ddl(self, part: Part, ddl: DDL, file_id: str) -> None:
        tables = self.tables
        if ddl.verb == "CREATE" and (ddl.kind == "TABLE" or "MATERIALIZED" in ddl.options):
            self._create_table(part, ddl)
        elif ddl.verb == "CREATE" and ddl.kind == "SCHEMA" and ddl.names:
            sure = not ddl.is_conditional
            tables.schemas.setdefault(ddl.name, tables.release if sure else "")
            tables.made_schemas.add(ddl.name)
        elif ddl.verb == "DROP" and ddl.kind in {"TABLE", "VIEW"}:
            for name in ddl.names:
                tables.drop(name, file_id, part.offset)
        elif ddl.verb == "DROP" and ddl.kind == "SCHEMA":
            for name in ddl.names:
                tables.drop_schema(name.name)
        elif ddl.verb == "RENAME" and ddl.kind in {"TABLE", "TABLES"}:
            for old, new in zip(ddl.names, ddl.new_names, strict=False):
                tables.rename(old, new)
        elif ddl.verb == "ALTER" and ddl.kind in {"TABLE", "VIEW"} and ddl.names:
            self._alter_table(part, ddl.names[0])

    def _create_table(self, part: Part, ddl: DDL) -> None:
        if not ddl.names:
            return
        temporary = "TEMPORARY" in ddl.options
        sure = temporary or not ddl.is_conditional
        table = self.tables.make(ddl.names[0], temporary=temporary, sure=sure)
        table.is_view = ddl.kind == "VIEW"
        cursor = Cursor(part.tokens, self.lexis)
        while not cursor.is_at_end and not (cursor.peek() in {"TABLE", "VIEW"} and cursor.position):
            cursor.take()
        cursor.take()
        _ = cursor.accept("IF", "NOT", "EXISTS")
        cursor.take_name()
        if cursor.peek() == "(":
            group = elements(cursor.take_group())
            table.has_all_columns = all(keyword(element[0]) != "LIKE" for element in group)
            for element in group:
                self._add_element(table, element, was_added=False)
        rest = [keyword(token) for token in cursor.rest]
        if rest[:2] == ["PARTITION", "BY"]:
            table.partition_key = tuple(rest[3:])
        source = select_source(cursor.rest, self.lexis) if "SELECT" in rest else None
        if source is not None:
            self._copy(source, table)

    def _add_element(self, table: Table, element: Sequence[Token], *, was_added: bool) -> None:
        """Add a column or a constraint, by what stands behind ADD or between two commas."""
        cursor = Cursor(element, self.lexis)
        if cursor.peek() in _CONSTRAINTS and element[0].kind is Kind.WORD:
            self._add_constraint(table, element)
            return
        name = cursor.take_name()
        if name is None:
            return
        words = tuple(keyword(token) for token in cursor.rest)
        types = tuple(
            identifier(token, self.lexis)
            for token in cursor.rest[:4]
            if token.kind in {Kind.WORD, Kind.QUOTED}
        )
        is_generated = "AS" in words and "IDENTITY" not in words and "DEFAULT" not in words
        release = self.tables.release
        column = Column(release, types, was_added=was_added, is_generated=is_generated)
        column.is_not_null = "PRIMARY" in words or _has_pair(words, ("NOT", "NULL"))
        self.tables.add_column(table, name.name, column)
        if "CHECK" in words:
            self._add_constraint(table, cursor.rest[words.index("CHECK") :])

    def _add_constraint(self, table: Table, tokens: Sequence[Token]) -> None:
        cursor = Cursor(tokens, self.lexis)
        name = cursor.take_name() if cursor.accept("CONSTRAINT") else None
        key = name.name if name is not None else f" {len(table.checks)}"
        words = [keyword(token) for token in tokens]
        is_valid = not any(_has_pair(words, pair) for pair in _UNPROVEN)
        if cursor.accept("NOT", "NULL"):
            column = cursor.take_name()
            proven = frozenset({column.name} if column else ())
            table.checks[key] = Check((), proven, is_valid)
        elif cursor.accept("CHECK"):
            condition = cursor.take_group()
            is_inherited = [keyword(token) for token in cursor.rest[:2]] != ["NO", "INHERIT"]
            proven = columns_proven(condition, self.lexis) if is_inherited else frozenset()
            table.checks[key] = Check(check_words(condition, self.lexis), proven, is_valid)

    def _alter_table(self, part: Part, name: Name) -> None:
        table = self.tables.assume(name)
        for clause in part.clauses:
            cursor = Cursor(clause, self.lexis)
            verb = cursor.take()
            if verb == "ADD":
                self._alter_add(table, cursor)
            elif verb == "DROP":
                self._alter_drop(table, cursor)
            elif verb == "RENAME":
                self._alter_rename(table, cursor)
            elif verb == "VALIDATE" and cursor.accept("CONSTRAINT"):
                constraint = cursor.take_name()
                check = table.checks.get(constraint.name) if constraint else None
                if constraint is not None and check is not None:
                    table.checks[constraint.name] = check._replace(is_valid=True)
            elif verb == "ALTER":
                self._alter_column(table, cursor)
            elif verb == "SET" and cursor.accept("SCHEMA"):
                schema = cursor.take_name()
                if schema is not None:
                    self.tables.rename(table.name, Name(table.name.name, schema.name))

    def _alter_add(self, table: Table, cursor: Cursor) -> None:
        _ = cursor.accept("COLUMN")
        if cursor.peek() == "PARTITION":
            return
        _ = cursor.accept("IF", "NOT", "EXISTS")
        if cursor.peek() == "(":  # MariaDB: several columns
            for element in elements(cursor.take_group()):
                self._add_element(table, element, was_added=True)
        elif not cursor.is_at_end:
            self._add_element(table, cursor.rest, was_added=True)

    def _alter_drop(self, table: Table, cursor: Cursor) -> None:
        if cursor.accept("CONSTRAINT"):
            _ = cursor.accept("IF", "EXISTS")
            name = cursor.take_name()
            if name is not None and table.checks.pop(name.name, None) is None:
                # It may be one that the server gave a name to.
                for key in [key for key in table.checks if key.startswith(" ")]:
                    del table.checks[key]
            return
        _ = cursor.accept("COLUMN")
        _ = cursor.accept("IF", "EXISTS")
        column = cursor.take_name()
        if column is not None:
            folded = self.tables.fold(column.name)
            table.columns.pop(folded, None)
            for key in [key for key, check in table.checks.items() if folded in check.words]:
                del table.checks[key]

    def _alter_column(self, table: Table, cursor: Cursor) -> None:
        _ = cursor.accept("COLUMN")
        name = cursor.take_name()
        words = [keyword(token) for token in cursor.rest]
        if name is not None and words in (["SET", "NOT", "NULL"], ["DROP", "NOT", "NULL"]):
            # A column of which nothing else is known comes from before the migrations.
            column = table.columns.setdefault(self.tables.fold(name.name), Column(""))
            column.is_not_null = words[0] == "SET"

    def _alter_rename(self, table: Table, cursor: Cursor) -> None:
        if cursor.accept_any({"TO", "AS"}):
            new = cursor.take_name()
            if new is not None:
                self.tables.rename(table.name, new)
            return
        of_constraint = cursor.accept("CONSTRAINT")
        if not of_constraint:
            _ = cursor.accept("COLUMN")
        old = cursor.take_name()
        new = cursor.take_name() if cursor.accept("TO") else None
        if old is None or new is None:
            if old is not None and cursor.is_at_end:  # MariaDB: RENAME new_name
                self.tables.rename(table.name, old)
        elif of_constraint:
            if old.name in table.checks:
                table.checks[new.name] = table.checks.pop(old.name)
        else:
            self._rename_column(table, self.tables.fold(old.name), self.tables.fold(new.name))

    def _rename_column(self, table: Table, old: str, new: str) -> None:
        column = table.columns.pop(old, None)
        if column is not None:
            table.columns[new] = column
        for key, check in table.checks.items():
            words = tuple(new if word == old else word for word in check.words)
            not_null = frozenset(new if name == old else name for name in check.not_null)
            table.checks[key] = Check(words, not_null, check.is_valid)

    def _insert(self, tokens: Sequence[Token]) -> None:
        cursor = Cursor(tokens, self.lexis)
        cursor.take()
        if not cursor.accept("INTO"):
            return  # INSERT OR IGNORE and the like leave rows out
        name = cursor.take_name()
        if cursor.accept("AS"):
            cursor.take_name()
        cursor.take_group()
        if cursor.accept("OVERRIDING"):
            cursor.take()
            cursor.take()
        table = self.tables.find(name) if name is not None else None
        source = select_source(cursor.rest, self.lexis) if cursor.peek() == "SELECT" else None
        if table is not None and source is not None:
            self._copy(source, table)

    def _copy(self, source: Name, target: Table) -> None:
        """Keep that all rows of ``source`` are in ``target``."""
        table = self.tables.assume(source)
        if table is not target:
            table.copy = target

    def _update(self, tokens: Sequence[Token]) -> None:
        update = read_update(tokens, self.lexis)
        table = self.tables.find(update.table) if update.table is not None else None
        if table is None:
            return
        for name, source in update.assignments:
            column = table.columns.get(self.tables.fold(name))
            if column is not None:
                column.was_filled = True
            if source and (update.is_whole or update.only_not_null):
                table.moved[self.tables.fold(source)] = self.tables.fold(name)

    def _select_into(self, tokens: Sequence[Token]) -> None:
        words = [keyword(token) for token in tokens[:200]]
        if "INTO" not in words or (words[0] == "WITH" and "INSERT" in words):
            return
        cursor = Cursor(tokens[words.index("INTO") + 1 :], self.lexis)
        temporary = bool(cursor.accept_any({"TEMP", "TEMPORARY"}))
        _ = cursor.accept_any({"UNLOGGED"})
        _ = cursor.accept("TABLE")
        name = cursor.take_name()
        if name is not None and tokens[words.index("INTO") - 1].text != "(":
            table = self.tables.make(name, temporary=temporary)
            source = select_source([tokens[0], *cursor.rest], self.lexis)
            if source is not None:
                self._copy(source, table)

    def _set_schema(self, tokens: Sequence[Token]) -> None:
        cursor = Cursor(tokens, self.lexis)
        cursor.take()
        _ = cursor.accept_any({"LOCAL", "SESSION"})
        if cursor.accept("SEARCH_PATH") and cursor.accept_any({"TO", "="}):
            name = cursor.take_name()
            if name is not None:
                self.tables.current_schema = name.name.strip("'")


def _has_pair(words: Sequence[str], pair: tuple[str, str]) -> bool:
    return pair in pairwise(words)
