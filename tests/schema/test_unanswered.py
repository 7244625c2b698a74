"""One question that the server does not answer: only what it would have told is unknown."""

import pytest
from django.db import connection

from migration_guard.schema.objects import UNKNOWN
from migration_guard.schema.read import read_snapshot
from tests.schema.records import field_names
from tests.schema.rich import install

# What the question reads from, and facts of the table that only it tells.
QUESTIONS = [
    ("postgresql", "FROM pg_index", ["indexes"]),
    ("postgresql", "FROM pg_constraint c", ["foreign_keys", "checks"]),
    ("postgresql", "tgrelid FROM pg_trigger", []),
    ("postgresql", "FROM pg_attrdef", []),
    ("postgresql", "t.typtype = 'd'", []),
    ("mariadb", "FROM information_schema.statistics", ["indexes", "primary_key", "uniques"]),
    ("mariadb", "FROM information_schema.key_column_usage", ["foreign_keys"]),
    ("mariadb", "FROM information_schema.referential_constraints", []),
    ("mariadb", "FROM information_schema.check_constraints", ["checks"]),
    ("sqlite", "pragma_index_list", ["indexes", "uniques"]),
    ("sqlite", "pragma_foreign_key_list", ["foreign_keys"]),
]


@pytest.mark.parametrize(
    ("database", "source", "facts"), QUESTIONS, indirect=["database"], ids=lambda one: str(one)[:60]
)
def test_facts_when_their_question_fails_then_they_alone_are_unknown(database, source, facts):
    install(database)
    whole = read_snapshot(connection)

    with _unanswered(source):
        part = read_snapshot(connection)

    assert part.unknown
    assert [one.label for one in part.tables] == [one.label for one in whole.tables]
    for fact in facts:
        assert getattr(part.table("facts"), fact) is UNKNOWN
        assert "gone" in part.why("facts", fact)
    assert [said for one in part.tables for said in _new(whole.table(one.label), one)] == []


def test_enums_when_their_question_fails_then_none_is_claimed_to_be_absent(postgres):
    install(postgres)

    with _unanswered("FROM pg_enum"):
        read = read_snapshot(connection)

    assert read.enum("mood") is UNKNOWN
    assert "gone" in read.why("", "enums")
    assert read.table("facts").column("id").type == "bigint"


def _unanswered(source):
    """Let the server refuse the questions with these words: they ask for what it does not have."""

    def ask(execute, sql, params, many, context):
        wrong = f"{source} AND gone" if "=" in source else source.replace("_", "_gone_", 1)
        return execute(sql.replace(source, wrong), params, many, context)

    return connection.execute_wrapper(ask)


def _new(whole, part, place=""):
    """Yield what a value says that the whole one does not."""
    if part is UNKNOWN or part == whole:
        return
    if names := field_names(part):
        for name in names:
            yield from _new(getattr(whole, name), getattr(part, name), f"{place}.{name}")
    elif isinstance(part, tuple) and part and len(part) == len(whole) and field_names(part[0]):
        for before, after in zip(whole, part, strict=True):
            yield from _new(before, after, f"{place}.{before.name}")
    else:
        yield place, whole, part
