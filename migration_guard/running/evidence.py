"""Reads what the audit and the stored SQL of a database tell about a plan; writes nothing."""

from contextlib import suppress

from migration_guard.planning.evidence import Act, Evidence
from migration_guard.planning.plan import Plan, State
from migration_guard.running import own_tables
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts


def read_evidence(connection: Connection, facts: Facts, plan: Plan) -> Evidence:
    """Return the audit, and the applied SQL of migrations whose file was edited or is missing.

    What the user may not read is left out: then nothing shows a cause.
    """
    history = own_tables.open_history(connection, facts)
    changed = [
        planned.id
        for planned in plan.migrations
        if planned.row is not None and planned.state in {State.EDITED, State.MISSING}
    ]
    acts: tuple[Act, ...] = ()
    sql: dict[str, str] = {}
    with suppress(connection.driver_error):
        acts = history.audit.acts()
    with suppress(connection.driver_error):
        sql = history.applied_sql(changed)
    return Evidence(acts, sql)
