"""The SQL that a history keeps, as migration files, and today's files beside it.

Pure.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from migration_guard.planning.digests import checksum
from migration_guard.planning.directives import parse
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.names import FileName
from migration_guard.running.recorded import Recorded


def stored_files(
    recorded: Recorded, today: Mapping[str, MigrationFile], environments: Collection[str]
) -> dict[str, MigrationFile]:
    """Return the applied migrations by the id of their row, with the SQL that ran.

    Where no SQL is stored, today's file stands in; without a file the migration is left out.
    """
    files = {}
    for row in recorded.history.rows.values():
        sql, file = recorded.sql.get(row.id), find_stand_in(row.id, recorded, today)
        if sql is not None:
            files[row.id] = _stored_file(row, sql, today.get(row.id), environments)
        elif file is not None:
            files[row.id] = file
    return files


def find_stand_in(
    migration_id: str, recorded: Recorded, today: Mapping[str, MigrationFile]
) -> MigrationFile | None:
    """Return today's file for a row without SQL; None where it does more than that row did."""
    file = today.get(migration_id)
    others = () if file is None else {file.id, *file.former_ids} - {migration_id}
    return None if any(recorded.sql.get(other) is not None for other in others) else file


def _stored_file(
    row: HistoryRow, sql: str, today: MigrationFile | None, environments: Collection[str]
) -> MigrationFile:
    digest = checksum(sql)
    if today is not None and (today.id, today.checksum) == (row.id, digest):
        return today
    # What another version took for a directive is no problem now: the file has run.
    directives, _problems = parse(sql, environments)
    return MigrationFile(
        FileName(row.id, row.number, None, f"{row.id}.sql"), sql, digest, directives
    )


def as_applied(files: Iterable[MigrationFile], environment: str) -> tuple[MigrationFile, ...]:
    """Return files that run whatever they require, and also if ``environment`` excludes them."""
    return tuple(
        file._replace(
            directives=replace(
                file.directives,
                requires=(),
                environments=(
                    None
                    if file.directives.environments is None
                    else file.directives.environments | {environment}
                ),
            )
        )
        for file in files
    )
