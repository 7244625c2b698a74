"""Taking over another tool's files, with a build of them; and the proof of an adopted history."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from migration_guard import conf
from migration_guard.adopting import files as new_files
from migration_guard.adopting import readers, record
from migration_guard.adopting.files import NewFile
from migration_guard.adopting.record import AdoptedFile, Source
from migration_guard.adopting.tool import ForeignFile, ForeignProblem
from migration_guard.conf import nearest
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.fresh.building import BuildFailed
from migration_guard.fresh.check import FreshCheck, check_fresh
from migration_guard.planning.digests import is_fingerprint
from migration_guard.planning.history_rows import HISTORY_TABLE
from migration_guard.planning.names import scan
from migration_guard.planning.new_migration import choose_folder, lock_folders
from migration_guard.results import Adoption, Checked, TakenOver
from migration_guard.running import connecting, events

_NOTHING = "Nothing was written."


@dataclass(frozen=True)
class TakeOver:
    """What ``makesqlmigration --from TOOL DIR`` is asked to do.

    ``table`` is "" for the tool's usual one. ``target`` is one of the database's folders, None for
    the one with the highest number.
    """

    alias: str
    tool: str
    folder: Path
    table: str = ""
    columns: tuple[str, ...] = ()
    target: Path | None = None


def take_over(request: TakeOver, observe: events.Observer = lambda _event: None) -> TakenOver:
    """Write the files of a tool as files of ours, and build them on a throwaway database.

    What is in ``_adopted.json`` already is not written again. Where no throwaway database can be
    had, the files stay, and the reason is in the result. Raises GuardError; then nothing is left.
    """
    vendor = connecting.supported_connection(request.alias).vendor
    source = Source(request.tool, vendor, request.table, _columns(request))
    _refuse_table(request)
    tool = readers.load(request.tool, source.columns)
    if not request.folder.is_dir():
        raise CannotTell(
            f"{request.folder} is not a folder. {_NOTHING}",
            f"Name the folder that holds the files of {tool.title}.",
        )
    folders = conf.load().folders(request.alias)
    with _present(folders), lock_folders(folders):
        names, _problems = scan(folders)
        target = choose_folder(names, folders, request.target)
        try:
            originals = tool.read_files(request.folder)
            notes = tool.describe_rest(request.folder) if tool.describe_rest is not None else ()
            new = _select_new(originals, source, folders)
            files = new_files.convert(new, names, vendor)
        except ForeignProblem as problem:
            raise Refused(f"{problem}\n{_NOTHING}") from problem
        if not originals:
            raise CannotTell(
                f"{request.folder} has no migration of {tool.title}. {_NOTHING}",
                "Name the folder that holds its files.",
            )
        if not files:
            return TakenOver(tool.title, (), 0, tuple(notes))
        with new_files.writing(files, target, source) as paths:
            not_built = _build(request.alias, files, observe)
    down_parts = sum(file.down_parts for file in new)
    return TakenOver(tool.title, paths, down_parts, tuple(notes), not_built)


@contextmanager
def _present(folders: Sequence[Path]) -> Iterator[None]:
    """Make the first folder where none is there yet; take it away again if the block fails."""
    if any(folder.exists() for folder in folders):
        yield
        return
    folders[0].mkdir(parents=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folders[0].rmdir()
        raise


def prove(
    alias: str, adoptions: Sequence[Adoption], observe: events.Observer = lambda _event: None
) -> Checked:
    """Compare the database with a build of what it has recorded; what is the tools' may differ."""
    names = tuple(name for adoption in adoptions for name in adoption.own_names)
    request = FreshCheck(alias, drift=True, only_applied=True, ignore=names)
    return check_fresh(request, observe)


def _build(alias: str, files: Sequence[NewFile], observe: events.Observer) -> GuardError | None:
    """Build all files; return why it could not be tried. Raises Refused where one fails."""
    error = check_fresh(FreshCheck(alias), observe).error
    if error is None or error.returncode == CannotTell.returncode:
        return error
    if not isinstance(error, BuildFailed):
        raise error
    named = (file for file in files if file.id in error.message)
    failed = max(named, key=lambda file: len(file.id), default=None)
    original = f"{failed.id} is {failed.original.path}. " if failed is not None else ""
    raise Refused(
        f"{error.message}\n{original}The files do not build an empty database. {_NOTHING}",
        "Databases that run on them were made in another way. To take over the schema as it is: "
        "manage.py makesqlmigration --from database",
        error.problems,
    ) from error


def _select_new(
    originals: Sequence[ForeignFile], source: Source, folders: Sequence[Path]
) -> list[ForeignFile]:
    """Return the files that were not taken over before. Raises Refused for one that changed."""
    known = {
        migration.key: migration
        for earlier in record.read(folders)
        if earlier.is_like(source)
        for migration in earlier.migrations
    }
    changed = [
        file.path
        for file in originals
        if file.key in known and not _is_same(known[file.key], file, source.vendor)
    ]
    if changed:
        raise Refused(
            f"{changed[0]} is no longer the file that was taken over. {_NOTHING}",
            "Restore it from version control, and put the change into a new migration.",
        )
    return [file for file in originals if file.key not in known]


def _is_same(known: AdoptedFile, file: ForeignFile, vendor: str) -> bool:
    is_text = is_fingerprint(known.fingerprint, file.text, vendor)
    return is_text and known.checksum == file.checksum


def _columns(request: TakeOver) -> tuple[str, ...]:
    if request.tool != "table":
        return ()
    return request.columns or ("id", "applied_at")


def _refuse_table(request: TakeOver) -> None:
    """Raise CannotTell for an unknown tool, and for a table that no adoption can read."""
    if request.tool not in readers.MODULES:
        near = nearest(request.tool, readers.MODULES)
        raise CannotTell(
            f'There is no reader for "{request.tool}".',
            f"{f'Did you mean {near}? ' if near else ''}Known are "
            f"{', '.join(readers.MODULES)}; for any other: --from database.",
        )
    if request.tool == "table" and not request.table:
        raise CannotTell(
            "--from table reads a table of your own.",
            "Name it: --table NAME, and its columns if they are not id and applied_at: --columns "
            "ID APPLIED_AT (one alone, where the table has no time).",
        )
    if request.table.rpartition(".")[2] == HISTORY_TABLE:
        raise CannotTell(
            f"{HISTORY_TABLE} is the name of our own table.",
            "If its ids are those of your files, write no _adopted.json: manage.py "
            "runsqlmigrations --adopt takes it over by itself. Else rename it first.",
        )
