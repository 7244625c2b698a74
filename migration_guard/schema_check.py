"""From the settings to a checked database: what ``checkschema`` and the pytest plugin share.

Invariant: nothing is written to the database, and an SQLite file that is not there is not made.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from migration_guard import conf, contracts
from migration_guard.contracts import Contract
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.results import Checked, Outcome
from migration_guard.running import connecting, executor
from migration_guard.running.executor import Options
from migration_guard.running.failures import Interrupted
from migration_guard.running.garbage_collection import no_collection
from migration_guard.running.own_tables import APP
from migration_guard.schema.read import read_snapshot
from migration_guard.vendors import VENDORS

_EVERY = contracts.Models()


@no_collection()
def written(alias: str, files: Sequence[Path] = ()) -> Contract | None:
    """Return what ``files`` (none: the setting ``CONTRACTS``) state; None where there are none.

    No database is asked. Raises CannotTell for an unknown one, or a file that cannot be read.
    """
    connecting.project_connection(alias)
    files = files or conf.load().contracts.get(alias, ())
    return contracts.load(*files) if files else None


@no_collection()
def gather(
    alias: str, stated: Contract | None = None, *, models: bool = True, tables: Sequence[str] = ()
) -> Contract:
    """Return what is ``stated`` in files, and what the models of ``alias`` state.

    What a model states depends on the server, so the database that stands for ``alias`` is asked.
    ``tables`` narrows it. Raises CannotTell for a database that cannot be reached, or a table of
    which nothing is said.
    """
    parts = [stated] if stated is not None else []
    if models:
        with reading(alias):
            parts.append(contracts.from_models(alias, stated.models if stated else _EVERY))
    contract = contracts.merge(parts)
    return contract.only(tables) if tables else contract


@no_collection()
def check(
    contract: Contract,
    alias: str = DEFAULT_DB_ALIAS,
    *,
    allow_unknown: bool = False,
    environment: str | None = None,
) -> Checked:
    """Compare the database ``alias`` with ``contract``; raise nothing.

    ``environment`` is that of the migrations' states, None for the setting.
    """
    checked = Checked(alias, allow_unknown=allow_unknown)
    try:
        with reading(alias) as connection:
            checked = checked._replace(vendor=connection.vendor)
            outcome = look(alias, environment)
            plan = outcome.plan if outcome.error is None else None
            why = str(outcome.error or "")
            checked = checked._replace(migrations=plan)
            examination = contracts.examine(connection, contract, plan, no_plan=why)
    except GuardError as error:
        return checked._replace(error=error)
    return checked._replace(examination=examination)


def look(alias: str, environment: str | None = None) -> Outcome:
    """Return the plan of a database; what is wrong with it is in the outcome's error.

    Raises KeyboardInterrupt, which is no reason to go on without a plan.
    """
    outcome = executor.look(alias, Options(environment=environment))
    if isinstance(outcome.error, Interrupted):
        raise KeyboardInterrupt
    return outcome


def describe(
    alias: str = DEFAULT_DB_ALIAS, tables: Sequence[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """Return a contract of the database as it is, as TOML, and the tables that are not in it.

    All tables are written, or those named. Without names those are left out that Django's own
    migrations make: their models are a contract already. Raises CannotTell.
    """
    with reading(alias) as connection:
        found = read_snapshot(connection, tables or None)
        if tables:
            return contracts.write(found, tables), ()
        managed = _managed()
        kept = tuple(one for one in found.tables if one.name not in managed)
        left_out = tuple(one.label for one in found.tables if one.name in managed)
        return contracts.write(replace(found, tables=kept)), left_out


def _managed() -> set[str]:
    """Return the tables of managed models, of this app, and of Django's migration recorder."""
    models = apps.get_models(include_auto_created=True)
    own = {model._meta.db_table for model in apps.get_app_config(APP).get_models()}
    managed = {model._meta.db_table for model in models if model._meta.managed}
    return {*managed, *own, MigrationRecorder.Migration._meta.db_table}


@contextmanager
def reading(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Open a connection that only reads; any vendor that Django knows will do."""
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
