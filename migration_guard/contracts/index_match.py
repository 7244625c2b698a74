"""Whether one index of the database keeps a unique or an index clause. Pure.

Each judge returns None if the index keeps the clause, ``NO_MATCH`` if it does not, and why that
cannot be told.
"""

import re
from typing import Any, Final, NamedTuple

from migration_guard.contracts.declare import Index, Unique
from migration_guard.contracts.index_text import is_tree
from migration_guard.contracts.outcomes import Outcome, Violated, worst_of
from migration_guard.contracts.table_context import TableContext
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN

NO_MATCH: Final = Violated("", "", "")

_KEY: Final = re.compile(
    r"""(?P<text>.+?)
    (?: \s+ collate \s+ (?P<collation> "[^"]+" | [\w.-]+ ) )?
    (?: \s+ (?P<order> (?:asc|desc) (?: \s+ nulls \s+ (?:first|last) )? ) )?""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_PREFIX: Final = re.compile(r"(?P<text>.+)\((?P<length>[0-9]+)\)", re.DOTALL)


class _Part(NamedTuple):
    """One part of a stated key: ``name(10) COLLATE "C" DESC``, where ``name`` may be any SQL."""

    text: str
    length: int | None = None
    collation: str | None = None
    order: str = ""


def match_unique(context: TableContext, clause: Unique, actual: objects.Index) -> Outcome:
    """Judge whether an index keeps a unique clause."""
    count = len(clause.columns)
    if actual.unique is False:
        return NO_MATCH
    if len(actual.columns) > count:
        # Django's introspection lists INCLUDE columns among the columns.
        is_same = context.are_same_names(actual.columns[:count], tuple(clause.columns))
        if is_same and actual.include is UNKNOWN:
            return context.undecided("indexes")
        return NO_MATCH
    index = Index(
        clause.columns, where=clause.where, include=clause.include, opclasses=clause.opclasses
    )
    unique = context.undecided("indexes") if actual.unique is UNKNOWN else None
    return worst_of(
        (unique, match_options(context, clause, actual), match_index(context, index, actual))
    )


def match_options(
    context: TableContext, clause: Unique, actual: objects.Key | objects.Index
) -> Outcome:
    """Judge whether a key is enforced, deferrable and treats nulls as the clause states."""
    pairs = (
        (actual.deferrable, clause.deferrable),
        (actual.nulls_distinct, clause.nulls_distinct),
        (actual.disabled_on, ()),
    )
    if any(fact is not UNKNOWN and fact != expected for fact, expected in pairs):
        return NO_MATCH
    if any(fact is UNKNOWN for fact, _ in pairs):
        return context.undecided("uniques", "indexes")
    return None


def match_index(context: TableContext, clause: Index, actual: objects.Index) -> Outcome:
    """Judge whether an index serves the look-ups of an index clause."""
    parts = [_part(context, text) for text in clause.columns]
    if actual.expressions is UNKNOWN and None in actual.columns:
        is_plain = all(
            isinstance(context.table.column(part.text), objects.Column) for part in parts
        )
        return NO_MATCH if is_plain else context.undecided("indexes")
    is_longer = len(actual.columns) > len(parts)
    if len(actual.columns) < len(parts) or (is_longer and not is_tree(actual)):
        return NO_MATCH
    if clause.exact and (is_longer or not _has_no_extras(clause, actual)):
        return NO_MATCH
    judges = (_match_columns, _match_expressions, _match_extras, _match_rows)
    valid = context.undecided("indexes") if actual.valid is UNKNOWN else None
    return worst_of([valid, *(judge(context, clause, actual) for judge in judges)])


def _match_columns(context: TableContext, clause: Index, actual: objects.Index) -> Outcome:
    """Judge the keys that are columns; of those that are expressions, all but the expression."""
    for position, text in enumerate(clause.columns):
        part, column = _part(context, text), actual.columns[position]
        if column is None:
            is_same = not isinstance(context.table.column(part.text), objects.Column)
        else:
            is_same = context.is_same_name(column, part.text)
        pairs: list[tuple[objects.Fact[tuple[Any, ...]], Any]] = [
            (actual.prefix_lengths, part.length)
        ]
        order = part.order or ("asc" if clause.exact and is_tree(actual) else "")
        if order:
            pairs.append((actual.orders, order))
        if column is not None or part.collation:
            pairs.append((actual.collations, part.collation))
        facts = [
            (values if values is UNKNOWN else _value_at(values, position), expected)
            for values, expected in pairs
        ]
        if not is_same or any(fact not in (UNKNOWN, expected) for fact, expected in facts):
            return NO_MATCH
        if any(fact is UNKNOWN for fact, _ in facts):
            return context.undecided("indexes")
    return None


def _value_at(values: tuple[Any, ...], position: int) -> Any:
    return values[position] if position < len(values) else None


def _match_expressions(context: TableContext, clause: Index, actual: objects.Index) -> Outcome:
    positions = [position for position, column in enumerate(actual.columns) if column is None]
    for number, position in enumerate(positions):
        if position >= len(clause.columns):
            break
        if actual.expressions is UNKNOWN:
            return context.undecided("indexes", "expressions")
        part = _part(context, clause.columns[position])
        is_same = context.is_same_expression("key", part.text, actual.expressions[number])
        if is_same is not True:
            return is_same or NO_MATCH
    return None


def _match_extras(context: TableContext, clause: Index, actual: objects.Index) -> Outcome:
    """Judge the method, the INCLUDE columns and the operator classes, where they are stated."""
    pairs: tuple[tuple[Any, Any], ...] = (
        (_lower(clause.method), _lower(actual.method)),
        (sorted(clause.include), actual.include),
    )
    for expected, fact in pairs:
        if not expected:
            continue
        if fact is UNKNOWN:
            return context.undecided("indexes")
        if expected != (sorted(fact) if isinstance(fact, tuple) else fact):
            return NO_MATCH
    return _match_opclasses(context, clause, actual)


def _match_opclasses(context: TableContext, clause: Index, actual: objects.Index) -> Outcome:
    """Judge the operator classes; one may be stated by any of its names."""
    if not clause.opclasses:
        return None
    if actual.opclasses is UNKNOWN:
        return context.undecided("indexes")
    for position, expected in enumerate(clause.opclasses):
        names = _value_at(actual.opclass_names, position) or ()
        opclass = _value_at(actual.opclasses, position) or ""
        if expected != opclass and expected not in names:
            return NO_MATCH
    return None


def _lower(word: Any) -> Any:
    return word.lower() if isinstance(word, str) else word


def _match_rows(context: TableContext, clause: Index, actual: objects.Index) -> Outcome:
    """Judge the WHERE of a partial index."""
    if actual.predicate is UNKNOWN:
        return context.undecided("indexes")
    if clause.where is None or actual.predicate is None:
        return None if clause.where is actual.predicate else NO_MATCH
    is_same = context.is_same_expression("check", clause.where, actual.predicate)
    return None if is_same is True else (is_same or NO_MATCH)


def _part(context: TableContext, text: str) -> _Part:
    if isinstance(context.table.column(text), objects.Column):
        return _Part(text)
    match = _KEY.fullmatch(text.strip())
    if match is None:
        return _Part(text)
    name, length = _unquote(context, match["text"]), None
    prefix = _PREFIX.fullmatch(match["text"])
    if prefix is not None:
        column = _unquote(context, prefix["text"])
        if isinstance(context.table.column(column), objects.Column):
            name, length = column, int(prefix["length"])
    collation = (match["collation"] or "").strip('"')
    return _Part(name, length, collation or None, " ".join((match["order"] or "").lower().split()))


def _unquote(context: TableContext, text: str) -> str:
    """Return the name of a column that is written in quotes; any other text as it is."""
    name = text[1:-1].replace('""', '"') if text[:1] == '"' == text[-1:] else text
    return name if isinstance(context.table.column(name), objects.Column) else text


def _has_no_extras(clause: Index, actual: objects.Index) -> bool:
    """Return whether an index is nothing more than an exact clause states."""
    return actual.unique is not True and (clause.method is not None or is_tree(actual))
