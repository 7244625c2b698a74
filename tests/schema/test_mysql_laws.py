"""The laws of drift on a MariaDB database that has one of everything."""

import subprocess

import pytest
from django.core.management import call_command
from django.db import connection

from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import UNKNOWN
from tests.conftest import installed
from tests.schema.mysql_changes import CLAUSES

EXOTIC = [
    "CREATE SEQUENCE s START 5 INCREMENT 2 MINVALUE 1 MAXVALUE 99 CACHE 7 CYCLE",
    "CREATE TABLE a (id int AUTO_INCREMENT PRIMARY KEY, z int(5) zerofill, u int unsigned,"
    " inv int INVISIBLE DEFAULT 3, c varchar(200) COMPRESSED, cm int COMMENT 'ours',"
    " nv int WITHOUT SYSTEM VERSIONING, g geometry REF_SYSTEM_ID = 4326 NOT NULL,"
    " j json DEFAULT '{}', b blob, e enum('a', 'b') CHARACTER SET latin1,"
    " vc varchar(20) AS (concat(u, 'x')) VIRTUAL, ft varchar(90), n int DEFAULT nextval(s),"
    " SPATIAL KEY (g), UNIQUE (b), FULLTEXT KEY ft (ft), KEY kd (u DESC), KEY kp (vc(3)),"
    " KEY ki (cm) COMMENT 'ours' IGNORED, KEY kh (z) USING HASH, CHECK (u > 0),"
    " CONSTRAINT named CHECK (z <> 3), k int CHECK (k > 5)) COMMENT 'ours' ROW_FORMAT = DYNAMIC"
    " PAGE_COMPRESSED = 1 STATS_PERSISTENT = 1 AVG_ROW_LENGTH = 40 WITH SYSTEM VERSIONING",
    "CREATE TABLE renamed (old int CHECK (old > 1), doc json)",
    "ALTER TABLE renamed RENAME COLUMN old TO new, RENAME COLUMN doc TO data",
    "CREATE TABLE `{db}` (id int PRIMARY KEY, b int, CHECK (b > 0))",
    "CREATE TABLE lk (id int PRIMARY KEY, pid int, FOREIGN KEY (pid) REFERENCES lk (id)"
    " ON DELETE SET NULL ON UPDATE CASCADE)",
    "CREATE TABLE periods (id int, d1 date, d2 date, PERIOD FOR app (d1, d2),"
    " UNIQUE (id, app WITHOUT OVERLAPS))",
    "CREATE TABLE sv (id int, rs timestamp(6) AS ROW START, re timestamp(6) AS ROW END,"
    " PERIOD FOR SYSTEM_TIME (rs, re)) WITH SYSTEM VERSIONING",
    "CREATE TABLE svp (id int) WITH SYSTEM VERSIONING"
    " PARTITION BY SYSTEM_TIME INTERVAL 1 MONTH PARTITIONS 3",
    "CREATE TABLE part (id int, d date, v int) PARTITION BY RANGE (year(d))"
    " SUBPARTITION BY HASH (v) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (2020)"
    " COMMENT 'old', PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE listed (id int, d date) PARTITION BY LIST COLUMNS (id, d)"
    " (PARTITION a VALUES IN ((1, '2020-01-01'), (2, NULL)), PARTITION rest DEFAULT)",
    "CREATE TABLE keyed (id int PRIMARY KEY) PARTITION BY KEY () PARTITIONS 4",
    "CREATE TABLE mi (id int, w int, KEY (id), KEY (w) KEY_BLOCK_SIZE = 1024)"
    " ENGINE = MyISAM MAX_ROWS = 1000 PACK_KEYS = 1 DELAY_KEY_WRITE = 1",
    "CREATE TABLE mi2 LIKE mi",
    "CREATE TABLE mrg (id int, w int) ENGINE = MERGE UNION = (mi, mi2) INSERT_METHOD = LAST",
    "CREATE TABLE mem (id int, KEY USING HASH (id), KEY x USING BTREE (id)) ENGINE = MEMORY",
    "CREATE TABLE arias (id int) ENGINE = Aria",
    "CREATE TABLE crashing (id int) ENGINE = Aria TRANSACTIONAL = 0 ROW_FORMAT = DYNAMIC",
    "CREATE TABLE unchecked (id int) ENGINE = Aria PAGE_CHECKSUM = 0",
    "CREATE TABLE listing (id int NOT NULL) ENGINE = CSV",
    "CREATE TABLE packed (id int) ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8",
    "CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW v AS SELECT id, u FROM a WHERE u > 3"
    " WITH CASCADED CHECK OPTION",
    "CREATE ALGORITHM = TEMPTABLE VIEW v2 AS SELECT 'x' AS y, `{db}`.b FROM `{db}`",
    "CREATE PROCEDURE pr(IN a varchar(10) CHARACTER SET latin1 COLLATE latin1_bin,"
    " INOUT b int unsigned, OUT c enum('a', 'b')) MODIFIES SQL DATA SQL SECURITY INVOKER"
    " COMMENT 'ours' BEGIN SELECT 1; END",
    "CREATE FUNCTION f(a text) RETURNS varchar(20) CHARSET latin1 DETERMINISTIC RETURN 'x'",
    "CREATE AGGREGATE FUNCTION ag(x int) RETURNS int BEGIN DECLARE s int DEFAULT 0; DECLARE"
    " CONTINUE HANDLER FOR NOT FOUND RETURN s; LOOP FETCH GROUP NEXT ROW; SET s = s + x;"
    " END LOOP; END",
    "SET sql_mode = ORACLE",
    "CREATE PACKAGE pk AS PROCEDURE p1(x number); FUNCTION f1 RETURN number; END",
    "CREATE PACKAGE BODY pk AS PROCEDURE p1(x number) AS BEGIN NULL; END;"
    " FUNCTION f1 RETURN number AS BEGIN RETURN 1; END; END",
    "SET sql_mode = DEFAULT",
    "CREATE TRIGGER t1 BEFORE INSERT ON lk FOR EACH ROW SET NEW.pid = 1",
    "CREATE TRIGGER t2 BEFORE INSERT ON lk FOR EACH ROW PRECEDES t1 SET NEW.pid = 2",
    "CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DO SELECT 1",
    "CREATE EVENT fixed ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2030-01-01 03:00'"
    " ENDS '2031-01-01' ON COMPLETION PRESERVE DISABLE COMMENT 'ours' DO SELECT 1",
    "CREATE EVENT past ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 03:07:07' DO SELECT 1",
    "CREATE EVENT counted ON SCHEDULE EVERY 1 DAY ENDS CURRENT_TIMESTAMP + INTERVAL 1 MONTH"
    " DO SELECT 1",
    "CREATE EVENT once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 3 DAY ON COMPLETION PRESERVE"
    " DO SELECT 2",
]


def build(database, statements, name=""):
    name = name or database.settings["NAME"]
    for statement in statements:
        database.execute(statement.replace("{db}", name))


def differences(first, second):
    return [
        (c.database_object.table, c.database_object.object, c.expected, c.actual)
        for c in compare(first, second)
        if c.change is not Change.SAME
    ]


def restore(source, target):
    """Dump the schema of one database, and load it into the other, as an administrator would."""
    settings = source.settings
    login = [
        f"--host={settings['HOST']}",
        f"--port={settings['PORT']}",
        f"--user={settings['USER']}",
    ]
    login.append(f"--password={settings['PASSWORD']}")
    what = ["--no-data", "--routines", "--events", "--triggers"]
    dump = subprocess.run(
        ["mariadb-dump", *login, *what, settings["NAME"]], capture_output=True, check=True
    )
    subprocess.run(
        ["mariadb", *login, target.settings["NAME"]],
        input=dump.stdout,
        capture_output=True,
        check=True,
    )


def test_drift_when_a_mariadb_dump_was_restored_is_none(mariadb, mariadb_server, django_db_blocker):
    build(mariadb, EXOTIC)
    original = read_database(connection)
    with mariadb_server.database() as copy:
        restore(mariadb, copy)
        with installed(copy, django_db_blocker):
            restored = read_database(connection)

    assert original.unknown == ()
    assert differences(original, original) == []
    # The dump names the sequence of the database that it was taken from, and so does the copy.
    (difference,) = differences(original, restored)
    assert difference[:2] == ("a", "column n")
    assert mariadb.settings["NAME"] in difference[3]


def test_drift_when_a_mariadb_schema_was_built_again_is_none(mariadb_server, django_db_blocker):
    """Another time, another name of the database, and events that were altered since."""
    snapshots = []
    with mariadb_server.database() as first, mariadb_server.database() as second:
        for database in (first, second):
            build(database, EXOTIC, first.settings["NAME"])
            database.execute("DO SLEEP(1.1)")
            with installed(database, django_db_blocker):
                snapshots.append(read_database(connection))

    assert differences(*snapshots) == []


@pytest.mark.parametrize("number", range(len(CLAUSES)))
def test_drift_when_a_clause_is_in_show_create_alone_is_named(mariadb, number):
    before, change = CLAUSES[number]
    build(mariadb, before)
    first = read_database(connection)
    build(mariadb, [change])

    found = differences(first, read_database(connection))

    assert ("t", "") in [(table, name) for table, name, *_ in found]


def test_drift_when_the_files_made_every_kind_of_object_is_none(mariadb, migrations, guard):
    """The throwaway database has another name and is made at another time."""
    statements = [statement for statement in EXOTIC if "{db}" not in statement]
    text = "\n//\n".join(statements)
    migrations({"0001_everything.sql": f"DELIMITER //\n{text}\n//\nDELIMITER ;\n"})
    call_command("migrate", verbosity=0)
    assert guard("runsqlmigrations").code == 0
    mariadb.execute("DO SLEEP(1.1)")

    result = guard("checkschema", "--drift")

    assert result.code == 0, result.out


def test_drift_when_a_role_may_not_read_a_sequence_or_table_gives_the_reason(mariadb):
    name = mariadb.settings["NAME"]
    for statement in (
        "CREATE SEQUENCE s",
        "CREATE TABLE t (id int)",
        "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reader'",
        f"GRANT EXECUTE, TRIGGER, EVENT, INSERT ON `{name}`.* TO reader@'127.0.0.1'",
    ):
        mariadb.execute(statement)
    mariadb.configure(USER="reader", PASSWORD="reader")
    try:
        snapshot = read_database(connection)
    finally:
        mariadb.execute("DROP USER reader@'127.0.0.1'")

    notes = {(note.table, note.object): note.why for note in snapshot.unknown}
    assert "SELECT" in notes["", "sequence s"]
    assert ("sequence", UNKNOWN) in [(one.kind, one.definition) for one in snapshot.programs]


def test_snapshot_when_names_have_a_quote_knows_all_of_it(mariadb):
    mariadb.execute("CREATE SEQUENCE `of``two`")
    mariadb.execute("CREATE TABLE `by``two` (id int, CHECK (id <> 'ä'))")

    snapshot = read_database(connection)

    assert snapshot.unknown == ()
    assert "of`two" in {program.name for program in snapshot.programs}
