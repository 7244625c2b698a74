"""``makesqlmigration --squash``: one file for the first ones, with proof that it builds the same.

Only throwaway databases are written to, and the file is written when all is proven.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from migration_guard import conf
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.fresh.building import BuildFailed
from migration_guard.fresh.host import Host
from migration_guard.fresh.throwaway import open_host, throwaway
from migration_guard.planning import files as planning_files
from migration_guard.planning import new_migration
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.lineage import alternatives
from migration_guard.planning.names import list_ids
from migration_guard.planning.one_order import DjangoMigration, order
from migration_guard.problems import errors
from migration_guard.running import connecting
from migration_guard.running.django_graph import read_graph
from migration_guard.squashing import draft
from migration_guard.squashing.builds import (
    Build,
    build,
    build_alone,
    describe,
    schema_differences,
    unshared_vendor,
    writer_of,
)
from migration_guard.squashing.contents import Varying, find_differences, find_varying
from migration_guard.squashing.files import write
from migration_guard.squashing.requirements import find_requirements


@dataclass(frozen=True)
class Squashed:
    """The file that was written, and columns of times that it fixes.

    ``replaced`` are the files that nothing reads any more, ``shared`` those of other vendors, too.
    """

    id: str
    number: int
    path: Path
    replaced: tuple[Path, ...]
    shared: tuple[Path, ...]
    times: tuple[str, ...]


def squash(
    alias: str, numbers: tuple[int, int], name: str, tell: Callable[[str], None]
) -> Squashed:
    """Write the squash of the files with these numbers (both included).

    ``tell`` hears what is done. Raises Refused for files that cannot be squashed, and CannotTell.
    """
    vendor = connecting.supported_connection(alias).vendor
    folders = conf.load().folders(alias)
    files = _read(alias, vendor)
    chosen = _choose(files, *numbers)
    digits = chosen[-1].id.partition("_")[0]
    migration_id = f"{digits}_{new_migration.clean_name(name)}"
    suffix = f".{vendor}" if _needs_variant(alias, chosen, folders) else ""
    path = chosen[-1].path.with_name(f"{migration_id}{suffix}.sql")
    if path.exists() or any(file.id == migration_id for file in files):
        raise CannotTell(
            f"There is a migration {migration_id} already; nothing was written.",
            "Give another name: makesqlmigration NAME --squash RANGE.",
        )
    with closing(writer_of(alias)) as writer:
        writer.require_program()
    with open_host(alias) as host:
        _refuse_django_inside(alias, host, files, chosen)
        first, varying = _build_twice(alias, host, chosen[-1], tell)
        text = draft.render(
            migration_id,
            f"Stands for {len(chosen)} migrations: {chosen[0].id} to {chosen[-1].id}.",
            first.statements,
            requires=find_requirements(chosen, first.snapshot, first.own, first.django),
            replaces=_replaces(chosen),
        )
        tell(f"Building {migration_id} alone, and comparing.")
        _prove(first, build_alone(alias, host, path.name, text), varying.others)
    write(path, migration_id, text, folders, {file.id for file in chosen})
    shared = tuple(file.path for file in chosen if suffix and not file.name.vendor)
    replaced = tuple(file.path for file in chosen if file.path not in shared)
    return Squashed(migration_id, chosen[-1].number, path, replaced, shared, varying.times)


def _read(alias: str, vendor: str) -> tuple[MigrationFile, ...]:
    settings = conf.load()
    files, problems = planning_files.read(settings.folders(alias), vendor, settings.environments)
    if stopping := errors(problems):
        raise Refused(
            f"The files have {len(stopping)} problems; nothing was written.",
            "manage.py checksqlmigrations shows them.",
            stopping,
        )
    return files


def _choose(files: Sequence[MigrationFile], low: int, high: int) -> list[MigrationFile]:
    chosen = [file for file in files if low <= file.number <= high]
    if len(chosen) < 2:  # noqa: PLR2004
        raise CannotTell(
            f"The numbers {low} to {high} have {len(chosen)} migrations; nothing was written.",
            "Name a range with two at least: --squash 1-100.",
        )
    if chosen[0] is not files[0]:
        raise CannotTell(
            f"{files[0].id} comes before the range, and a squash holds all from the first file "
            "on; nothing was written.",
            f"Let the range begin with it: --squash {files[0].number}-{high}.",
        )
    limited = [file.id for file in chosen if file.directives.environments is not None]
    if limited:
        raise Refused(
            f"The range has files that run in some environments only: {list_ids(limited)}. One "
            "squash cannot be both; nothing was written.",
            "Let the range end before them. Rows for dev and test may become a later migration.",
        )
    return chosen


def _needs_variant(alias: str, chosen: Sequence[MigrationFile], folders: Sequence[Path]) -> bool:
    """Return whether another vendor reads the files, too, which this dump is not for."""
    return any(file.name.vendor for file in chosen) or unshared_vendor(alias, folders)


def _refuse_django_inside(
    alias: str, host: Host, files: Sequence[MigrationFile], chosen: Sequence[MigrationFile]
) -> None:
    """Raise Refused where one of Django's migrations stands between two files of the range."""
    with throwaway(alias, host), connecting.open_connection(alias) as (connection, _facts):
        items = order(read_graph(connection, files).project)
    first, last = items.index(chosen[0]), items.index(chosen[-1])
    inside = [item for item in items[first:last] if isinstance(item, DjangoMigration)]
    if inside:
        place = items.index(inside[0])
        before = next(file for file in reversed(chosen) if items.index(file) < place)
        raise Refused(
            f"The Django migration {inside[0]} stands inside the range: it runs after "
            f"{before.id}, and before {chosen[-1].id}. Nothing was written.",
            f"Let the range end there: --squash {chosen[0].number}-{before.number}.",
        )


def _build_twice(
    alias: str, host: Host, last: MigrationFile, tell: Callable[[str], None]
) -> tuple[Build, Varying]:
    """Return what the files build, and what differs with each build.

    That is times in the tables of the files, and anything in those of Django's migrations.
    """
    tell("Building the files on a throwaway database.")
    try:
        first = build(alias, host, last.id, last.number)
    except BuildFailed as error:
        raise Refused(
            f"The files do not build: {describe(error)}\nNothing was written.",
            error.hint or "manage.py checkschema --fresh says the same; correct that first.",
            error.problems,
        ) from error
    tell("Building them a second time, to see which values differ.")
    second = build(alias, host, last.id, last.number)
    varying = find_varying(first.contents, second.contents)
    is_own = partial(_is_own, first)
    differing = [
        *filter(is_own, varying.others),
        *schema_differences(first.snapshot, second.snapshot),
    ]
    if differing:
        raise Refused(
            f"Two builds of the same files differ: {list_ids(differing)}. A squash would give "
            "every database the value of one build; nothing was written.",
            "Let the range end before the file that writes it, or write a fixed value.",
        )
    own_times = tuple(filter(is_own, varying.times))
    of_django = (n for n in find_differences(first.contents, second.contents) if not is_own(n))
    return first, Varying(own_times, tuple(of_django))


def _is_own(built: Build, name: str) -> bool:
    """Return whether a table, a column of it or a counter is of what the files made."""
    return any(name == own or name.startswith(f"{own}.") for own in built.own)


def _replaces(chosen: Sequence[MigrationFile]) -> list[tuple[str, ...]]:
    by_id = {file.id: file for file in chosen}
    return [line for file in chosen for line in alternatives([file.id], by_id)]


def _prove(files: Build, squashed: Build, varying: Sequence[str]) -> None:
    """Raise Refused unless the squash builds what the files build.

    ``varying`` differs with each build, and is not of the files.
    """
    differing = [
        *schema_differences(files.snapshot, squashed.snapshot),
        *(n for n in find_differences(files.contents, squashed.contents) if n not in varying),
        *sorted({*files.access} ^ {*squashed.access}),
    ]
    if differing:
        raise Refused(
            f"The squash builds another database than the files: {list_ids(differing)} differ. "
            "Nothing was written.",
            "Let the range end before the file that makes it.",
        )
