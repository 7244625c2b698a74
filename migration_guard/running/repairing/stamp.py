"""The act on the whole database, by hand: another environment stamp."""

import shlex

from migration_guard.conf import PRODUCTION
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.planning.stamp import describe_stamp
from migration_guard.running.repairing.target import UNCHANGED, Repair, Target


def stamp(target: Target, request: Repair) -> str | None:
    """Stamp the database; return what it carried before."""
    name, new = target.facts.database, request.environment
    rows = target.history.stamp.rows()
    old, old_schema = describe_stamp(rows), rows[0].schema if rows else None
    schema = target.history.stamp.new_tables
    if (old, old_schema) == (new, schema):
        raise Refused(f'The database "{name}" is stamped {new} already; {UNCHANGED}.')
    if request.confirm not in (None, name):
        raise Refused(
            f'--confirm says "{request.confirm}", and this database is "{name}"; {UNCHANGED}.',
            f"Check --database. If it is the one you mean: --confirm {shlex.quote(name)}",
        )
    if new != PRODUCTION and request.confirm is None and _counts_as_production(target):
        raise Refused(
            f'The database "{name}" is production, or counts as it. Stamped {new}, it would run '
            f"migrations that must never run there; {UNCHANGED}.",
            f"If it is no longer production (a restored dump), repeat the command with "
            f"--confirm {shlex.quote(name)}",
        )
    target.history.stamp.write(new)
    details = {"from": old, "to": new}
    if rows and old_schema != schema:
        details |= {"from_schema": old_schema, "to_schema": schema}
    target.audit(request, "", details)
    return old


def _counts_as_production(target: Target) -> bool:
    """Return whether the database is production, also where its stamp is missing or unclear."""
    try:
        environment = target.history.read().environment
    except CannotTell:
        return True
    return (environment or target.conf.environment) == PRODUCTION
