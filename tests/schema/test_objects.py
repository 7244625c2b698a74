"""The values: what is not known is neither true nor false, and names are found as they are."""

import pytest

from migration_guard.schema.objects import (
    UNKNOWN,
    Column,
    Index,
    Snapshot,
    Table,
    Unknown,
)


def table(label, **facts):
    schema, _, name = label.rpartition(".")
    return Table(schema or "public", name, label, "table", **facts)


def test_unknown_when_asked_as_a_boolean_then_it_refuses():
    with pytest.raises(TypeError, match="is UNKNOWN"):
        bool(UNKNOWN)


def test_column_when_columns_are_unknown_then_its_absence_is_not_claimed():
    assert table("users").column("id") is UNKNOWN
    assert table("users", columns=(Column("id"),)).column("name") is None


def test_enums_when_they_are_unknown_then_their_absence_is_not_claimed():
    assert Snapshot("postgresql", (), enums=UNKNOWN).enum("mood") is UNKNOWN
    assert Snapshot("postgresql", (), enums=()).enum("mood") is None


def test_column_when_the_vendor_folds_case_then_it_is_found():
    users = table("users", columns=(Column("Id"),), folds_case=True)
    assert users.column("iD") == Column("Id")
    assert table("users", columns=(Column("Id"),)).column("iD") is None


def test_table_when_asked_by_schema_and_name_then_dots_do_not_mislead():
    dotted = Table("public", "billing.users", "billing.users", "table")
    other = Table("billing", "users", "billing.users", "table")
    snapshot = Snapshot("postgresql", (dotted, other), search_path=("public",))
    assert snapshot.table("users", "billing") is other
    assert snapshot.table("billing.users", "public") is dotted
    assert snapshot.table("billing.users") is dotted


def test_table_when_visible_then_its_full_name_finds_it_too():
    snapshot = Snapshot("postgresql", (table("users"),), search_path=("public",))
    assert snapshot.table("public.users") is snapshot.tables[0]
    assert snapshot.table("people") is None


def test_table_when_its_existence_could_not_be_told_then_it_is_unknown_with_the_reason():
    snapshot = Snapshot("mysql", (), unknown=(Unknown("users", "", "denied"),))
    assert snapshot.table("users") is UNKNOWN
    assert snapshot.why("users") == "denied"
    assert snapshot.table("people") is None


def test_index_when_its_validity_is_unknown_then_whether_it_is_plain_is_too():
    assert Index("i", ("a",)).is_plain is True
    assert Index("i", ("a",), valid=UNKNOWN).is_plain is UNKNOWN
    assert Index("i", ("a",), valid=UNKNOWN, predicate="a > 0").is_plain is False
