"""Builds throwaway databases and reads what was built: schema, rows, and who made what."""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connections

from migration_guard import conf
from migration_guard.exceptions import Refused
from migration_guard.fresh import building
from migration_guard.fresh.building import BuildFailed, BuildOptions
from migration_guard.fresh.host import Host
from migration_guard.fresh.throwaway import throwaway
from migration_guard.planning.history_rows import OWN_TABLES
from migration_guard.running import connecting, events
from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import Snapshot
from migration_guard.squashing.contents import Contents
from migration_guard.squashing.writer import Writer
from migration_guard.vendors import VENDORS, load

# What the runner and Django write into their own tables differs with each build.
_BOOK_KEEPING: Final = frozenset((*OWN_TABLES, "django_migrations"))

_LISTED: Final = 5  # problems in one message


@dataclass(frozen=True)
class Build:
    """A database that was built.

    ``statements`` make what the SQL migrations made, ``access`` are those of them about roles.
    ``own`` are the bare names of these relations by their SQL, and ``relations`` the SQL of all.
    ``django`` has Django's migrations that ran before the first file, in order.
    """

    snapshot: Snapshot
    contents: Contents
    statements: tuple[str, ...]
    access: tuple[str, ...]
    own: Mapping[str, str]
    relations: frozenset[str]
    django: tuple[str, ...]


def writer_of(alias: str) -> Writer:
    """Return the writer for the database that ``alias`` is now, with a connection of its own."""
    connection = connecting.connection_to(alias, str(connections.settings[alias]["NAME"]))
    writer: Writer = load(VENDORS[connection.vendor].writer)(connection)
    return writer


def build(alias: str, host: Host, last: str = "", target: int | None = None) -> Build:
    """Build a throwaway database from the files up to ``target``; read and drop it.

    It is read behind the file ``last``, before Django's migrations that wait for that file, or at
    the end. Raises BuildFailed where a migration fails.
    """
    with throwaway(alias, host), _watch(alias, last) as watch:
        building.build(BuildOptions(alias, observe=watch.observe, watch=watch.after, target=target))
        return watch.read()


def build_without_files(alias: str, host: Host) -> Build:
    """Build a throwaway database from Django's migrations alone."""
    with _only_file(alias, "", ""):
        return build(alias, host)


@contextmanager
def _only_file(alias: str, name: str, text: str) -> Iterator[None]:
    """Let a file be all migrations of ``alias`` inside this block, or none without a name."""
    before = settings.MIGRATION_GUARD
    with tempfile.TemporaryDirectory(prefix="migration_guard_squash_") as folder:
        if name:
            Path(folder, name).write_bytes(text.encode())
        settings.MIGRATION_GUARD = {**before, "DIRS": {alias: [folder]}}
        try:
            yield
        finally:
            settings.MIGRATION_GUARD = before


def build_alone(alias: str, host: Host, name: str, text: str) -> Build:
    """Build a throwaway database from one file. Raises Refused where that fails."""
    with _only_file(alias, name, text):
        try:
            return build(alias, host, name.partition(".")[0])
        except BuildFailed as error:
            raise Refused(
                f"The new file cannot be built: {describe(error)}\nNothing was kept.",
                "Something in the files cannot be written as one migration; let the range end "
                "before it.",
                error.problems,
            ) from error


def describe(error: BuildFailed) -> str:
    """Return what failed, and the first problems that the message does not name."""
    others = [p for p in error.problems if p.message.partition("\n")[0] not in error.message]
    problems = [f"{problem.place}: {problem.message}" for problem in others[:_LISTED]]
    return "\n".join([error.message, *problems])


def schema_differences(
    first: Snapshot, second: Snapshot, tables: Collection[str] | None = None
) -> list[str]:
    """Return what is not surely equal in two schemas; ``tables`` are those to look at, or all."""
    return [
        " ".join(filter(None, (item.table, item.object)))
        for comparison in compare(first, second)
        if comparison.change is not Change.SAME
        and (item := comparison.database_object)
        and (tables is None or not item.table or item.table.rpartition(".")[2] in tables)
    ]


def belongs_to(bare: str, tables: Collection[str]) -> bool:
    """Return whether a relation is one of these tables, or the sequence of one."""
    return any(
        bare == table or (bare.startswith(f"{table}_") and bare.endswith("_seq"))
        for table in tables
    )


class _Watch:
    """Sees which relations the SQL migrations make, and which are Django's."""

    def __init__(self, alias: str, last: str) -> None:
        self._writer = writer_of(alias)
        self._last = last
        self._build: Build | None = None
        self._before: set[str] = set()
        self._own: set[str] = set()
        self._django: list[str] = []
        self._first: set[str] = set()
        self._has_begun = False

    def observe(self, event: events.Event) -> None:
        if isinstance(event, events.Started):
            self._before = {*self._writer.relations()}
            if not self._has_begun:
                # What the server gives every database, and Django's migrations make, is not ours.
                self._first = {*self._writer.dump(self._before, rows=False)}
            self._has_begun = True
        elif isinstance(event, events.DjangoApplied) and not self._has_begun:
            self._django.append(event.id)

    def after(self, name: str, file: Any) -> None:
        if file is not None:
            self._own |= {*self._writer.relations()} - self._before
            if name == self._last:
                self.read()

    def read(self) -> Build:
        """Return what was built; what is built afterwards does not count."""
        if self._build is None:
            self._build = self._read()
        return self._build

    def _read(self) -> Build:
        relations = self._writer.relations()
        others = relations.keys() - self._own
        book_keeping = [n for n, bare in relations.items() if belongs_to(bare, _BOOK_KEEPING)]
        dumped = self._writer.dump(others, rows=True)
        statements = tuple(sql for sql in dumped if sql not in self._first)
        return Build(
            read_database(self._writer.connection),
            self._writer.contents(book_keeping),
            statements,
            tuple(self._writer.access(statements)),
            {name: bare for name, bare in relations.items() if name in self._own},
            frozenset(relations),
            tuple(self._django),
        )

    def close(self) -> None:
        self._writer.close()


@contextmanager
def _watch(alias: str, last: str) -> Iterator[_Watch]:
    with closing(_Watch(alias, last)) as watch:
        yield watch


def unshared_vendor(alias: str, folders: Sequence[Path]) -> bool:
    """Return whether a database of another vendor has one of these folders, too."""
    vendor = connections[alias].vendor
    return any(
        connections[other].vendor != vendor and {*folders} & {*other_folders}
        for other, other_folders in conf.load().dirs.items()
        if other in connections.settings
    )
