"""A column of a contract against the column of the database: pure judgements, one a fact."""

from collections.abc import Callable, Iterator

from migration_guard.contracts.declare import Column
from migration_guard.contracts.expressions import is_null, is_sequence
from migration_guard.contracts.outcomes import Broken, Finding, Untold
from migration_guard.contracts.table_context import Scene
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.types import has_type_rules, same_type

Judge = Callable[[Scene, Column, objects.Column], Finding]


def stated(column: Column) -> Iterator[tuple[str, Judge]]:
    """Yield what is stated of a column: the aspect, and who judges it."""
    for aspect, judge in ASPECTS.items():
        if getattr(column, aspect) is not None:
            yield aspect, judge


def of_view(_scene: Scene, _column: Column, _actual: objects.Column) -> Finding:
    """Judge what no view can tell: its columns introspect as nullable, without default or key."""
    return Untold("of a view's columns only the type can be told")


def describe(column: Column) -> str:
    """Return what is stated of a column, as SQL would say it."""
    words = [column.type or "any type"]
    if column.null is not None:
        words.append("NULL" if column.null else "NOT NULL")
    if isinstance(column.default, str):
        words.append(f"DEFAULT {column.default}")
    if isinstance(column.generated, str):
        words.append(f"GENERATED AS ({column.generated})")
    return " ".join(words)


def _type(scene: Scene, column: Column, actual: objects.Column) -> Finding:
    expected = str(column.type)
    if actual.type is UNKNOWN:
        return scene.untold(actual.name, "columns", "types")
    known = [actual.type]
    if isinstance(actual.base_type, str):
        known.append(actual.base_type)
    if any(same_type(expected, one, scene.vendor) for one in known):
        return None
    if (
        column.by_affinity
        and scene.vendor == "sqlite"
        and _affinity(expected) == _affinity(known[0])
    ):
        return None
    if not has_type_rules(scene.vendor):
        return Untold(f"it is {actual.type}, which may be another name for the same type")
    return Broken("wrong-type", expected, actual.type, _CHANGE)


def _affinity(type_text: str) -> str:
    """Return what SQLite makes of a declared type ("Datatypes In SQLite", 3.1)."""
    name = type_text.upper()
    for affinity, parts in _AFFINITIES.items():
        if any(part in name for part in parts):
            return affinity
    return "NUMERIC" if name else "BLOB"


def _null(scene: Scene, column: Column, actual: objects.Column) -> Finding:
    if actual.nullable is UNKNOWN:
        return scene.untold(actual.name, "columns")
    if actual.nullable == column.null:
        return None
    words = {True: "NULL", False: "NOT NULL"}
    return Broken("wrong-null", words[bool(column.null)], words[actual.nullable], _CHANGE)


def _default(scene: Scene, column: Column, actual: objects.Column) -> Finding:
    if actual.default is UNKNOWN:
        return scene.untold(actual.name, "defaults", "columns")
    default = actual.default or _made(actual)
    if default is not None and is_null(default, scene.vendor):
        default = None
    expected = column.default
    if isinstance(expected, str) and is_null(expected, scene.vendor):
        expected = False
    if isinstance(expected, str) and default is not None:
        kind = actual.type if isinstance(actual.type, str) else ""
        same = scene.same("default", expected, default, kind)
        if isinstance(same, Untold):
            return same
    else:
        same = bool(expected) == (default is not None)
    if same:
        return None
    return Broken("wrong-default", _shown(expected, "a default"), default or "no default", _CHANGE)


def _made(actual: objects.Column) -> str | None:
    """Return what fills the column other than a default."""
    if isinstance(actual.identity, str) and actual.identity:
        return f"identity {actual.identity}"
    return "generated" if isinstance(actual.generated, objects.Generated) else None


def _identity(scene: Scene, column: Column, actual: objects.Column) -> Finding:
    if actual.identity is UNKNOWN:
        return scene.untold(actual.name, "columns")
    found: str | bool = actual.identity
    if isinstance(column.identity, bool):
        if not found and actual.default is UNKNOWN:
            return scene.untold(actual.name, "defaults", "columns")
        sequence = is_sequence(actual.default or None) if actual.default is not UNKNOWN else False
        kept = bool(found) or sequence
        if kept is column.identity:
            return None
    elif found == column.identity:
        return None
    expected = _shown(column.identity, "numbered by the database")
    return Broken("wrong-identity", expected, actual.identity or "not an identity", _CHANGE)


def _generated(scene: Scene, column: Column, actual: objects.Column) -> Finding:
    found = actual.generated
    if found is UNKNOWN:
        return scene.untold(actual.name, "generated", "columns")
    if isinstance(column.generated, str) and found is not None:
        kind = actual.type if isinstance(actual.type, str) else ""
        same = scene.same("generated", column.generated, found.expression, kind)
        if isinstance(same, Untold):
            return same
    else:
        same = bool(column.generated) == (found is not None)
    if same:
        return None
    shown = "not generated" if found is None else str(found.expression)
    return Broken("wrong-generated", _shown(column.generated, "generated"), shown, _CHANGE)


def _stored(scene: Scene, column: Column, actual: objects.Column) -> Finding:
    found = actual.generated
    if found is UNKNOWN or (found is not None and found.stored is UNKNOWN):
        return scene.untold(actual.name, "generated", "columns")
    words = {True: "stored", False: "virtual"}
    stored = None if found is None else found.stored
    if stored is column.stored:
        return None
    shown = "not generated" if stored is None or stored is UNKNOWN else words[stored]
    return Broken("wrong-generated", words[bool(column.stored)], shown, _CHANGE)


def _collation(scene: Scene, column: Column, actual: objects.Column) -> Finding:
    if actual.collation is UNKNOWN:
        return scene.untold(actual.name, "columns", "collation")
    expected = str(column.collation)
    if actual.collation is not None and expected.casefold() == actual.collation.casefold():
        return None
    return Broken(
        "wrong-collation", expected, actual.collation or "the collation of the table", _CHANGE
    )


def _shown(expected: str | bool | None, what: str) -> str:
    if isinstance(expected, str):
        return expected
    return what if expected else f"not {what}" if not what.startswith("a ") else f"no {what[2:]}"


_AFFINITIES = {
    "INTEGER": ("INT",),
    "TEXT": ("CHAR", "CLOB", "TEXT"),
    "BLOB": ("BLOB",),
    "REAL": ("REAL", "FLOA", "DOUB"),
}
_CHANGE = (
    "Write a migration that changes the column (manage.py makesqlmigration), or correct the "
    "contract if nobody relies on this."
)
ASPECTS: dict[str, Judge] = {
    "type": _type,
    "null": _null,
    "default": _default,
    "identity": _identity,
    "generated": _generated,
    "stored": _stored,
    "collation": _collation,
}
# What can be told of a view's column.
OF_VIEWS = frozenset({"type"})
