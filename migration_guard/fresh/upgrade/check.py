"""Check an upgrade from an older release: ``--upgrade-from``.

Two throwaway databases are made and dropped. One is migrated by the release's own code, and then
by today's; the other is built from nothing. The configured database is not touched.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from django.apps import apps
from django.db import DatabaseError

from migration_guard import conf, schema_check
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.fresh import building
from migration_guard.fresh.building import BuildFailed, BuildOptions
from migration_guard.fresh.check import INTERRUPTED, server_failed
from migration_guard.fresh.configured import apps_by_table
from migration_guard.fresh.host import Host
from migration_guard.fresh.row_counts import Counts, count_rows
from migration_guard.fresh.throwaway import open_host, throwaway
from migration_guard.fresh.upgrade import child, comparison, names, process, release, rows
from migration_guard.fresh.upgrade.comparison import Upgraded
from migration_guard.fresh.upgrade.process import Deployment
from migration_guard.fresh.upgrade.release import Release
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.plan import State
from migration_guard.planning.scripts import Script
from migration_guard.problems import Problem, Severity
from migration_guard.results import (
    Action,
    Assertion,
    Checked,
    Examination,
    FreshDatabase,
    Upgrade,
)
from migration_guard.running import connecting, events, repairing
from migration_guard.running.django_loading import loading
from migration_guard.running.failures import MigrationFailed
from migration_guard.running.repairing import Repair
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import Snapshot


@dataclass(frozen=True, slots=True)
class UpgradeCheck:
    """What to check: the upgrade from the commit ``ref``, with the rows that a file plants.

    The environment None stands for the setting. ``ignore`` has patterns of names that may differ.
    """

    alias: str
    ref: str
    rows: Path | None = None
    environment: str | None = None
    ignore: tuple[str, ...] = ()
    allow_unknown: bool = False


@dataclass(slots=True)
class _Run:
    """One check, with what it has found so far."""

    request: UpgradeCheck
    observe: events.Observer
    checked: Checked
    environment: str = ""
    files: list[MigrationFile] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)


def check_upgrade(request: UpgradeCheck, observe: events.Observer = lambda _event: None) -> Checked:
    """Upgrade, build, compare and drop. Raises nothing. ``observe`` gets the runner's events."""
    checked = Checked(request.alias, allow_unknown=request.allow_unknown)
    run = _Run(request, observe, checked)
    try:
        _check(run)
    except GuardError as error:
        return run.checked._replace(error=error)
    except DatabaseError as error:
        return run.checked._replace(error=server_failed(error))
    except KeyboardInterrupt:
        return run.checked._replace(error=INTERRUPTED)
    return run.checked


def _check(run: _Run) -> None:
    request, started = run.request, perf_counter()
    vendor = connecting.supported_connection(request.alias).vendor
    run.checked = run.checked._replace(vendor=vendor)
    settings = conf.load()
    run.environment = conf.environment(
        request.environment or settings.environment, settings.environments
    )
    settings.folders(request.alias)
    older = release.find_release(request.ref, "--upgrade-from")
    run.checked = run.checked._replace(upgrade=Upgrade(older.ref, older.commit))
    script = rows.read_rows(request.rows, vendor) if request.rows is not None else None
    with open_host(request.alias) as host:
        with throwaway(request.alias, host):
            upgraded, tables = _upgrade(run, older, host, script)
        fresh = _build_fresh(run, host)
    labels = {config.label for config in apps.get_app_configs()}
    removed = tuple(comparison.find_removed(tables, labels, fresh, upgraded.snapshot))
    _set_upgrade(run, removed=removed)
    run.assertions += comparison.compare(fresh, upgraded, removed, apps_by_table(), request.ignore)
    seconds = perf_counter() - started
    examination = Examination(request.alias, vendor, tuple(run.assertions), seconds)
    run.checked = run.checked._replace(examination=examination, migrations=upgraded.plan)


def _set_upgrade(run: _Run, **facts: Any) -> None:
    assert run.checked.upgrade is not None  # noqa: S101 - set before anything is made
    run.checked = run.checked._replace(upgrade=run.checked.upgrade._replace(**facts))


# -- the upgraded database, which the alias is now


def _upgrade(
    run: _Run, older: Release, host: Host, script: Script | None
) -> tuple[Upgraded, Mapping[str, Sequence[str]]]:
    alias = run.request.alias
    deployment = process.deploy(older, alias, host, run.environment)
    if script is not None:
        rows.plant(alias, script)
        _set_upgrade(run, planted=str(run.request.rows))
    before, counted = _look(alias)
    edited = (*_accept_edits(run), *_find_edited_migrations(run, deployment))
    ran = _deploy_today(run)
    after, kept = _look(alias)
    named = names.read_names(before.vendor, run.files, ran, deployment.tables)
    run.assertions += rows.find_lost_rows(before, counted, kept, named, older.ref)
    plan = schema_check.read_plan(alias, run.environment).plan
    return Upgraded(after, plan, older.ref, edited), deployment.tables


def _look(alias: str) -> tuple[Snapshot, Counts]:
    with schema_check.open_for_reading(alias) as connection:
        snapshot = read_database(connection)
        return snapshot, count_rows(connection, snapshot)


def _accept_edits(run: _Run) -> tuple[str, ...]:
    """Let what was edited since count as applied; return the ids, which are reported."""
    alias = run.request.alias
    outcome = schema_check.read_plan(alias, run.environment)
    edited = [planned for planned in outcome.plan.migrations if planned.state is State.EDITED]
    if not edited:
        return ()
    ids = tuple(planned.id for planned in edited)
    repaired = repairing.repair(
        Repair(Action.ACCEPT_EDIT, "checkschema --upgrade-from", ids), alias
    )
    if repaired.error is not None:
        raise repaired.error
    for planned in edited:
        path = planned.file.path if planned.file is not None else None
        _report_edit(run, planned.id, path, "A deploy to such a database stops here. ")
    return ids


def _find_edited_migrations(run: _Run, deployment: Deployment) -> tuple[str, ...]:
    """Return, and report, the migrations of Django that the release had otherwise."""
    with loading():
        files = child.migration_files()
    edited = tuple(
        id_
        for id_, old in sorted(deployment.digests.items())
        if id_ in files and child.digest(files[id_]) != old
    )
    for id_ in edited:
        _report_edit(run, id_, files[id_])
    return edited


def _report_edit(run: _Run, id_: str, path: Path | None, effect: str = "") -> None:
    upgrade = run.checked.upgrade
    problem = Problem(
        "edited-since",
        f"{id_} was edited after {run.request.ref}: databases of that release ran another text",
        f"{effect}Restore the file, and put the change into a new migration.",
        Severity.WARNING,
        path,
    )
    _set_upgrade(run, problems=(*(upgrade.problems if upgrade is not None else ()), problem))


def _deploy_today(run: _Run) -> Collection[str]:
    """Deploy today's code; return Django's migrations that ran."""
    ran: list[str] = []

    def watch(name: str, file: MigrationFile | None) -> None:
        ran.append(name)
        if file is not None:
            run.files.append(file)

    options = BuildOptions(run.request.alias, run.environment, observe=run.observe, watch=watch)
    try:
        django, _rows = building.build(options)
    except BuildFailed as error:
        raise _upgrade_failed(run.request.ref, error) from error
    finally:
        _set_upgrade(run, applied=tuple(ran))
    return django


def _upgrade_failed(ref: str, error: BuildFailed) -> GuardError:
    message = f"Today's code cannot upgrade a database of {ref}.\n{error.message}"
    hint = error.hint or "Only throwaway databases were touched."
    if isinstance(error.__cause__, MigrationFailed):
        hint = f"Correct that migration so that it runs on a database of {ref}, too. {hint}"
    if error.returncode == 1:
        return Refused(message, hint, error.problems)
    return CannotTell(message, hint)


# -- the fresh database


def _build_fresh(run: _Run, host: Host) -> Snapshot:
    alias, started = run.request.alias, perf_counter()
    with throwaway(alias, host):
        try:
            django, history = building.build(
                BuildOptions(alias, run.environment, observe=run.observe)
            )
        except BuildFailed as error:
            fresh = FreshDatabase(run.environment, error.django, error.rows)
            run.checked = run.checked._replace(fresh=fresh)
            raise
        fresh = FreshDatabase(run.environment, django, history, seconds=perf_counter() - started)
        run.checked = run.checked._replace(fresh=fresh)
        return schema_check.read_schema(alias)
