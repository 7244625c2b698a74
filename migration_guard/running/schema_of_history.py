"""Which schema a history is for: a history that is not found is not taken for a new one.

On PostgreSQL the search path decides where a bare name is found, and where a table is made. If it
changes, a run could begin a second history, or hold that for applied which this schema never had.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from migration_guard import conf
from migration_guard.exceptions import CannotTell
from migration_guard.models import AppliedMigration
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts
from migration_guard.schema.search_path import path_entries
from migration_guard.sql.ddl import read_ddl
from migration_guard.sql.dialects import dialect
from migration_guard.sql.statements import SQLError, split

_SETTING: Final = f'{conf.SETTING}["SEPARATE_SCHEMAS"] = True'
_PATH: Final = "OPTIONS in DATABASES, or ALTER ROLE … or ALTER DATABASE … SET search_path"
_NAMES_SCHEMA: Final = re.compile(r"\bschema\b", re.IGNORECASE)


def check(
    connection: Connection,
    facts: Facts,
    recorded: RecordedHistory,
    files: Sequence[MigrationFile],
) -> None:
    """Raise CannotTell where this session's schema is not the one of the history."""
    refuse_no_schema(facts)
    refuse_missing_tenant(facts)
    is_empty = not (recorded.rows or recorded.journal)
    if is_empty:
        refuse_second(connection, facts, files)
    refuse_another(
        connection,
        facts,
        recorded.stamp,
        recorded.schema if is_empty else _schema_of_tables(connection, facts, recorded, files),
    )


def is_to_record(facts: Facts, recorded: RecordedHistory) -> bool:
    """Return whether the stamp is one of version 0.1, which says nothing of the schema."""
    return facts.search_path is not None and recorded.stamp is not None and not recorded.schema


def refuse_no_schema(facts: Facts) -> None:
    """Raise CannotTell where no schema of the search path exists, or the user may use none."""
    if facts.search_path is not None and not facts.new_tables:
        raise CannotTell(
            "No schema of the search_path exists, so there is no place for the history table "
            f"(search_path = {facts.search_path or 'empty'}).",
            "Create the schema, or correct search_path in OPTIONS or of the database user, who "
            "needs the right to use the schema.",
        )


def refuse_missing_tenant(facts: Facts) -> None:
    """Raise CannotTell where the schema that comes first is not there, and each is separate.

    PostgreSQL passes over it, and the run would work for the next schema of the search path.
    """
    if facts.search_path is None or not conf.uses_separate_schemas():
        return
    named = [entry for entry in path_entries(facts.search_path) if entry != "$user"]
    if facts.new_tables in named[1:] and facts.new_tables != named[0]:
        raise CannotTell(
            f'The schema "{named[0]}", the first of the search_path ({facts.search_path}), does '
            f'not exist, or the user "{facts.user}" may not use it; the run would work in '
            f'"{facts.new_tables}". No migration was run.',
            "Create the schema, or GRANT USAGE on it; or correct the search_path.",
        )


def refuse_another(
    connection: Connection, facts: Facts, stamp: str | None, schema: str | None
) -> None:
    """Raise CannotTell where migrations made their tables in another schema than they would now.

    ``schema`` is that schema, None where nothing says which it is.
    """
    if schema in (None, facts.new_tables) or facts.search_path is None or _is_separate(facts):
        return
    raise CannotTell(
        f'The history in the schema "{facts.schema}" is that of migrations that make their tables '
        f'in the schema "{schema}", and this session would make them in "{facts.new_tables}" '
        f"(search_path = {facts.search_path}). No further migration was run.",
        f'If the search_path is wrong, let "{schema}" come first ({_PATH}). If each schema has '
        f"tables and a history of its own: {_SETTING}. If migrations are to make their tables in "
        f'"{facts.new_tables}" from now on: manage.py repairsqlmigrations'
        f"{conf.database_option(connection.wrapper.alias)} --stamp {stamp or 'NAME'} "
        "--reason TEXT.",
    )


def follow_move(connection: Connection, facts: Facts, stamp: str, file: MigrationFile) -> Facts:
    """Return the facts after ``file``, which may have moved the place of new tables.

    A schema that a migration makes may come first in the search path from then on, and does so in
    every database that runs these files. Raises CannotTell where each schema is separate.
    """
    if facts.search_path is None or not _NAMES_SCHEMA.search(file.text):
        return facts
    with connection.failing():
        moved = facts._replace(new_tables=connection.current_schema() or "")
    refuse_no_schema(moved)
    if conf.uses_separate_schemas():
        refuse_another(connection, moved, stamp, facts.new_tables)
    return moved


def refuse_second(connection: Connection, facts: Facts, files: Sequence[MigrationFile]) -> None:
    """Raise CannotTell where another schema has, or may have, the history of these files.

    To be called while the history is empty.
    """
    if not files or facts.search_path is None or conf.uses_separate_schemas():
        return
    columns = [str(field.column) for field in AppliedMigration._meta.concrete_fields]
    checksums = {file.id: file.checksum for file in files}
    other = connection.find_other_history(facts.schema, columns, checksums)
    if other is None:
        return
    where = f'The schema "{facts.schema}" has no history (search_path = {facts.search_path})'
    first = f'let "{other.schema}" come first in the search_path ({_PATH})'
    if other.migration_id is None:
        table = f"{_quote(connection, other.schema)}.{AppliedMigration._meta.db_table}"
        raise CannotTell(
            f'{where}, and the schema "{other.schema}" has one that the user "{other.user}" may '
            f"not read: it may be that of this project. No migration was run.",
            f"Let the runner see whether it is: GRANT USAGE ON SCHEMA "
            f"{_quote(connection, other.schema)} TO {_quote(connection, other.user)}; GRANT SELECT "
            f"ON {table} TO {_quote(connection, other.user)} (and no row-level security). If it "
            f"is, {first}. Or each schema has tables and a history of its own: {_SETTING}.",
        )
    behind = (
        f' If migrations are to make their tables in "{facts.new_tables}" from now on, and the '
        f'history stays where it is: put "{other.schema}" behind "{facts.new_tables}" in the '
        "search_path, run it again, and type the repairsqlmigrations --stamp that it names."
    )
    # Empty tables of ours would be found before that history.
    is_hidden = bool(connection.shapes(facts.schema, [AppliedMigration._meta.db_table]))
    raise CannotTell(
        f'{where}, but in the schema "{other.schema}" {other.migration_id} is applied, with the '
        f"very text of the file here. No migration was run.",
        f"If the search_path is wrong, {first}. If each schema has tables and a history of its "
        f"own: {_SETTING}." + ("" if is_hidden else behind),
    )


def _schema_of_tables(
    connection: Connection,
    facts: Facts,
    recorded: RecordedHistory,
    files: Sequence[MigrationFile],
) -> str | None:
    """Return the schema that the stamp records; without one, that of the history if it shows.

    It shows where a table of an applied migration is there, and none is where this session would
    make it. A history that lies where this session makes tables needs no such proof.
    """
    schema = recorded.schema
    if schema or facts.search_path is None or facts.schema == facts.new_tables:
        return schema
    applied = [
        file for file in files if not recorded.rows.keys().isdisjoint((file.id, *file.former_ids))
    ]
    tables = sorted({table for file in applied for table in _tables_made(file, connection.vendor)})
    schemas = connection.schemas_with(tables) if tables else set()
    is_elsewhere = facts.schema in schemas and facts.new_tables not in schemas
    return facts.schema if is_elsewhere else None


def _tables_made(file: MigrationFile, vendor: str) -> set[str]:
    """Return the tables that a file makes under a bare name."""
    tables = set()
    with suppress(SQLError):
        for statement in split(file.text, vendor):
            change = read_ddl(statement.text, vendor)
            if change and (change.verb, change.kind) == ("CREATE", "TABLE"):
                is_temporary = "TEMPORARY" in change.options
                tables |= {n.name for n in change.names if not n.schema and not is_temporary}
    return tables


def _is_separate(facts: Facts) -> bool:
    """Return whether the history is that of the schema in which it lies."""
    return conf.uses_separate_schemas() and facts.schema == facts.new_tables


def _quote(connection: Connection, name: str) -> str:
    return dialect(connection.vendor).quote(name)
