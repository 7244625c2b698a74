"""From the settings to a checked database: what ``checkschema`` and the pytest plugin share.

Invariant: nothing is written to the database, and an SQLite file that is not there is not made.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard import conf, contracts
from migration_guard.contracts import Contract
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.planning.files import VENDORS
from migration_guard.results import Checked
from migration_guard.running import connecting, executor
from migration_guard.running.executor import Options
from migration_guard.schema.snapshot import snapshot


def gather(
    alias: str, files: Sequence[Path] = (), *, models: bool = True, tables: Sequence[str] = ()
) -> Contract:
    """Return what ``files`` (none: the setting ``CONTRACTS``) and the models of ``alias`` state.

    ``tables`` narrows it. Raises CannotTell for a file that cannot be read, or a table of which
    nothing is said.
    """
    files = files or conf.load().contracts.get(alias, ())
    stated = [contracts.load(*files)] if files else []
    if models:
        chosen = stated[0].models if stated else contracts.Models()
        stated.append(contracts.from_models(alias, chosen))
    contract = contracts.merge(stated)
    return contract.only(tables) if tables else contract


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
            checked = replace(checked, vendor=connection.vendor)
            outcome = executor.look(alias, Options(environment=environment))
            plan = outcome.plan if outcome.error is None else None
            why = str(outcome.error or "")
            checked = replace(checked, migrations=plan)
            examination = contracts.examine(connection, contract, plan, no_plan=why)
    except GuardError as error:
        return replace(checked, error=error)
    return replace(checked, examination=examination)


def describe(alias: str = DEFAULT_DB_ALIAS, tables: Sequence[str] = ()) -> str:
    """Return a contract of the database as it is, as TOML: all tables, or those named.

    Raises CannotTell.
    """
    with reading(alias) as connection:
        return contracts.write(snapshot(connection, tables or None), tables or None)


@contextmanager
def reading(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Open a connection that only reads; any vendor that Django knows will do."""
    try:
        if alias in connections and connections[alias].vendor not in VENDORS:
            yield connections[alias]
        else:
            with connecting.session(alias, read_only=True) as (session, _facts):
                yield session.connection
    except DatabaseError as error:
        raise CannotTell(
            f'The database "{alias}" could not be read: {str(error).strip()}',
            "Check that the server runs and that the user may read it, and try again.",
        ) from error
