"""A column of a contract against the column of the database: one pure judge for each aspect."""

import re
from collections.abc import Callable, Mapping
from itertools import product
from operator import attrgetter
from typing import Any, Final, TypeAlias

from migration_guard.contracts.declare import Column
from migration_guard.contracts.outcomes import Outcome, Undecided, Violated
from migration_guard.contracts.table_context import TableContext
from migration_guard.schema import objects
from migration_guard.schema.defaults import is_null, is_sequence
from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.types import has_type_rules, same_type

Judge: TypeAlias = Callable[[TableContext, Column, objects.Column], Outcome]
# All that the judges look at, of the clause and of the column.
Facts: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...]]


def judges_of(clause: Column) -> list[tuple[str, Judge]]:
    """Return each aspect that a clause states, with the function that judges it."""
    return [item for item in _JUDGES.items() if getattr(clause, item[0]) is not None]


def facts_of(
    context: TableContext, clause: Column, actual: objects.Fact[objects.Column | None]
) -> Facts | None:
    """Return facts that decide whether a clause is kept, whatever the table; None if others do."""
    # What an expression means depends on the types of the columns beside it.
    if (
        not isinstance(actual, objects.Column)
        or isinstance(clause.generated, str)
        or context.has_only_columns
    ):
        return None
    return _clause_facts(clause), actual[1:]


def judge_view_column(_context: TableContext, _clause: Column, _actual: objects.Column) -> Outcome:
    """Judge an aspect that no view tells: its columns have no default, key or NOT NULL."""
    return Undecided("of a view's columns only the type is known")


def describe(clause: Column) -> str:
    """Return what a clause states of a column, as SQL would say it."""
    words = ["any type" if clause.type is None else clause.type or NO_TYPE]
    if clause.null is not None:
        words.append("NULL" if clause.null else "NOT NULL")
    if isinstance(clause.default, str):
        words.append(f"DEFAULT {clause.default}")
    if isinstance(clause.generated, str):
        words.append(f"GENERATED AS ({clause.generated})")
    return " ".join(words)


def _judge_type(context: TableContext, clause: Column, actual: objects.Column) -> Outcome:
    expected = str(clause.type)
    if actual.type is UNKNOWN:
        return context.undecided(actual.name, "columns", "types")
    if actual.type == expected or _is_accepted(context, clause, actual.type, actual.base_type):
        return None
    if not has_type_rules(context.vendor):
        return Undecided(f"it is {actual.type}, which may be another name for the same type")
    return Violated("wrong-type", expected or NO_TYPE, actual.type or NO_TYPE, _CHANGE)


def _is_accepted(
    context: TableContext, clause: Column, type_text: str, base_type: objects.Fact[str | None]
) -> bool:
    """Return whether a type, or the one under it, is another name of one that the clause states."""
    types = [type_text, base_type] if isinstance(base_type, str) else [type_text]
    accepted = [str(clause.type), *clause.other_types]
    if context.has_only_columns and clause.by_affinity:
        if not type_text:
            return True  # an expression has no type on SQLite
        # An expression of a view has no length, and Django enforces none when it reads.
        accepted, types = ([_without_length(text) for text in texts] for texts in (accepted, types))
    if any(same_type(*pair, context.vendor) for pair in product(accepted, types)):
        return True
    affinity = _AFFINITY_OF.get(context.vendor)
    return bool(
        clause.by_affinity and affinity and affinity(str(clause.type)) == affinity(type_text)
    )


def _without_length(type_text: str) -> str:
    return "text" if _OF_CHARACTERS.fullmatch(type_text) else type_text


def _sqlite_affinity(type_text: str) -> str:
    """Return what SQLite makes of a declared type ("Datatypes In SQLite", 3.1)."""
    name = type_text.upper()
    for affinity, parts in _SQLITE_AFFINITIES.items():
        if any(part in name for part in parts):
            return affinity
    return "NUMERIC" if name else "BLOB"


def _judge_null(context: TableContext, clause: Column, actual: objects.Column) -> Outcome:
    if actual.nullable is UNKNOWN:
        return context.undecided(actual.name, "columns")
    if actual.nullable == clause.null:
        return None
    words = {True: "NULL", False: "NOT NULL"}
    return Violated("wrong-null", words[bool(clause.null)], words[actual.nullable], _CHANGE)


def _judge_default(context: TableContext, clause: Column, actual: objects.Column) -> Outcome:
    if actual.default is UNKNOWN:
        return context.undecided(actual.name, "defaults", "columns")
    default = actual.default or _other_source_of_values(actual)
    if default is not None and is_null(default, context.vendor):
        default = None
    expected = clause.default
    if isinstance(expected, str) and is_null(expected, context.vendor):
        expected = False
    if isinstance(expected, str) and default is not None:
        is_same = context.is_same_expression("default", expected, default, _type_of(actual))
        if isinstance(is_same, Undecided):
            return is_same
    else:
        is_same = bool(expected) == (default is not None)
    if is_same:
        return None
    return Violated(
        "wrong-default", _expectation(expected, "a default"), default or "no default", _CHANGE
    )


def _other_source_of_values(actual: objects.Column) -> str | None:
    """Return what fills the column, other than a default."""
    if isinstance(actual.identity, str) and actual.identity:
        return f"identity {actual.identity}"
    return "generated" if isinstance(actual.generated, objects.Generated) else None


def _type_of(actual: objects.Column) -> str:
    return actual.type if isinstance(actual.type, str) else ""


def _judge_identity(context: TableContext, clause: Column, actual: objects.Column) -> Outcome:
    if actual.identity is UNKNOWN:
        return context.undecided(actual.name, "columns")
    identity: str | bool = actual.identity
    has_sequence = actual.default is not UNKNOWN and is_sequence(actual.default or None)
    if isinstance(clause.identity, bool):
        if not identity and actual.default is UNKNOWN:
            return context.undecided(actual.name, "defaults", "columns")
        if (bool(identity) or has_sequence) is clause.identity:
            return None
    elif identity == clause.identity:
        return None
    expected = _expectation(clause.identity, "numbered by the database")
    other = _SERIAL if has_sequence else "not an identity"
    return Violated("wrong-identity", expected, actual.identity or other, _CHANGE)


def _judge_generated(context: TableContext, clause: Column, actual: objects.Column) -> Outcome:
    generated = actual.generated
    if generated is UNKNOWN:
        return context.undecided(actual.name, "generated", "columns")
    if isinstance(clause.generated, str) and generated is not None:
        is_same = context.is_same_expression(
            "generated", clause.generated, generated.expression, _type_of(actual)
        )
        if isinstance(is_same, Undecided):
            return is_same
    else:
        is_same = bool(clause.generated) == (generated is not None)
    if is_same:
        return None
    text = "not generated" if generated is None else str(generated.expression)
    return Violated("wrong-generated", _expectation(clause.generated, "generated"), text, _CHANGE)


def _judge_stored(context: TableContext, clause: Column, actual: objects.Column) -> Outcome:
    generated = actual.generated
    if generated is UNKNOWN or (generated is not None and generated.stored is UNKNOWN):
        return context.undecided(actual.name, "generated", "columns")
    words = {True: "stored", False: "virtual"}
    stored = None if generated is None else generated.stored
    if stored is clause.stored:
        return None
    text = "not generated" if stored is None or stored is UNKNOWN else words[stored]
    return Violated("wrong-generated", words[bool(clause.stored)], text, _CHANGE)


def _judge_collation(context: TableContext, clause: Column, actual: objects.Column) -> Outcome:
    if actual.collation is UNKNOWN:
        return context.undecided(actual.name, "columns", "collation")
    expected = str(clause.collation)
    if actual.collation is not None and expected.casefold() == actual.collation.casefold():
        return None
    return Violated(
        "wrong-collation", expected, actual.collation or "the collation of the table", _CHANGE
    )


def _expectation(expected: str | bool | None, noun: str) -> str:
    """Return what is expected: an expression, or in words that there is any or none."""
    if isinstance(expected, str):
        return expected
    if expected:
        return noun
    return f"no {noun[2:]}" if noun.startswith("a ") else f"not {noun}"


# Of a column of SQLite: of an expression in a view, of a virtual table.
NO_TYPE: Final = "no type"
_SQLITE_AFFINITIES: Final = {
    "INTEGER": ("INT",),
    "TEXT": ("CHAR", "CLOB", "TEXT"),
    "BLOB": ("BLOB",),
    "REAL": ("REAL", "FLOA", "DOUB"),
}
_OF_CHARACTERS: Final = re.compile(r"(?:var)?char(?:\(\d+\))?|(?:tiny|medium|long)?text")
# How a vendor groups types that it treats alike. The others keep to the type that is declared.
_AFFINITY_OF: Final[Mapping[str, Callable[[str], str] | None]] = {
    "postgresql": None,
    "mysql": None,
    "sqlite": _sqlite_affinity,
}
_SERIAL: Final = "a serial (a default of nextval), as Django before 4.1 makes it"
_CHANGE: Final = (
    "Write a migration that changes the column (manage.py makesqlmigration), or correct the "
    "contract if nobody relies on this."
)
_JUDGES: Final[Mapping[str, Judge]] = {
    "type": _judge_type,
    "null": _judge_null,
    "default": _judge_default,
    "identity": _judge_identity,
    "generated": _judge_generated,
    "stored": _judge_stored,
    "collation": _judge_collation,
}
_clause_facts: Final = attrgetter(*_JUDGES, "by_affinity", "other_types")
# The aspects that a view tells of its columns.
OF_VIEWS: Final = frozenset({"type"})
