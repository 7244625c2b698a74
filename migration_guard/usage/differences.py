"""Which migration made the difference for a statement that a schema breaks.

It is named where files, history or Django's migrations show it; otherwise nothing is.
"""

from collections.abc import Iterator

from migration_guard.contracts.causes import (
    Cause,
    Causes,
    DjangoMigrations,
    Subject,
    describe_with_command,
)
from migration_guard.contracts.causes.events import Event, Verb
from migration_guard.planning.plan import State
from migration_guard.sql.cursor import identifier, read_tokens, split_at_commas
from migration_guard.sql.dialects import dialect
from migration_guard.usage.servers import Finding
from migration_guard.usage.statement import Statement
from migration_guard.usage.tables import tables_of


def explain_difference(
    statement: Statement, finding: Finding, causes: Causes, django: DjangoMigrations
) -> Cause:
    """Return the migration that made the difference, and its state."""
    is_missing = finding.is_missing
    subjects = list(_subjects(statement, finding))
    changes = (causes.last_change(*names, is_missing=is_missing) for names in subjects)
    events = [
        event
        for event in changes
        if event is not None and (event.verb is Verb.CHANGES or not finding.is_retyped)
    ]
    if not subjects:
        table, columns = _conflict_key(statement)
        key = causes.lost_key(table, columns) if columns else None
        events = [key] if key is not None else []
    if events:
        return _describe(max(events, key=lambda event: event.place), causes)
    if finding.is_retyped:
        return Cause()
    hints = (
        django.last_change(Subject(names[0], "".join(names[1:])), is_missing=is_missing)
        for names in subjects
    )
    return next((hint for hint in hints if hint.text), Cause())


def _describe(event: Event, causes: Causes) -> Cause:
    text = describe_with_command(event, causes.option)
    is_waiting = event.migration.row is None and event.migration.state is not State.SKIPPED
    return Cause(text if text.endswith(".") else f"{text}.", is_waiting)


def _subjects(statement: Statement, finding: Finding) -> Iterator[tuple[str, ...]]:
    """Yield what the name at which a statement fails may be: a column, a table, another object."""
    if not finding.name:
        return
    tables = tables_of(statement.sql, dialect(statement.vendor))
    *qualifier, name = finding.name
    if qualifier:
        yield tables.get(qualifier[0], qualifier[0]), name
    elif name not in tables.values():
        yield from ((table, name) for table in dict.fromkeys(tables.values()))
    yield (name,)


def _conflict_key(statement: Statement) -> tuple[str, tuple[str, ...]]:
    """Return the table of an INSERT, and the columns of its ON CONFLICT."""
    lexis = dialect(statement.vendor)
    cursor = read_tokens(statement.sql, lexis)
    table = ""
    while not cursor.is_at_end:
        if cursor.accept("INTO"):
            name = cursor.take_name()
            table = name.name if name is not None else ""
        elif cursor.accept("ON", "CONFLICT"):
            columns = filter(None, split_at_commas(cursor.take_group()))
            return table, tuple(identifier(column[0], lexis) for column in columns)
        else:
            cursor.take()
    return table, ()
