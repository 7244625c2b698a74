"""Types by their meaning."""

import pytest

from migration_guard.schema.types import normalize, same_type

SAME = {
    "postgresql": [
        ("int4", "integer"),
        ("INT", "integer"),
        ("serial", "integer"),
        ("int8", "bigint"),
        ("bigserial", "bigint"),
        ("int2", "smallint"),
        ("bool", "boolean"),
        ("float8", "double precision"),
        ("float", "double precision"),
        ("float(24)", "real"),
        ("float(25)", "double precision"),
        ("decimal(10, 2)", "numeric(10,2)"),
        ("numeric(10)", "numeric(10,0)"),
        ("decimal", "numeric"),
        ("varchar(40)", "character varying(40)"),
        ("VarChar ( 40 )", "character varying(40)"),
        ("varchar", "character varying"),
        ("char(3)", "character(3)"),
        ("char", "character(1)"),
        ("bpchar(3)", "character(3)"),
        ("timestamptz", "timestamp with time zone"),
        ("timestamptz(3)", "timestamp(3) with time zone"),
        ("timestamp(6)", "timestamp without time zone"),
        ("timestamp", "timestamp without time zone"),
        ("timetz(2)", "time(2) with time zone"),
        ("time", "time without time zone"),
        ("varbit(8)", "bit varying(8)"),
        ("bit", "bit(1)"),
        ("int4[]", "integer[]"),
        ("integer ARRAY", "integer[]"),
        ("integer[3][]", "integer[]"),
        ("varchar(40)[]", "character varying(40)[]"),
        ("timestamptz[]", "timestamp with time zone[]"),
        ("pg_catalog.int4", "integer"),
        ('public."mood"', "mood"),
        ("interval(6)", "interval"),
    ],
    "mysql": [
        ("int(11)", "int"),
        ("INTEGER", "int"),
        ("int(10) unsigned", "int unsigned"),
        ("bigint(20)", "bigint"),
        ("bool", "tinyint(1)"),
        ("boolean", "tinyint(1)"),
        ("tinyint(4)", "tinyint"),
        ("tinyint(3) unsigned", "tinyint unsigned"),
        ("numeric(8, 2) unsigned", "decimal(8,2) unsigned"),
        ("decimal", "decimal(10,0)"),
        ("double precision", "double"),
        ("float(30)", "double"),
        ("serial", "bigint unsigned"),
        ("datetime(0)", "datetime"),
        ("varchar(40) character set utf8mb4 collate utf8mb4_bin", "varchar(40)"),
        ("enum('a', 'B,c')", "enum('a','B,c')"),
        ("char", "char(1)"),
    ],
    "sqlite": [
        ("VARCHAR(40)", "varchar(40)"),
        ("decimal(10, 2)", "DECIMAL(10,2)"),
        ("integer  unsigned", "integer unsigned"),
    ],
    "oracle": [("NUMBER(10, 2)", "number(10,2)")],
}
DIFFERENT = {
    "postgresql": [
        ("varchar(40)", "varchar(41)"),
        ("varchar", "text"),
        ("timestamp", "timestamptz"),
        ("timestamp(3)", "timestamp"),
        ("numeric(10, 2)", "numeric(10, 3)"),
        ("numeric", "numeric(10, 0)"),
        ("real", "double precision"),
        ("integer", "integer[]"),
        ("json", "jsonb"),
        ("mood", '"Mood"'),
        ("billing.status", "status"),
        ("char", '"char"'),
    ],
    "mysql": [
        ("tinyint(1)", "tinyint"),
        ("int", "int unsigned"),
        ("enum('a','b')", "enum('a','B')"),
        ("datetime", "datetime(6)"),
        ("json", "longtext"),
        ("decimal(10, 2)", "decimal(10, 3)"),
    ],
    "sqlite": [("varchar(40)", "varchar(41)"), ("integer", "int"), ("text", "")],
}


def cases(table):
    return [(vendor, a, b) for vendor, pairs in table.items() for a, b in pairs]


@pytest.mark.parametrize(("vendor", "a", "b"), cases(SAME))
def test_type_when_spelt_otherwise_then_it_is_the_same(vendor, a, b):
    assert same_type(a, b, vendor)


@pytest.mark.parametrize(("vendor", "a", "b"), cases(DIFFERENT))
def test_type_when_of_other_meaning_then_it_differs(vendor, a, b):
    assert not same_type(a, b, vendor)


@pytest.mark.parametrize(("vendor", "a", "b"), cases(SAME) + cases(DIFFERENT))
def test_normalize_when_done_twice_then_nothing_changes(vendor, a, b):
    for text in (a, b):
        once = normalize(text, vendor)
        assert normalize(once, vendor) == once
