"""The days until which clauses are to be dealt with: first a warning, then a violation. Pure.

The warning begins on the same day of the month before, or on that month's last day, and ends with
the day itself. Days are those of UTC, whatever TIME_ZONE says, so that all machines agree.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date

from migration_guard.contracts.clause_names import name_clause
from migration_guard.contracts.contract import Contract
from migration_guard.contracts.declare import Clause, Table, View
from migration_guard.contracts.outcomes import Outcome, Requirement, Undecided, Violated
from migration_guard.results import Assertion


def judge_deadlines(contract: Contract, today: date | None) -> Iterator[Assertion]:
    """Yield an assertion for each clause that has an ``until``; it is unknown without a day."""
    tables: tuple[Table | View, ...] = (*contract.tables, *contract.views)
    for table in tables:
        for clause in _clauses(table):
            if clause.until is not None:
                object_ = name_clause(clause)
                id_ = "::".join(filter(None, (table.name, object_, "until")))
                who = clause.owner or table.owner, clause.reason or table.reason
                requirement = Requirement(id_, table.name, object_, clause.source, *who)
                yield _judge(requirement, clause.until, today)
    for id_, table_name, object_, clause in _clauses_of_database(contract):
        if clause.until is not None:
            who = clause.owner, clause.reason
            requirement = Requirement(f"{id_}::until", table_name, object_, clause.source, *who)
            yield _judge(requirement, clause.until, today)


def first_day_of_warning(until: date) -> date:
    """Return the same day of the month before, or the last day of that month."""
    year, month = divmod(until.year * 12 + until.month - 2, 12)
    return date(year, month + 1, min(until.day, monthrange(year, month + 1)[1]))


def _judge(requirement: Requirement, until: date, today: date | None) -> Assertion:
    outcome: Outcome = None
    if today is None:
        outcome = Undecided("nobody said which day it is")
    elif today > until:
        outcome = Violated(
            "expired",
            f"the clause to be settled by {until}",
            f"it still stated on {today} (UTC)",
            "Remove the clause if nobody relies on it, or agree on a later day with those who do, "
            "and write it into until.",
        )
    elif first_day_of_warning(until) <= today:
        return requirement.assertion(None)._replace(warning=_warn(until, today))
    return requirement.assertion(outcome)


def _warn(until: date, today: date) -> str:
    days = (until - today).days
    left = {0: "which is today", 1: "which is tomorrow"}.get(days, f"in {days} days")
    return f"the clause is to be settled by {until}, {left} (UTC); afterwards it is a violation"


def _clauses(table: Table | View) -> Iterator[Clause]:
    yield table
    yield from (*table.columns, *table.unique, *table.indexes)
    if isinstance(table, Table):
        yield from (*table.checks, *table.foreign_keys, *table.exclusions)
        if table.primary_key is not None:
            yield table.primary_key


def _clauses_of_database(contract: Contract) -> Iterator[tuple[str, str, str, Clause]]:
    """Yield the other clauses, each with the id, the table and the object of its assertion."""
    for enum in contract.enums:
        yield f"enums::{enum.name}", "", enum.name, enum
    for extension in contract.extensions:
        yield f"extensions::{extension.name}", "", extension.name, extension
    for absent in contract.absent_tables:
        yield absent.name, absent.name, "", absent
    for column in contract.absent_columns:
        yield f"{column.table}::{column.name}", column.table, column.name, column
    for migrations in contract.migrations:
        yield f"migrations::{migrations.id}", "", migrations.id, migrations
