"""Walk through the statements of all migrations, with the tables as they are before each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, NamedTuple

from migration_guard.linter.danger.effects import Effects
from migration_guard.linter.danger.parts import Part, body_parts, inner_text, read_parts
from migration_guard.linter.danger.tables import Tables
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.scripts import excludes_production
from migration_guard.sql.cursor import Name, keyword
from migration_guard.sql.ddl import DDL, read_ddl
from migration_guard.sql.dialects import Dialect, dialect
from migration_guard.sql.excerpt import shorten
from migration_guard.sql.scanner import Kind
from migration_guard.sql.statements import Statement

# Where tables without a schema are; PostgreSQL's is the first of the search path.
_SCHEMAS: Final = {"postgresql": "{}", "sqlite": "main", "mysql": ""}
_CALLS: Final = frozenset({"SELECT", "CALL", "PERFORM"})


class Step(NamedTuple):
    """One statement that a migration runs.

    ``tables`` are those before it, and they change with the next step. ``is_new`` is True if the
    file is to be judged: it is not merged.
    """

    file: MigrationFile
    statement: Statement
    part: Part
    ddl: DDL | None
    tables: Tables
    lexis: Dialect
    is_new: bool

    @property
    def excerpt(self) -> str:
        """The statement in one short line."""
        if not self.part.is_nested:
            return shorten(self.statement.text)
        return shorten(" ".join(token.text for token in self.part.tokens))


class Walk:
    """The statements of all files that may run in production. ``new_files`` are not merged.

    ``releases`` maps the id of a file to that with which it is released.
    """

    def __init__(
        self,
        vendor: str,
        files: Sequence[tuple[MigrationFile, Sequence[Statement]]],
        new_files: Collection[str],
        releases: Callable[[MigrationFile], str],
        baseline: Sequence[Statement] = (),
        owned: Collection[str] = (),
        default_schema: str = "",
        *,
        has_base: bool = False,
    ) -> None:
        self._lexis = dialect(vendor)
        self._schema = _SCHEMAS[vendor].format(default_schema or "public")
        self._new_files, self._releases = new_files, releases
        self._owned, self._has_base = owned, has_base
        self._bodies: dict[str, list[Part]] = {}
        self._baseline = [read for statement in baseline for read in self._read(statement, vendor)]
        self._files = [
            (file, [one for statement in statements for one in self._read(statement, vendor)])
            for file, statements in files
            if not excludes_production(file)
        ]
        self._words = {
            word.strip("'").upper()
            for file, parts in self._files
            if file.id in new_files
            for _, part, _ in parts
            for word in part.words
        }

    @cached_property
    def _first(self) -> Tables:
        """The tables after a first pass, which know what any migration makes."""
        tables = self._tables()
        for _ in self._run(tables):
            pass
        return tables

    def steps(self, words: Collection[str] = ()) -> Iterator[Step]:
        """Yield each statement of a new file, with the tables before it.

        Nothing is yielded where no new file has one of ``words``: then nobody needs the tables.
        """
        if words and self._words.isdisjoint(words):
            return iter(())
        tables = self._tables()
        tables.made, tables.replaced = set(self._first.made), self._first.replaced
        tables.made_schemas = self._first.made_schemas
        return (step for step in self._run(tables) if step.is_new)

    def _tables(self) -> Tables:
        folds_case = not self._lexis.folds_names and not self._lexis.blocks
        tables = Tables(self._schema, folds_case=folds_case)
        tables.has_unknown_releases = not self._has_base
        for name in self._owned:
            tables.assume(Name(name))
        tables.begin_file("")
        effects = Effects(tables, self._lexis)
        for _statement, part, ddl in self._baseline:
            effects.apply(part, ddl, "")
        tables.made.clear()
        return tables

    def _run(self, tables: Tables) -> Iterator[Step]:
        effects = Effects(tables, self._lexis)
        for file, parts in self._files:
            tables.begin_file(self._releases(file))
            is_new = file.id in self._new_files
            for statement, part, ddl in parts:
                yield Step(file, statement, part, ddl, tables, self._lexis, is_new)
                effects.apply(part, ddl, file.id)
            tables.end_file()

    def _read(
        self, statement: Statement, vendor: str
    ) -> Iterator[tuple[Statement, Part, DDL | None]]:
        for part in self._parts(statement):
            yield statement, part, read_part(part, statement, vendor)

    def _parts(self, statement: Statement) -> Iterator[Part]:
        for part in read_parts(statement.text, statement.start, self._lexis):
            yield part
            yield from self._called(part)
            if keyword(part.tokens[0]) == "CREATE":
                self._keep_body(part)

    def _keep_body(self, part: Part) -> None:
        """Keep what a function does that a migration makes, for its calls in migrations."""
        if not {"FUNCTION", "PROCEDURE"} & set(part.words[:4]):
            return
        at = next((at for at, token in enumerate(part.tokens) if token.text == "("), 0)
        body = next((t for t in reversed(part.tokens) if t.kind is Kind.DOLLAR), None)
        if at and body is not None:
            name = part.tokens[at - 1].text.strip('"').lower()
            self._bodies[name] = list(body_parts(*inner_text(body), 0, self._lexis))

    def _called(self, part: Part) -> Iterator[Part]:
        if not self._bodies or keyword(part.tokens[0]) not in _CALLS:
            return
        for at, token in enumerate(part.tokens[1:-1], 1):
            if part.tokens[at + 1].text == "(":
                for inner in self._bodies.get(token.text.strip('"').lower(), ()):
                    yield replace(inner, offset=part.offset)


def read_part(part: Part, statement: Statement, vendor: str) -> DDL | None:
    """Return what a part does to the schema."""
    if keyword(part.tokens[0]) not in {"CREATE", "ALTER", "DROP", "RENAME"}:
        return None
    if not part.is_nested:
        return read_ddl(statement.text, vendor)
    return read_ddl(" ".join(token.text for token in part.tokens), vendor)
