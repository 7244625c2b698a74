"""Folders of plain SQL migrations for PostgreSQL, as other projects keep them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migration_guard.linter.grammar import ParsedStatement, parse
from migration_guard.planning.directives import Directives
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.sql.statements import SQLError, Statement, split

_DOWN: Final = re.compile(r"(?:^|[._])(?:down|downgrade|mysql|sqlite3?|cockroach)(?:[._]|$)")
_UP_MARK: Final = re.compile(
    r"^-- *(?:\+goose|\+migrate|migrate:) ?up.*$", re.MULTILINE | re.IGNORECASE
)
_DOWN_MARK: Final = re.compile(
    r"^-- *(?:\+goose|\+migrate|migrate:) ?down.*$", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True)
class Migration:
    """One file. ``statements`` are those to run, without transaction control."""

    id: str
    text: str
    statements: tuple[Statement, ...]
    trees: tuple[ParsedStatement, ...]

    def file(self, number: int, *, transaction: bool) -> MigrationFile:
        """Return the file as migration ``number``."""
        name = FileName(self.id, number, None, f"{self.id}.sql")
        return MigrationFile(name, self.text, "", Directives(transaction=transaction))


def read(folder: Path) -> list[Migration]:
    """Return the migrations in a folder, in the order of the numbers in their paths.

    Scripts that go down are left out, and so is what cannot be split.
    """
    paths = sorted(folder.rglob("*.sql"), key=lambda path: _key(path.relative_to(folder)))
    migrations = []
    for path in paths:
        if not path.is_file() or _DOWN.search(path.name):
            continue
        text = _up(path.read_text(encoding="utf-8-sig").replace("\r\n", "\n"))
        try:
            statements = split(text, "postgresql")
        except SQLError:
            continue
        name = re.sub(r"\W+", "_", str(path.relative_to(folder).with_suffix("")))
        migrations.append(_migration(name, text, statements))
    return migrations


def by_statement(migrations: Sequence[Migration]) -> Iterator[Migration]:
    """Yield each statement as a migration of its own."""
    for migration in migrations:
        for number, statement in enumerate(migration.statements):
            single = Statement(statement.text, 0, len(statement.text), 1, statement.data)
            if statement.data is None:
                yield _migration(f"{migration.id}_{number}", statement.text, [single])


def _migration(name: str, text: str, statements: Sequence[Statement]) -> Migration:
    trees = [(s, tuple(parse(s))) for s in statements if not s.meta]
    kept = [(s, t) for s, t in trees if not any(p.kind == "transaction_stmt" for p in t)]
    return Migration(name, text, tuple(s for s, _ in kept), tuple(p for _, t in kept for p in t))


def _up(text: str) -> str:
    """Return the part of a file of goose, sql-migrate or dbmate that goes up."""
    if _UP_MARK.search(text) and (down := _DOWN_MARK.search(text)):
        return text[: down.start()]
    return text


def _key(path: Path) -> list[tuple[int, str]]:
    return [
        (int(part) if part.isdigit() else -1, part)
        for part in re.split(r"(\d+)", str(path))
        if part
    ]
