"""What ``--write`` wrote of a real database is kept by it, whatever its things are called."""

from pathlib import Path

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_guard import contracts, schema_check
from tests.schema import rich

# What SQL, TOML, a label or a key of an index gives a meaning to, and what folds in odd ways.
CHARACTERS = " .,;:\"'`[](){}#=%$*?/\\\n\t\r\x01\x7f-_aAbB1éÉßİ\u0131Σς日\u2028\ufeff"
ODD = ["a DESC", "a", "A", "s.t", "s", "t", '"a"', "(a)", "a(3)", "[t]", "# x", "x = 1", "'''"]
ODD += ['"""', "\\", "\\u0041", "true", "1", "-", "é", "É", "a COLLATE C", "a, b", " ", "  a"]


def fold_ascii(name):
    return "".join(char.lower() if char.isascii() else char for char in name)


# Which names a server takes, and when it takes two for one.
ALLOWED = {
    "postgresql": lambda name: True,
    "sqlite": lambda name: not name.lower().startswith("sqlite_"),
    # MariaDB manual, "Identifier Names".
    "mysql": lambda name: name == name.strip() and not set(name) & set("\x01\x7f\ufeff"),
}
FOLDS = {"postgresql": str, "sqlite": fold_ascii, "mysql": str.casefold}
COLLATIONS = {"postgresql": '"C"', "sqlite": "nocase"}


def quote(vendor, name):
    mark = "`" if vendor == "mysql" else '"'
    return mark + name.replace(mark, mark * 2) + mark


def literal(vendor, text):
    body = text.replace("'", "''")
    if vendor == "sqlite":
        return f"'{body}'"
    return ("E" if vendor == "postgresql" else "") + "'{}'".format(body.replace("\\", "\\\\"))


def common_schema(vendor, names, text):
    """Yield statements whose tables, columns and constraints have these names."""
    a, b, c, d, _e, f = names
    index, other = f"{a[:-1]}_ix{a[-1]}", f"{b[:-1]}_ix{b[-1]}"
    text = literal(vendor, text)
    yield f"""CREATE TABLE {a} ({a} integer NOT NULL, {b} varchar(40) DEFAULT {text},
        {c} varchar(40) GENERATED ALWAYS AS (lower({b})) STORED, PRIMARY KEY ({a}),
        CONSTRAINT {f} UNIQUE ({b}, {a}), CONSTRAINT {c} CHECK ({b} <> {text}))"""
    yield f"CREATE INDEX {index} ON {a} ({b} DESC, {a})"
    yield f"""CREATE TABLE {b} ({a} integer, {d} varchar(80), CONSTRAINT {d}
        FOREIGN KEY ({a}) REFERENCES {a} ({a}) ON DELETE SET NULL)"""
    yield f"CREATE VIEW {c} AS SELECT {a}, {b} AS {d} FROM {a}"
    if vendor == "mysql":
        yield f"CREATE INDEX {other} ON {b} ({d}(3))"
    else:
        yield f"""CREATE INDEX {other} ON {b} (lower({d}), {d} COLLATE {COLLATIONS[vendor]} DESC)
            WHERE {d} <> {text}"""


def postgresql_schema(names, text):
    a, b, c, d, e, _f = names
    dotted, no = f"{a[:-1]}.{b[1:]}", f'{a[:-1]}_no"'
    text = literal("postgresql", text)
    yield f"CREATE SCHEMA {a}"
    labels = dict.fromkeys([text, f"E' {text[2:-1]}'", "E'a, b'", "E''''"])
    yield f"CREATE TYPE {a}.{c} AS ENUM ({', '.join(labels)})"
    yield f"CREATE TABLE {a}.{b} ({d} {a}.{c} DEFAULT {text}, {e} integer REFERENCES {a})"
    yield f"CREATE TABLE {dotted} ({d} integer PRIMARY KEY)"
    yield f"""CREATE TABLE {d} ({a} integer REFERENCES {dotted} ON DELETE SET NULL ({a}),
        {b} int4range, CONSTRAINT {no} EXCLUDE USING gist ({b} WITH &&))"""
    yield f"CREATE MATERIALIZED VIEW {e} AS SELECT 1 AS {a}, 'x'::text AS {b}"
    yield f"CREATE UNIQUE INDEX ON {e} ({b} DESC)"


def sqlite_schema(names, text):
    a, b, c, d, e, f = names
    yield f"CREATE TABLE {d} AS SELECT *, 1 + 1 AS {d} FROM {a}"
    yield f"CREATE VIRTUAL TABLE {e} USING fts5({a}, {b})"
    yield f"""CREATE TABLE {f} ({a}, {b} DEFAULT {literal("sqlite", text)}, {c} AS ({a} + 1),
        CONSTRAINT {d} CHECK ({a} > 1), CONSTRAINT {d} CHECK ({b} > 2))"""
    yield f"CREATE VIEW {quote('sqlite', 'main.' + a)} AS SELECT {a} + 1 AS {b} FROM {a}"


def mysql_schema(names, text):
    a, b, c, d, e, f = names
    yield f"CREATE TABLE {d} ({a} enum({literal('mysql', text.rstrip())}, 'a, b''') COMMENT 'x')"
    yield f"CREATE TABLE {e} ({a} longtext, {b} json, FULLTEXT KEY {c} ({a}))"
    yield f"CREATE TABLE {f} ({a} int CHECK ({a} > 1), {b} int, CONSTRAINT {a} CHECK ({b} > 2))"


SCHEMAS = {"postgresql": postgresql_schema, "sqlite": sqlite_schema, "mysql": mysql_schema}


def clear(database):
    """Make the database empty again."""
    connection.close()
    if database.vendor == "sqlite":
        for path in Path(database.settings["NAME"]).parent.glob("db.sqlite3*"):
            path.unlink()
        database.close()
        database._own = None
    elif database.vendor == "mysql":
        name = database.settings["NAME"]
        for statement in (f"DROP DATABASE {name}", f"CREATE DATABASE {name}", f"USE {name}"):
            database.execute(statement)
    else:
        schemas = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'"
        for (name,) in database.execute(schemas):
            database.execute(f"DROP SCHEMA {quote('postgresql', name)} CASCADE")
        database.execute("CREATE SCHEMA public")


def make(database, statements):
    for statement in statements:
        database.execute(statement)


def check_what_is_written(folder):
    """Write a contract of the database; return its text and what comes of its check."""
    path = folder / "written.toml"
    path.write_text(schema_check.write_contract()[0], encoding="utf-8")
    return path.read_text(encoding="utf-8"), schema_check.check(contracts.load(path))


def unkept(checked):
    assert checked.error is None, checked.error
    return [
        (assertion.id, assertion.violation or assertion.unknown)
        for assertion in checked.assertions
        if assertion.verdict != "kept"
    ]


@given(st.data())
# Each example makes a database: a second on MariaDB.
@settings(
    max_examples=min(60, settings.default.max_examples), suppress_health_check=list(HealthCheck)
)
def test_write_when_names_are_odd_then_all_is_stated_and_kept(database, tmp_path, data):
    vendor = database.vendor
    name = st.text(st.sampled_from(CHARACTERS), min_size=1, max_size=6) | st.sampled_from(ODD)
    allowed = name.filter(ALLOWED[vendor])
    drawn = data.draw(st.lists(allowed, min_size=6, max_size=6, unique_by=FOLDS[vendor]))
    names = [quote(vendor, name) for name in drawn]
    text = data.draw(st.text(st.sampled_from(CHARACTERS), max_size=6))
    clear(database)
    make(database, common_schema(vendor, names, text))
    make(database, SCHEMAS[vendor](names, text))

    written, checked = check_what_is_written(tmp_path)

    assert unkept(checked) == [], written
    assert "not stated" not in written
    assert checked.returncode == 0


# Kinds of things, each with what is written of it


# What the rich schema has none of.
MORE = {
    "postgresql": [
        "CREATE TABLE empty_table ()",
        "CREATE VIEW empty_view AS SELECT",
        'CREATE TYPE pair AS (a integer, b text COLLATE "C")',
        "CREATE TABLE typed OF pair (b DEFAULT 'x', PRIMARY KEY (a))",
        "CREATE TABLE parent (a integer NOT NULL, b text[] DEFAULT ARRAY['x', E'\\n'], c pair)",
        'CREATE TABLE child (d "char", e bit varying(3)[], f interval day to second(3)) '
        "INHERITS (parent)",
        "CREATE INDEX child_hash ON child USING hash (b)",
        "CREATE INDEX parent_brin ON parent USING brin (a int4_minmax_multi_ops) "
        "WITH (pages_per_range = 2)",
        'CREATE INDEX parent_many ON parent (((c).b) COLLATE "POSIX" text_pattern_ops DESC, '
        "(lower((c).b)) DESC NULLS LAST, a) INCLUDE (b) WHERE a > 1 OR b IS NULL",
        "CREATE UNIQUE INDEX parent_unique ON parent (a DESC, (lower((c).b))) INCLUDE (b)",
        "ALTER TABLE parent ADD CONSTRAINT no_inherit CHECK (a > 0) NO INHERIT NOT VALID",
        "CREATE TABLE spans (a integer, s tstzrange, "
        "EXCLUDE USING gist (s WITH &&) WHERE (a > 1) DEFERRABLE INITIALLY DEFERRED)",
        "CREATE MATERIALIZED VIEW unfilled AS SELECT a, count(*) FROM parent GROUP BY a "
        "WITH NO DATA",
        "CREATE FOREIGN DATA WRAPPER nothing",
        "CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing",
        "CREATE FOREIGN TABLE far (a integer NOT NULL DEFAULT 1, CHECK (a > 0)) SERVER nowhere",
    ],
    "sqlite": [
        "CREATE TABLE strict_table (a ANY, b INT NOT NULL, PRIMARY KEY (b, a)) "
        "STRICT, WITHOUT ROWID",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, low, high)",
        "CREATE TABLE gone (a)",
        "CREATE VIEW of_gone AS SELECT a FROM gone",
        "DROP TABLE gone",
        "CREATE TABLE points_nowhere (a REFERENCES nowhere, b REFERENCES nowhere (x) "
        "ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED, UNIQUE (b COLLATE nocase DESC, a))",
        "CREATE UNIQUE INDEX partial ON points_nowhere (a, b || 'x') WHERE a IS NOT NULL",
        'CREATE TABLE odd_types (a \'some type\' (10, -2), b "a""b", c DOUBLE  PRECISION, d [x y])',
    ],
    "mysql": [
        "CREATE TABLE versioned (a int, b timestamp NULL ON UPDATE CURRENT_TIMESTAMP) "
        "WITH SYSTEM VERSIONING",
        "CREATE SEQUENCE counter",
        "CREATE TABLE counted (a bigint DEFAULT (NEXT VALUE FOR counter), b uuid DEFAULT uuid(), "
        "c int INVISIBLE DEFAULT 1, d point NOT NULL, e varchar(9) COMPRESSED, SPATIAL KEY (d), "
        "f bit(3) DEFAULT b'101', g set('a', 'b\"', 'c d') DEFAULT 'a', h year DEFAULT 2026, "
        "i blob DEFAULT x'00ff', j decimal(5, 2) unsigned zerofill)",
        "CREATE TABLE partitioned (a int, b int) PARTITION BY HASH (a) PARTITIONS 3",
        "CREATE TABLE gone (a int)",
        "CREATE VIEW of_gone AS SELECT a FROM gone",
        "DROP TABLE gone",
        "CREATE ALGORITHM = MERGE VIEW sums AS SELECT a + 1 AS b, 'x' AS c, NULL AS d FROM versioned",
        "CREATE TABLE prefixes (a text, b varchar(99), UNIQUE KEY (a(5), b(6)), KEY (b(3) DESC))",
        "CREATE TABLE spans (a date, b date, PERIOD FOR p (a, b), c int, "
        "UNIQUE (c, p WITHOUT OVERLAPS))",
    ],
}


def test_write_when_a_schema_has_every_kind_of_thing_then_all_is_kept(database, tmp_path):
    rich.install(database)
    make(database, MORE[database.vendor])

    written, checked = check_what_is_written(tmp_path)

    assert unkept(checked) == []
    assert "not stated" not in written


SQLITE_WITHOUT_TYPES = """
CREATE TABLE plain (a, b DEFAULT 'x', c AS (a + 1), d integer);
CREATE TABLE copied AS SELECT a, a + 1 AS e FROM plain;
CREATE VIEW sums AS SELECT a + 1 AS f, d FROM plain;
CREATE VIRTUAL TABLE words USING fts5(body);
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_write_when_columns_have_no_type_then_that_is_stated(database, tmp_path):
    make(database, filter(str.strip, SQLITE_WITHOUT_TYPES.split(";")))

    written, checked = check_what_is_written(tmp_path)

    assert unkept(checked) == []
    assert 'f = { type = "" }' in written
    database.execute("DROP VIEW sums")
    database.execute("CREATE VIEW sums AS SELECT d AS f, d FROM plain")
    (violation,) = schema_check.check(contracts.load(tmp_path / "written.toml")).violations
    assert (violation.rule, violation.message) == ("wrong-type", "expected no type, found integer")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_write_when_two_tables_would_have_one_label_then_each_has_its_own(database, tmp_path):
    make(database, ["CREATE SCHEMA s", "CREATE TABLE s.t (a integer PRIMARY KEY, of_s text)"])
    make(database, ['CREATE TABLE "s.t" (a integer PRIMARY KEY, dotted text)'])
    make(database, ['CREATE TABLE r (a integer REFERENCES s.t, b integer REFERENCES "s.t")'])

    written, checked = check_what_is_written(tmp_path)

    assert unkept(checked) == []
    contract = contracts.load(tmp_path / "written.toml")
    columns = {table.name: [column.name for column in table.columns] for table in contract.tables}
    assert columns == {"r": ["a", "b"], '"s.t"': ["a", "dotted"], '"s"."t"': ["a", "of_s"]}
    for statement, missing in (
        ("DROP TABLE s.t CASCADE", ['"s"."t"', "r"]),
        ('DROP TABLE "s.t" CASCADE', ['"s"."t"', '"s.t"', "r"]),
    ):
        database.execute(statement)
        tables = {violation.table for violation in schema_check.check(contract).violations}
        assert sorted(tables) == missing, written


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_write_when_a_name_looks_like_a_quoted_label_then_it_is_still_a_name(database, tmp_path):
    make(database, ['CREATE TABLE "1" (a integer)'])
    make(
        database,
        [f"CREATE VIEW {quote('sqlite', 'main.' + chr(34) + '1' + chr(34))} AS SELECT 1 AS b"],
    )

    _written, checked = check_what_is_written(tmp_path)

    assert unkept(checked) == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_write_when_an_extension_made_it_then_it_may_grow(database, tmp_path):
    make(
        database,
        [
            "CREATE TABLE codes (id integer PRIMARY KEY)",
            "CREATE VIEW counts AS SELECT 1 AS calls",
            "CREATE MATERIALIZED VIEW sums AS SELECT 1 AS calls",
            "CREATE TYPE level AS ENUM ('low', 'high')",
            *(
                f"ALTER EXTENSION plpgsql ADD {member}"
                for member in (
                    "TABLE codes",
                    "VIEW counts",
                    "MATERIALIZED VIEW sums",
                    "TYPE level",
                )
            ),
        ],
    )

    written, checked = check_what_is_written(tmp_path)

    assert unkept(checked) == []
    assert "exact = true\n" not in written
    assert "of the extension plpgsql" in written
    database.execute("ALTER TABLE codes ADD COLUMN name text")
    database.execute("ALTER TYPE level ADD VALUE 'higher'")
    contract = contracts.load(tmp_path / "written.toml")
    assert unkept(schema_check.check(contract)) == []
    database.execute("ALTER TABLE codes RENAME id TO number")
    assert {violation.rule for violation in schema_check.check(contract).violations} >= {
        "missing-column"
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_write_when_a_clause_cannot_be_stated_then_a_comment_says_so(database, tmp_path):
    # A key over a column without a name, and a column that reads as another one in an order.
    columns = """"" integer PRIMARY KEY, a text, "a DESC" text, """ + '"""a"" DESC" text'
    make(
        database,
        [
            f"CREATE TABLE t ({columns}, CHECK (a > 1))",
            "CREATE INDEX t_a ON t (a DESC)",
            "CREATE INDEX t_fine ON t (a)",
            "CREATE TABLE u (a integer)",
        ],
    )

    written, checked = check_what_is_written(tmp_path)

    assert unkept(checked) == []
    lost = [line.strip() for line in written.splitlines() if "not stated" in line]
    assert [line.rpartition(": ")[2] for line in lost] == [
        'primary_key = [""]',
        r'{ columns = ["\"a\" DESC"], exact = true },',
    ]
    table, other = contracts.load(tmp_path / "written.toml").tables
    assert [column.name for column in table.columns] == ["", "a", "a DESC", '"a" DESC']
    assert table.exact
    assert other.exact
    assert [index.columns for index in table.indexes] == [("a",)]
    assert len(table.checks) == 1
