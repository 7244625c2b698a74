"""Checks, foreign keys and exclusions of a contract against those of the database. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from migration_guard.contracts.declare import Check, Exclusion, ForeignKey
from migration_guard.contracts.enforcement import judge_enforcement, judge_triggers
from migration_guard.contracts.outcomes import Outcome, Undecided, Violated, best_of
from migration_guard.contracts.table_context import TableContext
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN


def judge_check(context: TableContext, clause: Check) -> Outcome:
    """Judge a check by its name, its expression, or both."""
    checks = context.table.checks
    if checks is UNKNOWN:
        return context.undecided("checks")
    # SQLite takes a name twice; MariaDB takes that of a column's check for the table's too.
    name = context.stored_name(clause.name)
    outcomes = [
        (actual, _judge_expression(context, clause, actual))
        for actual in checks
        if not name or context.is_same_name(actual.name, name)
    ]
    matches = [actual for actual, outcome in outcomes if outcome is None]
    if matches:
        return best_of(
            (judge_enforcement(context, clause, actual) for actual in matches),
            lambda: judge_enforcement(context, clause, matches[0]),
        )
    wrong = outcomes[0][1] if name and outcomes else _missing_check(clause, checks)
    return best_of((outcome for _, outcome in outcomes), lambda: wrong)


def _missing_check(clause: Check, checks: tuple[objects.Check, ...]) -> Violated:
    texts = [clause.name, clause.expression and f"CHECK ({clause.expression})"]
    actual = "; ".join(check.name or f"CHECK ({check.expression})" for check in checks)
    return Violated("missing-check", " ".join(filter(None, texts)), actual or "no check")


def _judge_expression(context: TableContext, clause: Check, actual: objects.Check) -> Outcome:
    if clause.expression is None:
        return None
    is_same = context.is_same_expression("check", clause.expression, actual.expression)
    if isinstance(is_same, Undecided):
        return is_same
    if is_same:
        return None
    return Violated("wrong-check", clause.expression, str(actual.expression), _CHANGE)


def judge_foreign_key(context: TableContext, clause: ForeignKey) -> Outcome:
    """Judge a foreign key by its columns, its target and its actions; its name does not count."""
    keys = context.table.foreign_keys
    if keys is UNKNOWN:
        return context.undecided("foreign_keys")
    columns = tuple(sorted(clause.columns))
    candidates = [
        key for key in keys if context.are_same_names(tuple(sorted(key.columns)), columns)
    ]
    if not candidates:
        actual = "; ".join(_describe_actual_key(key) for key in keys)
        return Violated("missing-foreign-key", _describe_key(clause), actual or "no foreign key")
    outcomes = [_judge_candidate(context, clause, key) for key in candidates]
    return best_of(outcomes, lambda: min(outcomes, key=_is_about_another))


def _is_about_another(outcome: Outcome) -> bool:
    # That a key is merely not enforced says more than that another one points elsewhere.
    return not (isinstance(outcome, Violated) and outcome.rule in {"not-valid", "not-enforced"})


def _judge_candidate(
    context: TableContext, clause: ForeignKey, actual: objects.ForeignKey
) -> Outcome:
    wrong = Violated(
        "wrong-foreign-key", _describe_key(clause), _describe_actual_key(actual), _CHANGE
    )
    has_target = _has_target(context, clause, actual)
    if has_target is not True:
        return has_target or wrong
    for name in ("on_delete", "on_update", "deferrable"):
        expected, fact = getattr(clause, name), getattr(actual, name)
        if expected is None or not _counts(context, clause, actual, name):
            continue
        if fact is UNKNOWN:
            return context.undecided("foreign_keys")
        if effective_action(expected, context.vendor) != effective_action(fact, context.vendor):
            return wrong
    return judge_enforcement(context, clause, actual)


def _counts(
    context: TableContext, clause: ForeignKey, actual: objects.ForeignKey, option: str
) -> bool:
    """Return whether an option of a key counts: of Django's keys only where Django named it."""
    if not clause.by_django or (option == "on_delete" and clause.on_delete != "no action"):
        return True
    # Django names no foreign key on SQLite, where only a new table could have another one.
    return context.vendor == "sqlite" or bool(_DJANGO_NAME.search(actual.name))


def _has_target(
    context: TableContext, clause: ForeignKey, actual: objects.ForeignKey
) -> bool | Undecided:
    """Return whether the key points to the columns that the clause states."""
    name, columns = clause.target
    target = context.snapshot.table(name)
    table = target if isinstance(target, objects.Table) else None
    label = table.label if table is not None else name
    if actual.target != label and not (
        context.snapshot.folds_case and actual.target.casefold() == label.casefold()
    ):
        return False
    if not columns and table is not None and isinstance(table.primary_key, objects.Key):
        columns = table.primary_key.columns
    if not columns:
        return True
    if actual.target_columns is UNKNOWN:
        return context.undecided("foreign_keys")
    if len(columns) != len(clause.columns) or len(columns) != len(actual.columns):
        return False
    # Which column points to which counts, their order does not.
    expected_pairs = sorted(zip(clause.columns, columns, strict=True))
    actual_pairs = sorted(zip(actual.columns, actual.target_columns, strict=True))
    return all(map(context.are_same_names, expected_pairs, actual_pairs))


def effective_action(action: str, vendor: str) -> str:
    """Return the action that a vendor takes for an ON DELETE or ON UPDATE action."""
    return _EFFECTIVE_ACTIONS.get(vendor, {}).get(action, action)


def judge_exclusion(context: TableContext, clause: Exclusion) -> Outcome:
    """Judge an exclusion constraint by its definition where it is stated, else by its name."""
    exclusions = context.table.exclusions
    if exclusions is UNKNOWN:
        return context.undecided("exclusions")
    missing = Violated(
        "missing-exclusion",
        clause.definition or clause.name,
        "; ".join(f"{exclusion.name} {exclusion.definition}" for exclusion in exclusions)
        or "no exclusion",
    )
    if clause.name:
        name = context.stored_name(clause.name)
        exclusions = tuple(exclusion for exclusion in exclusions if exclusion.name == name)
    outcomes = [_judge_definition(context, clause, exclusion) for exclusion in exclusions]
    for exclusion, outcome in zip(exclusions, outcomes, strict=True):
        if outcome is None:
            return judge_triggers(context, exclusion.name, exclusion.disabled_on)
    return best_of(outcomes, lambda: missing)


def _judge_definition(
    context: TableContext, clause: Exclusion, actual: objects.Exclusion
) -> Outcome:
    if clause.definition is None:
        return None
    is_same = context.is_same_expression("exclusion", clause.definition, actual.definition)
    if is_same is True:
        return None
    return is_same or Violated("wrong-exclusion", clause.definition, str(actual.definition))


def describe(clause: Check | Exclusion) -> str:
    """Return the constraint as the id of its assertion names it."""
    text = clause.expression if isinstance(clause, Check) else clause.definition
    return f"({clause.name or text})"


def _describe_key(clause: ForeignKey) -> str:
    words = [f"({', '.join(clause.columns)}) references {clause.references}"]
    if clause.on_delete is not None:
        words.append(f"on delete {clause.on_delete}")
    if clause.on_update is not None:
        words.append(f"on update {clause.on_update}")
    if clause.deferrable:
        words.append(f"deferrable {clause.deferrable}")
    return " ".join(words)


def _describe_actual_key(actual: objects.ForeignKey) -> str:
    columns = actual.target_columns
    target = f"{actual.target}({'?' if columns is UNKNOWN else ', '.join(columns)})"
    words = [f"({', '.join(actual.columns)}) references {target}"]
    for event, action in (("on delete", actual.on_delete), ("on update", actual.on_update)):
        if isinstance(action, str) and (action != "no action" or event == "on delete"):
            words.append(f"{event} {action}")
    if isinstance(actual.deferrable, str) and actual.deferrable:
        words.append(f"deferrable {actual.deferrable}")
    if actual.enforced is False:
        words.append("NOT ENFORCED")
    elif actual.validated is False:
        words.append("NOT VALID")
    return " ".join(words)


# The table, the columns, their digest, _fk_ and the target, cut to what a name may have
# (``BaseDatabaseSchemaEditor._create_index_name``).
_DJANGO_NAME: Final = re.compile(r"_[0-9a-f]{8}_fk(?:_|$)")
_CHANGE: Final = (
    "Write a migration that drops the constraint and adds it as stated "
    "(manage.py makesqlmigration)."
)
# Actions that a vendor accepts and treats as another one.
_EFFECTIVE_ACTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "postgresql": {},
    # InnoDB does the same for both (MariaDB and MySQL manuals, "FOREIGN KEY Constraints").
    "mysql": {"restrict": "no action"},
    "sqlite": {},
}
