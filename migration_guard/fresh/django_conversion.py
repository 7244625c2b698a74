"""Convert Django's RunSQL, and prove it: the database is built before and after, and compared.

Both databases are throwaway ones. Where they differ, every file is as it was.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from migration_guard import conf, schema_check
from migration_guard.adopting.runsql.conversion import Conversion, carrying_out, plan_conversion
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.fresh import building, diagnosis
from migration_guard.fresh.building import BuildFailed, BuildOptions
from migration_guard.fresh.row_counts import Counts, count_rows
from migration_guard.fresh.throwaway import open_host, throwaway
from migration_guard.planning.names import scan
from migration_guard.planning.new_migration import choose_folder, lock_folders
from migration_guard.results import TakenOver
from migration_guard.running import events
from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import Snapshot

_LISTED: Final = 10
_NOTHING: Final = "Nothing was written."
_DEPEND: Final = (
    "A migration may rely on the order in which Django ran them: let its dependencies name what it "
    "needs, and run this again."
)


class _Built(NamedTuple):
    """What a fresh database has: its schema, and the number of rows in each table."""

    schema: Snapshot
    rows: Counts


def convert(
    apps: Sequence[str],
    alias: str,
    target: Path | None = None,
    observe: events.Observer = lambda _event: None,
) -> TakenOver:
    """Turn RunSQL of the apps into files, and build a database before and after.

    Where no throwaway database can be had, the files stay, and the reason is in the result. Raises
    GuardError; then nothing is changed.
    """
    folders = conf.load().folders(alias)
    with lock_folders(folders):
        names, _problems = scan(folders)
        conversion = plan_conversion(apps, alias, choose_folder(names, folders, target))
        if not conversion.taken:
            _refuse_nothing(apps, conversion)
            return TakenOver("Django", (), 0, conversion.notes)
        before, not_built = None, None
        if not conversion.goes_on:
            before, not_built = _try_to_build(alias, observe, "As they are", "")
        with carrying_out(conversion) as paths:
            after = None
            if not_built is None:
                after, not_built = _try_to_build(alias, observe, "Converted", _DEPEND)
            if before is not None and after is not None:
                _refuse_difference(before, after)
    return TakenOver("Django", paths, conversion.reverse_count, conversion.notes, not_built)


def _refuse_nothing(apps: Sequence[str], conversion: Conversion) -> None:
    """Raise where nothing can be taken over, and nothing was before."""
    label = ", ".join(apps)
    if conversion.left:
        raise Refused("\n".join([*conversion.notes, _NOTHING]))
    if not any(key.partition(".")[0] in apps for key in conversion.ids):
        raise CannotTell(f"No migration of {label} has RunSQL. {_NOTHING}", "Name another app.")


def _try_to_build(
    alias: str, observe: events.Observer, state: str, hint: str
) -> tuple[_Built | None, CannotTell | None]:
    """Return what the migrations make, or why no database can be had.

    Raises Refused where they fail; ``state`` says which migrations these are.
    """
    try:
        return _build(alias, observe), None
    except CannotTell as error:
        return None, error
    except BuildFailed as error:
        raise Refused(
            f"{state}, the migrations build no empty database. {_NOTHING}\n{error.message}",
            hint or error.hint,
            error.problems,
        ) from error


def _build(alias: str, observe: events.Observer) -> _Built:
    """Build a database from the migrations as they are now."""
    settings = conf.load()
    environment = conf.environment(settings.environment, settings.environments)
    with open_host(alias) as host, throwaway(alias, host):
        try:
            building.build(BuildOptions(alias, environment, observe=observe))
        except BuildFailed as error:
            raise diagnosis.explain(error, alias, host) from error
        with schema_check.open_for_reading(alias) as connection:
            schema = read_database(connection)
            return _Built(schema, count_rows(connection, schema))


def _refuse_difference(before: _Built, after: _Built) -> None:
    differences = [
        f"{comparison.database_object.table} {comparison.database_object.object}".strip()
        + f": {comparison.expected} before, {comparison.actual} after"
        for comparison in compare(before.schema, after.schema)
        if comparison.change not in (Change.SAME, Change.UNKNOWN)
    ]
    differences += [
        f"{key[1]}: {before.rows[key]} rows before, {after.rows[key]} after"
        for key in before.rows.keys() & after.rows.keys()
        if before.rows[key] != after.rows[key]
    ]
    if differences:
        raise Refused(
            "\n".join([f"The database would be another one. {_NOTHING}", *differences[:_LISTED]]),
            _DEPEND,
        )
