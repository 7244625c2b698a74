"""Which tables the migrations that ran name: SQL files by their text, Django's by what they do.

An operation of Django's names the tables of its model. Code and SQL that a migration runs name what
stands in their strings and identifiers; comments and docstrings name nothing.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from django.apps import apps
from django.db.migrations import operations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.models import ModelOperation
from django.db.migrations.state import ProjectState

from migration_guard.fresh.upgrade import child
from migration_guard.planning.files import MigrationFile
from migration_guard.running.django_loading import loading
from migration_guard.schema.objects import Table
from migration_guard.sql.classify import mentions

# (app, name of the model in lower case)
_Model: TypeAlias = tuple[str, str]

# Their arguments describe models; what they change is read from the operation itself.
_STRUCTURAL: Final = frozenset(operations.__all__) - {
    "RunPython",
    "RunSQL",
    "SeparateDatabaseAndState",
}
_ATTRIBUTES: Final = frozenset({"dependencies", "replaces", "run_before", "initial", "atomic"})


@dataclass(frozen=True, slots=True)
class Names:
    """What the migrations that ran name; ``words`` are in lower case, ``sql`` are texts."""

    vendor: str
    sql: Sequence[str]
    words: frozenset[str]
    tables: frozenset[str]

    def include(self, table: Table) -> bool:
        """Return whether one of the migrations names the table."""
        return (
            table.name in self.tables
            or table.name.lower() in self.words
            or any(mentions(text, table.name, self.vendor) for text in self.sql)
        )


def read_names(
    vendor: str,
    ran_files: Sequence[MigrationFile],
    ran_django: Collection[str],
    tables: Mapping[str, Sequence[str]],
) -> Names:
    """Return the names in the migrations that ran; ``tables`` are those of the release's apps."""
    with loading():
        executor: Any = MigrationExecutor(None)
    paths = child.migration_files()
    disk = executor.loader.disk_migrations
    models: set[_Model] = set()
    sql = [file.text for file in ran_files]
    words: set[str] = set()
    everything = _tables_by_model(executor)
    for migration in (disk[key] for key in disk if ".".join(key) in ran_django):
        for operation in _flatten(migration.operations):
            models |= {*_models_of(operation, migration)}
            sql += _sql_of(operation)
        path = paths.get(f"{migration.app_label}.{migration.name}")
        in_code = {*_words(path)} if path is not None else set()
        words |= in_code
        models |= {
            (app, name)
            for app, name in everything
            if name in in_code and (app == migration.app_label or app in in_code)
        }
    named = _tables_of(models, everything, tables)
    return Names(vendor, sql, frozenset(words), frozenset(named))


def _tables_by_model(executor: Any) -> Mapping[_Model, set[str]]:
    """Return every table that a model has had, by the migrations and the models of today."""
    tables: defaultdict[_Model, set[str]] = defaultdict(set)
    state = ProjectState()
    leaves = executor.loader.graph.leaf_nodes()
    for migration, _backwards in executor.migration_plan(leaves, clean_start=True):
        for operation in migration.operations:
            operation.state_forwards(migration.app_label, state)
            for key in _models_of(operation, migration):
                if key in state.models:
                    options = state.models[key].options
                    tables[key].add(options.get("db_table") or "_".join(key))
    for model in apps.get_models():
        tables[model._meta.app_label, str(model._meta.model_name)].add(model._meta.db_table)
    return tables


def _tables_of(
    models: Collection[_Model],
    everything: Mapping[_Model, set[str]],
    tables: Mapping[str, Sequence[str]],
) -> set[str]:
    """Return the tables of models, with those that Django makes for their many-to-many fields."""
    named = {table for model in models for table in everything.get(model, ())}
    through = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if (owner := _owner(model)) is not None
        and (owner._meta.app_label, owner._meta.model_name) in models
    }
    known = {table for of_model in everything.values() for table in of_model}
    # Those of a model or field that is gone: Django names them after the model's table.
    gone = {
        table
        for of_app in tables.values()
        for table in {*of_app} - known
        if any(table.startswith(f"{name}_") for name in named)
    }
    return named | through | gone


def _owner(model: Any) -> Any:
    """Return the model for whose many-to-many field Django made another one, or None."""
    return model._meta.auto_created or None


def _flatten(parts: Iterable[Any]) -> Iterator[Any]:
    for operation in parts:
        yield operation
        yield from _flatten(getattr(operation, "database_operations", ()))


def _models_of(operation: Any, migration: Any) -> Iterator[_Model]:
    """Yield the models that an operation of Django's changes."""
    names = [getattr(operation, "model_name", "")]
    if isinstance(operation, ModelOperation):
        names += [operation.name, *(getattr(operation, n, "") for n in ("old_name", "new_name"))]
    yield from ((migration.app_label, name.lower()) for name in names if name)


def _sql_of(operation: Any) -> Iterator[str]:
    """Yield the SQL that RunSQL runs forward."""
    if isinstance(operation, operations.RunSQL):
        statements = [operation.sql] if isinstance(operation.sql, str) else operation.sql
        for statement in statements:
            yield statement if isinstance(statement, str) else str(statement[0])


# -- code


def _words(path: Path) -> Iterator[str]:
    """Yield the words in the strings and identifiers of the code that a migration runs."""
    for node in _walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (word.lower() for word in re.findall(r"\w+", node.value))
        elif isinstance(node, ast.Name):
            yield node.id.lower()
        elif isinstance(node, ast.ImportFrom):
            yield from (word.lower() for word in (node.module or "").split("."))
            yield from (alias.name.lower() for alias in node.names)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of what may run, without docstrings and the description of models."""
    yield node
    for part in ast.iter_child_nodes(node):
        if not _is_description(part):
            yield from _walk(part)


def _is_description(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id in _ATTRIBUTES for t in node.targets)
    if isinstance(node, ast.Call):
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        return name in _STRUCTURAL or name == "RunSQL"
    return False
