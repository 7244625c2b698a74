"""Check a database against a contract: read it, compare it, and measure the time."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from migration_guard.contracts.assertions import compare
from migration_guard.contracts.causes import Background, DjangoMigrations
from migration_guard.contracts.contract import Contract
from migration_guard.exceptions import CannotTell
from migration_guard.planning.evidence import Evidence
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
    today: date | None = None,
    evidence: Callable[[], Evidence] = Evidence,
    lists_kept: bool = True,
    is_from_files: bool = False,
) -> Examination:
    """Return an assertion for each requirement of the contract: kept, violated or unknown.

    ``plan`` (see ``running.executor.look``) gives the migrations and the hints; ``no_plan`` says
    why there is none. ``today`` is the day in UTC, None for the one of the clock. ``evidence``
    reads what the audit tells. Without ``lists_kept`` those that are kept are only counted.
    ``is_from_files`` is that of ``Background``.
    Raises CannotTell for an empty contract, and Django's errors for a connection that fails.
    """
    from migration_guard.contracts.deparse import caching_deparser
    from migration_guard.schema.read import read_snapshot

    if contract.is_empty:
        raise _empty_contract()
    started = perf_counter()
    # A foreign key may refer to the primary key of its target, so the targets are read as well.
    targets = [key.target[0] for table in contract.tables for key in table.foreign_keys]
    django = DjangoMigrations(connection, is_from_files=is_from_files)
    names = None if contract.exact else sorted({*contract.names, *targets})
    assertions = compare(
        contract,
        read_snapshot(connection, names),
        plan,
        deparse=caching_deparser(connection),
        no_plan=no_plan,
        today=today or datetime.now(UTC).date(),
        background=Background(evidence, django.explain, connection.alias, is_from_files),
        lists_kept=lists_kept,
    )
    if not assertions:
        raise _empty_contract()
    return Examination(connection.alias, connection.vendor, assertions, perf_counter() - started)


def check(
    connection: "BaseDatabaseWrapper",
    contract: Contract,
    plan: Plan | None = None,
    *,
    allow_unknown: bool = False,
) -> tuple[Violation, ...]:
    """Return the violations of the contract; an empty tuple if the database keeps all of it.

    Raises CannotTell if an assertion is unknown, unless ``allow_unknown``.
    """
    examination = examine(connection, contract, plan)
    if examination.unknown and not allow_unknown:
        lines = "\n".join(
            f"  {assertion.id}: {assertion.unknown}" for assertion in examination.unknown[:20]
        )
        raise CannotTell(
            f"{len(examination.unknown)} assertions could not be checked:\n{lines}",
            "Give the check the rights that it lacks, or pass allow_unknown=True.",
        )
    return examination.violations


def _empty_contract() -> CannotTell:
    # Any database would keep it, and a check that cannot fail hides a mistake.
    return CannotTell(
        "The contract is empty, so any database would keep it.",
        "State a table, or leave the models on; [models] include may be too narrow.",
    )
