"""What Django's migrations make of an app's tables, step by step, as Django's states have it.

Nothing is rendered, run or asked of a database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from migration_guard.contracts.model_reader import unquote

Key: TypeAlias = tuple[str, str]
# The columns, names and keys of each table, with what they are like; None: nobody knows them.
Shape: TypeAlias = Mapping[str, Mapping[str, str] | None]


class Subject(NamedTuple):
    """An object of a table, "" for the table itself; ``kind`` and ``columns`` if it is a key.

    ``is_made`` says that a fresh database has it, so that some migration surely makes it.
    """

    table: str
    name: str = ""
    kind: str = ""
    columns: tuple[str, ...] = ()
    is_made: bool = False


class Step(NamedTuple):
    """What an object is like before and after a migration that changes it; None: it is not."""

    key: Key
    before: str | None
    after: str | None


def read_shapes(graph: Any, app: str, longest_name: int | None) -> list[tuple[Key, Shape]]:
    """Return the shape of an app's tables after each migration that leads to its last ones."""
    from django.db.migrations.state import ProjectState

    state = ProjectState()
    shapes: list[tuple[Key, Shape]] = []
    # A migration of another app may alter this one's models.
    keys = dict.fromkeys(key for leaf in graph.leaf_nodes(app) for key in graph.forwards_plan(leaf))
    for key in keys:
        state = graph.nodes[key].mutate_state(state, preserve=False)
        shapes.append((key, dict(_tables(state, app, longest_name))))
    return shapes


def find_steps(shapes: Iterable[tuple[Key, Shape]], subject: Subject) -> list[Step]:
    """Return the migrations that make, change or remove an object, in order."""
    steps: list[Step] = []
    before: str | None = None
    for key, shape in shapes:
        after = _find(shape, subject)
        if after != before:
            steps.append(Step(key, before, after))
        before = after
    return steps


def _find(shape: Shape, subject: Subject) -> str | None:
    table = subject.table.casefold()
    if table not in shape:
        return None
    parts = shape[table]
    if parts is None or not (subject.name or subject.kind):
        return ""
    key = _key(subject.kind, subject.columns) if subject.kind else ""
    return parts.get(subject.name.casefold(), parts.get(key))


def _tables(
    state: Any, app: str, longest_name: int | None
) -> Iterator[tuple[str, Mapping[str, str] | None]]:
    for model in (model for (label, _), model in state.models.items() if label == app):
        if not model.options.get("managed", True) or model.options.get("proxy"):
            continue
        table = model.options.get("db_table") or f"{app}_{model.name_lower}"
        yield _stored(table, longest_name), dict(_parts(model))
        for name, field in model.fields.items():
            if field.many_to_many and field.remote_field.through is None:
                yield _stored(field.db_table or f"{table}_{name}", longest_name), None


def _stored(name: str, longest_name: int | None) -> str:
    from django.db.backends.utils import truncate_name

    return unquote(truncate_name(name, longest_name)).casefold()


def _parts(model: Any) -> Iterator[tuple[str, str]]:
    """Yield the columns of a model's state, the names of its constraints and indexes, its keys."""
    columns = {name: _column(name, field) for name, field in model.fields.items()}
    for name, field in model.fields.items():
        column = columns[name]
        yield column.casefold(), _signature(field)
        kinds = {
            "primary_key": field.primary_key,
            "unique": field.unique,
            "index": field.db_index or field.unique or field.remote_field,
            "foreign_key": field.remote_field and not field.many_to_many,
        }
        yield from ((_key(kind, (column,)), "") for kind, is_so in kinds.items() if is_so)
    options = model.options
    for names in (*options.get("unique_together", ()), *options.get("index_together", ())):
        yield from _keys(names, columns)
    for named in (*options.get("indexes", ()), *options.get("constraints", ())):
        yield named.name.casefold(), repr(named.deconstruct())
        yield from _keys([name.lstrip("-") for name in getattr(named, "fields", ())], columns)


def _keys(names: Sequence[str], columns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    # A unique key is an index alone on some vendors.
    for kind in ("unique", "index"):
        yield _key(kind, [columns.get(name, name) for name in names]), ""


def _column(name: str, field: Any) -> str:
    is_key = field.remote_field and not field.many_to_many
    return str(field.db_column or (f"{name}_id" if is_key else name))


def _key(kind: str, columns: Sequence[str]) -> str:
    return f"{kind}({', '.join(columns)})".casefold()


def _signature(field: Any) -> str:
    """Return what of a field is in the database; a default is not."""
    _, path, arguments, options = field.deconstruct()
    kept = {k: v for k, v in options.items() if k not in {*field.non_db_attrs, "default"}}
    return repr((path, arguments, kept))
