"""MariaDB, where every DDL statement commits: half-applied files, intents, killed connections."""

import pytest

from tests.faults import record
from tests.faults.state import journal, state
from tests.running.support import applied, wait_until

OFF = "-- guard: transaction = off\n"
SEVEN = [
    "CREATE TABLE a (id int)",
    "INSERT INTO a VALUES (1)",
    "ALTER TABLE a ADD n int",
    "INSERT INTO a VALUES (2, 2)",
    "CREATE TABLE b (id int)",
    "UPDATE a SET n = 7",
    "INSERT INTO b VALUES (3)",
]
BROKEN = "INSERT INTO nowhere VALUES (1)"


def script(*statements):
    """A file that is no single transaction on any vendor."""
    return OFF + ";\n".join(statements) + ";\n"


def running(database, text):
    return database.execute(
        "SELECT id FROM information_schema.processlist WHERE id <> connection_id() "
        "AND db = database() AND info LIKE %s",
        (f"{text}%",),
    )


@pytest.mark.parametrize("failing", [4] if not record.FULL else range(1, 8))
def test_file_when_one_of_seven_statements_fails_goes_on_there_once_it_is_corrected(
    failing, database, migrations, guard, tried
):
    done = failing - 1
    broken = [*SEVEN[:done], BROKEN, *SEVEN[failing:]]
    migrations({"1_a.sql": script(*broken)})

    failed = guard("runsqlmigrations")

    assert failed.code == 1
    assert f"statement {failing} of 7" in failed.err
    assert f"{done} of 7 statements of 1_a are done and stay done" in failed.err
    assert journal(database) == [("1_a", "failed", done, 7, 0)]
    before = state(database)

    if done:
        edited = [SEVEN[0].replace("int", "bigint"), *SEVEN[1:]]
        migrations({"1_a.sql": script(*edited)})
        refused = guard("runsqlmigrations")
        assert refused.code == 1
        assert "That part was edited since" in refused.err
        assert "restore those statements in" in refused.err
        assert "repairsqlmigrations 1_a --mark-applied --reason TEXT" in refused.err
        assert state(database) == before
        assert journal(database) == [("1_a", "failed", done, 7, 0)]

    migrations({"1_a.sql": script(*SEVEN)})
    corrected = guard("runsqlmigrations")
    assert corrected.code == 0, corrected.err
    assert (applied(database), journal(database)) == (["1_a"], [])
    assert database.execute("SELECT id, n FROM a ORDER BY id") == [(1, 7), (2, 7)]
    assert database.execute("SELECT id FROM b") == [(3,)]
    tried(
        f"one of seven statements fails, then the done part is edited ({database.vendor})",
        item=4,
        result="refused while edited; goes on at that statement once the rest is corrected",
    )


def test_ddl_when_the_object_was_there_before_is_a_failure_and_never_taken_for_done(
    mariadb, migrations, guard, tried
):
    """Only for a statement that was interrupted does "already exists" mean done."""
    mariadb.execute("CREATE TABLE a (id int)")
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})

    results = [guard("runsqlmigrations") for _ in range(2)]

    assert [result.code for result in results] == [1, 1]
    assert all("ERROR 1050" in result.err for result in results)
    assert (applied(mariadb), journal(mariadb)) == ([], [("1_a", "failed", 0, 1, 0)])
    tried(
        "CREATE TABLE of a table that somebody else made (MariaDB)",
        item=4,
        result="fails each time, never counted as done",
    )


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO a SELECT 1, SLEEP(3)", "The connection was lost"),
        ("ALTER TABLE a ADD INDEX (n)", "The connection was lost"),
        ("CREATE TABLE b AS SELECT SLEEP(3) AS n", "The connection was lost"),
        ("CREATE PROCEDURE p() BEGIN SELECT 1; END", ""),
    ],
)
def test_connection_when_killed_within_a_statement_then_the_next_run_converges(
    statement, told, mariadb, migrations, guard, guard_process, tried
):
    mariadb.execute("CREATE TABLE a (id int, n int)")
    holder = mariadb.connect()
    cursor = holder.cursor()
    if statement.startswith("ALTER"):
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM a")
    migrations({"1_a.sql": f"{statement};\nINSERT INTO a VALUES (9, 9);"}, LOCK_TIMEOUT="20s")
    process = guard_process.start("runsqlmigrations")
    if told:
        wait_until(lambda: running(mariadb, statement))
        mariadb.execute(f"KILL CONNECTION {running(mariadb, statement)[0][0]}")
    _out, err = process.communicate(timeout=30)
    cursor.execute("ROLLBACK")

    assert told in err
    assert "Traceback" not in err
    if told:
        assert process.returncode == 1
        wait_until(lambda: not running(mariadb, statement))
        result = guard("runsqlmigrations")
        assert result.code == 0, result.err
    assert (applied(mariadb), journal(mariadb)) == (["1_a"], [])
    assert mariadb.execute("SELECT count(*) FROM a WHERE id = 9") == [(1,)]
    tried(
        "KILL CONNECTION within a statement (MariaDB)",
        item=4,
        result="told; the statement is done once",
    )


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize(
    ("statement", "known"),
    [
        ("DROP TABLE a, b", True),
        ("DROP TABLE IF EXISTS a, `b`", True),
        ("RENAME TABLE a TO x, b TO y", True),
        ("RENAME TABLE a TO x, b TO a, x TO b", False),
        ("TRUNCATE TABLE a", False),
        ("CALL p()", False),
    ],
)
def test_ddl_when_in_doubt_is_settled_where_the_database_can_tell_else_refused(
    statement, known, done, mariadb, migrations, guard, tried
):
    """As a run leaves it that died between the statement and its count, or before the statement."""
    for sql in (
        "CREATE TABLE a (id int)",
        "CREATE TABLE b (id int)",
        "INSERT INTO a VALUES (1)",
        "CREATE PROCEDURE p() INSERT INTO b VALUES (1)",
    ):
        mariadb.execute(sql)
    migrations({"0_own.sql": "DO 1", "1_a.sql": statement})
    assert guard("runsqlmigrations", "--target", "0").code == 0
    mariadb.execute(
        "INSERT INTO migration_guard_journal VALUES ('1_a', LPAD('1', 40, '0'), 'running', 0, 1, "
        "'', 1, %s, %s, '', now(), now(), 'x', 'production')",
        (f"0 {definitions(mariadb, statement)}", statement),
    )
    if done:
        mariadb.execute(statement)

    result = guard("runsqlmigrations")

    if known:
        assert result.code == 0, result.err
        assert applied(mariadb) == ["0_own", "1_a"]
    else:
        assert result.code == 1
        assert "whether it took effect is not known" in result.err
        assert "rerun = safe" in result.err
        assert "--mark-applied" in result.err
        marked = guard("repairsqlmigrations", "1_a", "--mark-applied", "--reason", "looked")
        assert marked.code == 0, marked.err
    tried(
        "a run dies between a statement and its count (MariaDB)"
        if known
        else "the same with CALL, TRUNCATE or a swap of tables, which nobody can tell",
        item=4,
        result="the next run looks whether it took effect"
        if known
        else "refused, with the two ways out: rerun = safe, or --mark-applied",
    )


def definitions(database, statement):
    """Return what the runner notes before the statement."""
    from django.db import connection

    from migration_guard.history import History, Identity
    from migration_guard.running.mysql.connection import MySQLConnection
    from migration_guard.running.mysql.statement_work import MySQLStatementWork

    connection.ensure_connection()
    opened = MySQLConnection(connection)
    history = History(opened, "", Identity("", ""))
    return MySQLStatementWork(opened, history).note_before(statement).partition(" ")[2]
