"""Tables with options and with all that a database does by itself, and single changes of them.

A change is a statement that follows the schema, or ``(old, new)``: a piece of the schema, and what
stands there instead.
"""

POSTGRESQL = [
    "CREATE TABLE items (id int PRIMARY KEY, name text, price int)",
    "COMMENT ON TABLE items IS 'what we sell'",
    "COMMENT ON COLUMN items.price IS 'in cents'",
    "CREATE TABLE log (at date NOT NULL, id int NOT NULL) PARTITION BY RANGE (at)",
    "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
    "CREATE TABLE split (a int, b int) PARTITION BY HASH (a)",
    "CREATE TABLE counted (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, old bigserial)",
    "CREATE TABLE special () INHERITS (counted)",
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
    " $$\nBEGIN\n  NEW.price := 1;\n  RETURN NEW;\nEND\n$$",
    "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2'",
    "CREATE FUNCTION twice(n text) RETURNS text LANGUAGE sql AS 'SELECT n || n'",
    "CREATE PROCEDURE tidy() LANGUAGE sql AS 'DELETE FROM items'",
    "CREATE AGGREGATE product(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1')",
    "CREATE TRIGGER items_touch BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch()",
    "CREATE TRIGGER log_touch AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION touch()",
    "CREATE POLICY own ON items USING (price > 0)",
    "CREATE RULE keep AS ON DELETE TO items WHERE OLD.price > 9 DO INSTEAD NOTHING",
    "CREATE SEQUENCE tickets INCREMENT 2",
    "CREATE DOMAIN cents AS int CHECK (VALUE >= 0)",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE TYPE span AS RANGE (SUBTYPE = int)",
    "CREATE TYPE mood AS ENUM ('sad', 'happy')",
    "CREATE STATISTICS both_of (ndistinct) ON name, price FROM items",
    "CREATE VIEW cheap AS SELECT id, name FROM items WHERE price < 5",
    "COMMENT ON COLUMN cheap.name IS 'as sold'",
]
_TOUCH = "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
POSTGRESQL_CHANGES = {
    "COMMENT ON TABLE items IS 'what we buy'": ("drift-differs", "items", ""),
    "COMMENT ON COLUMN items.price IS NULL": ("drift-differs", "items", "column price"),
    "COMMENT ON COLUMN cheap.name IS NULL": ("drift-missing", "cheap", "column comment name"),
    "COMMENT ON COLUMN cheap.id IS 'ours'": ("drift-extra", "cheap", "column comment id"),
    "ALTER TABLE items SET UNLOGGED": ("drift-differs", "items", ""),
    "ALTER TABLE items ENABLE ROW LEVEL SECURITY": ("drift-differs", "items", ""),
    "ALTER TABLE log DETACH PARTITION log_2": ("drift-differs", "log_2", ""),
    "ALTER TABLE log ADD COLUMN note text": ("drift-extra", "log", "column note"),
    "ALTER TABLE log ALTER id DROP NOT NULL": ("drift-differs", "log", "column id"),
    "ALTER TABLE log_1 ALTER id SET DEFAULT 7": ("drift-differs", "log_1", "column id"),
    "CREATE INDEX log_id ON log (id)": ("drift-extra", "log", "index log_id"),
    "CREATE INDEX log_1_id ON log_1 (id)": ("drift-extra", "log_1", "index log_1_id"),
    "ALTER TABLE log ADD CHECK (id > 0)": ("drift-extra", "log", "check log_id_check"),
    ("TO ('2028-01-01')", "TO ('2029-01-01')"): ("drift-differs", "log_2", ""),
    ("HASH (a)", "HASH (b)"): ("drift-differs", "split", ""),
    f"{_TOUCH} $$\nBEGIN\n  NEW.price := 2;\n  RETURN NEW;\nEND\n$$": (
        "drift-differs",
        "",
        "function touch()",
    ),
    "DROP FUNCTION twice(text)": ("drift-missing", "", "function twice(text)"),
    "CREATE FUNCTION twice(n date) RETURNS date LANGUAGE sql AS 'SELECT n'": (
        "drift-extra",
        "",
        "function twice(date)",
    ),
    "CREATE OR REPLACE PROCEDURE tidy() LANGUAGE sql AS 'DELETE FROM log'": (
        "drift-differs",
        "",
        "procedure tidy()",
    ),
    ("INITCOND = '1'", "INITCOND = '2'"): ("drift-differs", "", "aggregate product(integer)"),
    "DROP TRIGGER items_touch ON items": ("drift-missing", "items", "trigger items_touch"),
    "ALTER TABLE items DISABLE TRIGGER items_touch": (
        "drift-differs",
        "items",
        "trigger items_touch",
    ),
    "DROP TRIGGER log_touch ON log": ("drift-missing", "log", "trigger log_touch"),
    ("BEFORE UPDATE", "BEFORE INSERT"): ("drift-differs", "items", "trigger items_touch"),
    "ALTER TRIGGER items_touch ON items RENAME TO touched": (
        "drift-differs",
        "items",
        "trigger items_touch",
    ),
    "DROP POLICY own ON items": ("drift-missing", "items", "policy own"),
    "ALTER POLICY own ON items USING (price > 1)": ("drift-differs", "items", "policy own"),
    "DROP RULE keep ON items": ("drift-missing", "items", "rule keep"),
    "ALTER SEQUENCE tickets INCREMENT 3": ("drift-differs", "", "sequence tickets"),
    "DROP SEQUENCE tickets": ("drift-missing", "", "sequence tickets"),
    "ALTER SEQUENCE counted_id_seq INCREMENT 10": (
        "drift-differs",
        "counted",
        "sequence of column id",
    ),
    # The one that runs out before its column does.
    "ALTER SEQUENCE counted_old_seq AS integer": (
        "drift-differs",
        "counted",
        "sequence of column old",
    ),
    "ALTER TABLE counted ALTER id DROP IDENTITY": ("drift-differs", "counted", "column id"),
    "ALTER TABLE items ADD COLUMN number bigserial": ("drift-extra", "items", "column number"),
    "ALTER TABLE special NO INHERIT counted": ("drift-differs", "special", ""),
    "ALTER TABLE items REPLICA IDENTITY FULL": ("drift-differs", "items", ""),
    "ALTER VIEW cheap SET (security_barrier = true)": ("drift-differs", "cheap", ""),
    "ALTER VIEW cheap SET (check_option = local)": ("drift-differs", "cheap", ""),
    "ALTER TABLE items DISABLE RULE keep": ("drift-differs", "items", "rule keep"),
    "ALTER DOMAIN cents SET DEFAULT 0": ("drift-differs", "", "domain cents"),
    "ALTER TYPE pair ADD ATTRIBUTE c int": ("drift-differs", "", "type pair"),
    ("SUBTYPE = int", "SUBTYPE = date"): ("drift-differs", "", "type span"),
    "ALTER TYPE mood ADD VALUE 'merry'": ("drift-differs", "", "enum mood"),
    "DROP STATISTICS both_of": ("drift-missing", "items", "statistics both_of"),
    "CREATE OR REPLACE VIEW cheap AS SELECT id, name FROM items WHERE price < 6": (
        "drift-differs",
        "cheap",
        "",
    ),
    "CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION watch()": (
        "drift-extra",
        "",
        "event trigger watch",
    ),
}

MYSQL = [
    "CREATE TABLE items (id int PRIMARY KEY, name varchar(9) COMMENT 'as sold', price int)"
    " COMMENT 'what we sell'",
    "CREATE TABLE log (at date, id int, KEY (id), KEY (id, at), CHECK (id > 0))",
    "CREATE TABLE seen (at datetime(6) DEFAULT now(6) ON UPDATE now(6))",
    "CREATE TABLE split (at date) PARTITION BY RANGE (year(at))"
    " (PARTITION p0 VALUES LESS THAN (2026), PARTITION p1 VALUES LESS THAN (2027))",
    "CREATE VIEW cheap AS SELECT id, name FROM items WHERE price < 5",
    "CREATE TRIGGER items_touch BEFORE UPDATE ON items FOR EACH ROW SET NEW.price = 1",
    "CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2",
    "CREATE PROCEDURE tidy(IN n int) DELETE FROM items",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM log",
]
MYSQL_CHANGES = {
    ("'what we sell'", "'what we buy'"): ("drift-differs", "items", ""),
    ("COMMENT 'as sold'", ""): ("drift-differs", "items", "column name"),
    (" ON UPDATE now(6)", ""): ("drift-missing", "seen", "option of column at"),
    "ALTER TABLE seen ADD COLUMN b datetime ON UPDATE now()": (
        "drift-extra",
        "seen",
        "column b",
    ),
    "ALTER TABLE split DROP PARTITION p1": ("drift-differs", "split", ""),
    ("year(at)", "year(at) + 1"): ("drift-differs", "split", ""),
    "CREATE OR REPLACE VIEW cheap AS SELECT id, name FROM items WHERE price < 5"
    " WITH CHECK OPTION": ("drift-differs", "cheap", ""),
    "CREATE OR REPLACE SQL SECURITY INVOKER VIEW cheap AS"
    " SELECT id, name FROM items WHERE price < 5": ("drift-differs", "cheap", ""),
    "ALTER EVENT nightly ON COMPLETION PRESERVE": ("drift-differs", "", "event nightly"),
    "ALTER TABLE items ENGINE = Aria": ("drift-differs", "items", ""),
    "ALTER TABLE log DEFAULT COLLATE utf8mb4_bin": ("drift-differs", "log", ""),
    ("price < 5", "price < 6"): ("drift-differs", "cheap", ""),
    ("SET NEW.price = 1", "SET NEW.price = 2"): ("drift-differs", "items", "trigger items_touch"),
    "DROP TRIGGER items_touch": ("drift-missing", "items", "trigger items_touch"),
    ("RETURN n * 2", "RETURN n + n"): ("drift-differs", "", "function twice"),
    ("RETURNS int DET", "RETURNS bigint DET"): ("drift-differs", "", "function twice"),
    ("tidy(IN n int)", "tidy(IN n bigint)"): ("drift-differs", "", "procedure tidy"),
    "DROP PROCEDURE tidy": ("drift-missing", "", "procedure tidy"),
    ("EVERY 1 DAY", "EVERY 2 DAY"): ("drift-differs", "", "event nightly"),
    "ALTER EVENT nightly DISABLE": ("drift-differs", "", "event nightly"),
    "CREATE EVENT hourly ON SCHEDULE EVERY 1 HOUR DO DELETE FROM log": (
        "drift-extra",
        "",
        "event hourly",
    ),
    ("CHECK (id > 0)", "CHECK (id > 1)"): ("drift-differs", "log", "CHECK (`id` > 0)"),
    ("KEY (id), ", ""): ("drift-missing", "log", "index id"),
}

SQLITE = [
    "CREATE TABLE items (id integer PRIMARY KEY, name text, price int, CHECK (price > 0))",
    "CREATE TABLE log (at text NOT NULL PRIMARY KEY) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE words USING fts5(word)",
    "CREATE VIEW cheap AS SELECT * FROM items WHERE price < 5",
    "CREATE TRIGGER touch AFTER UPDATE ON items BEGIN UPDATE log SET at = 1; END",
]
SQLITE_CHANGES = {
    ("WITHOUT ROWID", ""): ("drift-differs", "log", ""),
    ("WITHOUT ROWID", "WITHOUT ROWID, STRICT"): (
        "drift-differs",
        "log",
        "",
    ),
    ("fts5(word)", "fts5(word, prefix='2')"): ("drift-differs", "words", ""),
    ("price < 5", "price < 6"): ("drift-differs", "cheap", ""),
    ("SET at = 1", "SET at = 2"): ("drift-differs", "items", "trigger touch"),
    "DROP TRIGGER touch": ("drift-missing", "items", "trigger touch"),
    "ALTER TABLE items ADD COLUMN note text": ("drift-extra", "items", "column note"),
    "DROP VIEW cheap": ("drift-missing", "cheap", ""),
    ("integer PRIMARY KEY", "integer PRIMARY KEY AUTOINCREMENT"): ("drift-differs", "items", ""),
    ("PRIMARY KEY)", "PRIMARY KEY ON CONFLICT REPLACE)"): ("drift-differs", "log", ""),
}

SCHEMAS = {"postgresql": POSTGRESQL, "mysql": MYSQL, "sqlite": SQLITE}
CHANGES = {"postgresql": POSTGRESQL_CHANGES, "mysql": MYSQL_CHANGES, "sqlite": SQLITE_CHANGES}
