"""Keys and indexes of a contract against those of the database: by meaning, never by name.

Pure. A plain unique contract is kept by a valid, total unique key over just these whole columns in
just this order; neither a partial one, nor a longer one, nor one over expressions will do. An index
contract is kept by any valid index over the same rows with these columns, or, as it serves the same
look-ups, by a B-tree that begins with them.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from migration_guard.contracts.declare import Index, PrimaryKey, Unique
from migration_guard.contracts.index_text import listed, shown_index, shown_key
from migration_guard.contracts.outcomes import Broken, Finding, either
from migration_guard.contracts.table_context import Scene
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN

_KEY = re.compile(
    r"""(?P<text>.+?)
    (?: \s+ collate \s+ (?P<collation> "[^"]+" | [\w.-]+ ) )?
    (?: \s+ (?P<order> (?:asc|desc) (?: \s+ nulls \s+ (?:first|last) )? ) )?""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_PREFIX = re.compile(r"(?P<text>.+)\((?P<length>[0-9]+)\)")
_TREES = frozenset({"btree", "unknown", ""})


class _Part(NamedTuple):
    """One part of a stated key: ``name(10) COLLATE "C" DESC``, where ``name`` may be any SQL."""

    text: str
    length: int | None = None
    collation: str | None = None
    order: str = ""


def primary_key(scene: Scene, stated: PrimaryKey) -> Finding:
    """Judge the primary key."""
    actual = scene.table.primary_key
    if actual is UNKNOWN:
        return scene.untold("primary_key")
    columns = tuple(stated.columns)
    if actual is not None and scene.same_names(actual.columns, columns):
        return None
    found = listed(actual.columns) if actual is not None else "no primary key"
    return Broken("wrong-primary-key", listed(columns), found, _CHANGE)


def unique(scene: Scene, stated: Unique) -> Finding:
    """Judge a unique key."""
    plain = stated.where is None and not stated.include
    known = [scene.table.column(one) for one in stated.columns]
    if plain and None not in known:
        finding = _plain_unique(scene, stated)
    else:
        finding = _unique_index(scene, stated)
    return finding


def index(scene: Scene, stated: Index) -> Finding:
    """Judge an index."""
    if _primary_key_serves(scene, stated):
        return None
    indexes = scene.table.indexes
    if indexes is UNKNOWN:
        return scene.untold("indexes")
    valid = [one for one in indexes if one.valid is not False]
    return either(
        (_serves(scene, stated, one) for one in valid),
        lambda: _missing_index(scene, stated, indexes),
    )


def describe(stated: Unique | Index) -> str:
    """Return a key as an assertion's id names it: ``a, b WHERE c``."""
    where = f" where {stated.where}" if stated.where else ""
    using = f" using {stated.method}" if isinstance(stated, Index) and stated.method else ""
    return f"({', '.join(stated.columns)}){using}{where}"


def _plain_unique(scene: Scene, stated: Unique) -> Finding:
    uniques, primary = scene.table.uniques, scene.table.primary_key
    if uniques is UNKNOWN:
        return scene.untold("uniques", "indexes")
    keys = [*uniques, *([primary] if isinstance(primary, objects.Key) else [])]
    indexes = () if scene.table.indexes is UNKNOWN else scene.table.indexes
    findings = [_is_key(scene, stated, one) for one in keys]
    findings += [_is_unique_index(scene, stated, one) for one in indexes if one.is_plain is UNKNOWN]
    return either(findings, lambda: _missing_unique(scene, stated))


def _is_key(scene: Scene, stated: Unique, key: objects.Key | objects.Index) -> Finding:
    if not scene.same_names(key.columns, tuple(stated.columns)):
        return _NO
    return _same_behaviour(scene, stated, key)


def _same_behaviour(scene: Scene, stated: Unique, key: objects.Key | objects.Index) -> Finding:
    return _all_of(
        scene.untold("uniques", "indexes") if fact is UNKNOWN else None if fact == wanted else _NO
        for fact, wanted in (
            (key.deferrable, stated.deferrable),
            (key.nulls_distinct, stated.nulls_distinct),
        )
    )


def _unique_index(scene: Scene, stated: Unique) -> Finding:
    indexes = scene.table.indexes
    if indexes is UNKNOWN:
        return scene.untold("indexes")
    return either(
        (_is_unique_index(scene, stated, one) for one in indexes if one.valid is not False),
        lambda: _missing_unique(scene, stated),
    )


def _is_unique_index(scene: Scene, stated: Unique, actual: objects.Index) -> Finding:
    count = len(stated.columns)
    if actual.unique is False:
        return _NO
    if len(actual.columns) > count:
        # Django's introspection lists what is INCLUDEd among the columns.
        same = scene.same_names(actual.columns[:count], tuple(stated.columns))
        return scene.untold("indexes") if same and actual.include is UNKNOWN else _NO
    wanted = Index(stated.columns, where=stated.where, include=stated.include)
    unique = scene.untold("indexes") if actual.unique is UNKNOWN else None
    return _all_of((unique, _same_behaviour(scene, stated, actual), _serves(scene, wanted, actual)))


def _serves(scene: Scene, stated: Index, actual: objects.Index) -> Finding:
    """Return None if this index keeps what is stated, a Broken of no meaning if not."""
    parts = [_part(scene, one) for one in stated.columns]
    if actual.expressions is UNKNOWN and None in actual.columns:
        plain = all(isinstance(scene.table.column(one.text), objects.Column) for one in parts)
        return _NO if plain else scene.untold("indexes")
    longer = len(actual.columns) > len(parts)
    if len(actual.columns) < len(parts) or (longer and not _is_tree(actual)):
        return _NO
    if stated.exact and (longer or not _is_plainest(stated, actual)):
        return _NO
    judges = (_same_columns, _same_expressions, _same_extras, _same_rows)
    valid = scene.untold("indexes") if actual.valid is UNKNOWN else None
    return _all_of((valid, *(judge(scene, stated, actual) for judge in judges)))


def _all_of(findings: Iterable[Finding]) -> Finding:
    """Return broken if any is, else untold if any is, else kept."""
    given = [one for one in findings if one is not None]
    return next((one for one in given if isinstance(one, Broken)), given[0] if given else None)


def _same_columns(scene: Scene, stated: Index, actual: objects.Index) -> Finding:
    """Judge the keys that are columns; of those that are expressions, all but the expression."""
    for at, text in enumerate(stated.columns):
        part, column = _part(scene, text), actual.columns[at]
        if column is None:
            same = not isinstance(scene.table.column(part.text), objects.Column)
        else:
            same = scene.same_name(column, part.text)
        wanted: list[tuple[objects.Fact[tuple[Any, ...]], Any]] = [
            (actual.prefix_lengths, part.length)
        ]
        order = part.order or ("asc" if stated.exact and _is_tree(actual) else "")
        if order:
            wanted.append((actual.orders, order))
        if column is not None or part.collation:
            wanted.append((actual.collations, part.collation))
        facts = [(fact if fact is UNKNOWN else _at(fact, at), one) for fact, one in wanted]
        if not same or any(fact not in (UNKNOWN, one) for fact, one in facts):
            return _NO
        if any(fact is UNKNOWN for fact, _ in facts):
            return scene.untold("indexes")
    return None


def _at(fact: tuple[Any, ...], at: int) -> Any:
    return fact[at] if at < len(fact) else None


def _same_expressions(scene: Scene, stated: Index, actual: objects.Index) -> Finding:
    at = [number for number, column in enumerate(actual.columns) if column is None]
    for number, place in enumerate(one for one in at if one < len(stated.columns)):
        if actual.expressions is UNKNOWN:
            return scene.untold("indexes", "expressions")
        part = _part(scene, stated.columns[place])
        same = scene.same("key", part.text, actual.expressions[number])
        if same is not True:
            return same or _NO
    return None


def _same_extras(scene: Scene, stated: Index, actual: objects.Index) -> Finding:
    """Judge the method, the INCLUDE columns and the operator classes, where they are stated."""
    classes: Any = actual.opclasses
    if classes is not UNKNOWN:
        classes = [one or "" for one in classes[: len(stated.opclasses)]]
    pairs: tuple[tuple[Any, Any], ...] = (
        (_lower(stated.method), _lower(actual.method)),
        (sorted(stated.include), actual.include),
        (list(stated.opclasses), classes),
    )
    for wanted, fact in pairs:
        if not wanted:
            continue
        if fact is UNKNOWN:
            return scene.untold("indexes")
        found = sorted(fact) if isinstance(fact, tuple) else fact
        if wanted != found:
            return _NO
    return None


def _lower(word: Any) -> Any:
    return word.lower() if isinstance(word, str) else word


def _same_rows(scene: Scene, stated: Index, actual: objects.Index) -> Finding:
    if actual.predicate is UNKNOWN:
        return scene.untold("indexes")
    if stated.where is None or actual.predicate is None:
        return None if stated.where is actual.predicate else _NO
    same = scene.same("check", stated.where, actual.predicate)
    return None if same is True else (same or _NO)


def _primary_key_serves(scene: Scene, stated: Index) -> bool:
    """SQLite's rowid has no index in the catalogue, and is one."""
    key = scene.table.primary_key
    if not isinstance(key, objects.Key) or stated.where or stated.exact or stated.method:
        return False
    columns = tuple(stated.columns)
    return scene.same_names(key.columns[: len(columns)], columns)


def _part(scene: Scene, text: str) -> _Part:
    if isinstance(scene.table.column(text), objects.Column):
        return _Part(text)
    match = _KEY.fullmatch(text.strip())
    if match is None:
        return _Part(text)
    name, length = _unquoted(scene, match["text"]), None
    prefix = _PREFIX.fullmatch(match["text"])
    column = "" if prefix is None else _unquoted(scene, prefix["text"])
    if prefix is not None and isinstance(scene.table.column(column), objects.Column):
        name, length = column, int(prefix["length"])
    collation = (match["collation"] or "").strip('"')
    return _Part(name, length, collation or None, " ".join((match["order"] or "").lower().split()))


def _unquoted(scene: Scene, text: str) -> str:
    """Return the name of a column that is written in quotes; all else as it is."""
    name = text[1:-1].replace('""', '"') if text[:1] == '"' == text[-1:] else text
    return name if isinstance(scene.table.column(name), objects.Column) else text


def _is_plainest(stated: Index, actual: objects.Index) -> bool:
    """Tell whether the index is nothing more than what an exact contract states."""
    return actual.unique is not True and (stated.method is not None or _is_tree(actual))


def _is_tree(actual: objects.Index) -> bool:
    return actual.method is UNKNOWN or actual.method.lower() in _TREES


def _missing_unique(scene: Scene, stated: Unique) -> Finding:
    keys, indexes = scene.table.uniques, scene.table.indexes
    found = [] if keys is UNKNOWN else [shown_key(one) for one in keys]
    if indexes is not UNKNOWN:
        named = set() if keys is UNKNOWN else {one.name for one in keys}
        found += [
            shown_index(one)
            for one in indexes
            if one.unique is True and one.name not in named and one.backs != "primary key"
        ]
    return Broken(
        "missing-unique",
        f"unique {describe(stated)}",
        "; ".join(found) or "no unique key",
        _near_miss(stated, indexes),
    )


def _near_miss(stated: Unique, indexes: objects.Fact[tuple[objects.Index, ...]]) -> str:
    columns = sorted(stated.columns)
    for one in () if indexes is UNKNOWN else indexes:
        if one.unique is not True or sorted(filter(None, one.columns)) != columns:
            continue
        if one.valid is False:
            return f"{one.name} is INVALID and keeps nothing out: drop it and build it again."
        if isinstance(one.predicate, str):
            return f"{one.name} holds for the rows WHERE {one.predicate} only."
        if one.columns != tuple(stated.columns):
            return f"{one.name} has the same columns in another order."
    return ""


def _missing_index(scene: Scene, stated: Index, indexes: tuple[objects.Index, ...]) -> Finding:
    expected = f"index {describe(stated)}"
    for one in indexes:
        if one.valid is False and not isinstance(_serves(scene, stated, one), Broken):
            return Broken(
                "invalid-index",
                expected,
                f"{one.name} is INVALID",
                f"DROP INDEX {one.name}, then build it again: a CREATE INDEX CONCURRENTLY failed "
                "half way.",
            )
    found = "; ".join(shown_index(one) for one in indexes)
    return Broken("missing-index", expected, found or "no index")


_NO = Broken("", "", "")
_CHANGE = "Write a migration that changes the key (manage.py makesqlmigration)."
