"""``makesqlmigration --from database``: what a database has as the first migration, with proof.

The configured database is only read. Left out are the app's own tables, those of Django's
migrations, and those in which other migration tools keep their history.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from migration_guard import conf
from migration_guard.adopting.record import AdoptedFile, Source
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.fresh import other_tools
from migration_guard.fresh.throwaway import open_host
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.planning.names import list_ids, scan
from migration_guard.running import connecting
from migration_guard.running.own_tables import SET_ASIDE
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import Snapshot
from migration_guard.squashing import draft
from migration_guard.squashing.builds import (
    belongs_to,
    build_alone,
    build_without_files,
    schema_differences,
    unshared_vendor,
    writer_of,
)
from migration_guard.squashing.files import write
from migration_guard.squashing.keys import find_key, record_key
from migration_guard.squashing.requirements import find_requirements
from migration_guard.squashing.writer import Writer

_ID = "0001_baseline"


@dataclass(frozen=True)
class Baseline:
    """The file that was written, and the tables whose rows are not in it."""

    id: str
    number: int
    path: Path
    filled: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """The configured database, and the relations that are not written, by their SQL."""

    snapshot: Snapshot
    own: dict[str, str]
    statements: list[str]
    filled: tuple[str, ...]


def write_baseline(
    alias: str, tell: Callable[[str], None], key: str = "", table: str = ""
) -> Baseline:
    """Write the first migration from the configured database.

    ``key`` is what another tool's table, or the one that is named, calls its last migration; then
    ``_adopted.json`` says so, for the other databases. ``tell`` hears what is done. Raises Refused
    where the file does not build the same, and CannotTell.
    """
    vendor = connecting.supported_connection(alias, read_only=True).vendor
    folders = conf.load().folders(alias)
    _refuse_others(folders)
    with connecting.open_connection(alias, read_only=True) as (connection, facts):
        foreign = find_key(connection, facts, key, table) if key else ""
    with closing(writer_of(alias)) as writer:
        writer.require_program()
        with open_host(alias) as host:
            tell("Building what Django's migrations make, which is left out.")
            django = build_without_files(alias, host)
            found = _read(writer, {*django.relations})
            suffix = f".{vendor}" if unshared_vendor(alias, folders) else ""
            path = folders[0] / f"{_ID}{suffix}.sql"
            text = draft.render(
                _ID,
                "What the database had before these migrations. Its rows are not here.",
                found.statements,
                requires=find_requirements((), found.snapshot, found.own, django.django),
            )
            tell(f"Building {_ID} on a throwaway database, and comparing.")
            built = build_alone(alias, host, path.name, text)
    differing = schema_differences(found.snapshot, built.snapshot, {*found.own.values()})
    if differing:
        raise Refused(
            f"What was written builds another schema than the database has: {list_ids(differing)} "
            "differ. Nothing was written.",
            "Write these by hand, in a file of your own, or change the database.",
        )
    if foreign:
        adopted = AdoptedFile(key, "", _ID, fingerprint(text, vendor))
        record_key(path.parent, Source("database", vendor, foreign, (), (adopted,)))
    write(path, _ID, text, folders)
    return Baseline(_ID, 1, path, found.filled)


def _refuse_others(folders: tuple[Path, ...]) -> None:
    names, problems = scan(folders)
    if names or problems:
        first = names[0].id if names else problems[0].message
        raise CannotTell(
            f"A baseline is the first migration, and the folder has others ({first}). Nothing was "
            "written.",
            "Point DIRS to an empty folder; or write what is missing with makesqlmigration NAME.",
        )


def _read(writer: Writer, django: set[str]) -> _Found:
    """Return the database without what is Django's, ours or another tool's."""
    snapshot = read_database(writer.connection)
    foreign = {table.name for table in snapshot.tables if other_tools.describe(table)}
    foreign |= {*OWN_TABLES, SET_ASIDE}
    own = {
        name: bare
        for name, bare in writer.relations().items()
        if name not in django and not belongs_to(bare, foreign)
    }
    without = [name for name in writer.relations() if name not in own]
    filled = [name for name, rows in writer.contents(without).tables.items() if rows.rows]
    return _Found(snapshot, own, writer.dump(without, rows=False, access=False), tuple(filled))
