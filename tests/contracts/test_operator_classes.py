"""The default operator class is the same whether it is named or not; another one is not."""

import pytest
from django.apps import apps
from django.db import connection, transaction

from migration_guard.contracts import Models, examine, from_models, parse
from migration_guard.fresh.drift import drift
from migration_guard.results import Verdict
from migration_guard.schema.diff.database import read_database

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
# An index of the model, the same one in other words, and one of another operator class.
KEYS = [
    ("ix_name", "(name)", "(name varchar_ops)", "(name varchar_pattern_ops)"),
    ("ix_note", "(note)", "(note text_ops)", "(note text_pattern_ops)"),
    ("ix_two", "(number DESC, note)", "(number int4_ops DESC, note)", "(number DESC, note bpchar_ops)"),
    ("ix_cover", "(number) INCLUDE (note)", "(number int4_ops) INCLUDE (note)", ""),
    ("ix_lower", "(lower(note), number)", "(lower(note) text_ops, number)", "(lower(note) text_pattern_ops, number)"),
    ("ix_tags", "USING gin (tags)", "USING gin (tags array_ops)", ""),
    ("ix_span", "USING gist (span)", "USING gist (span range_ops)", ""),
    ("un_name", "(name)", "(name text_ops)", "(name text_pattern_ops)"),
    ("un_cover", "(note, number) INCLUDE (name)", "(note text_ops, number) INCLUDE (name)", ""),
    ("un_some", "(number) WHERE number = 1", "(number int4_ops) WHERE number = 1", ""),
]  # fmt: skip
EXCLUDE = "ALTER TABLE named ADD CONSTRAINT other EXCLUDE USING gist (span {} WITH &&)"
TOML = {
    "indexes": {
        '{ columns = ["name"], opclasses = ["text_ops"] }': True,
        '{ columns = ["name"], opclasses = ["varchar_ops"] }': True,
        '{ columns = ["name"], opclasses = [""] }': True,
        '{ columns = ["name"], opclasses = ["text_pattern_ops"] }': False,
        '{ columns = ["tags"], method = "gin", opclasses = ["array_ops"] }': True,
        '{ columns = ["number DESC", "note"], opclasses = ["int4_ops", ""] }': True,
    },
    "unique": {
        '{ columns = ["name"], opclasses = ["text_ops"] }': True,
        '{ columns = ["note", "number"], include = ["name"], opclasses = ["text_ops", ""] }': True,
        '{ columns = ["name"], opclasses = ["text_pattern_ops"] }': False,
        '{ columns = ["number"], where = "number = 1", opclasses = ["int4_ops"] }': True,
    },
    "exclusions": {
        '{ definition = "EXCLUDE USING gist (span WITH &&)" }': True,
        '{ definition = "EXCLUDE USING gist (span range_ops WITH &&)" }': True,
        '{ definition = "EXCLUDE USING gist (span range_ops WITH -|-)" }': False,
    },
}


@pytest.fixture
def named(database, install_apps):
    install_apps("django.contrib.postgres", "tests.contracts.classes")
    with connection.schema_editor() as editor:
        editor.create_model(apps.get_model("classes", "Named"))
    return database


def _unkept():
    examination = examine(connection, from_models(models=Models(["classes.*"])))
    return [
        assertion.violation or assertion.unknown
        for assertion in examination.assertions
        if assertion.verdict is not Verdict.KEPT
    ]


def test_models_when_they_name_the_default_class_then_any_spelling_of_it_keeps(named):
    before = read_database(connection)
    wrong = {}

    assert _unkept() == []
    for name, plain, spelled, other in KEYS:
        for keys, is_same in ((plain, True), (spelled, True), (other, False)):
            if not keys:
                continue
            with transaction.atomic():
                with connection.cursor() as cursor:
                    _replace(cursor, name, keys)
                unkept = _unkept()
                differences = [
                    assertion
                    for assertion in drift(before, read_database(connection), None)
                    if assertion.violation
                ]
                transaction.set_rollback(True)
            # A constraint that is an index now is another object to drift.
            is_quiet = not unkept and (not differences or name == "un_cover")
            if is_quiet is not is_same:
                wrong[name, keys] = (unkept, differences)

    assert wrong == {}


def _replace(cursor, name, keys):
    cursor.execute("SELECT 1 FROM pg_constraint WHERE conname = %s", [name])
    constraint = cursor.fetchone()
    unique = "UNIQUE " if name.startswith("un_") else ""
    if constraint is not None:
        cursor.execute(f"ALTER TABLE named DROP CONSTRAINT {name}")
    else:
        cursor.execute(f"DROP INDEX {name}")
    using, bracket, rest = keys.partition("(")
    cursor.execute(f"CREATE {unique}INDEX {name} ON named {using}{bracket}{rest}")


def test_exclusion_when_it_names_the_default_class_then_it_is_the_same(named):
    for opclass in ("", "range_ops"):
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE named DROP CONSTRAINT ex_span")
                cursor.execute(EXCLUDE.format(opclass))
            assert _unkept() == [], opclass
            transaction.set_rollback(True)


def test_toml_when_it_names_the_default_class_then_it_is_the_same(named):
    wrong = {}

    for section, clauses in TOML.items():
        for clause, is_kept in clauses.items():
            contract = parse(f"[tables.named]\n{section} = [{clause}]")
            examination = examine(connection, contract)
            verdicts = {assertion.verdict for assertion in examination.assertions}
            if (verdicts == {Verdict.KEPT}) is not is_kept:
                wrong[clause] = [
                    assertion.violation or assertion.unknown for assertion in examination.assertions
                ]

    assert wrong == {}
