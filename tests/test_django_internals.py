"""Names of Django, psycopg and pytest that nobody promised to keep, and where the app uses them.

A new version may rename them: then a test here says which name is gone, and which module needs it.
What contracts know of Django's SQL is in `tests/contracts/test_django_internals.py`.
"""

import ast
import copyreg
import inspect
import sys
from pathlib import Path

import psycopg
import psycopg.adapt
import psycopg.errors
import psycopg.generators
import psycopg.pq.abc
import pytest
from django.contrib.admin import ModelAdmin, options
from django.contrib.admin.views import main
from django.core import management
from django.core.files import locks
from django.db.backends.base import creation, introspection, operations
from django.db.backends.postgresql import psycopg_any
from django.db.backends.postgresql.creation import DatabaseCreation as PostgreSQLCreation
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite
from django.db.migrations import executor, graph, loader, recorder, state
from django.db.models import fields
from django.test import TransactionTestCase

import migration_guard

ROOT = Path(migration_guard.__file__).parent
# Each row: an object, an attribute of it, and the module that uses it.
INTERNALS = [
    # Test databases
    (creation.BaseDatabaseCreation, "create_test_db", "testing"),
    (creation.BaseDatabaseCreation, "clone_test_db", "testing"),
    (creation.BaseDatabaseCreation, "get_test_db_clone_settings", "testing"),
    (creation.BaseDatabaseCreation, "serialize_db_to_string", "testing"),
    (creation.BaseDatabaseCreation, "_create_test_db", "testing"),
    (creation.BaseDatabaseCreation, "_create_test_db", "template_databases/sqlite"),
    (creation.BaseDatabaseCreation, "_execute_create_test_db", "testing"),
    (creation.BaseDatabaseCreation, "_execute_create_test_db", "template_databases/postgresql"),
    (PostgreSQLCreation, "_database_exists", "template_databases/postgresql"),
    (management, "call_command", "template_databases/test_database"),
    (executor.MigrationExecutor, "apply_migration", "template_databases/test_database"),
    (sys, "_getframe", "usage/callers"),
    (copyreg, "_slotnames", "template_databases/canonical"),
    (TransactionTestCase, "_fixture_teardown", "testing"),
    (TransactionTestCase, "_databases_names", "testing"),
    (operations.BaseDatabaseOperations, "sql_flush", "testing"),
    (SQLite, "is_in_memory_db", "testing"),
    # Django's migrations
    (loader.MigrationLoader, "migrations_module", "testing"),
    (executor.MigrationExecutor, "migration_plan", "running/django_graph"),
    (executor.MigrationExecutor, "_create_project_state", "running/django_step"),
    (executor.MigrationExecutor, "apply_migration", "running/django_step"),
    (executor.MigrationExecutor, "record_migration", "running/django_step"),
    (loader.MigrationLoader, "check_consistent_history", "running/django_graph"),
    (loader.MigrationLoader, "detect_conflicts", "running/django_graph"),
    (graph.MigrationGraph, "leaf_nodes", "running/django_graph"),
    (state.StateApps, "bulk_update", "running/django_step"),
    (state.StateApps, "render_multiple", "running/django_step"),
    (state.StateApps, "unregister_model", "running/django_step"),
    (state.ProjectState, "clear_delayed_apps_cache", "running/django_step"),
    (recorder.MigrationRecorder, "Migration", "running/own_tables"),
    (recorder.MigrationRecorder, "record_applied", "running/own_tables"),
    (executor.MigrationExecutor, "apply_migration", "running/own_tables"),
    # The admin
    (ModelAdmin, "_get_obj_does_not_exist_redirect", "admin/base"),
    (main, "ERROR_FLAG", "admin/base"),
    (main, "PAGE_VAR", "admin/paging"),
    (main.ChangeList, "get_filters_params", "admin/paging"),
    (main.ChangeList, "get_results", "admin/paging"),
    (main.ChangeList, "url_for_result", "admin/paging"),
    (options, "IncorrectLookupParameters", "admin/history"),
    # Databases
    (SQLite, "is_in_memory_db", "running/connecting"),
    (SQLite, "Database", "running/connection"),
    (psycopg_any, "is_psycopg3", "running/connecting"),
    (introspection.BaseDatabaseIntrospection, "table_names", "history/lookup"),
    (fields, "AutoFieldMixin", "contracts/from_models"),
    (locks, "lock", "running/sqlite/lock"),
    # psycopg below its documented cursors
    (psycopg.generators, "execute", "running/postgresql/pipeline"),
    (psycopg.generators, "fetch_many", "running/postgresql/pipeline"),
    (psycopg.generators, "send", "running/postgresql/pipeline"),
    (psycopg.errors, "error_from_result", "running/postgresql/pipeline"),
    (psycopg.Connection, "wait", "running/postgresql/pipeline"),
    (psycopg.adapt.Transformer, "dump_sequence", "running/postgresql/pipeline"),
    (psycopg.adapt.Transformer, "load_rows", "running/postgresql/pipeline"),
    (psycopg.adapt.Transformer, "set_pgresult", "running/postgresql/pipeline"),
    (psycopg.pq.abc.PGconn, "enter_pipeline_mode", "running/postgresql/pipeline"),
    (psycopg.pq.abc.PGconn, "exit_pipeline_mode", "running/postgresql/pipeline"),
    (psycopg.pq.abc.PGconn, "pipeline_sync", "running/postgresql/pipeline"),
    (psycopg.pq.abc.PGconn, "send_prepare", "running/postgresql/pipeline"),
    (psycopg.pq.abc.PGconn, "send_query_params", "running/postgresql/pipeline"),
    (psycopg.pq.abc.PGconn, "send_query_prepared", "running/postgresql/pipeline"),
    # pytest
    (pytest.Config, "ArgsSource", "pytest_plugin/contracts"),
    (pytest.Function, "from_parent", "pytest_plugin/nodes"),
]
# Attributes that a method sets: the source of the method, the attribute, and the module.
SET_BY = [
    (creation.BaseDatabaseCreation.create_test_db, "_test_serialized_contents", "testing"),
    (main.ChangeList.get_results, "full_result_count", "admin/paging"),
    (main.ChangeList.get_results, "result_count", "admin/paging"),
    (main.ChangeList.get_results, "result_list", "admin/paging"),
    (main.ChangeList.__init__, "root_queryset", "admin/paging"),
    (executor.MigrationExecutor.__init__, "loader", "running/django_graph"),
    (loader.MigrationLoader.build_graph, "graph", "running/django_graph"),
    (loader.MigrationLoader.build_graph, "replacements", "running/django_graph"),
    (loader.MigrationLoader.load_disk, "disk_migrations", "running/django_graph"),
    (graph.MigrationGraph.__init__, "node_map", "running/django_graph"),
    (executor.MigrationExecutor.__init__, "recorder", "running/own_tables"),
    (loader.MigrationLoader.build_graph, "applied_migrations", "running/own_tables"),
    (loader.MigrationLoader.load_disk, "disk_migrations", "running/own_tables"),
    (pytest.Config.__init__, "args_source", "pytest_plugin/contracts"),
]


def described(row):
    owner, attribute, _module = row
    return f"{owner.__name__}.{attribute}"


def source(module):
    return (ROOT / f"{module}.py").read_text()


@pytest.mark.parametrize("row", INTERNALS, ids=described)
def test_internal_when_a_version_is_new_is_still_there(row):
    owner, attribute, module = row

    assert hasattr(owner, attribute), (
        f"{owner.__name__} has no {attribute} any more: change migration_guard/{module}.py"
    )


@pytest.mark.parametrize("row", SET_BY, ids=described)
def test_attribute_when_a_version_is_new_is_still_set(row):
    method, attribute, module = row

    assert f".{attribute} = " in inspect.getsource(method) or (
        f".{attribute}:" in inspect.getsource(method)
    ), f"{method.__qualname__} sets no {attribute} any more: change migration_guard/{module}.py"


@pytest.mark.parametrize("row", [*INTERNALS, *SET_BY], ids=described)
def test_internal_when_a_module_stops_using_it_leaves_the_table(row):
    _owner, attribute, module = row

    assert attribute in source(module)


def private_names(tree):
    """Return the private attributes that a module takes from objects, and the strings like them."""
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else None
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("attr"):
            texts = (a.value for a in node.args[1:2] if isinstance(a, ast.Constant))
            name = next(texts, None)
        if isinstance(name, str) and name.startswith("_") and not name.startswith("__"):
            yield name


def own_names(tree):
    """Return the names that a module gives: of functions, and of what it sets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if getattr(node.value, "id", "") == "self":
                yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_private_names_of_others_when_used_are_all_in_a_table():
    # Documented in spite of their underscore: Django's Meta, methods of a NamedTuple, os._exit.
    promised = {"_meta", "_replace", "_asdict", "_fields", "_make", "_exit"}
    trees = [ast.parse(path.read_text()) for path in ROOT.rglob("*.py")]
    ours = {name for tree in trees for name in own_names(tree)}
    used = {name for tree in trees for name in private_names(tree)}

    assert used - ours - promised == {
        attribute for _owner, attribute, _module in [*INTERNALS, *SET_BY] if attribute[0] == "_"
    }
