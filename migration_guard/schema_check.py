"""Check a database against its contract, for ``checkschema`` and the pytest plugin.

Invariant: this writes nothing to the database, and makes no SQLite file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from migration_guard import conf, contracts
from migration_guard.contracts import Contract
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.planning.evidence import Evidence
from migration_guard.planning.plan import Plan
from migration_guard.results import Checked, Examination, Outcome
from migration_guard.running import connecting, evidence, executor
from migration_guard.running.failures import Interrupted
from migration_guard.running.garbage_collection import no_collection
from migration_guard.running.options import Options
from migration_guard.running.own_tables import APP
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import Snapshot
from migration_guard.schema.read import read_snapshot
from migration_guard.vendors import VENDORS

if TYPE_CHECKING:
    from migration_guard.usage.check import TryOut, UsageCheck

_ALL_MODELS: Final = contracts.Models()


@no_collection()
def load_contract(alias: str, files: Sequence[Path] = ()) -> Contract | None:
    """Return the contract of ``files``, or of the setting ``CONTRACTS``; None without any file.

    This asks no database. Raises CannotTell for an unknown alias, or a file that cannot be read.
    """
    connecting.project_connection(alias)
    files = files or conf.load().contracts.get(alias, ())
    return contracts.load(*files) if files else None


@no_collection()
def complete_contract(
    alias: str,
    from_files: Contract | None = None,
    *,
    models: bool = True,
    tables: Sequence[str] = (),
) -> Contract:
    """Return the contract of the files and of the models of ``alias``, merged.

    This asks the database, since what a model states depends on the server. ``tables`` narrows the
    contract. Raises CannotTell for a database that cannot be reached, or a table without a clause.
    """
    parts = [from_files] if from_files is not None else []
    if models:
        with open_for_reading(alias):
            chosen = from_files.models if from_files is not None else _ALL_MODELS
            parts.append(contracts.from_models(alias, chosen))
    contract = contracts.merge(parts)
    return contract.only(tables) if tables else contract


@no_collection()
def check(
    contract: Contract,
    alias: str = DEFAULT_DB_ALIAS,
    *,
    allow_unknown: bool = False,
    environment: str | None = None,
    today: date | None = None,
    lists_kept: bool = True,
    is_from_files: bool = False,
) -> Checked:
    """Compare the database ``alias`` with ``contract``; an error is part of the result.

    ``environment`` decides which migrations are skipped; None means that of the settings.
    ``today`` is the day in UTC, None for the one of the clock. Without ``lists_kept`` the
    assertions that are kept are only counted. ``is_from_files`` says that the database was built
    from the files just now, so that a hint names no remedy for this one database.
    """
    checked = Checked(alias, allow_unknown=allow_unknown)
    try:
        with open_for_reading(alias) as connection:
            checked = checked._replace(vendor=connection.vendor)
            outcome = read_plan(alias, environment)
            plan = outcome.plan if outcome.error is None else None
            checked = checked._replace(migrations=plan)
            no_plan = str(outcome.error or "")
            examination = contracts.examine(
                connection,
                contract,
                plan,
                no_plan=no_plan,
                today=today,
                evidence=lambda: read_acts(alias, plan),
                lists_kept=lists_kept,
                is_from_files=is_from_files,
            )
    except GuardError as error:
        return checked._replace(error=error)
    return checked._replace(examination=examination)


def check_usage(
    checked: Checked,
    usage: "UsageCheck",
    environment: str | None = None,
    try_out: "TryOut | None" = None,
) -> Checked:
    """Add to a check which recorded statements its database breaks; an error is part of it.

    ``try_out`` is that of ``usage.check.examine``.
    """
    from migration_guard.usage.check import examine
    from migration_guard.usage.scope import scope_of

    if checked.error is not None:
        return checked
    started = perf_counter()
    try:
        with open_for_reading(checked.database) as connection:
            scope = scope_of(usage.statements, connection.vendor)
            plan = checked.migrations
            if plan is None:
                outcome = read_plan(checked.database, environment)
                plan = outcome.plan if outcome.error is None else None
            assertions = examine(connection, usage, plan, try_out)
    except GuardError as error:
        return checked._replace(error=error)
    before = checked.examination or Examination(checked.database, connection.vendor, ())
    seconds = before.seconds + perf_counter() - started
    examination = replace(before, assertions=(*before.assertions, *assertions), seconds=seconds)
    return checked._replace(examination=examination, vendor=connection.vendor, usage=scope)


def read_schema(alias: str) -> Snapshot:
    """Return all that the database ``alias`` holds. Raises CannotTell."""
    with open_for_reading(alias) as connection:
        return read_database(connection)


def read_plan(alias: str, environment: str | None = None) -> Outcome:
    """Return the plan of a database, or why there is none, as an outcome.

    Raises KeyboardInterrupt, since the user does not want to go on without a plan.
    """
    outcome = executor.look(alias, Options(environment=environment))
    if isinstance(outcome.error, Interrupted):
        raise KeyboardInterrupt
    return outcome


def read_acts(alias: str, plan: Plan | None) -> Evidence:
    """Return what the database's audit and stored SQL tell about a plan; nothing without one."""
    if plan is None or not any(planned.row for planned in plan.migrations):
        return Evidence()
    with connecting.open_connection(alias, read_only=True) as (connection, facts):
        return evidence.read_evidence(connection, facts, plan)


def write_contract(
    alias: str = DEFAULT_DB_ALIAS, tables: Sequence[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """Return a contract of the database as TOML, and the tables that are not in it.

    ``tables`` narrows it. A contract of all tables leaves out those that Django's own migrations
    make, since their models are a contract already. Raises CannotTell.
    """
    with open_for_reading(alias) as connection:
        snapshot = read_snapshot(connection, tables or None)
        if tables:
            return contracts.write(snapshot, tables), ()
        managed = _managed_tables()
        kept = tuple(table for table in snapshot.tables if table.name not in managed)
        left_out = tuple(table.label for table in snapshot.tables if table.name in managed)
        return contracts.write(replace(snapshot, tables=kept)), left_out


def _managed_tables() -> set[str]:
    """Return the tables of managed models, of this app, and of Django's migration recorder."""
    models = apps.get_models(include_auto_created=True)
    own = {model._meta.db_table for model in apps.get_app_config(APP).get_models()}
    managed = {model._meta.db_table for model in models if model._meta.managed}
    return {*managed, *own, MigrationRecorder.Migration._meta.db_table}


@contextmanager
def open_for_reading(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Open a connection that only reads, of any vendor that Django knows."""
    try:
        if alias in connections and connections[alias].vendor not in VENDORS:
            yield connections[alias]
        else:
            with connecting.open_connection(alias, read_only=True) as (connection, _facts):
                yield connection.wrapper
    except DatabaseError as error:
        raise CannotTell(
            f'The database "{alias}" could not be read: {str(error).strip()}',
            "Check that the server runs and that the user may read it, and try again.",
        ) from error
