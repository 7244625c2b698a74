"""One change for each column of SQLite's catalogue that drift compares, and for what no pragma has.

A change is the column, a schema, another, and the table and the object of the drift between them.
"""

T = "CREATE TABLE t (id integer PRIMARY KEY, a int, b text, c int AS (a + 1)); CREATE INDEX i ON t (a)"
KEYS = "CREATE TABLE p (x int, y int, UNIQUE (x, y), UNIQUE (x), UNIQUE (y)); CREATE TABLE q (x int UNIQUE);"
FK = KEYS + "CREATE TABLE t (a int, b int, CONSTRAINT k FOREIGN KEY ({}) REFERENCES {})"
TABLE, COLUMN, INDEX, KEY = ("t", ""), ("t", "column a"), ("t", "index i"), ("t", "foreign key k")


def _t(name, old, new, found=TABLE):
    return name, T, T.replace(old, new), found


CHANGES = [
    ("sqlite_master.type", "CREATE TABLE t (a int)", "CREATE VIEW t AS SELECT 1 AS a", TABLE),
    (
        "sqlite_master.sql",
        "CREATE VIEW t AS SELECT 1 AS a",
        "CREATE VIEW t AS SELECT 2 AS a",
        TABLE,
    ),
    (
        "sqlite_master.sql",
        "CREATE TABLE t (a int); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TABLE t (a int); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 2; END",
        ("t", "trigger g"),
    ),
    (
        "pragma_table_list.type",
        "CREATE TABLE t (a)",
        "CREATE VIRTUAL TABLE t USING fts5 (a)",
        TABLE,
    ),
    (
        "pragma_table_list.wr",
        "CREATE TABLE t (a int PRIMARY KEY NOT NULL)",
        "CREATE TABLE t (a int PRIMARY KEY NOT NULL) WITHOUT ROWID",
        TABLE,
    ),
    ("pragma_table_list.strict", "CREATE TABLE t (a int)", "CREATE TABLE t (a int) STRICT", TABLE),
    _t("pragma_table_xinfo.type", "a int", "a bigint", COLUMN),
    _t("pragma_table_xinfo.notnull", "a int", "a int NOT NULL", COLUMN),
    _t("pragma_table_xinfo.dflt_value", "a int", "a int DEFAULT 3", COLUMN),
    _t("pragma_table_xinfo.dflt_value", "b text", "b text DEFAULT 'x'", ("t", "column b")),
    (
        "pragma_table_xinfo.pk",
        "CREATE TABLE t (a int, b int, PRIMARY KEY (a))",
        "CREATE TABLE t (a int, b int, PRIMARY KEY (a, b))",
        ("t", "primary key (a)"),
    ),
    _t("pragma_table_xinfo.hidden", "(a + 1)", "(a + 1) STORED", ("t", "column c")),
    _t("pragma_table_xinfo.hidden", "c int AS (a + 1)", "c int", ("t", "column c")),
    _t("sqlite_master.sql", "(a + 1)", "(a + 2)", ("t", "column c")),
    _t("sqlite_master.sql", "b text", "b text COLLATE nocase", ("t", "column b")),
    _t("sqlite_master.sql", "b text", "b text CHECK (b <> '')", ("t", "CHECK (b <> '')")),
    _t("pragma_index_list.unique", "CREATE INDEX", "CREATE UNIQUE INDEX", INDEX),
    (
        "pragma_index_list.origin",
        "CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a)",
        "CREATE TABLE t (a int, UNIQUE (a))",
        INDEX,
    ),
    _t("pragma_index_list.partial", "ON t (a)", "ON t (a) WHERE a > 1", INDEX),
    (
        "sqlite_master.sql",
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a) WHERE a > 1",
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a) WHERE a > 2",
        INDEX,
    ),
    (
        "sqlite_master.sql",
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a + 1)",
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a + 2)",
        INDEX,
    ),
    (
        "pragma_index_xinfo.seqno",
        "CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a, b)",
        "CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b, a)",
        INDEX,
    ),
    _t("pragma_index_xinfo.name", "ON t (a)", "ON t (b)", INDEX),
    _t("pragma_index_xinfo.desc", "ON t (a)", "ON t (a DESC)", INDEX),
    _t("pragma_index_xinfo.coll", "ON t (a)", "ON t (a COLLATE nocase)", INDEX),
    (
        "pragma_foreign_key_list.seq",
        FK.format("a, b", "p (x, y)"),
        FK.format("b, a", "p (x, y)"),
        KEY,
    ),
    ("pragma_foreign_key_list.table", FK.format("a", "p (x)"), FK.format("a", "q (x)"), KEY),
    ("pragma_foreign_key_list.from", FK.format("a", "p (x)"), FK.format("b", "p (x)"), KEY),
    ("pragma_foreign_key_list.to", FK.format("a", "p (x)"), FK.format("a", "p (y)"), KEY),
    *(
        (f"pragma_foreign_key_list.{name}", FK.format("a", "p (x)"), FK.format("a", clause), KEY)
        for name, clause in {
            "on_update": "p (x) ON UPDATE CASCADE",
            "on_delete": "p (x) ON DELETE SET NULL",
        }.items()
    ),
    (
        "sqlite_master.sql",
        FK.format("a", "p (x)"),
        FK.format("a", "p (x) DEFERRABLE INITIALLY DEFERRED"),
        KEY,
    ),
]
