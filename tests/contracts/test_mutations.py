"""The contract that --write writes: kept by its own database, broken by every single change."""

from dataclasses import fields, replace

import pytest
from django.db import connection, transaction

from migration_guard.contracts import Contract, compare, declare, examine, parse, write
from migration_guard.results import Verdict
from migration_guard.schema.objects import UNKNOWN, Column, Generated, Snapshot, Table
from migration_guard.schema.read import read_snapshot
from tests.contracts import schemas

SCHEMAS = {"postgresql": schemas.POSTGRESQL, "sqlite": schemas.SQLITE, "mysql": schemas.MYSQL}


def _run(database, sql):
    for statement in filter(str.strip, sql.split(";")):
        database.execute(statement)


@pytest.fixture
def full(database):
    _run(database, SCHEMAS[database.vendor])
    return database


def _unkept(assertions):
    return [
        (assertion.id, assertion.violation or assertion.unknown)
        for assertion in assertions
        if assertion.verdict is not Verdict.KEPT
    ]


def test_write_when_checked_right_after_then_all_is_kept(full):
    text = write(read_snapshot(connection))

    examination = examine(connection, parse(text))

    assert _unkept(examination.assertions) == []
    assert len(examination.assertions) > 80


def test_write_when_written_twice_then_it_is_the_same_text(full):
    assert write(read_snapshot(connection)) == write(read_snapshot(connection))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_check_when_postgresql_changes_in_one_thing_then_that_is_named(full):
    contract = parse(write(read_snapshot(connection)))
    wrong = {}

    for change, expected in schemas.POSTGRESQL_CHANGES.items():
        with transaction.atomic():
            with connection.cursor() as cursor:
                for statement in change.split(";"):
                    cursor.execute(statement)
            violations = [
                (violation.rule, violation.table, violation.object)
                for violation in examine(connection, contract).violations
            ]
            transaction.set_rollback(True)
        if not _named(expected, violations):
            wrong[change] = (expected, violations)

    assert wrong == {}


@pytest.mark.parametrize("database", ["sqlite", "mariadb"], indirect=True)
def test_check_when_a_rebuilt_schema_differs_in_one_thing_then_that_is_named(full):
    contract = parse(write(read_snapshot(connection)))
    changes = {"sqlite": schemas.SQLITE_CHANGES, "mysql": schemas.MYSQL_CHANGES}[full.vendor]
    wrong = {}

    for change, expected in changes.items():
        _drop_all(full)
        _run(full, _replaced(SCHEMAS[full.vendor], change))
        violations = [
            (violation.rule, violation.table, violation.object)
            for violation in examine(connection, contract).violations
        ]
        if not _named(expected, violations):
            wrong[change] = (expected, violations)

    assert wrong == {}


def _replaced(schema, change):
    for old, new in zip(change[::2], change[1::2], strict=True):
        assert old in schema
        schema = schema.replace(old, new)
    return schema


def _named(expected, violations):
    rule, table, inside = expected
    return any(
        (rule, table) == violation[:2] and inside in violation[2] for violation in violations
    )


def _drop_all(database):
    for view in ("happy", "sad"):
        database.execute(f"DROP VIEW IF EXISTS {view}")
    for table in ("invoices", "pairs", "couples", "users", '"odd.table"', '"even.table"'):
        quoted = table.replace('"', "`") if database.vendor == "mysql" else table
        database.execute(f"DROP TABLE IF EXISTS {quoted}")


def test_compare_when_any_fact_of_a_snapshot_is_changed_then_it_is_caught(full):
    known = read_snapshot(connection)
    contract = parse(write(known))

    changes = list(_changes(known))
    escaped = [
        what
        for what, changed in changes
        if all(assertion.verdict is Verdict.KEPT for assertion in compare(contract, changed))
    ]

    assert escaped == []
    assert len(changes) > 200


def test_compare_when_kept_ones_are_counted_then_the_others_are_the_same(full):
    known = read_snapshot(connection)
    contract = parse(write(known))

    for what, changed in _changes(known):
        listed = compare(contract, changed)
        counted = compare(contract, changed, lists_kept=False)

        assert _unkept(counted) == _unkept(listed), what
        assert sum(assertion.stands_for for assertion in counted) == len(listed), what


def test_compare_when_columns_beside_it_differ_then_an_expression_is_judged_anew():
    # On SQLite "a" = 1 is "a" for a boolean, and for no other column.
    generated = Generated('"a"', stored=True)
    tables = [
        Table(
            *("main", name, name, "table"),
            columns=(Column("a", type_, False, None), Column("b", "bool", generated=generated)),
        )
        for name, type_ in [("flags", "bool"), ("numbers", "integer")]
    ]
    clauses = [
        declare.Table(table.name, [declare.Column("b", generated='"a" = 1')]) for table in tables
    ]
    contract, snapshot = Contract(clauses), Snapshot("sqlite", tuple(tables))

    counted = compare(contract, snapshot, lists_kept=False)

    assert _unkept(counted) == _unkept(compare(contract, snapshot))
    assert [id_ for id_, _ in _unkept(counted)] == ["numbers::b::generated"]


# Every fact of a snapshot, changed one at a time.


def _changes(known):
    for number, table in enumerate(known.tables):
        if table.partition_of:
            continue
        rest = known.tables[:number] + known.tables[number + 1 :]
        yield f"drop {table.label}", replace(known, tables=rest)
        for what, changed in _table_changes(table):
            yield f"{table.label}: {what}", replace(known, tables=(*rest, changed))
    for number, enum in enumerate(known.enums):
        rest = known.enums[:number] + known.enums[number + 1 :]
        yield f"drop {enum.label}", replace(known, enums=rest)
        for values in (enum.values[1:], enum.values[::-1], (*enum.values, "more")):
            yield (
                f"{enum.label} {values}",
                replace(known, enums=(*rest, enum._replace(values=values))),
            )
    for number, extension in enumerate(known.extensions):
        rest = known.extensions[:number] + known.extensions[number + 1 :]
        yield f"drop {extension.name}", replace(known, extensions=rest)


def _table_changes(table):
    yield "rename", replace(table, name="other", label="other")
    is_view = "view" in table.kind
    yield "kind", replace(table, kind="table" if is_view else "view")
    if table.kind == "view":
        parts = {"columns"}
    elif is_view:
        parts = {"columns", "uniques"}
    else:
        parts = {"columns", "uniques", "indexes", "checks", "foreign_keys", "exclusions"}
    for part in sorted(parts):
        elements = getattr(table, part)
        for number, element in enumerate(elements):
            if part == "indexes" and element.backs:
                continue  # it goes with its key
            for what, changed in _element_changes(part, element, table, is_view):
                rest = (*elements[:number], *changed, *elements[number + 1 :])
                yield f"{part} {element.name}: {what}", _consistent(table, part, element, rest)
    if table.primary_key and not is_view:
        yield "no primary key", replace(table, primary_key=None)
        for columns in _shapes(table.primary_key.columns):
            key = table.primary_key._replace(columns=columns)
            yield f"primary key {columns}", replace(table, primary_key=key)


def _consistent(table, part, element, elements):
    """A key and its index are one: a change of one changes the other."""
    changed = replace(table, **{part: elements})
    if part == "uniques":
        kept = tuple(index for index in table.indexes if index.name != element.name)
        return replace(changed, indexes=kept)
    if part == "indexes":
        kept = tuple(unique for unique in table.uniques if unique.name != element.name)
        return replace(changed, uniques=kept)
    return changed


def _element_changes(part, element, table, is_view):
    yield "drop", ()
    if part in {"columns", "checks"} and element.name:
        yield "rename", (element._replace(name="renamed"),)
    changes = {
        "columns": _column_changes,
        "uniques": _key_changes,
        "indexes": _index_changes,
        "checks": _check_changes,
        "foreign_keys": _foreign_key_changes,
        "exclusions": lambda exclusion: iter(
            [{"definition": f"{exclusion.definition} WHERE (1 = 1)"}]
        ),
    }[part]
    for change in changes(element):
        if not is_view or part == "uniques" or "type" in change:
            yield change, (element._replace(**change),)


def _column_changes(column):
    yield {"type": "other_type", "base_type": None}
    yield {"nullable": not column.nullable}
    if column.generated is None:
        if column.default is not None or not column.identity:
            yield {"default": "'something else'" if column.default is None else None}
            yield {"default": "12345.6789"}
        yield (
            {"identity": "" if column.identity else "by default"}
            if not column.default
            else {"default": None}
        )
        yield {"generated": Generated("1 + 1", stored=True), "default": None, "identity": ""}
    else:
        yield {"generated": None}
        yield {"generated": column.generated._replace(expression="1 + 1")}
        yield {"generated": column.generated._replace(stored=not column.generated.stored)}
    if column.collation:
        yield {"collation": "other"}
        yield {"collation": None}


def _shapes(columns):
    yield (*columns, "more")
    if len(columns) > 1:
        yield columns[:-1]
        yield columns[::-1]
    yield ("instead", *columns[1:])


def _key_changes(key):
    for columns in _shapes(key.columns):
        yield {"columns": columns}
    yield {"nulls_distinct": not key.nulls_distinct}
    yield {"deferrable": "" if key.deferrable else "immediate"}


def _index_changes(index):
    for columns in _shapes(index.columns):
        if columns != index.columns:
            yield {"columns": columns}
    yield {"valid": False}
    yield {"unique": not index.unique}
    yield {"predicate": None if index.predicate else "a = 1"}
    if index.predicate:
        yield {"predicate": f"{index.predicate} AND x = 1"}
    if index.expressions:
        yield {"expressions": ("other(x)", *index.expressions[1:])}
    if index.method in {"btree", UNKNOWN} and index.orders is not UNKNOWN and not index.unique:
        flipped = "desc" if index.orders[0] == "asc" else "asc"
        yield {"orders": (flipped, *index.orders[1:])}
    if index.include:
        yield {"include": index.include[:-1]}
    if not index.unique and index.method is not UNKNOWN:
        yield {"method": "brin"}
    if index.columns[0] is not None:
        yield {"prefix_lengths": (3,) + (None,) * (len(index.columns) - 1)}


def _check_changes(check):
    yield {"expression": f"({check.expression}) OR 1 = 1"}
    if check.validated:
        yield {"validated": False}


def _foreign_key_changes(key):
    yield {"target": "elsewhere"}
    yield {"on_delete": "set default"}
    yield {"columns": ("instead", *key.columns[1:])}
    yield {"target_columns": ("instead", *key.target_columns[1:])}
    if key.validated:
        yield {"validated": False}


def test_changes_when_a_snapshot_gets_a_new_kind_of_thing_then_this_test_must_learn_it():
    from migration_guard.schema.objects import Table

    assert {field.name for field in fields(Table)} == {
        *("hidden", "clauses"),
        *("schema", "name", "label", "kind", "columns", "primary_key", "uniques", "indexes"),
        *("foreign_keys", "checks", "exclusions", "comment", "partition_of", "definition"),
        *("folds_case", "engine", "transactional", "insert_obstacle", "extension"),
    }
