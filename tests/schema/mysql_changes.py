"""One change for each column of information_schema that drift compares, and for each kind of it.

A change is the column, the statements that make the old state, those that change it, and the table
and the object of the drift that they are. ``{db}`` is the name of the database.
"""

from collections.abc import Iterator

T = "CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(20), g point NOT NULL, KEY i (a))"
P = "CREATE TABLE p (id int PRIMARY KEY, x int, y int, UNIQUE (x, y), UNIQUE (y, x))"
Q = "CREATE TABLE q (id int PRIMARY KEY)"
FK = (
    "CREATE TABLE t (id int PRIMARY KEY, a int, b int, CONSTRAINT k FOREIGN KEY ({}) REFERENCES {})"
)
VERSIONED = "CREATE TABLE t (id int, a int) WITH SYSTEM VERSIONING"
PARTS = "CREATE TABLE t (id int, a int) PARTITION BY "
TWO = "RANGE (a) (PARTITION p0 VALUES LESS THAN (5), PARTITION p1 VALUES LESS THAN (9))"
SUB = (
    "RANGE (a) SUBPARTITION BY HASH (id) (PARTITION p0 VALUES LESS THAN (5)"
    " (SUBPARTITION s0, SUBPARTITION s1))"
)
V = "CREATE OR REPLACE {} VIEW v AS SELECT id, a FROM t WHERE a > 1 {}"
TRIGGER = "CREATE OR REPLACE TRIGGER g BEFORE INSERT ON t FOR EACH ROW {}SET NEW.a = 1"
FUNCTION = "CREATE OR REPLACE FUNCTION f(x {}) RETURNS {} {} RETURN 1"
PROCEDURE = "CREATE OR REPLACE PROCEDURE f({}) SELECT 1"
EVENT = "CREATE OR REPLACE EVENT e ON SCHEDULE {} {} DO SELECT {}"
DAILY = "EVERY 1 DAY"
SEQUENCE = "CREATE OR REPLACE SEQUENCE s {}"
LATIN = ("SET NAMES latin1 COLLATE latin1_swedish_ci", "SET NAMES utf8mb4")
BINARY = ("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET NAMES utf8mb4")
LAX = ("SET sql_mode = ''", "SET sql_mode = DEFAULT")
OTHER_DEFAULT = ("ALTER DATABASE `{db}` COLLATE utf8mb4_bin", "DO 0")
ELSEWHERE = ("SET time_zone = '+05:00'", "SET time_zone = DEFAULT")
TABLE, COLUMN, INDEX, KEY = ("t", ""), ("t", "column a"), ("t", "index i"), ("t", "foreign key k")
OPTION, TRIGGERED = ("t", "option of column a"), ("t", "trigger g")
VIEW, ROUTINE, PROCESS = ("v", ""), ("", "function f"), ("", "procedure f")
EVENTS, COUNTER = ("", "event e"), ("", "sequence s")


def changes() -> Iterator[tuple[str, list[str], list[str], tuple[str, str]]]:
    """Yield every change."""
    for name, statement, new, found in (*_TABLES, *_COLUMNS, *_INDEXES, *_CHECKS):
        yield name, [statement], [new], found
    for name, old, new in _PARTITIONS:
        yield f"partitions.{name}", [PARTS + old], [f"ALTER TABLE t PARTITION BY {new}"], TABLE
    for name, old, new in _FOREIGN_KEYS:
        others = [P, Q, "CREATE DATABASE IF NOT EXISTS `{db}_other`"]
        others.append("CREATE TABLE IF NOT EXISTS `{db}_other`.q (id int PRIMARY KEY)")
        yield name, [*others, FK.format(*old)], ["DROP TABLE t", FK.format(*new)], KEY
    for name, old, new in _VIEWS:
        yield f"views.{name}", [T, V.format(*old)], [V.format(*new)], VIEW
    yield from _said_under("views", [T], V.format("", ""), VIEW, ("sql_mode", "database_collation"))
    for name, old, new, found in _ROUTINES:
        yield name, [old], [new], found
    yield from _said_under("routines", [], FUNCTION.format("int", "int", ""), ROUTINE)
    oracle, default = "SET sql_mode = ORACLE", "SET sql_mode = DEFAULT"
    packages = {
        "package f": (PACKAGE.replace("int", "bigint"),),
        "package body f": (BODY.format(2),),
    }
    for name, new in packages.items():
        made = [oracle, PACKAGE, BODY.format(1), default]
        yield "routines.routine_definition", made, [oracle, *new, default], ("", name)
    for name, old, new in _EVENTS:
        yield f"events.{name}", [EVENT.format(*old)], [EVENT.format(*new)], EVENTS
    yield from _said_under("events", [], EVENT.format(DAILY, "", 1), EVENTS)
    (before, after), create = ELSEWHERE, EVENT.format(DAILY, "", 1)
    yield "events.time_zone", [create], [before, create, after], EVENTS
    for name, new in _TRIGGERS:
        yield f"triggers.{name}", [T, TRIGGER.format("")], [new], TRIGGERED
    yield from _said_under("triggers", [T], TRIGGER.format(""), TRIGGERED)
    second = TRIGGER.format("").replace("TRIGGER g", "TRIGGER h")
    order = TRIGGER.format("FOLLOWS h ")
    yield "triggers.action_order", [T, TRIGGER.format(""), second], [order], TRIGGERED
    for name, old, new in _SEQUENCES:
        yield f"sequence.{name}", [SEQUENCE.format(old)], [SEQUENCE.format(new)], COUNTER


def _said_under(table, made, create, found, but=()):
    """Yield the changes of the session or database under which an object was made."""
    for name, (before, after) in {
        "character_set_client": LATIN,
        "collation_connection": BINARY,
        "sql_mode": LAX,
        "database_collation": OTHER_DEFAULT,
    }.items():
        if name not in but:
            yield f"{table}.{name}", [*made, create], [before, create, after], found


_TABLES = [
    ("tables.table_type", T, "ALTER TABLE t ADD SYSTEM VERSIONING", TABLE),
    ("tables.engine", T, "ALTER TABLE t ENGINE = Aria", TABLE),
    ("tables.table_collation", T, "ALTER TABLE t DEFAULT COLLATE utf8mb4_bin", TABLE),
    ("tables.create_options", T, "ALTER TABLE t ROW_FORMAT = COMPRESSED", TABLE),
    ("tables.create_options", T, "ALTER TABLE t PAGE_COMPRESSED = 1", TABLE),
    ("tables.create_options", T, "ALTER TABLE t STATS_PERSISTENT = 0", TABLE),
    ("tables.create_options", T, "ALTER TABLE t ENCRYPTED = NO", TABLE),
    (
        "tables.create_options",
        "CREATE TABLE t (id int) ENGINE = Aria",
        "ALTER TABLE t PAGE_CHECKSUM = 0",
        TABLE,
    ),
    ("tables.table_comment", T, "ALTER TABLE t COMMENT 'ours'", TABLE),
]
MERGED = "CREATE OR REPLACE TABLE t (id int) ENGINE = MERGE UNION = (m1{}) INSERT_METHOD = {}"
MERGEABLE = ["CREATE TABLE m1 (id int) ENGINE = MyISAM", "CREATE TABLE m2 LIKE m1"]
PERIODS = "CREATE OR REPLACE TABLE t (id int, a date NOT NULL, b date NOT NULL{})"
OF_TIME = "CREATE OR REPLACE TABLE t (id int) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME {}"
# What only SHOW CREATE TABLE has.
CLAUSES = [
    ([*MERGEABLE, MERGED.format("", "LAST")], MERGED.format(", m2", "LAST")),
    ([*MERGEABLE, MERGED.format("", "LAST")], MERGED.format("", "FIRST")),
    ([PERIODS.format("")], PERIODS.format(", PERIOD FOR p (a, b)")),
    ([PERIODS.format(", CHECK (a < b)")], PERIODS.format(", PERIOD FOR p (a, b)")),
    (
        [PERIODS.format(", PERIOD FOR p (a, b), UNIQUE i (id, b, a)")],
        PERIODS.format(", PERIOD FOR p (a, b), UNIQUE i (id, p WITHOUT OVERLAPS)"),
    ),
    ([OF_TIME.format("LIMIT 9 PARTITIONS 3")], OF_TIME.format("LIMIT 8 PARTITIONS 3")),
    ([OF_TIME.format("INTERVAL 1 DAY")], OF_TIME.format("INTERVAL 2 DAY")),
    (
        ["CREATE TABLE t (id int, KEY i (id)) ENGINE = MyISAM"],
        "ALTER TABLE t DROP KEY i, ADD KEY i (id) KEY_BLOCK_SIZE = 2048",
    ),
]
_COLUMNS = [
    ("columns.column_default", T, "ALTER TABLE t ALTER a SET DEFAULT 3", COLUMN),
    ("columns.is_nullable", T, "ALTER TABLE t MODIFY a int NOT NULL", COLUMN),
    ("columns.column_type", T, "ALTER TABLE t MODIFY a bigint", COLUMN),
    ("columns.column_type", T, "ALTER TABLE t MODIFY a int unsigned", COLUMN),
    (
        "columns.column_type",
        "CREATE TABLE t (a int unsigned)",
        "ALTER TABLE t MODIFY a int(5) zerofill",
        OPTION,
    ),
    (
        "columns.column_type",
        "CREATE TABLE t (a int(5) zerofill)",
        "ALTER TABLE t MODIFY a int(6) zerofill",
        OPTION,
    ),
    (
        "columns.column_type",
        "CREATE TABLE t (a text)",
        "ALTER TABLE t MODIFY a text COMPRESSED",
        OPTION,
    ),
    (
        "columns.collation_name",
        T,
        "ALTER TABLE t MODIFY b varchar(20) COLLATE utf8mb4_bin",
        ("t", "column b"),
    ),
    (
        "columns.collation_name",
        T,
        "ALTER TABLE t MODIFY b varchar(20) CHARACTER SET latin1",
        ("t", "column b"),
    ),
    ("columns.extra", T, "ALTER TABLE t MODIFY a int AUTO_INCREMENT", COLUMN),
    ("columns.extra", T, "ALTER TABLE t MODIFY a int INVISIBLE", OPTION),
    (
        "columns.extra",
        "CREATE TABLE t (a datetime)",
        "ALTER TABLE t MODIFY a datetime ON UPDATE now()",
        OPTION,
    ),
    (
        "columns.extra",
        VERSIONED,
        "CREATE OR REPLACE TABLE t (id int, a int WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING",
        OPTION,
    ),
    ("columns.column_comment", T, "ALTER TABLE t MODIFY a int COMMENT 'ours'", COLUMN),
    (
        "columns.generation_expression",
        "CREATE TABLE t (id int, a int AS (id + 1))",
        "ALTER TABLE t MODIFY a int AS (id + 2)",
        COLUMN,
    ),
    (
        "columns.generation_expression",
        "CREATE TABLE t (id int, a timestamp(6) AS ROW START INVISIBLE, b timestamp(6) AS ROW END,"
        " PERIOD FOR SYSTEM_TIME (a, b)) WITH SYSTEM VERSIONING",
        "CREATE OR REPLACE TABLE t (id int, a timestamp(6) INVISIBLE, b timestamp(6))",
        COLUMN,
    ),
    (
        "geometry_columns.srid",
        "CREATE TABLE t (a point REF_SYSTEM_ID = 4326)",
        "ALTER TABLE t MODIFY a point REF_SYSTEM_ID = 3857",
        ("t", "srid of column a"),
    ),
]
_INDEXES = [
    ("statistics.non_unique", T, "ALTER TABLE t DROP KEY i, ADD UNIQUE i (a)", INDEX),
    (
        "statistics.seq_in_index",
        "CREATE TABLE t (a int, b int, KEY i (a, b))",
        "ALTER TABLE t DROP KEY i, ADD KEY i (b, a)",
        INDEX,
    ),
    ("statistics.column_name", T, "ALTER TABLE t DROP KEY i, ADD KEY i (b)", INDEX),
    ("statistics.collation", T, "ALTER TABLE t DROP KEY i, ADD KEY i (a DESC)", INDEX),
    (
        "statistics.sub_part",
        "CREATE TABLE t (a text, KEY i (a(9)))",
        "ALTER TABLE t DROP KEY i, ADD KEY i (a(8))",
        INDEX,
    ),
    (
        "statistics.index_type",
        "CREATE TABLE t (a varchar(9), KEY i (a))",
        "ALTER TABLE t DROP KEY i, ADD FULLTEXT KEY i (a)",
        INDEX,
    ),
    (
        "statistics.index_type",
        "CREATE TABLE t (a point NOT NULL, KEY i (a))",
        "ALTER TABLE t DROP KEY i, ADD SPATIAL KEY i (a)",
        INDEX,
    ),
    (
        "statistics.index_type",
        "CREATE TABLE t (a int, KEY i (a) USING BTREE) ENGINE = MEMORY",
        "ALTER TABLE t DROP KEY i, ADD KEY i (a) USING HASH",
        INDEX,
    ),
    (
        "statistics.comment",
        "CREATE TABLE t (a int, KEY i (a)) ENGINE = MyISAM",
        "ALTER TABLE t DISABLE KEYS",
        INDEX,
    ),
    (
        "statistics.index_comment",
        T,
        "ALTER TABLE t DROP KEY i, ADD KEY i (a) COMMENT 'ours'",
        INDEX,
    ),
    ("statistics.ignored", T, "ALTER TABLE t ALTER INDEX i IGNORED", INDEX),
]
_CHECKS = [
    (
        "check_constraints.check_clause",
        "CREATE TABLE t (a int, CONSTRAINT k CHECK (a > 1))",
        "ALTER TABLE t DROP CONSTRAINT k, ADD CONSTRAINT k CHECK (a > 2)",
        ("t", "check k"),
    ),
    (
        "check_constraints.check_clause",
        "CREATE TABLE t (a int CHECK (a > 1))",
        "ALTER TABLE t MODIFY a int CHECK (a > 2)",
        ("t", "CHECK (`a` > 1) of its column"),
    ),
    (
        "check_constraints.level",
        "CREATE TABLE t (a int CHECK (a > 1))",
        "CREATE OR REPLACE TABLE t (a int, CONSTRAINT a CHECK (a > 1))",
        ("t", "check a"),
    ),
]
_PARTITIONS = [
    ("partition_name", TWO, TWO.replace("p1", "p2")),
    ("subpartition_name", SUB, SUB.replace("s1", "s2")),
    ("partition_ordinal_position", "HASH (a) PARTITIONS 2", "HASH (a) PARTITIONS 3"),
    ("subpartition_ordinal_position", SUB, SUB.replace("s1", "s1, SUBPARTITION s2")),
    ("partition_method", "HASH (a) PARTITIONS 2", "KEY (a) PARTITIONS 2"),
    ("subpartition_method", SUB, SUB.replace("HASH (id)", "KEY (id)")),
    ("partition_expression", TWO, TWO.replace("(a)", "(id)")),
    ("subpartition_expression", SUB, SUB.replace("HASH (id)", "HASH (a)")),
    ("partition_description", TWO, TWO.replace("9", "8")),
    ("partition_comment", TWO, TWO.replace("(9)", "(9) COMMENT 'ours'")),
]
_FOREIGN_KEYS = [
    ("key_column_usage.column_name", ("a", "q (id)"), ("b", "q (id)")),
    ("key_column_usage.ordinal_position", ("a, b", "p (x, y)"), ("b, a", "p (x, y)")),
    ("key_column_usage.referenced_table_schema", ("a", "q (id)"), ("a", "`{db}_other`.q (id)")),
    ("key_column_usage.referenced_table_name", ("a", "q (id)"), ("a", "p (id)")),
    ("key_column_usage.referenced_column_name", ("a", "p (x)"), ("a", "p (y)")),
    (
        "referential_constraints.update_rule",
        ("a", "q (id)"),
        ("a", "q (id) ON UPDATE CASCADE"),
    ),
    (
        "referential_constraints.delete_rule",
        ("a", "q (id) ON DELETE CASCADE"),
        ("a", "q (id) ON DELETE SET NULL"),
    ),
]
_VIEWS = [
    ("view_definition", ("", ""), ("", "AND id > 1")),
    ("check_option", ("", ""), ("", "WITH CHECK OPTION")),
    ("check_option", ("", "WITH LOCAL CHECK OPTION"), ("", "WITH CHECK OPTION")),
    ("security_type", ("", ""), ("SQL SECURITY INVOKER", "")),
    ("algorithm", ("", ""), ("ALGORITHM = MERGE", "")),
    ("algorithm", ("ALGORITHM = MERGE", ""), ("ALGORITHM = TEMPTABLE", "")),
]
_ROUTINES = [
    (f"{name}", FUNCTION.format(*old), FUNCTION.format(*new), ROUTINE)
    for name, old, new in (
        ("routines.dtd_identifier", ("int", "int", ""), ("int", "bigint", "")),
        (
            "routines.character_set_name",
            ("int", "varchar(9)", ""),
            ("int", "varchar(9) CHARACTER SET latin1", ""),
        ),
        (
            "routines.collation_name",
            ("int", "varchar(9)", ""),
            ("int", "varchar(9) COLLATE utf8mb4_bin", ""),
        ),
        ("routines.is_deterministic", ("int", "int", ""), ("int", "int", "DETERMINISTIC")),
        ("routines.sql_data_access", ("int", "int", ""), ("int", "int", "NO SQL")),
        ("routines.security_type", ("int", "int", ""), ("int", "int", "SQL SECURITY INVOKER")),
        ("routines.routine_comment", ("int", "int", ""), ("int", "int", "COMMENT 'ours'")),
        ("parameters.dtd_identifier", ("int", "int", ""), ("bigint", "int", "")),
        (
            "parameters.character_set_name",
            ("varchar(9)", "int", ""),
            ("varchar(9) CHARACTER SET latin1", "int", ""),
        ),
        (
            "parameters.collation_name",
            ("varchar(9)", "int", ""),
            ("varchar(9) COLLATE utf8mb4_bin", "int", ""),
        ),
        ("parameters.parameter_name", ("int", "int", ""), ("int, z int", "int", "")),
    )
]
_ROUTINES += [
    (
        "routines.routine_definition",
        FUNCTION.format("int", "int", ""),
        FUNCTION.format("int", "int", "").replace("RETURN 1", "RETURN 2"),
        ROUTINE,
    ),
    (
        "parameters.parameter_mode",
        PROCEDURE.format("x int"),
        PROCEDURE.format("OUT x int"),
        PROCESS,
    ),
    (
        "parameters.ordinal_position",
        PROCEDURE.format("x int, y int"),
        PROCEDURE.format("y int, x int"),
        PROCESS,
    ),
]
PACKAGE = "CREATE OR REPLACE PACKAGE f AS FUNCTION g RETURN int; END"
BODY = "CREATE OR REPLACE PACKAGE BODY f AS FUNCTION g RETURN int AS BEGIN RETURN {}; END; END"
AGGREGATE = (
    "CREATE OR REPLACE AGGREGATE FUNCTION f(x int) RETURNS int BEGIN DECLARE s int DEFAULT 0;"
    " DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN s;"
    " LOOP FETCH GROUP NEXT ROW; SET s = s + {}; END LOOP; END"
)
_ROUTINES.append(
    ("routines.routine_definition", AGGREGATE.format("x"), AGGREGATE.format("1"), ROUTINE)
)
_EVENTS = [
    ("event_type", (DAILY, "", 1), ("AT '2036-01-01 00:00:07'", "", 1)),
    ("execute_at", ("AT '2036-01-01 00:00:07'", "", 1), ("AT '2037-01-01 00:00:07'", "", 1)),
    ("interval_value", (DAILY, "", 1), ("EVERY 2 DAY", "", 1)),
    ("interval_field", (DAILY, "", 1), ("EVERY 1 HOUR", "", 1)),
    ("starts", (DAILY, "", 1), (f"{DAILY} STARTS '2036-01-01 03:07:07'", "", 1)),
    (
        "starts",
        (f"{DAILY} STARTS '2020-01-01 03:07:07'", "", 1),
        (f"{DAILY} STARTS '2020-01-01 04:07:07'", "", 1),
    ),
    ("starts", (f"{DAILY} STARTS '2020-01-01 03:07:07'", "", 1), (DAILY, "", 1)),
    (
        "ends",
        (f"{DAILY} ENDS '2036-01-01 03:07:07'", "", 1),
        (f"{DAILY} ENDS '2037-01-01 03:07:07'", "", 1),
    ),
    ("ends", (DAILY, "", 1), (f"{DAILY} ENDS '2037-01-01 03:07:07'", "", 1)),
    ("status", (DAILY, "", 1), (DAILY, "DISABLE", 1)),
    ("status", (DAILY, "DISABLE", 1), (DAILY, "DISABLE ON SLAVE", 1)),
    ("on_completion", (DAILY, "", 1), (DAILY, "ON COMPLETION PRESERVE", 1)),
    ("event_definition", (DAILY, "", 1), (DAILY, "", 2)),
    ("event_comment", (DAILY, "", 1), (DAILY, "COMMENT 'ours'", 1)),
]
_TRIGGERS = [
    ("event_manipulation", TRIGGER.format("").replace("INSERT", "UPDATE")),
    (
        "action_timing",
        TRIGGER.format("").replace("BEFORE INSERT", "AFTER UPDATE").replace("SET NEW.a", "SET @a"),
    ),
    ("action_statement", TRIGGER.format("").replace("a = 1", "a = 2")),
]
_SEQUENCES = [
    ("minimum_value", "MINVALUE 1", "MINVALUE 0"),
    ("maximum_value", "MAXVALUE 99", "MAXVALUE 98"),
    ("start_value", "START 5", "START 6"),
    ("increment", "INCREMENT 1", "INCREMENT 2"),
    ("cache_size", "CACHE 5", "CACHE 6"),
    ("cycle_option", "NOCYCLE", "CYCLE"),
]
