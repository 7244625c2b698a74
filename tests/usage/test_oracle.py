"""The server's word against the deed: what breaks when it runs is what the check says.

Statements are generated on one schema, the schema changes, and each statement is run with values
in a transaction that is rolled back, before and after. What fails only after the change is broken.
"""

from contextlib import contextmanager

import hypothesis
import pytest
from django.db import DatabaseError, connection, transaction

from migration_guard.results import Verdict
from migration_guard.usage.check import UsageCheck, examine
from migration_guard.usage.recorder import record
from tests.usage.statements import CHANGES, generate, schema

# The profile `ci` asks for more.
STATEMENTS = 40 if hypothesis.settings.default.max_examples < 100 else 200
COVERING = 70  # statements that need each right at least once
# SQLSTATE of failures that depend on values: key and check, length, range, text of another type,
# a row without a partition is a check.
OF_VALUES = {"23503", "23505", "23514", "22001", "22003"}
OF_TEXTS = {"22P02", "22007"}


def failures(statements):
    """Return the state of each text that fails when it runs with its values; nothing stays."""
    failing = {}
    with transaction.atomic(), connection.cursor() as cursor:
        for sql, values in statements:
            cursor.execute("SAVEPOINT s")
            try:
                cursor.execute(sql, values)
            except DatabaseError as error:
                failing[sql] = getattr(error.__cause__, "sqlstate", None) or str(error)
            cursor.execute("ROLLBACK TO s")
        transaction.set_rollback(True)
    return failing


def answers(recorded, texts, root, role=""):
    """Return the texts that the check calls broken, and those that it warns of."""
    callers = {f"usage::{statement.digest}": statement.callers for statement in recorded}
    broken, warned = {}, {}
    for assertion in examine(connection, UsageCheck(tuple(recorded), root, role), None):
        assert assertion.verdict is not Verdict.UNKNOWN, assertion
        for caller in callers[assertion.id]:
            if assertion.violation is not None:
                broken[texts[caller]] = assertion.violation
            if assertion.warning:
                warned[texts[caller]] = assertion.warning
    return broken, warned


def compare(vendor, statements, answer):
    """Return how the check's answer differs from what running shows."""
    broken, warned = answer
    failing = failures(statements)
    if vendor == "postgresql":
        of_texts = {sql for sql, state in failing.items() if state in OF_TEXTS}
        missed = {sql for sql, state in failing.items() if state not in OF_VALUES | OF_TEXTS}
        missed |= of_texts - warned.keys()
    else:
        missed = {sql for sql, text in failing.items() if "NOT NULL" not in text}
        missed = {sql for sql in missed if "default value" not in failing[sql]}
    false = {sql: broken[sql] for sql in broken.keys() - failing.keys()}
    return {sql: failing[sql] for sql in missed - broken.keys()}, false, failing


def recorded_by(code, statements):
    """Record what code sends; return it, and the text of each caller."""
    texts = {}
    with record("default", code.root) as recorded:
        for place, (sql, values) in enumerate(statements):
            name = f"shop/view_{place}.py"
            texts[f"{name}:ask"] = sql
            with transaction.atomic():
                code.sender(name)(sql, values)
                transaction.set_rollback(True)
    assert [statement for statement in recorded if statement.unchecked] == []
    return recorded, texts


@contextmanager
def changed(vendor, change):
    """Change the schema, and make it again afterwards as it was."""
    if vendor != "mysql":
        with transaction.atomic():
            run(change.sql)
            yield
            transaction.set_rollback(True)
        return
    run(change.sql)
    yield
    tables = connection.introspection.get_table_list
    with connection.cursor() as cursor:
        names = [(kind, name) for name, kind, *_ in tables(cursor)]
    kinds = {"t": "TABLE", "v": "VIEW"}
    run(
        [
            "SET foreign_key_checks = 0",
            *(f"DROP {kinds[kind]} {name}" for kind, name in names),
            "SET foreign_key_checks = 1",
            *schema(vendor),
        ]
    )


def run(texts):
    with connection.cursor() as cursor:
        for sql in texts:
            cursor.execute(sql)


@pytest.mark.parametrize("database", ["postgresql", "sqlite", "mariadb"], indirect=True)
def test_check_when_schema_changes_says_what_running_shows(database, code):
    run(schema(database.vendor))
    statements = generate(database.vendor, STATEMENTS)
    assert failures(statements) == {}
    recorded, texts = recorded_by(code, statements)
    assert answers(recorded, texts, code.root) == ({}, {})

    wrong = {}
    for change in CHANGES:
        if database.vendor not in change.vendors:
            continue
        with changed(database.vendor, change):
            answer = answers(recorded, texts, code.root)
            missed, false, failing = compare(database.vendor, statements, answer)
            alarms = answer[1] if change.is_harmless else {}
            if missed or false or alarms or (change.is_harmless and failing):
                wrong[change.name] = missed, false, alarms
    assert wrong == {}


def test_check_when_rights_change_says_what_running_as_the_role_shows(postgres, code):
    run([*schema("postgresql"), "DROP ROLE IF EXISTS usage_clerk", "CREATE ROLE usage_clerk"])
    statements = generate("postgresql", max(STATEMENTS, COVERING))
    recorded, texts = recorded_by(code, statements)
    wrong = {}
    try:
        run([f"GRANT ALL ON ALL {kind} IN SCHEMA public TO usage_clerk" for kind in GRANTED])
        for name, rights in RIGHTS.items():
            with transaction.atomic():
                run(rights)
                broken, _warned = answers(recorded, texts, code.root, "usage_clerk")
                run(["SET LOCAL ROLE usage_clerk"])
                failing = failures(statements).keys()
                transaction.set_rollback(True)
            rules = {violation.rule for violation in broken.values()}
            if broken.keys() != failing or rules - {"usage-denied"}:
                wrong[name] = failing - broken.keys(), broken.keys() - failing, rules
            assert bool(failing) != name.startswith("harmless"), name
    finally:
        run(["DROP OWNED BY usage_clerk", "DROP ROLE usage_clerk"])
    assert wrong == {}


GRANTED = ("TABLES", "SEQUENCES", "FUNCTIONS")
RIGHTS = {
    "harmless": ["REVOKE ALL ON sales_24 FROM usage_clerk"],
    "harmless: type": ["REVOKE USAGE ON TYPE mood FROM PUBLIC"],
    "harmless: identity": ["REVOKE ALL ON SEQUENCE books_number_seq FROM usage_clerk"],
    "select": ["REVOKE SELECT ON books FROM usage_clerk"],
    "insert": ["REVOKE INSERT ON tags FROM usage_clerk"],
    "update": ["REVOKE UPDATE ON authors FROM usage_clerk"],
    "delete": ["REVOKE DELETE ON tags FROM usage_clerk"],
    "view": ["REVOKE ALL ON cheap FROM usage_clerk"],
    "table": ["REVOKE ALL ON sales FROM usage_clerk"],
    "columns to read": [
        "REVOKE SELECT ON authors FROM usage_clerk",
        "GRANT SELECT (id, name) ON authors TO usage_clerk",
    ],
    "columns to write": [
        "REVOKE UPDATE, INSERT ON books FROM usage_clerk",
        "GRANT UPDATE (title), INSERT (id, title, author_id) ON books TO usage_clerk",
    ],
    "sequence": ['REVOKE ALL ON SEQUENCE "Zähler" FROM usage_clerk'],
    "serial": ["REVOKE ALL ON SEQUENCE notes_id_seq FROM usage_clerk"],
    "function": ["REVOKE ALL ON FUNCTION shout FROM PUBLIC, usage_clerk"],
    "sql function": ["REVOKE ALL ON FUNCTION years(integer) FROM PUBLIC, usage_clerk"],
    "schema": ["REVOKE ALL ON SCHEMA public FROM PUBLIC, usage_clerk"],
}
