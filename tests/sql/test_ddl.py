"""What a DDL statement makes, alters, renames and drops, for all vendors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.sql.cursor import Name
from migration_guard.sql.ddl import DDL, read_ddl, read_items

VENDORS = ("postgresql", "sqlite", "mysql")
PG, LITE, MY = ((vendor,) for vendor in VENDORS)


def ddl(verb, kind, *names, **more):
    """Return a statement; a name is its text, with its schema before a dot."""
    more["options"] = frozenset(more.get("options", "").split())
    for field in ("new_names", "table"):
        if field in more:
            more[field] = name(more[field]) if field == "table" else tuple(map(name, more[field]))
    return DDL(verb, kind, names=tuple(map(name, names)), **more)


def name(text):
    schema, _, last = text.rpartition(".")
    return Name(last, schema)


@pytest.mark.parametrize(
    ("vendors", "text", "expected"),
    [
        (VENDORS, "CREATE TABLE items (id int)", ddl("CREATE", "TABLE", "items")),
        (
            VENDORS,
            "create table if not exists shop.items (id int)",
            ddl("CREATE", "TABLE", "shop.items", is_conditional=True),
        ),
        (
            VENDORS,
            "CREATE TEMP TABLE t (id int)",
            ddl("CREATE", "TABLE", "t", options="TEMPORARY"),
        ),
        (
            PG,
            "CREATE GLOBAL TEMPORARY TABLE t (id int)",
            ddl("CREATE", "TABLE", "t", options="GLOBAL TEMPORARY"),
        ),
        (PG, 'CREATE UNLOGGED TABLE "T" ()', ddl("CREATE", "TABLE", "T", options="UNLOGGED")),
        (
            LITE,
            "CREATE VIRTUAL TABLE [a b] USING x",
            ddl("CREATE", "TABLE", "a b", options="VIRTUAL"),
        ),
        (VENDORS, "CREATE TABLE table_of (a int)", ddl("CREATE", "TABLE", "table_of")),
        (LITE, 'CREATE TABLE "table" (a int)', ddl("CREATE", "TABLE", "table")),
        (
            VENDORS,
            "CREATE OR REPLACE VIEW v AS SELECT 1",
            ddl("CREATE", "VIEW", "v", options="OR REPLACE"),
        ),
        (
            PG,
            "CREATE MATERIALIZED VIEW S.V AS SELECT 1",
            ddl("CREATE", "VIEW", "s.v", options="MATERIALIZED"),
        ),
        (
            MY,
            "CREATE ALGORITHM = MERGE DEFINER=`a`@`b` SQL SECURITY INVOKER VIEW v AS SELECT 1",
            ddl("CREATE", "VIEW", "v"),
        ),
        (
            MY,
            "/*!50001 CREATE DEFINER=CURRENT_USER() */ /*!50001 VIEW `v` AS SELECT 1 */",
            ddl("CREATE", "VIEW", "v"),
        ),
        (
            PG,
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.t USING gin (a)",
            ddl(
                "CREATE",
                "INDEX",
                "i",
                options="UNIQUE CONCURRENTLY",
                table="s.t",
                is_conditional=True,
            ),
        ),
        (PG, "CREATE INDEX ON t (a)", ddl("CREATE", "INDEX", table="t")),
        (
            MY,
            "CREATE FULLTEXT INDEX i USING BTREE ON `t` (a)",
            ddl("CREATE", "INDEX", "i", options="FULLTEXT", table="t"),
        ),
        (VENDORS, "DROP INDEX i ON t", ddl("DROP", "INDEX", "i", table="t")),
        (
            VENDORS,
            "CREATE TRIGGER w AFTER UPDATE OF a ON t FOR EACH ROW x",
            ddl("CREATE", "TRIGGER", "w", table="t"),
        ),
        (
            PG,
            "CREATE CONSTRAINT TRIGGER w AFTER INSERT ON s.t x",
            ddl("CREATE", "TRIGGER", "w", options="CONSTRAINT", table="s.t"),
        ),
        (PG, "CREATE EVENT TRIGGER w ON sql_drop x", ddl("CREATE", "EVENT TRIGGER", "w")),
        (MY, "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO x", ddl("CREATE", "EVENT", "e")),
        (PG, "CREATE POLICY p ON t USING (a)", ddl("CREATE", "POLICY", "p", table="t")),
        (PG, "CREATE RULE r AS ON INSERT TO t DO NOTHING", ddl("CREATE", "RULE", "r", table="t")),
        (
            PG,
            "CREATE STATISTICS s (ndistinct) ON a, b FROM t",
            ddl("CREATE", "STATISTICS", "s", table="t"),
        ),
        (PG, "CREATE FUNCTION f(a int) RETURNS int x", ddl("CREATE", "FUNCTION", "f")),
        (
            MY,
            "CREATE AGGREGATE FUNCTION f RETURNS int x",
            ddl("CREATE", "FUNCTION", "f", options="AGGREGATE"),
        ),
        (PG, "CREATE AGGREGATE a(int) (SFUNC = f)", ddl("CREATE", "AGGREGATE", "a")),
        (
            VENDORS,
            "DROP TABLE IF EXISTS shop.items, other CASCADE",
            ddl("DROP", "TABLE", "shop.items", "other", is_conditional=True),
        ),
        (PG, "DROP FUNCTION f(int, text), g()", ddl("DROP", "FUNCTION", "f", "g")),
        (
            MY,
            "RENAME TABLE a TO b, `c` TO s.d",
            ddl("RENAME", "TABLE", "a", "c", new_names=["b", "s.d"]),
        ),
        (VENDORS, "DROP TABLE", ddl("DROP", "TABLE")),
        (VENDORS, "CREATE ROLE r", ddl("CREATE", "ROLE")),
        (VENDORS, "/* not t */ DROP TABLE items", ddl("DROP", "TABLE", "items")),
        (VENDORS, "INSERT INTO t VALUES ('CREATE TABLE t')", None),
        (VENDORS, "'CREATE' TABLE t", None),
        (VENDORS, "", None),
    ],
)
def test_read_ddl_when_a_statement_is_read_then_it_is_told_apart(vendors, text, expected):
    for vendor in vendors:
        assert read_ddl(text, vendor) == expected


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("ALTER TABLE t ADD COLUMN IF NOT EXISTS A int", [("ADD", "COLUMN", "a")]),
        (
            'ALTER TABLE ONLY s.t ADD a int CHECK (a > f(1, 2)), DROP "B", ALTER c SET NOT NULL',
            [("ADD", "COLUMN", "a"), ("DROP", "COLUMN", "B"), ("ALTER", "COLUMN", "c")],
        ),
        (
            "ALTER TABLE t DROP CONSTRAINT IF EXISTS k, ADD CONSTRAINT l UNIQUE (a, b)",
            [("DROP", "CONSTRAINT", "k"), ("ADD", "CONSTRAINT", "l")],
        ),
        ("ALTER TABLE t RENAME a TO b", [("RENAME", "COLUMN", "a")]),
        ("ALTER TABLE t RENAME TO u", [("RENAME", "", "")]),
        ("ALTER TABLE t * ADD value int", [("ADD", "COLUMN", "value")]),
        ("ALTER TABLE t NOWAIT ADD a int", [("ADD", "COLUMN", "a")]),
        ("ALTER TABLE t WAIT 5 DROP a", [("DROP", "COLUMN", "a")]),
        ("ALTER TABLE t ADD (a int, b int)", [("ADD", "COLUMN", "")]),
        ("ALTER FUNCTION f(int) RENAME TO g", [("RENAME", "", "")]),
        ("ALTER POLICY p ON t RENAME TO q", [("RENAME", "", "")]),
        ("ALTER TYPE mood ADD VALUE 'x'", [("ADD", "VALUE", "x")]),
        ("ALTER TABLE t", []),
    ],
)
def test_read_ddl_when_something_is_altered_then_each_action_is_a_clause(text, clauses):
    assert [clause[:3] for clause in read_ddl(text, "postgresql").clauses] == clauses


def test_clause_when_read_then_its_words_are_in_upper_case_without_quotes():
    (clause,) = read_ddl('ALTER TABLE t rename "a b" to c', "postgresql").clauses

    assert clause.words == ("RENAME", "A B", "TO", "C")


@pytest.mark.parametrize(
    ("text", "vendor", "first"),
    [
        ('ALTER TABLE ONLY "shop"."Odd Name" ADD a int', "postgresql", "Odd Name"),
        ("CREATE TABLE `a b` (id int)", "mysql", "a b"),
        ("/* not t */ DROP TABLE IF EXISTS items, other", "mysql", "items"),
        ("DROP TABLE", "sqlite", ""),
    ],
)
def test_name_when_a_statement_names_things_then_it_is_the_first(text, vendor, first):
    assert read_ddl(text, vendor).name == first


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("ALTER TABLE t ADD COLUMN a int", ["a"]),
        ("ALTER TABLE t ADD a int, ADD COLUMN IF NOT EXISTS `b c` int", ["a", "b c"]),
        ("ALTER TABLE t ADD CONSTRAINT x UNIQUE (a), ADD PRIMARY KEY (b), ADD KEY (c)", []),
        ("ALTER TABLE t ADD a int CHECK (a > (SELECT 1)), DROP b", ["a"]),
        ("ALTER TABLE t DROP COLUMN a", []),
        ("ALTER TABLE t ADD", []),
    ],
)
def test_columns_added_when_a_table_is_altered_then_they_are_those(text, columns):
    assert read_ddl(text, "mysql").columns_added == columns


NAMED = [
    ("ALTER TABLE t RENAME `a` TO b", ("COLUMN", "a", "b")),
    ("ALTER TABLE t RENAME KEY a TO b", ("KEY", "a", "b")),
    ("ALTER TABLE t RENAME CONSTRAINT a TO b", ("CONSTRAINT", "a", "b")),
    ("ALTER TABLE t RENAME TO s.b", ("", "", "b")),
    ("ALTER TABLE t RENAME AS b", ("", "", "b")),
    ("ALTER TABLE t RENAME b", ("", "", "b")),
    ("ALTER TABLE t CHANGE COLUMN a b int", ("COLUMN", "a", "b")),
    ("ALTER TABLE t SET SCHEMA b", ("", "", "b")),
    ("ALTER TABLE t ADD UNIQUE KEY a (x)", ("UNIQUE", "a", "")),
    ("ALTER TABLE t ADD UNIQUE (x)", ("UNIQUE", "", "")),
    ("ALTER TABLE t ADD UNIQUE USING INDEX i", ("UNIQUE", "", "")),
    ("ALTER TABLE t DROP PRIMARY KEY", ("PRIMARY", "", "")),
    ("ALTER TABLE t DROP FOREIGN KEY a", ("FOREIGN", "a", "")),
]


@pytest.mark.parametrize(("text", "expected"), NAMED)
def test_clause_when_it_names_something_then_the_name_and_the_new_one_are_read(text, expected):
    (clause,) = read_ddl(text, "mysql").clauses

    assert (clause.kind, clause.name, clause.new_name) == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('CREATE TABLE t (a int, "B" text, CONSTRAINT k UNIQUE (a), CHECK (a > 0))', "a B k "),
        ("CREATE TABLE t AS SELECT (1) AS a", ""),
        ("CREATE TABLE t PARTITION OF p FOR VALUES FROM (1) TO (2)", ""),
        ("CREATE TABLE t (a int, PRIMARY KEY (a))", "a "),
        ("CREATE TABLE t", ""),
    ],
)
def test_items_when_a_table_is_created_then_its_columns_and_constraints_are_read(text, names):
    assert " ".join(item.name for item in read_items(text, "postgresql")) == names


WORDS = st.sampled_from(
    [
        *("CREATE", "ALTER", "DROP", "RENAME", "TABLE", "INDEX", "TRIGGER", "RULE", "EVENT"),
        *("AGGREGATE", "FUNCTION", "DEFINER", "=", "@", "SQL", "SECURITY", "ADD", "TO", "ON"),
        *(
            "IF",
            "NOT",
            "EXISTS",
            "(",
            ")",
            ",",
            ".",
            "a",
            '"b"',
            "'c'",
            "`d`",
            "[e]",
            "/*!1 ",
            "*/",
        ),
        *("WAIT", "TEMP", "CONCURRENTLY", "$$", '"', "U&'\\", "'", "--"),
    ]
)


@pytest.mark.parametrize("vendor", VENDORS)
@given(words=st.lists(WORDS, max_size=12), verb=st.sampled_from(["CREATE", "ALTER", "DROP", ""]))
def test_read_ddl_when_given_any_words_then_nothing_is_raised(vendor, words, verb):
    statement = read_ddl(" ".join([verb, *words]), vendor)

    assert (statement is not None and statement.verb == verb) or not verb
    assert statement is None or all(statement.columns_added)
