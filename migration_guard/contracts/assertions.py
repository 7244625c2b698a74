"""Compare a contract with a snapshot: an assertion for each requirement.

Pure, but for ``deparse``, which may ask the server how it writes an expression. Assertions stand in
the order of the contract. What a missing table or column should have is violated too, with the same
violation, so that a report shows one violation for one missing thing.
"""

from datetime import date

from migration_guard.contracts import database_clauses
from migration_guard.contracts.causes import PLAN_ALONE, Background, Causes
from migration_guard.contracts.columns import Facts
from migration_guard.contracts.contract import Contract
from migration_guard.contracts.deadlines import judge_deadlines
from migration_guard.contracts.declare import Table, View
from migration_guard.contracts.table_comparison import Suggestions, TableComparison
from migration_guard.contracts.table_context import Deparse, no_server
from migration_guard.planning.plan import Plan
from migration_guard.results import Assertion
from migration_guard.schema.objects import Snapshot


def compare(
    contract: Contract,
    snapshot: Snapshot,
    plan: Plan | None = None,
    *,
    deparse: Deparse = no_server,
    no_plan: str = "",
    today: date | None = None,
    background: Background = PLAN_ALONE,
    lists_kept: bool = True,
) -> tuple[Assertion, ...]:
    """Compare a contract with a snapshot of a database.

    Without a ``plan`` the migrations are unknown, for the reason ``no_plan``, and hints name none.
    Without ``today``, the day in UTC, it is unknown which clauses have expired.
    ``background`` is what the database tells beside its plan. Without ``lists_kept`` one
    assertion stands for those about a table that are kept.
    """
    causes = Causes(plan, snapshot.vendor, background)
    suggestions = Suggestions(snapshot)
    assertions: list[Assertion] = []
    kept_columns: dict[Facts, Assertion] | None = None if lists_kept else {}
    clauses: tuple[Table | View, ...] = (*contract.tables, *contract.views)
    for clause in clauses:
        comparison = TableComparison(clause, snapshot, deparse, causes, suggestions, kept_columns)
        assertions += comparison.assertions() if lists_kept else comparison.counted_assertions()
    for judgements in (
        database_clauses.judge_enums(contract, snapshot, causes),
        database_clauses.judge_extensions(contract, snapshot, causes),
        database_clauses.judge_absences(contract, snapshot),
        database_clauses.judge_migrations(contract, plan, no_plan),
        database_clauses.judge_exact(contract, snapshot),
    ):
        assertions += [requirement.assertion(outcome) for requirement, outcome in judgements]
    assertions += judge_deadlines(contract, today)
    return tuple(assertions)
