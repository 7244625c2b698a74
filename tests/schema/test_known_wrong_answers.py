"""Where Django's introspection answers wrongly, and the readers must not."""

import contextlib

import psycopg
import pytest
from django.db import connection

from migration_guard.schema.objects import UNKNOWN, Check, Key
from migration_guard.schema.read import read_snapshot
from tests.schema.rich import install
from tests.versions import major, needs


def facts():
    return read_snapshot(connection, ["facts"]).table("facts")


def keys(table):
    return {key.name: key.columns for key in table.uniques}


# Uniqueness


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_unique_when_partial_or_by_expression_then_it_is_no_plain_key(database):
    install(database)
    assert {"facts_code", "facts_plain"} <= set(keys(facts()))
    assert not {"facts_partial", "facts_expression"} & set(keys(facts()))
    assert facts().index("facts_partial").predicate == "flag"


def test_unique_when_the_index_is_invalid_then_it_is_no_key(postgres):
    postgres.execute("CREATE TABLE facts (a integer)")
    postgres.execute("INSERT INTO facts VALUES (1), (1)")
    with contextlib.suppress(psycopg.errors.UniqueViolation):
        postgres.execute("CREATE UNIQUE INDEX CONCURRENTLY facts_a ON facts (a)")
    assert facts().uniques == ()
    assert facts().index("facts_a").valid is False


def test_unique_when_it_includes_columns_then_they_are_no_part_of_the_key(postgres):
    install(postgres)
    assert keys(facts())["facts_covering"] == ("weight",)
    assert keys(facts())["facts_include"] == ("counted",)
    assert facts().index("facts_include").include == ("seen",)
    assert ("counted", "seen") not in keys(facts()).values()


def test_unique_when_over_prefixes_then_it_is_no_plain_key(mariadb):
    install(mariadb)
    assert keys(facts()) == {"facts_code": ("code", "region")}
    assert facts().index("facts_prefix").prefix_lengths == (5,)
    assert facts().index("facts_flag_prefix").prefix_lengths == (None, 7)


def test_unique_when_table_level_and_unnamed_then_sqlite_has_it(sqlite):
    install(sqlite)
    assert Key("", ("owner", "flag")) in facts().uniques
    assert Key("facts_code", ("code", "region")) in facts().uniques


def test_unique_when_in_another_collation_then_it_is_no_plain_key(sqlite):
    install(sqlite)
    assert "facts_other_collation" not in keys(facts())
    assert facts().index("facts_other_collation").collations == ("RTRIM",)


def test_unique_when_it_has_the_name_of_another_tables_foreign_key_then_both_stand(mariadb):
    install(mariadb)
    read = read_snapshot(connection)
    sharing = read.table("sharing")
    assert keys(sharing) == {"facts_owner": ("a", "b")}
    assert sharing.foreign_keys == ()
    assert read.table("facts").index("facts_owner").unique is False


# Keys


def test_primary_key_when_ordered_otherwise_than_the_table_then_the_order_is_the_keys(database):
    install(database)
    assert read_snapshot(connection).table("pairs").primary_key.columns == ("a", "b")


def test_foreign_key_when_composite_then_it_is_one_key_with_all_columns(database):
    install(database)
    (found,) = [key for key in facts().foreign_keys if key.columns == ("region", "owner")]
    assert (found.name, found.target) == ("facts_owner", "users")
    assert found.target_columns == ("region", "id")
    assert found.on_delete == "cascade"
    assert found.on_update == ("restrict" if database.vendor == "postgresql" else "set null")
    assert found.deferrable == ("" if database.vendor == "mysql" else "deferred")


def test_foreign_key_when_it_leads_to_a_partitioned_table_then_it_is_there_once(postgres):
    install(postgres)
    (found,) = read_snapshot(connection).table("event_notes").foreign_keys
    assert (found.target, found.columns) == ("events", ("id", "day"))


def test_foreign_key_when_it_leaves_the_search_path_then_the_target_has_its_schema(postgres):
    install(postgres)
    read = read_snapshot(connection)
    assert read.table("pointers").foreign_keys[0].target == "billing.invoices"
    assert read.table("billing.invoices").foreign_keys[0].target == "facts"


def test_name_when_it_has_dots_and_quotes_then_it_is_one_name(database):
    install(database)
    read = read_snapshot(connection)
    quote = "`" if database.vendor == "mysql" else '"'
    assert [one.name for one in read.table("dotted.name").columns] == ["a.b", f"Q{quote}uote"]
    (found,) = read.table("dotted_child").foreign_keys
    assert (found.target, found.target_columns) == ("dotted.name", ("a.b",))


def test_name_when_the_schema_has_dots_too_then_schema_and_name_find_it_apart(postgres):
    install(postgres)
    read = read_snapshot(connection, [("odd.schema", "t.x")])
    assert [one.label for one in read.tables] == ["odd.schema.t.x"]
    assert read.table("t.x", "odd.schema") is read.tables[0]


# Constraints


def test_constraint_when_not_valid_then_it_is_not_validated(postgres):
    install(postgres)
    table = facts()
    since_18 = {
        "price_low": False,  # NOT ENFORCED
        "raw_there": False,
    }
    assert {check.name: check.validated for check in table.checks} == {
        "price_new": False,
        "price_range": True,
        **(since_18 if major(postgres) >= 18 else {}),
    }
    assert [one.validated for one in table.foreign_keys if one.columns == ("owner",)] == [False]


def test_not_null_when_there_then_it_is_a_fact_of_the_column_and_no_check(postgres):
    """Since PostgreSQL 18 it is a constraint in the catalogue."""
    install(postgres)
    table = facts()
    assert table.column("code").nullable is False
    assert not [check for check in table.checks if check.name.endswith("_not_null")]


def test_not_null_when_not_valid_then_the_column_may_hold_nulls(postgres):
    needs(postgres, 18, "NOT NULL … NOT VALID")
    install(postgres)
    assert facts().column("raw").nullable is True
    assert facts().check("raw_there") == Check("raw_there", '"raw" IS NOT NULL', validated=False)


def test_check_when_of_a_column_or_a_table_then_its_expression_is_read(database):
    install(database)
    expressions = {check.expression for check in facts().checks}
    assert {
        "postgresql": "(price >= (0)::numeric) AND (price < (1000)::numeric)",
        "sqlite": "price >= 0 AND (price < 1000)",
        "mysql": "`price` >= 0 and `price` < 1000",
    }[database.vendor] in expressions


def test_exclusion_when_a_constraint_then_it_is_told(postgres):
    install(postgres)
    assert facts().exclusions[0].definition == "EXCLUDE USING gist (during WITH &&)"


def test_exclusion_when_a_key_without_overlaps_then_it_is_told(postgres):
    needs(postgres, 18, "WITHOUT OVERLAPS")
    install(postgres)
    booked = read_snapshot(connection).table("booked")
    assert "WITHOUT OVERLAPS" in booked.exclusions[0].definition
    assert booked.primary_key.columns == ("room", "at")


# Columns

TYPES = {
    "postgresql": {
        "id": "bigint",
        "code": "character varying(40)",
        "price": "numeric(10,2)",
        "weight": "real",
        "mass": "double precision",
        "made": "timestamp with time zone",
        "seen": "timestamp(3) without time zone",
        "at": "time without time zone",
        "tags": "text[]",
        "grid": "integer[]",
        "current_mood": "mood",
        "moods": "mood[]",
        "state": "billing.status",
        "data": "jsonb",
        "raw": "json",
        "letter": "character(3)",
        "bits": "bit varying(8)",
    },
    "sqlite": {"id": "integer", "code": "varchar(40)", "price": "decimal(10,2)", "flag": "bool"},
    "mysql": {
        "id": "bigint",
        "small": "tinyint",
        "flag": "tinyint(1)",
        "truth": "tinyint(1)",
        "many": "int unsigned",
        "made": "datetime(6)",
        "kind": "enum('a','B,c')",
        "data": "json",
        "title": "longtext",
        "uid": "uuid",
    },
}


def test_type_when_read_then_it_has_its_length_and_its_own_name(database):
    install(database)
    expected = TYPES[database.vendor]
    assert {name: facts().column(name).type for name in expected} == expected


def test_type_when_of_an_extension_then_it_has_its_name(postgres):
    install(postgres)
    assert read_snapshot(connection).table("users").column("login").type == "citext"


def test_type_when_a_domain_over_a_domain_then_the_bottom_is_told(postgres):
    install(postgres)
    boss = facts().column("boss")
    assert (boss.type, boss.base_type, boss.nullable) == (
        "work_email",
        "character varying(254)",
        False,
    )


def test_generated_when_virtual_then_it_is_no_default(database):
    if database.vendor == "postgresql":
        needs(database, 18, "VIRTUAL")
    install(database)
    shown = facts().column("shown")
    assert (shown.default, shown.generated.stored) == (None, False)


def test_generated_when_stored_then_it_is_no_default(database):
    install(database)
    net = facts().column("net")
    assert (net.default, net.generated.stored) == (None, True)
    assert (
        net.generated.expression
        == {
            "postgresql": "price * (2)::numeric",
            "sqlite": "price * 2",
            "mysql": "`price` * 2",
        }[database.vendor]
    )


def test_default_when_null_then_there_is_none(database):
    install(database)
    name = {"postgresql": "weight", "sqlite": "nil", "mysql": "touched"}[database.vendor]
    assert facts().column(name).default is None
    assert read_snapshot(connection).table("keyless").columns[1].default is None


def test_default_when_the_text_null_then_it_is_a_text(mariadb):
    install(mariadb)
    assert facts().column("word").default == "'NULL'"


def test_identity_when_the_column_numbers_itself_then_it_is_told(database):
    install(database)
    expected = "always" if database.vendor == "postgresql" else "by default"
    assert facts().column("id").identity == expected
    assert facts().column("code").identity == ""


def test_identity_when_sqlite_has_no_alias_of_the_rowid_then_there_is_none(sqlite):
    install(sqlite)
    read = read_snapshot(connection)
    columns = [read.table(name).column("id") for name in ("rowless", "descending")]
    assert [one.identity for one in columns] == ["", ""]
    assert [one.nullable for one in columns] == [False, True]


# Indexes


def test_index_when_it_has_every_property_then_all_are_told(postgres):
    install(postgres)
    table = facts()
    seen = table.index("facts_seen")
    assert (seen.orders, seen.include) == (("desc", "asc nulls first"), ("flag",))
    lower = table.index("facts_lower")
    assert (lower.columns, lower.expressions) == ((None, "region"), ("lower((code)::text)",))
    data = table.index("facts_data")
    assert (data.method, data.opclasses, data.predicate) == ("gin", ("jsonb_path_ops",), "flag")
    assert table.index("facts_like").opclasses == ("varchar_pattern_ops",)
    assert table.index("facts_collated").collations == ("POSIX",)
    assert table.index("facts_code").deferrable == "immediate"
    assert table.index("facts_title").nulls_distinct is False
    assert read_snapshot(connection).table("events").index("events_day").valid is False


def test_index_when_the_optimiser_ignores_it_then_it_is_not_valid(mariadb):
    install(mariadb)
    assert facts().index("facts_ignored").valid is False
    assert facts().index("facts_made").orders == ("desc", "asc")


# Other objects


def test_relation_when_no_plain_table_then_its_kind_is_told(postgres):
    install(postgres)
    read = read_snapshot(connection)
    kinds = ("fact_codes", "fact_sums", "events", "events_2026", "facts")
    assert [read.table(name).kind for name in kinds] == [
        "view",
        "materialized view",
        "partitioned table",
        "table",
        "table",
    ]
    assert read.table("events_2026").partition_of == "events"
    assert "FROM facts" in read.table("fact_codes").definition
    assert keys(read.table("fact_sums")) == {"fact_sums_region": ("region",)}


def test_view_when_read_then_it_has_columns_and_no_keys(database):
    install(database)
    view = read_snapshot(connection).table("fact_codes")
    assert view.kind == "view"
    assert [one.name for one in view.columns] == ["id", "code", "price"]
    assert (view.primary_key, view.uniques, view.indexes, view.foreign_keys) == (None, (), (), ())
    assert "facts" in view.definition
    assert str(database.settings["NAME"]) not in view.definition


def test_enum_and_extension_when_there_then_they_are_told(postgres):
    install(postgres)
    read = read_snapshot(connection)
    assert read.enum("mood").values == ("sad", "ok", "happy")
    assert read.enum("public.mood") is read.enum("mood")
    assert read.enum("billing.status").values == ("open", "paid")
    assert read.extension("plpgsql").version
    assert read.extension("citext") is None


def test_comment_when_there_then_it_is_told(database):
    install(database)
    read = read_snapshot(connection)
    column, table = facts().column("code").comment, read.table("users").comment
    expected = (
        (None, None)
        if database.vendor == "sqlite"
        else (
            "where it came from",
            "who logs in",
        )
    )
    assert (column, table) == expected


def test_set_wise_reading_when_complete_then_nothing_is_unknown(database):
    install(database)
    read = read_snapshot(connection)
    assert read.unknown == ()
    for table in read.tables:
        assert UNKNOWN not in (table.columns, table.uniques, table.indexes, table.checks)
