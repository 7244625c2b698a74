"""The runner on MariaDB: every file goes through the journal, statement by statement."""

import hashlib
import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from migration_guard.models import AppliedMigration
from tests.faults.state import journal
from tests.running.support import applied, wait_until

SEVEN = [
    "CREATE TABLE a (id int PRIMARY KEY, t text)",
    "INSERT INTO a VALUES (1, 'one')",
    "ALTER TABLE a ADD COLUMN n int",
    "INSERT INTO nowhere VALUES (1)",
    "INSERT INTO a VALUES (2, 'two', 2)",
    "CREATE INDEX a_n ON a (n)",
    "UPDATE a SET n = 7",
]


def script(*statements):
    return ";\n".join(statements) + ";\n"


def tables(database):
    """Return the names of the tables that are not the app's own."""
    own = ("django_", "migration_guard", "applied_migrations")
    return sorted(name for (name,) in database.execute("SHOW TABLES") if not name.startswith(own))


def running(database, text):
    """Return the ids of the server's connections that run a statement like ``text``."""
    return database.execute(
        "SELECT id FROM information_schema.processlist WHERE id <> connection_id() "
        "AND db = database() AND info LIKE %s",
        (f"{text}%",),
    )


def locks_journal(database):
    """Open a transaction that holds the rows of the journal: the next count has to wait."""
    holder = database.connect()
    cursor = holder.cursor()
    cursor.execute("BEGIN")
    cursor.execute("SELECT * FROM migration_guard_journal FOR UPDATE")
    return holder


def blocks(database, table):
    """Open a transaction that has read ``table``: DDL on it has to wait."""
    holder = database.connect()
    cursor = holder.cursor()
    cursor.execute("BEGIN")
    cursor.execute(f"SELECT * FROM {table}")
    return holder


# -- the journal


def test_failure_when_the_fourth_of_seven_fails_is_remembered_as_three_of_seven(
    mariadb, migrations, guard
):
    migrations({"1_a.sql": script(*SEVEN)})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "1_a failed at" in result.err
    assert "1_a.sql:4, statement 4 of 7" in result.err
    assert "ERROR 1146: Table" in result.err
    assert "3 of 7 statements of 1_a are done and stay done" in result.err
    assert journal(mariadb) == [("1_a", "failed", 3, 7, 0)]
    assert applied(mariadb) == []
    assert mariadb.execute("SELECT * FROM a") == [(1, "one", None)]


def test_next_run_when_the_tail_is_corrected_goes_on_at_the_fourth(mariadb, migrations, guard):
    folder = migrations({"1_a.sql": script(*SEVEN)})
    guard("runsqlmigrations")
    corrected = [*SEVEN[:3], "INSERT INTO a VALUES (3, 'three', 3)", *SEVEN[4:]]
    (folder / "1_a.sql").write_text("-- another comment\n" + script(*corrected))

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert (applied(mariadb), journal(mariadb)) == (["1_a"], [])
    assert mariadb.execute("SELECT id, n FROM a ORDER BY id") == [(1, 7), (2, 7), (3, 7)]


def test_next_run_when_the_part_done_was_edited_is_refused_and_changes_nothing(
    mariadb, migrations, guard
):
    folder = migrations({"1_a.sql": script(*SEVEN)})
    guard("runsqlmigrations")
    edited = [SEVEN[0], "INSERT INTO a VALUES (1, 'eins')", SEVEN[2], *SEVEN[4:]]
    (folder / "1_a.sql").write_text(script(*edited))

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "1_a is half done: 3 of 7 statements" in result.err
    assert "That part was edited since" in result.err
    assert "restore those statements in" in result.err
    assert "repairsqlmigrations 1_a --mark-applied --reason TEXT" in result.err
    assert journal(mariadb) == [("1_a", "failed", 3, 7, 0)]
    assert mariadb.execute("SELECT * FROM a") == [(1, "one", None)]


def test_next_run_when_the_part_done_set_the_session_replays_it(mariadb, migrations, guard):
    mariadb.execute("CREATE TABLE mine (id int, t text)")
    head = [
        "SET @x = 'kept', @old = @@sql_mode",
        "SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')",
        "USE information_schema",
    ]
    name = mariadb.settings["NAME"]
    folder = migrations({"1_a.sql": script(*head, "NO")})
    assert guard("runsqlmigrations").code == 1
    tail = [f'INSERT INTO "{name}"."mine" VALUES (1, @x), (2, DATABASE())', "SET @x = NULL"]
    (folder / "1_a.sql").write_text(script(*head, *tail))

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert mariadb.execute("SELECT t FROM mine") == [("kept",), ("information_schema",)]
    assert applied(mariadb) == ["1_a"]


@pytest.mark.parametrize(
    ("done", "rest", "told"),
    [
        ("CREATE TEMPORARY TABLE t (id int)", "INSERT INTO t VALUES (1)", "a temporary table"),
        ("SELECT max(id) INTO @top FROM p", "INSERT INTO p VALUES (@TOP + 1)", "variable @top"),
        ("SELECT @n := count(*) FROM p", "INSERT INTO p VALUES (@n)", "variable @n"),
        ("SET @id = LAST_INSERT_ID()", "INSERT INTO p VALUES (@id)", "variable @id"),
        ("SET @n = (SELECT count(*) FROM p)", "INSERT INTO p VALUES (@n)", "variable @n"),
        ("CALL counts(@n)", "INSERT INTO p VALUES (@n)", "variable @n"),
        ("PREPARE s FROM 'SELECT 1'", "EXECUTE s", "prepared a statement"),
        ("INSERT INTO p VALUES (5)", "INSERT INTO p VALUES (LAST_INSERT_ID())", "last_insert_id()"),
    ],
)
def test_next_run_when_the_session_knew_what_the_rest_needs_is_refused(
    mariadb, migrations, guard, done, rest, told
):
    mariadb.execute("CREATE TABLE p (id int PRIMARY KEY AUTO_INCREMENT)")
    mariadb.execute("CREATE PROCEDURE counts(OUT n int) SELECT count(*) INTO n FROM p")
    folder = migrations({"1_a.sql": script(done, "NO", rest)})
    assert guard("runsqlmigrations").code == 1
    (folder / "1_a.sql").write_text(script(done, rest))
    before = mariadb.execute("SELECT * FROM p")

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert told in result.err
    assert "ended with its session, so no run can continue" in result.err
    assert (mariadb.execute("SELECT * FROM p"), applied(mariadb)) == (before, [])


def test_next_run_when_the_rest_needs_nothing_of_the_session_goes_on(mariadb, migrations, guard):
    mariadb.execute("CREATE TABLE p (id int PRIMARY KEY AUTO_INCREMENT)")
    done = [
        "INSERT INTO p VALUES (NULL)",
        "SET @id = LAST_INSERT_ID()",
        "INSERT INTO p VALUES (@id + 1)",
    ]
    folder = migrations({"1_a.sql": script(*done, "NO")})
    assert guard("runsqlmigrations").code == 1
    (folder / "1_a.sql").write_text(script(*done, "INSERT INTO p VALUES (7)"))

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert mariadb.execute("SELECT id FROM p") == [(1,), (2,), (7,)]


def test_group_when_in_begin_commit_is_one_unit(mariadb, migrations, guard):
    head = [SEVEN[0], "BEGIN", "INSERT INTO a VALUES (1, 'x')"]
    folder = migrations({"1_a.sql": script(*head, SEVEN[3], "COMMIT")})
    assert guard("runsqlmigrations").code == 1
    assert journal(mariadb) == [("1_a", "failed", 1, 5, 0)]
    assert mariadb.execute("SELECT * FROM a") == []
    (folder / "1_a.sql").write_text(script(*head, "COMMIT"))

    assert guard("runsqlmigrations").code == 0

    assert mariadb.execute("SELECT * FROM a") == [(1, "x")]


# -- killed


def test_data_change_when_killed_before_its_count_is_committed_is_made_once(
    mariadb, migrations, guard, guard_process
):
    """The statement has run; the count behind it waits; the process dies."""
    mariadb.execute("CREATE TABLE a (id int PRIMARY KEY)")
    mariadb.execute("CREATE TABLE b (id int)")
    holder = mariadb.connect()
    for sql in ("BEGIN", "INSERT INTO a VALUES (1)"):
        holder.cursor().execute(sql)
    files = {"1_a.sql": script("INSERT INTO b VALUES (1)", "INSERT INTO a VALUES (1)")}
    migrations(files, LOCK_TIMEOUT="20s")
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: running(mariadb, "INSERT INTO a"))
    count = locks_journal(mariadb)
    holder.cursor().execute("ROLLBACK")
    wait_until(lambda: running(mariadb, "UPDATE %migration_guard_journal"))
    runner.kill()
    runner.wait()
    count.cursor().execute("ROLLBACK")
    wait_until(lambda: not running(mariadb, "UPDATE %migration_guard_journal"))
    assert journal(mariadb) == [("1_a", "running", 1, 2, 0)]

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert mariadb.execute("SELECT a.id, b.id FROM a, b") == [(1, 1)]
    assert (applied(mariadb), journal(mariadb)) == (["1_a"], [])


def test_data_change_when_its_connection_is_killed_is_made_once(
    mariadb, migrations, guard, guard_process
):
    mariadb.execute("CREATE TABLE one (id int PRIMARY KEY)")
    mariadb.execute("INSERT INTO one VALUES (1)")
    holder = blocks(mariadb, "one FOR UPDATE")
    insert = "INSERT INTO a (id) SELECT id FROM one FOR UPDATE"
    migrations({"1_a.sql": script(SEVEN[0], insert)}, LOCK_TIMEOUT="20s")
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: running(mariadb, "INSERT INTO a"))
    mariadb.execute(f"KILL {running(mariadb, 'INSERT INTO a')[0][0]}")
    _out, err = runner.communicate(timeout=20)
    holder.cursor().execute("ROLLBACK")

    result = guard("runsqlmigrations")

    assert runner.returncode == 1
    assert "The connection was lost" in err
    assert "1 of 2 statements of 1_a are done and stay done" in err
    assert result.code == 0, result.err
    assert mariadb.execute("SELECT id FROM a") == [(1,)]


def test_data_change_when_the_process_is_killed_in_it_is_made_once(
    mariadb, migrations, guard, guard_process
):
    """The server still works on the statement when the next run begins."""
    migrations({"1_a.sql": script(SEVEN[0], "INSERT INTO a SELECT 1, SLEEP(1)")})
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: running(mariadb, "INSERT INTO a"))
    runner.kill()
    runner.wait()

    result = guard("runsqlmigrations")
    wait_until(lambda: not running(mariadb, "INSERT INTO a"))

    assert result.code == 0, result.err
    assert mariadb.execute("SELECT id FROM a") == [(1,)]


@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE a ADD INDEX (n)",
        "CREATE INDEX a_x ON a (n)",
        "DROP TABLE a",
        "RENAME TABLE a TO b",
        "ALTER TABLE a ADD COLUMN m int, DROP COLUMN t",
    ],
)
def test_ddl_when_killed_before_its_count_is_not_done_twice(
    mariadb, migrations, guard, guard_process, ddl
):
    mariadb.execute("CREATE TABLE a (id int PRIMARY KEY, t text, n int)")
    mariadb.execute("CREATE TABLE w (id int)")
    holder = blocks(mariadb, "a")
    migrations({"1_a.sql": script(ddl, "INSERT INTO w VALUES (1)")}, LOCK_TIMEOUT="20s")
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: running(mariadb, ddl))
    count = locks_journal(mariadb)
    holder.cursor().execute("ROLLBACK")
    wait_until(lambda: running(mariadb, "UPDATE %migration_guard_journal"))
    runner.kill()
    runner.wait()
    count.cursor().execute("ROLLBACK")
    assert [entry[2:] for entry in journal(mariadb)] == [(0, 2, 1)]

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert mariadb.execute("SELECT * FROM w") == [(1,)]
    assert (applied(mariadb), journal(mariadb)) == (["1_a"], [])
    if "INDEX" in ddl:
        found = mariadb.execute("SHOW INDEX FROM a WHERE key_name <> 'PRIMARY'")
        assert len(found) == 1


def lose(database, runner):
    """Cut a runner off as a network failure does: it stands still, and its run lock is gone.

    A killed client would not do: in a lock wait the server looks, once a second, whether it is there.
    """
    runner.send_signal(signal.SIGSTOP)
    ((holder,),) = database.execute(
        "SELECT IS_USED_LOCK(CONCAT('migration_guard ', LEFT(SHA2(DATABASE(), 256), 40)))"
    )
    database.execute(f"KILL {holder}")


def test_ddl_when_the_server_still_runs_what_was_interrupted_waits_for_it(
    mariadb, migrations, guard_process
):
    """The client is gone and its lock with it; the ALTER waits on, and then takes effect."""
    mariadb.execute("CREATE TABLE a (id int PRIMARY KEY, n int)")
    holder = blocks(mariadb, "a")
    migrations({"1_a.sql": script("ALTER TABLE a ADD INDEX (n)")}, LOCK_TIMEOUT="30s")
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: running(mariadb, "ALTER TABLE a"))
    lose(mariadb, runner)

    next_run = guard_process.start("runsqlmigrations")
    lines = iter(next_run.stderr.readline, "")
    assert any("still runs the statement that was interrupted" in line for line in lines)
    holder.cursor().execute("ROLLBACK")
    _out, err = next_run.communicate(timeout=20)

    assert next_run.returncode == 0, err
    assert len(mariadb.execute("SHOW INDEX FROM a WHERE key_name <> 'PRIMARY'")) == 1


def test_ddl_when_the_server_never_ends_what_was_interrupted_is_refused_and_names_it(
    mariadb, migrations, guard, guard_process
):
    mariadb.execute("CREATE TABLE a (id int PRIMARY KEY, n int)")
    blocks(mariadb, "a")
    migrations({"1_a.sql": script("ALTER TABLE a ADD INDEX (n)")}, LOCK_TIMEOUT="30s")
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: running(mariadb, "ALTER TABLE a"))
    lose(mariadb, runner)
    ((thread,),) = running(mariadb, "ALTER TABLE a")
    migrations({"1_a.sql": script("ALTER TABLE a ADD INDEX (n)")}, LOCK_RETRIES=1)

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert f"KILL {thread}" in result.err
    assert "0 of 1 statements of 1_a are done" in result.err
    assert [entry[2:] for entry in journal(mariadb)] == [(0, 1, 1)]


def doubt(database, statement, before):
    """Make the entry of a run that died in ``statement``, the first of 1_a, which is in doubt."""
    database.execute(
        "INSERT INTO migration_guard_journal VALUES ('1_a', LPAD('1', 40, '0'), 'running', 0, 1, "
        "'', 1, %s, %s, '', now(), now(), 'x', 'production')",
        (f"0 {before}", statement),
    )


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize(
    ("statement", "undo"),
    [
        ("CREATE TABLE c (id int)", "DROP TABLE c"),
        ("CREATE VIEW v AS SELECT 1 AS one", "DROP VIEW v"),
        ("CREATE PROCEDURE p() SELECT 1", "DROP PROCEDURE p"),
        ("CREATE FUNCTION f() RETURNS int RETURN 1", "DROP FUNCTION f"),
        ("CREATE TRIGGER g BEFORE INSERT ON a FOR EACH ROW SET NEW.n = 1", "DROP TRIGGER g"),
        ("CREATE SEQUENCE s", "DROP SEQUENCE s"),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "DROP EVENT e"),
    ],
)
def test_create_when_in_doubt_is_run_only_if_the_object_is_absent(
    mariadb, migrations, guard, statement, undo, done
):
    mariadb.execute("CREATE TABLE a (id int, n int)")
    migrations({"1_a.sql": script(statement), "0_own.sql": script("DO 1")})
    assert guard("runsqlmigrations", "--target", "0").code == 0
    doubt(mariadb, statement, "absent")
    if done:
        mariadb.execute(statement)

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(mariadb) == ["0_own", "1_a"]
    mariadb.execute(undo)


@pytest.mark.parametrize(
    ("statement", "rerun", "code"),
    [
        ("CALL p()", "", 1),
        ("CALL p()", "-- guard: rerun = safe\n", 0),
        ("RENAME TABLE a TO x, b TO a, x TO b", "", 1),
        ("TRUNCATE TABLE a", "", 1),
        ("ALTER TABLE a EXCHANGE PARTITION p0 WITH TABLE b", "", 1),
        ("GRANT SELECT ON * TO CURRENT_USER", "", 0),
        ("USE information_schema", "", 0),
    ],
)
def test_statement_when_in_doubt_and_nothing_can_tell_is_refused_unless_rerun_is_safe(
    mariadb, migrations, guard, statement, rerun, code
):
    for sql in ("CREATE TABLE a (n int)", "CREATE TABLE b (n int)"):
        mariadb.execute(sql)
    mariadb.execute("CREATE PROCEDURE p() INSERT INTO a VALUES (1)")
    migrations({"1_a.sql": rerun + script(statement), "0_own.sql": script("DO 1")})
    assert guard("runsqlmigrations", "--target", "0").code == 0
    doubt(mariadb, statement, "")

    result = guard("runsqlmigrations")

    assert result.code == code, result.err
    if code:
        assert "Statement 1 commits by itself and was interrupted" in result.err
        assert "-- guard: rerun = safe" in result.err
        assert [entry[2:] for entry in journal(mariadb)] == [(0, 1, 1)]
        assert mariadb.execute("SELECT * FROM a") == []


# -- statements


def test_delimiter_when_bodies_have_semicolons_sends_each_whole(mariadb, migrations, guard):
    migrations(
        {
            "1_a.sql": """
CREATE TABLE a (id int PRIMARY KEY AUTO_INCREMENT, n int);
DELIMITER $$
CREATE PROCEDURE fill(IN up_to int)
BEGIN
  DECLARE i int DEFAULT 0;
  WHILE i < up_to DO INSERT INTO a (n) VALUES (i); SET i = i + 1; END WHILE;
  SELECT 'first result'; SELECT 'second result';
END $$
CREATE TRIGGER a_n BEFORE INSERT ON a FOR EACH ROW
BEGIN IF NEW.n = 2 THEN SET NEW.n = 20; END IF; END $$
DELIMITER ;
CALL fill(3);
INSERT INTO a (n) SELECT count(*) FROM a;
"""
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert mariadb.execute("SELECT n FROM a ORDER BY id") == [(0,), (1,), (20,), (3,)]


def test_text_when_it_has_percent_or_four_byte_characters_is_plain(mariadb, migrations, guard):
    mariadb.configure(OPTIONS={"charset": "latin1"})
    text = "100 %s %d {x} 🐬 \\'"
    file = f"CREATE TABLE a (t text) CHARACTER SET utf8mb4;\nINSERT INTO a VALUES ('{text}');\n"
    migrations({"1_a.sql": file, "2_b.sql": "INSERT INTO a VALUES ('🐬'); NO '🐬';"})

    result = guard("runsqlmigrations")

    assert "2_b.sql:1, statement 2 of 2" in result.err
    assert mariadb.execute("SELECT t FROM a") == [("100 %s %d {x} 🐬 '",), ("🐬",)]
    assert mariadb.execute("SELECT `sql` FROM applied_migrations") == [(file,)]
    assert mariadb.execute("SELECT statement FROM migration_guard_journal") == [("NO '🐬'",)]


def test_last_insert_id_when_asked_by_the_next_statement_is_that_of_the_file(
    mariadb, migrations, guard
):
    migrations(
        {
            "1_a.sql": script(
                "CREATE TABLE p (id int PRIMARY KEY AUTO_INCREMENT)",
                "CREATE TABLE c (p_id int)",
                "INSERT INTO p VALUES (41)",
                "INSERT INTO p VALUES (NULL)",
                "INSERT INTO c VALUES (LAST_INSERT_ID())",
            )
        }
    )

    assert guard("runsqlmigrations").code == 0

    assert mariadb.execute("SELECT p_id FROM c") == [(42,)]


def test_dump_when_it_locks_tables_and_sets_the_session_is_applied(mariadb, migrations, guard):
    migrations(
        {
            "1_dump.sql": """
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
DROP TABLE IF EXISTS `a`;
CREATE TABLE `a` (`id` int NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;
LOCK TABLES `a` WRITE;
/*!40000 ALTER TABLE `a` DISABLE KEYS */;
INSERT INTO `a` VALUES (0),(1);
/*!40000 ALTER TABLE `a` ENABLE KEYS */;
UNLOCK TABLES;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
"""
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert mariadb.execute("SELECT id FROM a") == [(0,), (1,)]


# -- the session


def test_session_when_a_file_leaves_things_behind_is_clean_for_the_next(mariadb, migrations, guard):
    mariadb.execute("CREATE TABLE b (x text, temporary int, mode text, held int, `db` text)")
    name = mariadb.settings["NAME"]
    migrations(
        {
            "1_a.sql": script(
                "SET @x = 'left', SESSION sql_mode = 'ANSI_QUOTES'",
                "CREATE TEMPORARY TABLE applied_migrations_temporary (id int)",
                "SELECT GET_LOCK('mine', 0)",
                "SET SESSION foreign_key_checks = 0",
                "USE information_schema",
            ),
            "2_b.sql": script(
                "INSERT INTO b VALUES (@x, @@foreign_key_checks, @@sql_mode, "
                "IS_USED_LOCK('mine'), DATABASE())",
            ),
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    ((x, checks, mode, held, database),) = mariadb.execute("SELECT * FROM b")
    assert (x, checks, held, database) == (None, 1, None, name)
    assert "ANSI_QUOTES" not in mode
    assert applied(mariadb) == ["1_a", "2_b"]


def test_own_tables_when_made_hold_any_character_and_tell_apart_case(mariadb, migrations, guard):
    allow = "-- guard: allow = duplicate-number, two of one kind\n"
    migrations(
        {"1_A.sql": "CREATE TABLE a (id int);", "1_a.sql": f"{allow}CREATE TABLE b (id int)"}
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(mariadb) == ["1_A", "1_a"]
    found = mariadb.execute(
        "SELECT table_name, table_collation FROM information_schema.tables "
        "WHERE table_schema = database() AND (table_name LIKE 'migration\\_guard%' "
        "OR table_name = 'applied_migrations')"
    )
    assert len(found) == 4
    assert {collation for _name, collation in found} == {"utf8mb4_bin"}


@pytest.mark.parametrize(("use_tz", "zone"), [(True, None), (True, "Asia/Tokyo"), (False, None)])
def test_times_when_many_are_applied_increase_strictly_and_are_the_servers(
    mariadb, migrations, guard, settings, use_tz, zone
):
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "America/New_York"
    if zone:
        mariadb.configure(TIME_ZONE=zone)
    migrations({f"{n}_m.sql": "DO 1" for n in range(1, 13)})

    found = guard("runsqlmigrations", "--format", "json").json["migrations"]

    times = [datetime.fromisoformat(one["applied_at"]) for one in found]
    assert all(one < two for one, two in pairwise(times))
    assert abs(datetime.now(UTC) - times[-1]) < timedelta(seconds=30)
    seen = AppliedMigration.objects.get(id="12_m").applied_at
    assert seen.astimezone(UTC) == times[-1] if use_tz else seen.tzinfo is None


# -- several at once


def test_race_when_six_start_at_once_each_migration_is_applied_once_in_order(
    mariadb, migrations, guard_process
):
    migrations({f"{n}_m.sql": script(f"CREATE TABLE t{n} (id int)") for n in range(1, 11)})

    runs = [guard_process.start("runsqlmigrations") for _ in range(6)]
    ends = [(run.communicate(timeout=90), run.returncode) for run in runs]

    assert [code for _, code in ends] == [0] * 6, [err for (_, err), _ in ends]
    assert applied(mariadb) == [f"{n}_m" for n in range(1, 11)]
    assert len(tables(mariadb)) == 10


def test_no_wait_when_another_run_holds_the_lock_refuses_and_names_it(mariadb, migrations, guard):
    migrations({"1_a.sql": "DO 1"})
    name = hashlib.sha256(mariadb.settings["NAME"].encode()).hexdigest()[:40]
    holder = mariadb.connect()
    cursor = holder.cursor()
    cursor.execute("SELECT GET_LOCK(%s, 0)", (f"migration_guard {name}",))

    refused = guard("runsqlmigrations", "--no-wait")
    gave_up = guard("runsqlmigrations", "--wait", "1")

    assert (refused.code, gave_up.code) == (1, 1)
    assert f"holds the run lock: connection {holder.thread_id()} (" in refused.err
    assert f"end its session with KILL {holder.thread_id()};" in refused.err
    assert gave_up.err.count("Waiting for another run") == 1
    assert "Gave up after 1 s; nothing was changed" in gave_up.err
    holder.close()
    assert guard("runsqlmigrations").code == 0


def test_lock_when_a_transaction_holds_the_table_is_retried_and_then_names_it(
    mariadb, migrations, guard
):
    mariadb.execute("CREATE TABLE a (id int)")
    holder = blocks(mariadb, "a")
    migrations(
        {"1_a.sql": script("ALTER TABLE a ADD COLUMN n int", "INSERT INTO a VALUES (1, 1)")},
        LOCK_TIMEOUT="1s",
        LOCK_RETRIES=1,
    )

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "ERROR 1205: Lock wait timeout exceeded" in result.err
    assert f"Blocked by:\n    connection {holder.thread_id()} (" in result.err
    assert journal(mariadb) == [("1_a", "failed", 0, 2, 0)]
    holder.cursor().execute("ROLLBACK")
    assert guard("runsqlmigrations").code == 0
    assert mariadb.execute("SELECT * FROM a") == [(1, 1)]


def test_lock_when_the_blocker_goes_away_is_granted_to_a_later_try(
    mariadb, migrations, guard_process
):
    mariadb.execute("CREATE TABLE a (id int PRIMARY KEY)")
    holder = blocks(mariadb, "a FOR UPDATE")
    migrations({"1_a.sql": script("INSERT INTO a VALUES (1)")}, LOCK_TIMEOUT="1s")
    runner = guard_process.start("runsqlmigrations")
    line = runner.stderr.readline()
    holder.cursor().execute("ROLLBACK")

    _out, err = runner.communicate(timeout=20)

    assert "ERROR 1205" in line
    assert runner.returncode == 0, err
    assert mariadb.execute("SELECT * FROM a") == [(1,)]


def test_statement_timeout_when_exceeded_fails_the_statement(mariadb, migrations, guard):
    migrations({"1_a.sql": "-- guard: statement_timeout = 300ms\nSELECT SLEEP(20);"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "max_statement_time exceeded" in result.err


def test_replica_when_the_server_is_read_only_is_refused(mariadb, migrations, guard):
    migrations({"1_a.sql": "DO 1"})
    mariadb.execute("SET GLOBAL read_only = 1")
    try:
        result = guard("runsqlmigrations")
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")

    assert result.code == 2
    assert "is a standby, which accepts no writes" in result.err
    assert tables(mariadb) == mariadb.execute("SHOW TABLES") == []
