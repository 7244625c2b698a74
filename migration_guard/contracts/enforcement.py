"""Whether the database holds all rows to a constraint that it has. Pure.

NOT VALID leaves out old rows, NOT ENFORCED all of them, and so do triggers that are disabled.
"""

from migration_guard.contracts.declare import Check, ForeignKey
from migration_guard.contracts.outcomes import Outcome, Violated
from migration_guard.contracts.table_context import TableContext
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN, Fact

_RULE = "not-enforced"


def judge_enforcement(
    context: TableContext,
    clause: Check | ForeignKey,
    actual: objects.Check | objects.ForeignKey,
) -> Outcome:
    """Judge whether a check or a foreign key is enforced, and for old rows too."""
    if not clause.enforced:
        return None
    if actual.enforced is UNKNOWN:
        return context.undecided("checks", "foreign_keys")
    if not actual.enforced:
        if isinstance(actual, objects.ForeignKey):
            remedy = f"{_alter(context)} ALTER CONSTRAINT {context.quoted(actual.name)} ENFORCED"
        else:
            remedy = _add_again(context, actual)
        hint = f"{remedy}: this fails on a row that breaks it."
        return Violated(_RULE, "enforced", f"{actual.name} is NOT ENFORCED", hint)
    triggers = None
    if isinstance(actual, objects.ForeignKey):
        triggers = judge_triggers(context, actual.name, actual.disabled_on)
    return triggers or _judge_validity(context, clause, actual)


def judge_triggers(context: TableContext, name: str, tables: Fact[tuple[str, ...]]) -> Outcome:
    """Judge whether the triggers that enforce a constraint fire, given where they do not."""
    if tables is UNKNOWN:
        return context.undecided("foreign_keys", "indexes", "exclusions")
    if not tables:
        return None
    return Violated(
        _RULE,
        "enforced",
        f"the triggers of {name} are disabled on {', '.join(tables)}",
        enable_triggers(context, tables),
    )


def enable_triggers(context: TableContext, tables: tuple[str, ...]) -> str:
    """Return the hint that enables the triggers of constraints on these tables."""
    names = map(context.quoted_table, tables)
    return (
        f"{'; '.join(f'ALTER TABLE {name} ENABLE TRIGGER ALL' for name in names)}: as a superuser. "
        "It also enables other triggers of the table, and rows that came meanwhile stay unchecked."
    )


def _judge_validity(
    context: TableContext,
    clause: Check | ForeignKey,
    actual: objects.Check | objects.ForeignKey,
) -> Outcome:
    if not clause.valid:
        return None
    if actual.validated is UNKNOWN:
        return context.undecided("checks", "foreign_keys")
    if actual.validated:
        return None
    table, name = context.quoted_table(context.table.label), context.quoted(actual.name)
    return Violated(
        "not-valid",
        "valid for all rows",
        f"{actual.name} is NOT VALID",
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}: rows from before it may break it.",
    )


def _add_again(context: TableContext, check: objects.Check) -> str:
    """Return the statement for a check, which PostgreSQL 18 cannot alter to be enforced."""
    name = context.quoted(check.name)
    expression = "…" if check.expression is UNKNOWN else check.expression
    return f"{_alter(context)} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({expression})"


def _alter(context: TableContext) -> str:
    """Return the beginning of a statement for a constraint; that of a partition is its parent's."""
    parent = context.table.partition_of
    label = context.table.label if parent is UNKNOWN else parent or context.table.label
    return f"ALTER TABLE {context.quoted_table(label)}"
