"""What a one-off script did, as text for a person and as JSON for a program."""

from typing import Final

from migration_guard.one_off.results import ScriptOutcome, StatementRows, TableRows
from migration_guard.reports import json
from migration_guard.reports.text import count

# How many statements are listed, unless all are asked for.
LIST_CAP: Final = 100
# What stays locked until the answer comes.
_LOCKED: Final = {
    "postgresql": "The rows stay",
    "mysql": "The rows stay",
    "sqlite": "The whole database stays",
}


def render_rows(outcome: ScriptOutcome, cap: int | None = LIST_CAP) -> str:
    """Return the rows that each statement of a script touched; the last ``cap`` statements."""
    first = 0 if cap is None else max(0, len(outcome.statements) - cap)
    environment = outcome.stamp or outcome.environment
    lines = [f"{outcome.file} on {outcome.place} (environment {environment}):"]
    if first:
        lines.append(f"  … {first} earlier statements (--verbosity 2 lists all)")
    listed = [
        (f"line {statement.line}", _statement_rows(statement), statement.sql)
        for statement in outcome.statements[first:]
    ]
    place_width = max(len(place) for place, _rows, _sql in listed)
    rows_width = max(len(rows) for _place, rows, _sql in listed)
    lines += [
        f"{number:3}. {place:<{place_width}}  {rows:>{rows_width}}  {sql}"
        for number, (place, rows, sql) in enumerate(listed, first + 1)
    ]
    lines.append(f"Written by the statements themselves: {count(outcome.rows, 'row')}.")
    if outcome.everything is not None and outcome.everything != outcome.rows:
        lines.append(f"With what triggers, cascades and code wrote: {outcome.everything}.")
    lines += [f"    {_table_rows(table)}" for table in outcome.tables]
    lines += [f"Not counted: {table}." for table in outcome.uncounted]
    lines += [f"Note: {note}" for note in outcome.notes]
    return "\n".join(lines)


def render_commit(outcome: ScriptOutcome) -> str:
    """Return the last word on a script that was committed."""
    return f"Committed: {count(outcome.rows, 'row')} of {outcome.name}; it is in the audit."


def render_question(outcome: ScriptOutcome, seconds: float) -> str:
    """Return what a person is asked before a script is committed."""
    return (
        f"Nothing is committed yet. {_LOCKED[outcome.vendor]} locked, and other runs wait, until "
        f"you answer ({seconds:g} s at most).\n"
        f"To commit, type the name of the database, {outcome.name}; anything else rolls back: "
    )


def render_json(outcome: ScriptOutcome) -> str:
    """Return what ``runauditedsql --format json`` prints."""
    problems = [json.problem_fields(problem) for problem in outcome.problems]
    if outcome.error is not None and not problems:
        problems.append(json.error_fields(outcome.error))
    return json.dump(
        {
            "database": outcome.database,
            "vendor": outcome.vendor,
            "environment": outcome.environment,
            "stamp": outcome.stamp,
            "file": outcome.file,
            "checksum": outcome.checksum or None,
            "committed": outcome.committed,
            "rows": outcome.rows,
            "expected": outcome.expected,
            "everything": outcome.everything,
            "tables": [table._asdict() for table in outcome.tables],
            "uncounted": list(outcome.uncounted),
            "statements": [statement._asdict() for statement in outcome.statements],
            "notes": list(outcome.notes),
            "problems": problems,
        }
    )


def _statement_rows(statement: StatementRows) -> str:
    if statement.writes or statement.rows:
        return count(statement.rows, "row")
    return "-" if statement.answered is None else f"{count(statement.answered, 'row')} read"


def _table_rows(table: TableRows) -> str:
    counts = {"inserted": table.inserted, "updated": table.updated, "deleted": table.deleted}
    words = ", ".join(f"{count} {verb}" for verb, count in counts.items() if count)
    return f"{table.table}: {words}"
