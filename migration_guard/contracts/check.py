"""Check a database against a contract: read it, compare, and say how long it took."""

from time import perf_counter
from typing import TYPE_CHECKING

from migration_guard.contracts.assertions import compare
from migration_guard.contracts.contract import Contract
from migration_guard.exceptions import CannotTell
from migration_guard.planning.plan import Plan
from migration_guard.problems import Violation
from migration_guard.results import Examination

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def examine(
    connection: "BaseDatabaseWrapper",
    contract: Contract,
    plan: Plan | None = None,
    *,
    no_plan: str = "",
) -> Examination:
    """Tell of everything that the contract says whether the database keeps it.

    ``plan`` (see ``running.executor.look``) is what the migrations are compared with, and where
    hints come from; ``no_plan`` says why there is none. Raises CannotTell for a contract that says
    nothing, which would be kept by any database, and Django's errors for a connection that fails.
    """
    from migration_guard.contracts.deparse import speller
    from migration_guard.schema.read import read_snapshot

    _refuse_empty(contract)
    started = perf_counter()
    # A foreign key speaks of its target's key, so that is read as well.
    targets = [key.target[0] for table in contract.tables for key in table.foreign_keys]
    names = None if contract.exact else sorted({*contract.names, *targets})
    assertions = compare(
        contract, read_snapshot(connection, names), plan, spell=speller(connection), no_plan=no_plan
    )
    if not assertions:
        raise _says_nothing()
    return Examination(connection.alias, connection.vendor, assertions, perf_counter() - started)


def check(
    connection: "BaseDatabaseWrapper",
    contract: Contract,
    plan: Plan | None = None,
    *,
    allow_unknown: bool = False,
) -> tuple[Violation, ...]:
    """Return where the database breaks the contract; none: it keeps all of it.

    Raises CannotTell if anything could not be told, unless ``allow_unknown``.
    """
    examination = examine(connection, contract, plan)
    if examination.unknown and not allow_unknown:
        listed = "\n".join(f"  {one.id}: {one.unknown}" for one in examination.unknown[:20])
        raise CannotTell(
            f"{len(examination.unknown)} assertions could not be told:\n{listed}",
            "Let the check see what it asks for, or pass allow_unknown=True.",
        )
    return examination.violations


def _refuse_empty(contract: Contract) -> None:
    if contract.empty:
        raise _says_nothing()


def _says_nothing() -> CannotTell:
    return CannotTell(
        "The contract says nothing, so any database would keep it.",
        "State a table, or leave the models on; [models] include may be too narrow.",
    )
