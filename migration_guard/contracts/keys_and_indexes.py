"""Keys and indexes of a contract against those of the database: by meaning, never by name.

Pure. Only a valid, total unique key over just these whole columns in just this order keeps a plain
unique clause; a partial key, a longer one, or one over expressions does not. Any valid index over
the same rows with these columns keeps an index clause. So does a B-tree that begins with them, as
it serves the same look-ups.
"""

from typing import Final

from migration_guard.contracts.declare import Index, PrimaryKey, Unique
from migration_guard.contracts.enforcement import enable_triggers, judge_triggers
from migration_guard.contracts.index_match import (
    NO_MATCH,
    match_index,
    match_options,
    match_unique,
)
from migration_guard.contracts.index_text import describe_index, describe_key, in_brackets
from migration_guard.contracts.outcomes import Outcome, Violated, best_of
from migration_guard.contracts.table_context import TableContext
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN


def judge_primary_key(context: TableContext, clause: PrimaryKey) -> Outcome:
    """Judge the primary key by its columns in their order."""
    actual = context.table.primary_key
    if actual is UNKNOWN:
        return context.undecided("primary_key")
    columns = tuple(clause.columns)
    if actual is None and len(columns) == 1 and _is_row_id(context, columns[0]):
        return None
    if actual is not None and context.are_same_names(actual.columns, columns):
        return judge_triggers(context, actual.name, actual.disabled_on)
    text = in_brackets(actual.columns) if actual is not None else "no primary key"
    return Violated("wrong-primary-key", in_brackets(columns), text, _CHANGE)


def _is_row_id(context: TableContext, name: str) -> bool:
    """Return whether a name means the number that SQLite gives each row."""
    column = context.table.column(name)
    return (
        isinstance(column, objects.Column)
        and column in context.table.hidden
        and bool(column.identity)
    )


def judge_unique(context: TableContext, clause: Unique) -> Outcome:
    """Judge whether any two rows surely differ in the columns of a clause."""
    is_plain = clause.where is None and not clause.include and not clause.opclasses
    columns = [context.table.column(name) for name in clause.columns]
    if is_plain and None not in columns:
        return _judge_plain_unique(context, clause)
    indexes = context.table.indexes
    if indexes is UNKNOWN:
        return context.undecided("indexes")
    return best_of(
        (match_unique(context, clause, index) for index in indexes if index.valid is not False),
        lambda: _missing_unique(context, clause),
    )


def _judge_plain_unique(context: TableContext, clause: Unique) -> Outcome:
    uniques, primary = context.table.uniques, context.table.primary_key
    if uniques is UNKNOWN:
        return context.undecided("uniques", "indexes")
    keys = [*uniques, *([primary] if isinstance(primary, objects.Key) else [])]
    indexes = () if context.table.indexes is UNKNOWN else context.table.indexes
    outcomes = [_match_key(context, clause, key) for key in keys]
    outcomes += [
        match_unique(context, clause, index) for index in indexes if index.is_plain is UNKNOWN
    ]
    return best_of(outcomes, lambda: _missing_unique(context, clause))


def _match_key(context: TableContext, clause: Unique, key: objects.Key) -> Outcome:
    if not context.are_same_names(key.columns, tuple(clause.columns)):
        return NO_MATCH
    return match_options(context, clause, key)


def judge_index(context: TableContext, clause: Index) -> Outcome:
    """Judge whether an index serves the look-ups of a clause."""
    if _does_primary_key_serve(context, clause):
        return None
    indexes = context.table.indexes
    if indexes is UNKNOWN:
        return context.undecided("indexes")
    return best_of(
        (match_index(context, clause, index) for index in indexes if index.valid is not False),
        lambda: _missing_index(context, clause, indexes),
    )


def _does_primary_key_serve(context: TableContext, clause: Index) -> bool:
    # SQLite's rowid serves look-ups, and the catalogue shows no index for it.
    key = context.table.primary_key
    is_tree = clause.method in {None, TREE}
    if not isinstance(key, objects.Key) or clause.where or clause.exact or not is_tree:
        return False
    if any(clause.opclasses):
        return False
    columns = tuple(clause.columns)
    return context.are_same_names(key.columns[: len(columns)], columns)


def describe(clause: Unique | Index) -> str:
    """Return a key as the id of its assertion names it: ``(a, b) where c``."""
    where = f" where {clause.where}" if clause.where else ""
    method = clause.method if isinstance(clause, Index) else None
    using = f" using {method}" if method not in {None, TREE} else ""
    return f"({', '.join(clause.columns)}){using}{where}"


def _missing_unique(context: TableContext, clause: Unique) -> Outcome:
    keys, indexes = context.table.uniques, context.table.indexes
    texts = [] if keys is UNKNOWN else [describe_key(key) for key in keys]
    if indexes is not UNKNOWN:
        key_names = set() if keys is UNKNOWN else {key.name for key in keys}
        texts += [
            describe_index(index)
            for index in indexes
            if index.unique is True and index.name not in key_names and index.backs != "primary key"
        ]
    return Violated(
        "missing-unique",
        f"unique {describe(clause)}",
        "; ".join(texts) or "no unique key",
        _near_miss(context, clause, indexes),
    )


def _near_miss(
    context: TableContext, clause: Unique, indexes: objects.Fact[tuple[objects.Index, ...]]
) -> str:
    """Return why a unique index over the same columns does not keep the clause, if there is one."""
    columns = sorted(clause.columns)
    for index in () if indexes is UNKNOWN else indexes:
        if index.unique is not True or sorted(filter(None, index.columns)) != columns:
            continue
        if index.valid is False:
            return f"{index.name} is INVALID and keeps nothing out: drop it and build it again."
        if index.disabled_on is not UNKNOWN and index.disabled_on:
            hint = enable_triggers(context, index.disabled_on)
            return f"The trigger that enforces {index.name} is disabled. {hint}"
        if isinstance(index.predicate, str):
            return f"{index.name} holds for the rows WHERE {index.predicate} only."
        if index.columns != tuple(clause.columns):
            return f"{index.name} has the same columns in another order."
    return ""


def _missing_index(
    context: TableContext, clause: Index, indexes: tuple[objects.Index, ...]
) -> Outcome:
    expected = f"index {describe(clause)}"
    for index in indexes:
        if index.valid is False and not isinstance(match_index(context, clause, index), Violated):
            return Violated(
                "invalid-index",
                expected,
                f"{index.name} is INVALID",
                f"DROP INDEX {index.name}, then build it again: a CREATE INDEX CONCURRENTLY failed "
                "half way.",
            )
    texts = "; ".join(map(describe_index, indexes))
    using = f" using {TREE}" if clause.method == TREE else ""
    return Violated("missing-index", f"{expected}{using}", texts or "no index")


TREE: Final = "btree"
_CHANGE: Final = "Write a migration that changes the key (manage.py makesqlmigration)."
