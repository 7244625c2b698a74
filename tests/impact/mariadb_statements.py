"""Statements with what MariaDB does for them: who waits for how long, and what is read.

In words: an *instant* shuts everybody out and is over at once; *reads* and *rewrites* say what is
done to the table, and *writers* or *readers* who waits all the while.
"""

SCHEMA = (
    "CREATE TABLE p (id int PRIMARY KEY, v int)",
    "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, a varchar(20), b int NOT NULL DEFAULT 0, "
    "c int, d text, INDEX by_c (c))",
    "CREATE TABLE child (id int PRIMARY KEY, t_id int, n int, "
    "CONSTRAINT child_fk FOREIGN KEY (t_id) REFERENCES t (id))",
    "CREATE TABLE ex (id int PRIMARY KEY, v int)",
    "CREATE TABLE legacy (id int PRIMARY KEY, v int) ENGINE = MyISAM",
    "CREATE TABLE bare (id int NOT NULL, v int)",
    "CREATE TABLE parts (id int PRIMARY KEY, v int) PARTITION BY RANGE (id) "
    "(PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200))",
    "CREATE TABLE hashed (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2",
)
INSTANT = "instant"
GOLDEN = {
    # ALTER TABLE and what is written in its place
    "ALTER TABLE t ADD COLUMN e int": {"t": INSTANT},
    "ALTER TABLE t ADD COLUMN e int NOT NULL DEFAULT 5 FIRST": {"t": INSTANT},
    "ALTER TABLE t ADD e int AS (b + 1) VIRTUAL": {"t": INSTANT},
    "ALTER TABLE t ADD e int AS (b + 1) STORED": {"t": "rewrites writers"},
    "ALTER TABLE t DROP COLUMN d": {"t": INSTANT},
    "ALTER TABLE t RENAME COLUMN a TO aa": {"t": INSTANT},
    "ALTER TABLE t CHANGE a aa varchar(20)": {"t": INSTANT},
    "ALTER TABLE t ALTER b SET DEFAULT 5": {"t": INSTANT},
    "ALTER TABLE t MODIFY a varchar(40)": {"t": INSTANT},
    "ALTER TABLE t MODIFY a varchar(10)": {"t": "rewrites writers"},
    "ALTER TABLE t MODIFY b bigint NOT NULL": {"t": "rewrites writers"},
    "ALTER TABLE t MODIFY c int NOT NULL": {"t": "rewrites"},
    "ALTER TABLE t MODIFY b int NULL": {"t": "rewrites"},
    "ALTER TABLE t ADD INDEX i (a)": {"t": "reads"},
    "ALTER TABLE t ADD UNIQUE i (a)": {"t": "reads"},
    # The index alone would be built beside the table.
    "ALTER TABLE t ADD COLUMN e int, ADD INDEX i (a)": {"t": "rewrites"},
    "ALTER TABLE t ADD FULLTEXT i (a)": {"t": "rewrites writers"},
    "ALTER TABLE t DROP INDEX by_c": {"t": INSTANT},
    "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, b)": {"t": "rewrites"},
    "ALTER TABLE p DROP PRIMARY KEY": {"p": "rewrites writers"},
    "ALTER TABLE bare ADD PRIMARY KEY (id)": {"bare": "rewrites"},
    "ALTER TABLE bare ADD n int AUTO_INCREMENT UNIQUE": {"bare": "rewrites writers"},
    "ALTER TABLE t ADD CHECK (b > 0)": {"t": "rewrites writers"},
    "ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES p (id)": {
        "t": "rewrites writers",
        "p": "writers",
    },
    "ALTER TABLE child DROP FOREIGN KEY child_fk": {"child": INSTANT},
    "ALTER TABLE child MODIFY n bigint": {"child": "rewrites writers"},
    "ALTER TABLE t ENGINE = InnoDB": {"t": "rewrites"},
    "ALTER TABLE t FORCE": {"t": "rewrites"},
    "ALTER TABLE p ENGINE = MyISAM": {"p": "rewrites writers"},
    "ALTER TABLE t CONVERT TO CHARACTER SET latin1": {"t": "rewrites writers"},
    "ALTER TABLE t ROW_FORMAT = COMPRESSED": {"t": "rewrites"},
    "ALTER TABLE p PARTITION BY HASH (id) PARTITIONS 4": {"p": "rewrites writers"},
    "ALTER TABLE p ORDER BY v": {"p": "rewrites writers"},
    "ALTER TABLE ex ADD SYSTEM VERSIONING": {"ex": "rewrites writers"},
    "ALTER TABLE ex RENAME TO ey": {"ex": INSTANT},
    "ALTER TABLE t COMMENT = 'x'": {"t": INSTANT},
    "ALTER IGNORE TABLE t ADD UNIQUE i (a)": {"t": "rewrites writers"},
    # with options of its own
    "ALTER TABLE t ADD COLUMN e int, ALGORITHM=COPY": {"t": "rewrites writers"},
    "ALTER TABLE t ALGORITHM = INPLACE, ADD COLUMN e int": {"t": INSTANT},
    "ALTER TABLE t MODIFY b int NULL, ALGORITHM=INPLACE, LOCK=SHARED": {"t": "rewrites writers"},
    "ALTER TABLE t MODIFY b int NULL, LOCK = EXCLUSIVE": {"t": "rewrites readers writers"},
    "ALTER TABLE t ADD COLUMN `lock` int, LOCK=DEFAULT, ALGORITHM=DEFAULT": {"t": INSTANT},
    "ALTER TABLE p ALGORITHM=COPY, LOCK=SHARED PARTITION BY HASH (id) PARTITIONS 2": {
        "p": "rewrites writers"
    },
    "ALTER TABLE parts ALGORITHM = COPY REMOVE PARTITIONING": {"parts": "rewrites writers"},
    "ALTER TABLE t ADD COLUMN e int, LOCK=SHARED": {"t": INSTANT},
    "ALTER TABLE t ADD COLUMN e int, LOCK=EXCLUSIVE": {"t": INSTANT},
    "ALTER TABLE p ADD COLUMN e int, LOCK=EXCLUSIVE PARTITION BY HASH (id) PARTITIONS 2": {
        "p": "rewrites readers writers"
    },
    "ALTER TABLE p LOCK=SHARED, ORDER BY v": {"p": "rewrites writers"},
    "ALTER TABLE p ENGINE = MyISAM, ALGORITHM = INSTANT": {"p": "rewrites writers"},
    "ALTER TABLE p ALGORITHM = NOCOPY, LOCK = EXCLUSIVE, ORDER BY v": {
        "p": "rewrites readers writers"
    },
    "ALTER ONLINE TABLE t ADD INDEX i (a)": {"t": "reads"},
    "SET STATEMENT max_statement_time = 60 FOR ALTER TABLE t ADD INDEX i (a)": {"t": "reads"},
    # another engine
    "ALTER TABLE legacy ADD COLUMN e int": {"legacy": "rewrites writers"},
    "ALTER TABLE legacy COMMENT = 'x'": {"legacy": INSTANT},
    "CREATE INDEX i ON legacy (v)": {"legacy": "rewrites writers"},
    "OPTIMIZE TABLE legacy": {"legacy": "rewrites writers"},
    # indexes
    "CREATE INDEX i ON t (a)": {"t": "reads"},
    "CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a) COMMENT 'x'": {"t": "reads"},
    "CREATE INDEX i ON t (a) ALGORITHM=COPY": {"t": "rewrites writers"},
    "CREATE INDEX i ON t (a) COMMENT 'x' ALGORITHM = INPLACE LOCK=DEFAULT": {"t": "reads"},
    "CREATE INDEX `algorithm` USING BTREE ON t (a, b) LOCK=SHARED": {"t": "reads writers"},
    "CREATE FULLTEXT INDEX i ON t (a)": {"t": "rewrites writers"},
    "DROP INDEX by_c ON t": {"t": INSTANT},
    "DROP INDEX IF EXISTS by_c ON t WAIT 3": {"t": INSTANT},
    # partitions
    "ALTER TABLE parts ADD PARTITION (PARTITION p2 VALUES LESS THAN (300))": {"parts": INSTANT},
    "ALTER TABLE parts DROP PARTITION p0": {"parts": INSTANT},
    "ALTER TABLE parts TRUNCATE PARTITION p0": {"parts": INSTANT},
    "ALTER TABLE parts REORGANIZE PARTITION p0 INTO (PARTITION q VALUES LESS THAN (50), "
    "PARTITION r VALUES LESS THAN (100))": {"parts": "rewrites writers"},
    "ALTER TABLE parts EXCHANGE PARTITION p0 WITH TABLE ex": {
        "parts": "writers",
        "ex": "reads writers",
    },
    "ALTER TABLE parts CONVERT PARTITION p0 TO TABLE own": {"parts": INSTANT},
    "ALTER TABLE parts REMOVE PARTITIONING": {"parts": "rewrites writers"},
    "ALTER TABLE hashed ADD PARTITION PARTITIONS 2": {"hashed": "rewrites writers"},
    "ALTER TABLE hashed COALESCE PARTITION 1": {"hashed": "rewrites writers"},
    # whole tables
    "OPTIMIZE TABLE t, p": {"t": "rewrites", "p": "rewrites"},
    "ANALYZE TABLE t": {"t": "reads"},
    "TRUNCATE TABLE ex": {"ex": INSTANT},
    "RENAME TABLE ex TO ey, p TO q": {"ex": INSTANT, "p": INSTANT},
    "DROP TABLE ex": {"ex": INSTANT},
    "LOCK TABLES t READ": {"t": INSTANT},
    "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.b = 1": {"t": INSTANT},
    "CREATE TABLE copied AS SELECT t.id FROM t JOIN p ON p.id = t.c": {"p": "reads", "t": "reads"},
    "CREATE TABLE kids (id int PRIMARY KEY, c int, FOREIGN KEY (c) REFERENCES p (id))": {
        "p": INSTANT
    },
    "CREATE TABLE kids (id int PRIMARY KEY, c int, FOREIGN KEY (c) REFERENCES p (id)) "
    "SELECT id, c FROM t": {"p": "writers", "t": "reads"},
    "UPDATE t SET b = 1": {},
    "CREATE TEMPORARY TABLE brief (id int)": {},
    "CREATE VIEW v AS SELECT id FROM t": {},
}
