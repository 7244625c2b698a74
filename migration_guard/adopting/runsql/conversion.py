"""Take over apps: write the SQL files, then let their migrations require them.

The SQL is written first, so that a kill in between loses none of it. The next run goes on.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import reload
from pathlib import Path
from typing import Final, NamedTuple

from django.db import connections, router
from django.db.migrations.graph import MigrationGraph

from migration_guard import conf
from migration_guard.adopting import record
from migration_guard.adopting.files import NewFile, convert, writing
from migration_guard.adopting.record import AdoptedFile, Source
from migration_guard.adopting.runsql.selection import LeftOut, Taken, graph_order, select
from migration_guard.adopting.runsql.source_edit import edit_source
from migration_guard.adopting.tool import ForeignProblem
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.planning import files as planning_files
from migration_guard.planning.digests import fingerprint, is_fingerprint
from migration_guard.planning.directives import Directives
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName, number_of
from migration_guard.planning.one_order import DjangoMigration, Item, Project, order
from migration_guard.problems import Problem
from migration_guard.running import connecting
from migration_guard.running.django_graph import needs_of

TABLE: Final = "django_migrations"


class Conversion(NamedTuple):
    """What becomes of some apps, before anything is written.

    ``ids`` has the SQL migration of each one in ``taken``; ``files`` are those to be written, since
    others are there from a conversion that was interrupted. ``others`` are databases where Django
    ran the SQL too, and where no file of ours runs.
    """

    vendor: str
    folder: Path
    taken: tuple[Taken, ...]
    ids: Mapping[str, str]
    files: tuple[NewFile, ...]
    left: tuple[LeftOut, ...]
    others: tuple[str, ...]

    @property
    def reverse_count(self) -> int:
        """How many operations have SQL for the way back, which is left out."""
        return sum(item.file.down_parts for item in self.taken)

    @property
    def goes_on(self) -> bool:
        """Whether an interrupted run wrote files, whose SQL stands in Python too until now."""
        return len(self.files) < len(self.taken)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each migration, and for each database that loses the SQL."""
        taken = (f"{item.file.key} requires {self.ids[item.file.key]}." for item in self.taken)
        left = (f"{left.name} stays with Django: {left.reason}." for left in self.left)
        lost = (
            f'Django also ran this SQL on "{alias}" where it migrated that; nothing runs it there '
            "now. If it must, give that database the same DIRS."
            for alias in self.others
        )
        return (*taken, *left, *(lost if self.taken else ()))


def plan_conversion(apps: Sequence[str], alias: str, folder: Path) -> Conversion:
    """Return what becomes of ``apps``. Raises CannotTell and Refused."""
    wrapper = connecting.supported_connection(alias, read_only=True)
    settings = conf.load()
    folders = settings.folders(alias)
    _refuse_unshared(folder, alias)
    selection = select(apps, wrapper)
    present = planning_files.read(folders, wrapper.vendor, settings.environments)
    if present.problems:
        raise _refusal("The files that are there have problems.", present.problems)
    before = _read_record(folders, present.files)
    _refuse_changed(selection.taken, before, wrapper.vendor)
    _refuse_copies(selection.taken, before, present.files, wrapper.vendor)
    originals = [item.file for item in selection.taken if item.file.key not in before]
    try:
        new = convert(originals, [file.name for file in present.files], wrapper.vendor)
    except ForeignProblem as problem:
        raise Refused(f"{problem}\nNothing was written.") from problem
    ids = {key: adopted.id for key, adopted in before.items()}
    ids |= {file.original.key: file.id for file in new}
    try:
        find_order(selection.loader.graph, present.files, new, ids)
    except Refused as error:
        raise _refusal(error.message, error.problems) from error
    return Conversion(
        wrapper.vendor,
        folder,
        selection.taken,
        ids,
        new,
        selection.left,
        _other_databases(apps, alias),
    )


@contextmanager
def carrying_out(conversion: Conversion) -> Iterator[tuple[Path, ...]]:
    """Write the SQL files and edit the migrations; yield the paths of the SQL files.

    All of it is taken back if anything fails, in the block too. The modules are loaded again, so
    that Django's graph in this process is the new one.
    """
    source = Source("django", conversion.vendor, TABLE)
    with ExitStack() as stack:
        paths: tuple[Path, ...] = ()
        if conversion.files:
            paths = stack.enter_context(writing(conversion.files, conversion.folder, source))
        undo = stack.enter_context(ExitStack())
        for item in conversion.taken:
            edited = edit_source(
                item.source, item.migration.operations, conversion.ids[item.file.key]
            )
            undo.callback(_write, item, item.source)
            _write(item, edited)
        yield paths
        undo.pop_all()


def _refusal(message: str, problems: Sequence[Problem]) -> Refused:
    lines = [f"{problem.message}. {problem.hint}" for problem in problems]
    return Refused("\n".join([message, *lines, "Nothing was written."]), "", problems)


def _read_record(folders: Sequence[Path], files: Sequence[MigrationFile]) -> dict[str, AdoptedFile]:
    """Return what was taken before, by Django's name for it."""
    present = {file.id for file in files}
    return {
        adopted.key: adopted
        for source in record.read(folders)
        if source.tool == "django"
        for adopted in source.migrations
        if adopted.id in present
    }


def _refuse_changed(taken: Sequence[Taken], before: Mapping[str, AdoptedFile], vendor: str) -> None:
    """Refuse SQL that came into a migration after its file was written."""
    for item in taken:
        adopted = before.get(item.file.key)
        if adopted is not None and not is_fingerprint(adopted.fingerprint, item.file.text, vendor):
            raise Refused(
                f"{item.file.key} was taken over as {adopted.id}, and has other RunSQL now. "
                "Nothing was written.",
                "Restore it from version control, or put that SQL into a new migration.",
            )


def _refuse_copies(
    taken: Sequence[Taken],
    before: Mapping[str, AdoptedFile],
    files: Sequence[MigrationFile],
    vendor: str,
) -> None:
    """Refuse where a file that is not recorded has the same SQL, which would run twice."""
    recorded = {adopted.id for adopted in before.values()}
    by_fingerprint = {
        fingerprint(file.text, vendor): file for file in files if file.id not in recorded
    }
    for item in taken:
        copy = by_fingerprint.get(fingerprint(item.file.text, vendor))
        if item.file.key not in before and copy is not None:
            raise Refused(
                f"{copy.path} has the SQL of {item.file.key}, and _adopted.json does not say so: "
                "it would run twice. Nothing was written.",
                "If an interrupted run wrote it, delete it, and run this again.",
            )


def _refuse_unshared(folder: Path, alias: str) -> None:
    """Refuse where another database waits for the same migrations and has other files."""
    for other, folders in conf.load().dirs.items():
        if other != alias and folders and folder.resolve() not in map(Path.resolve, folders):
            raise CannotTell(
                f'"{other}" has SQL migrations of its own. On it RequiresSQL would wait for files '
                f"of {folder}, and no other database has them.",
                f'Add {folder} to MIGRATION_GUARD["DIRS"]["{other}"]; nothing was written.',
            )


def _other_databases(apps: Sequence[str], alias: str) -> tuple[str, ...]:
    """Return the databases without files of ours that Django's routers let the SQL run on."""
    dirs = conf.load().dirs
    return tuple(
        other
        for other in sorted(connections)
        if other != alias
        and not dirs.get(other)
        and not connections[other].settings_dict["TEST"]["MIRROR"]
        and any(router.allow_migrate(other, app) for app in apps)
    )


def find_order(
    graph: MigrationGraph,
    present: Sequence[MigrationFile],
    new: Sequence[NewFile],
    ids: Mapping[str, str],
) -> tuple[Item, ...]:
    """Return the one order of the converted migrations.

    Raises Refused where a file that is ``present`` waits for a migration that is taken.
    """
    django = []
    for key in graph_order(graph):
        node, migration_id = graph.node_map[key], ids.get(".".join(key))
        migration = graph.nodes[key]
        needs = needs_of(migration.operations) if migration is not None else ()
        if migration_id is not None:
            needs = (*needs, (number_of(migration_id) or 0, migration_id))
        after = frozenset(parent.key for parent in node.parents)
        django.append(DjangoMigration(key, after, needs))
    files = [*present, *map(_as_migration, new)]
    return order(Project(django, sorted(files, key=lambda file: file.key)))


def _as_migration(file: NewFile) -> MigrationFile:
    requires = tuple(
        (app, name) for app, _, name in (r.partition(".") for r in file.original.requires)
    )
    name = FileName(file.id, number_of(file.id) or 0, None, str(file.original.path))
    return MigrationFile(name, file.text, "", Directives(requires=requires))


def _write(item: Taken, content: bytes) -> None:
    """Replace a Python file as a whole, and load its module again."""
    draft = item.path.with_name(f".{item.path.name}.new")
    try:
        draft.write_bytes(content)
        draft.chmod(item.path.stat().st_mode)
        draft.replace(item.path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise CannotTell(
            f"{item.path} cannot be written: {error.strerror or error}.",
            "Make it and its folder writable; no file was changed.",
        ) from error
    reload(sys.modules[type(item.migration).__module__])
