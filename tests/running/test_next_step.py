""" "Next:" is true: whatever a failed run says, following it works, and the next run goes through.

Each script fails at a statement of its own between what is done and what is left. The promise is
then kept to the letter: the statement is corrected, the directive added or the work finished by
hand, and the run that follows must not refuse. Where the message says that no run can go on, a run
is tried first, and must refuse.
"""

import re
import signal

import psycopg
import pytest

from migration_guard.history import History, Identity
from migration_guard.planning import files as planning_files
from migration_guard.planning.preflight import prepare
from migration_guard.running import connecting, continuation, failures
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.statement_work import work_on
from tests.running.support import applied, wait_until

OFF = "-- guard: transaction = off\n"
SAFE = "-- guard: rerun = safe\n"
GOES_ON, BY_HAND, ASKS = "goes on", "by hand", "asks"
FAILING = {
    "postgres": "SELECT 1/0",
    "mariadb": "SELECT * FROM nowhere",
    "sqlite": "SELECT * FROM nowhere",
}
SCHEMA = {
    "postgres": [
        "CREATE TABLE p (id serial PRIMARY KEY, n int)",
        "CREATE PROCEDURE twenty(fails int) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO p (n) "
        "SELECT generate_series(1, 20); COMMIT; PERFORM 1 / (1 - fails); END $$",
    ],
    "mariadb": [
        "CREATE TABLE p (id int PRIMARY KEY AUTO_INCREMENT, n int)",
        "CREATE SEQUENCE s",
        "CREATE PROCEDURE counts(OUT n int) SELECT count(*) INTO n FROM p",
        "CREATE PROCEDURE hidden() SET @a = 5",
        "CREATE PROCEDURE twenty(fails int) BEGIN INSERT INTO p (n) SELECT seq FROM seq_1_to_20; "
        "IF fails = 1 THEN SIGNAL SQLSTATE '45000'; END IF; END",
    ],
    "sqlite": ["CREATE TABLE p (id integer PRIMARY KEY, n int)"],
}
READS = "INSERT INTO p (n) VALUES (@a)"
# vendor, what is done, what is left behind the failing statement, what the message promises
SCRIPTS = [
    ("postgres", "SET search_path = public; SET ROLE NONE", "SELECT 1", GOES_ON),
    ("postgres", "SET my.x = 'y'", "SELECT 1 / (current_setting('my.x') = 'y')::int", GOES_ON),
    ("postgres", "LISTEN l", "NOTIFY l", GOES_ON),
    ("postgres", "CREATE ROLE {name}; SET ROLE {name}; RESET ROLE; DROP ROLE {name}", "", BY_HAND),
    ("postgres", "CREATE TEMP TABLE t (id int)", "INSERT INTO t VALUES (1)", BY_HAND),
    ("postgres", "CREATE TEMP TABLE t AS SELECT 1", "SELECT 1", BY_HAND),
    ("postgres", "SELECT 1 AS a INTO TEMP t", "TABLE t", BY_HAND),
    ("postgres", "CREATE TEMP VIEW v AS SELECT 1", "TABLE v", BY_HAND),
    ("postgres", "CREATE TEMP SEQUENCE q", "SELECT nextval('q')", BY_HAND),
    ("postgres", "CREATE TEMP TABLE t (id int); DROP TABLE t", "SELECT 1", GOES_ON),
    ("postgres", "CREATE TEMP TABLE t (id int); DISCARD TEMP", "SELECT 1", GOES_ON),
    ("postgres", "DO $$ BEGIN CREATE TEMP TABLE t (id int); END $$", "TABLE t", BY_HAND),
    ("postgres", "PREPARE s AS SELECT 1", "EXECUTE s", BY_HAND),
    ("postgres", "PREPARE s AS SELECT 1", "SELECT 1 AS s", GOES_ON),
    ("postgres", "PREPARE s AS SELECT 1; DEALLOCATE s", "PREPARE s AS SELECT 2", GOES_ON),
    ("postgres", "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "FETCH ALL FROM c", BY_HAND),
    ("postgres", "DECLARE c CURSOR WITH HOLD FOR SELECT 1; CLOSE c", "SELECT 1", GOES_ON),
    ("postgres", "SELECT pg_advisory_lock(7)", "SELECT pg_advisory_unlock(7)", BY_HAND),
    ("postgres", "SELECT pg_try_advisory_lock_shared(7)", "SELECT 1", BY_HAND),
    ("postgres", "BEGIN; SELECT pg_advisory_xact_lock(7); COMMIT", "SELECT 1", GOES_ON),
    ("postgres", "SELECT pg_advisory_lock(7); SELECT pg_advisory_unlock(7)", "", GOES_ON),
    ("postgres", "INSERT INTO p (n) VALUES (1)", "SELECT currval('p_id_seq')", BY_HAND),
    ("postgres", "INSERT INTO p (n) VALUES (1)", "SELECT lastval()", BY_HAND),
    ("postgres", "CREATE TEMP TABLE t (id int); DISCARD ALL", "SELECT 1", GOES_ON),
    ("mariadb", "SET @a = 5", READS, GOES_ON),
    ("mariadb", "SET SESSION sql_mode = 'ANSI_QUOTES'", 'INSERT INTO "p" (n) VALUES (1)', GOES_ON),
    ("mariadb", "SET @@session.foreign_key_checks = 0", "SELECT 1", GOES_ON),
    ("mariadb", "SET @a = (SELECT count(*) FROM p)", READS, BY_HAND),
    ("mariadb", "SET @a = CURRENT_TIMESTAMP", READS, BY_HAND),
    ("mariadb", "SET @a = NEXT VALUE FOR s", READS, BY_HAND),
    ("mariadb", "SELECT 3 INTO @a", READS, BY_HAND),
    ("mariadb", "SELECT 3 INTO @a", "SET @a = 4; " + READS, GOES_ON),
    ("mariadb", "SELECT @a := 3", READS, BY_HAND),
    ("mariadb", "INSERT INTO p (n) VALUES (@a := 3)", READS, BY_HAND),
    ("mariadb", "CALL counts(@a)", READS, BY_HAND),
    ("mariadb", "CALL hidden()", READS, BY_HAND),
    ("mariadb", "CALL hidden()", "SELECT 1", GOES_ON),
    ("mariadb", "EXECUTE IMMEDIATE 'SET @a = 3'", READS, BY_HAND),
    ("mariadb", "BEGIN NOT ATOMIC SET @a = 3; END", READS, BY_HAND),
    ("mariadb", "DO @a := 3", READS, BY_HAND),
    ("mariadb", "GET DIAGNOSTICS @a = NUMBER", READS, BY_HAND),
    ("mariadb", "PREPARE s FROM 'SELECT 1'", "EXECUTE s", BY_HAND),
    ("mariadb", "PREPARE s FROM 'SELECT 1'", "PREPARE s FROM 'SELECT 2'; EXECUTE s", GOES_ON),
    ("mariadb", "PREPARE s FROM 'SELECT 1'; DEALLOCATE PREPARE s", "SELECT 1", GOES_ON),
    ("mariadb", "CREATE TEMPORARY TABLE t (id int)", "INSERT INTO t VALUES (1)", BY_HAND),
    ("mariadb", "CREATE TEMPORARY TABLE t (id int); DROP TABLE t", "SELECT 1", GOES_ON),
    ("mariadb", "SELECT GET_LOCK('x', 1)", "SELECT RELEASE_LOCK('x')", BY_HAND),
    ("mariadb", "HANDLER p OPEN", "HANDLER p READ FIRST", BY_HAND),
    ("mariadb", "INSERT INTO p (n) VALUES (1)", "UPDATE p SET n = LAST_INSERT_ID()", BY_HAND),
    ("mariadb", "SELECT NEXTVAL(s)", "INSERT INTO p (n) VALUES (LASTVAL(s))", BY_HAND),
    ("sqlite", "PRAGMA cache_size = 100", "SELECT 1", GOES_ON),
    ("sqlite", "CREATE TEMP TABLE t (id int)", "INSERT INTO t VALUES (1)", BY_HAND),
    ("sqlite", "CREATE TABLE temp.t (id int); DROP TABLE t", "SELECT 1", GOES_ON),
    ("sqlite", "ATTACH ':memory:' AS m; CREATE TABLE m.t (id int)", "SELECT * FROM m.t", BY_HAND),
    ("sqlite", "ATTACH '{folder}/x.db' AS m; CREATE TABLE m.t (i int)", "TABLE_M", GOES_ON),
    ("sqlite", "INSERT INTO p (n) VALUES (1)", "UPDATE p SET n = last_insert_rowid()", BY_HAND),
]


def write(migrations, *parts, header=OFF):
    migrations({"1_a.sql": header + ";\n".join(filter(None, parts)) + ";\n"})


def promise(message):
    """Return what the last line of a failure promises."""
    step = message.strip().rpartition("Next: ")[2]
    if "again: it continues there" in step:
        return GOES_ON
    if "rerun = safe" in step:
        return ASKS
    assert "--mark-applied" in step, message
    return BY_HAND


def follow_by_hand(message, guard):
    """Type the command of a message."""
    command = re.search(r"manage\.py (repairsqlmigrations .*?--reason) TEXT", message)
    result = guard(*command[1].split(), "finished by hand")
    assert result.code == 0, result.err


@pytest.mark.parametrize(
    ("vendor", "done", "rest", "promised"),
    [
        pytest.param(*script, marks=[pytest.mark.mariadb] if script[0] == "mariadb" else [])
        for script in SCRIPTS
    ],
    ids=[f"{vendor}-{done[:40]}-{rest[:20]}" for vendor, done, rest, _ in SCRIPTS],
)
def test_next_step_when_it_is_followed_goes_through(
    vendor, done, rest, promised, request, migrations, guard, tmp_path
):
    database = request.getfixturevalue(vendor)
    for sql in SCHEMA[vendor]:
        database.execute(sql)
    done = done.format(name=f"role_{database.settings['NAME'][-20:]}", folder=tmp_path)
    rest = rest.replace("TABLE_M", "SELECT * FROM m.t")
    write(migrations, done, FAILING[vendor], rest)

    failed = guard("runsqlmigrations")

    assert failed.code == 1
    assert promise(failed.err) == promised, failed.err
    write(migrations, done, "SELECT 1", rest)
    plan = guard("runsqlmigrations", "--plan")
    if "DROP ROLE" not in done:  # that the setting cannot be made again shows when it is tried
        assert ("--mark-applied" in plan.err) == (promised == BY_HAND)
        assert ("it continues after the finished statements." in plan.err) == (promised == GOES_ON)
    result = guard("runsqlmigrations")
    assert result.code == (0 if promised == GOES_ON else 1), result.err
    if promised == BY_HAND:
        assert "Nothing was changed." in result.err
        follow_by_hand(failed.err, guard)
        assert guard("runsqlmigrations").code == 0
    assert applied(database) == ["1_a"]


@pytest.mark.parametrize(
    ("done", "rest", "promised"),
    [
        ("SET my.x = 'y'", "SELECT current_setting('my.x')", GOES_ON),
        ("CREATE TEMP TABLE t (id int)", "TABLE t", BY_HAND),
        ("SELECT pg_advisory_lock(7)", "SELECT 1", BY_HAND),
    ],
)
def test_next_step_when_the_connection_was_lost_is_as_true(
    done, rest, promised, postgres, migrations, guard
):
    write(migrations, done, "SELECT pg_terminate_backend(pg_backend_pid())", rest)

    failed = guard("runsqlmigrations")

    assert "The connection was lost" in failed.err
    assert "1 of 3 statements of 1_a are done and stay done" in failed.err
    assert promise(failed.err) == promised, failed.err
    write(migrations, done, "SELECT 1", rest)
    result = guard("runsqlmigrations")
    assert result.code == (0 if promised == GOES_ON else 1), result.err


def test_next_step_when_all_is_done_but_the_record_needs_nothing_of_the_session(
    postgres, migrations, guard
):
    migrations({"0_own.sql": "SELECT 1"})
    assert guard("runsqlmigrations").code == 0
    blocker = postgres.connect()
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE applied_migrations IN EXCLUSIVE MODE")
    files = {"0_own.sql": "SELECT 1", "1_a.sql": f"{OFF}CREATE TEMP TABLE t (id int)"}
    migrations(files, LOCK_TIMEOUT="300ms", LOCK_RETRIES=0)

    failed = guard("runsqlmigrations")

    assert "1 of 1 statements of 1_a are done and stay done" in failed.err
    assert promise(failed.err) == GOES_ON
    blocker.execute("COMMIT")
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    assert applied(postgres) == ["0_own", "1_a"]


def test_next_step_when_only_the_answer_of_the_record_was_lost_says_applied(
    postgres, migrations, guard
):
    folder = migrations({"1_a.sql": f"{OFF}CREATE TABLE a (id int)"})
    assert guard("runsqlmigrations").code == 0
    files = planning_files.read([folder], "postgresql", ()).files
    scripts, _problems = prepare(files, "postgresql")
    with connecting.open_connection("default") as (connection, facts):
        history = History(connection, facts.schema, Identity("", ""))
        outlook = continuation.look_ahead(connection, history, scripts["1_a"])
        lost = StatementError(psycopg.OperationalError("gone"), Kind.LOST, None)
        failure = failures.migration_failure(connection, scripts["1_a"], lost, outlook, [])

    assert (
        "State: 1_a is applied and recorded; only the server's answer was lost." in failure.message
    )
    assert failure.hint == "Next: run manage.py runsqlmigrations again for the rest."


@pytest.mark.parametrize(
    ("vendor", "code"),
    [
        ("postgres", "CALL twenty({fails})"),
        (
            "postgres",
            "DO $$ BEGIN INSERT INTO p (n) SELECT generate_series(1, 20); COMMIT; "
            "PERFORM 1 / (1 - {fails}); END $$",
        ),
        pytest.param("mariadb", "CALL twenty({fails})", marks=pytest.mark.mariadb),
        pytest.param(
            "mariadb", "EXECUTE IMMEDIATE 'CALL twenty({fails})'", marks=pytest.mark.mariadb
        ),
        pytest.param(
            "mariadb",
            "BEGIN NOT ATOMIC INSERT INTO p (n) SELECT seq FROM seq_1_to_20; "
            "IF {fails} THEN SIGNAL SQLSTATE '45000'; END IF; END",
            marks=pytest.mark.mariadb,
        ),
        pytest.param(
            "mariadb",
            "SET STATEMENT max_statement_time = 9 FOR CALL twenty({fails})",
            marks=pytest.mark.mariadb,
        ),
    ],
)
@pytest.mark.parametrize("way", ["rerun = safe", "by hand"])
def test_code_when_it_committed_and_failed_says_that_its_rows_stay(
    vendor, code, way, request, migrations, guard
):
    database = request.getfixturevalue(vendor)
    for sql in SCHEMA[vendor]:
        database.execute(sql)
    if "DELIMITER" not in code and "BEGIN NOT" in code:
        code = f"DELIMITER //\n{code} //\nDELIMITER ;\n"
    failing, corrected = code.format(fails=1), code.format(fails=0)
    write(migrations, "CREATE TABLE b (id int)", failing, "DROP TABLE b")

    failed = guard("runsqlmigrations")

    assert failed.code == 1
    assert database.execute("SELECT count(*) FROM p") == [(20,)]
    assert "1 of 3 statements of 1_a are done and stay done" in failed.err
    assert "Statement 2 commits by itself and failed: what it had committed by then stays" in (
        failed.err
    )
    assert "rolled back" not in failed.err
    assert promise(failed.err) == ASKS
    write(migrations, "CREATE TABLE b (id int)", corrected, "DROP TABLE b")
    refused = guard("runsqlmigrations")
    assert refused.code == 1
    assert "Statement 2 commits by itself and failed" in refused.err
    if way == "by hand":
        follow_by_hand(failed.err, guard)
    else:
        header = OFF + SAFE
        write(migrations, "CREATE TABLE b (id int)", corrected, "DROP TABLE b", header=header)
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    assert applied(database) == ["1_a"]
    rows = 20 if way == "by hand" else 40
    assert database.execute("SELECT count(*) FROM p") == [(rows,)]


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("statement", "told", "corrected"),
    [
        ("DROP TABLE a, missing, b", "It has dropped `a`, `b`.", "DROP TABLE IF EXISTS a, b"),
        ("DROP TABLE a, parent", "It has dropped `a`, not `parent`.", "DROP TABLE child, parent"),
        ("DROP VIEW v, missing", "It has dropped `v`.", "DROP VIEW IF EXISTS v"),
        (
            "CREATE OR REPLACE TABLE a (id int PRIMARY KEY) AS SELECT 1 AS id UNION ALL SELECT 1",
            "`a` is gone: it was dropped to be replaced.",
            "CREATE TABLE a AS SELECT 1 AS id",
        ),
        (
            "DROP USER IF EXISTS nobody_a@localhost, nobody_b@localhost, ''@x.y.z.%, x y",
            "",
            "SELECT 1",
        ),
    ],
    ids=["missing", "parent", "view", "replace", "syntax"],
)
def test_ddl_of_several_when_it_fails_says_what_it_has_done(
    statement, told, corrected, mariadb, migrations, guard
):
    for sql in (
        "CREATE TABLE a (id int)",
        "CREATE TABLE b (id int)",
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE child (id int REFERENCES parent (id))",
        "CREATE VIEW v AS SELECT 1",
    ):
        mariadb.execute(sql)
    write(migrations, "CREATE TABLE c (id int)", statement, "DROP TABLE c")

    failed = guard("runsqlmigrations")

    assert failed.code == 1
    assert told in failed.err
    assert promise(failed.err) == GOES_ON
    write(migrations, "CREATE TABLE c (id int)", corrected, "DROP TABLE c")
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    assert applied(mariadb) == ["1_a"]


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("statement", "half", "left"),
    [
        ("DROP TABLE a, b, d", "DROP TABLE a", ["v", "w"]),
        ("DROP TABLE IF EXISTS a, `b`, d", "DROP TABLE b, d", ["v", "w"]),
        ("DROP VIEW v, w", "DROP VIEW v", ["a", "b", "d"]),
        ("RENAME TABLE a TO x, b TO y", "RENAME TABLE a TO x", ["d", "v", "w", "x", "y"]),
        ("CREATE OR REPLACE TABLE a (n int)", "DROP TABLE a", ["a", "b", "d", "v", "w"]),
    ],
)
def test_ddl_of_several_when_interrupted_half_way_goes_on_with_the_rest(
    statement, half, left, mariadb, migrations, guard
):
    """As a server leaves it that dies between two of the objects."""
    for sql in ("CREATE TABLE a (id int)", "CREATE TABLE b (id int)", "CREATE TABLE d (id int)"):
        mariadb.execute(sql)
    for sql in ("CREATE VIEW v AS SELECT 1 AS one", "CREATE VIEW w AS SELECT 2 AS two"):
        mariadb.execute(sql)
    migrations({"0_own.sql": "DO 1", "1_a.sql": statement})
    assert guard("runsqlmigrations", "--target", "0").code == 0
    with connecting.open_connection("default") as (connection, facts):
        work = work_on(connection, History(connection, facts.schema, Identity("", "")))
        note = work.note_before(statement)
    mariadb.execute(
        "INSERT INTO migration_guard_journal VALUES ('1_a', LPAD('1', 40, '0'), 'running', 0, 1, "
        "'', 1, %s, %s, '', now(), now(), 'x', 'production')",
        (note, statement),
    )
    mariadb.execute(half)

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(mariadb) == ["0_own", "1_a"]
    names = [name for (name,) in mariadb.execute("SHOW TABLES") if len(name) == 1]
    assert sorted(names) == left


@pytest.fixture
def packet(mariadb):
    """Let the server take messages of 1 MiB, for the length of a test; give that number."""
    ((before,),) = mariadb.execute("SELECT @@global.max_allowed_packet")
    mariadb.execute("SET GLOBAL max_allowed_packet = 1048576")
    yield 1048576
    mariadb.execute(f"SET GLOBAL max_allowed_packet = {before}")


@pytest.mark.mariadb
def test_statement_when_longer_than_the_server_takes_stops_before_anything_runs(
    mariadb, packet, migrations, guard
):
    frame = "DO LENGTH('')"
    longest = f"DO LENGTH('{'x' * (packet - 2 - len(frame))}')"
    too_long = longest.replace("'x", "'xx", 1)
    write(migrations, "CREATE TABLE a (id int)", "INSERT INTO a VALUES (1)", too_long)

    refused = guard("runsqlmigrations")
    looked = guard("runsqlmigrations", "--check")

    assert (refused.code, looked.code) == (1, 1)
    assert f"1_a.sql:4: the statement has {packet - 1:,} bytes, and the server takes" in refused.err
    assert "raise max_allowed_packet" in refused.err
    assert mariadb.execute("SHOW TABLES LIKE 'a'") == []
    write(migrations, "CREATE TABLE a (id int)", "INSERT INTO a VALUES (1)", longest)
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    assert mariadb.execute("SELECT * FROM a") == [(1,)]


@pytest.mark.mariadb
@pytest.mark.parametrize("way", ["fails", "succeeds"])
def test_statement_when_it_commits_by_itself_and_is_very_long_is_noted_in_part(
    way, mariadb, packet, migrations, guard
):
    """What the journal notes must itself fit into a message."""
    mariadb.execute("CREATE TABLE a (id int)")
    number = 1 if way == "succeeds" else "nothing"
    quoted = "\\'" * (packet // 2 - 200)
    code = f"BEGIN NOT ATOMIC INSERT INTO a VALUES ({number} + LENGTH('{quoted}') * 0); END"
    migrations({"1_a.sql": f"DELIMITER //\n{code} //\n"})

    result = guard("runsqlmigrations")

    assert result.code == (0 if way == "succeeds" else 1), result.err[:2000]
    if way == "fails":
        assert promise(result.err) == ASKS
        assert mariadb.execute("SELECT state FROM migration_guard_journal") == [("failed",)]


@pytest.mark.mariadb
@pytest.mark.parametrize("engine", ["MyISAM", "Aria", "MEMORY"])
@pytest.mark.parametrize(
    ("statements", "rows", "promised"),
    [
        (["INSERT INTO a VALUES (1), (2), (1)"], 2, ASKS),
        (["BEGIN", "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (1)", "COMMIT"], 1, ASKS),
        (["UPDATE a SET nothing = 1"], 0, GOES_ON),
        (["INSERT INTO b VALUES (1), (1)"], 0, GOES_ON),
    ],
    ids=["statement", "group", "refused", "InnoDB"],
)
def test_rows_when_no_rollback_takes_them_back_are_not_written_twice(
    statements, rows, promised, engine, mariadb, migrations, guard
):
    mariadb.execute(f"CREATE TABLE a (id int PRIMARY KEY) ENGINE = {engine}")
    mariadb.execute("CREATE TABLE b (id int PRIMARY KEY)")
    write(migrations, "DO 1", *statements)

    failed = guard("runsqlmigrations")

    assert failed.code == 1
    assert mariadb.execute("SELECT count(*) FROM a") == [(rows,)]
    assert promise(failed.err) == promised, failed.err
    if promised == ASKS:
        assert "what it had committed by then stays" in failed.err
        assert guard("runsqlmigrations").code == 1
        assert mariadb.execute("SELECT count(*) FROM a") == [(rows,)]
    safe = SAFE if promised == ASKS else ""
    write(migrations, "DO 1", "REPLACE INTO a VALUES (1), (2)", header=safe)
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    assert applied(mariadb) == ["1_a"]


@pytest.mark.mariadb
def test_rows_when_the_run_is_killed_before_their_count_are_asked_about(
    mariadb, migrations, guard, guard_process
):
    mariadb.execute("CREATE TABLE a (id int) ENGINE = MyISAM")
    write(migrations, "INSERT INTO a SELECT 1 + SLEEP(1)")
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: mariadb.execute(SLEEPS_MARIADB))
    process.kill()
    process.wait()
    wait_until(lambda: mariadb.execute("SELECT count(*) FROM a") == [(1,)])

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "Statement 1 commits by itself and was interrupted" in result.err
    assert mariadb.execute("SELECT count(*) FROM a") == [(1,)]
    follow_by_hand(result.err, guard)
    assert applied(mariadb) == ["1_a"]


@pytest.mark.parametrize(
    ("vendor", "statement", "promised"),
    [
        ("postgres", "DO $$ BEGIN INSERT INTO p (n) VALUES (1); COMMIT; {sleep}; END $$", ASKS),
        ("postgres", "CALL sleeps()", ASKS),
        ("postgres", "VACUUM (VERBOSE) p; SELECT {sleep}", GOES_ON),
        ("postgres", "INSERT INTO p (n) SELECT 1 FROM {sleep}", GOES_ON),
        pytest.param("mariadb", "CALL sleeps()", ASKS, marks=pytest.mark.mariadb),
        pytest.param(
            "mariadb", "INSERT INTO p (n) SELECT SLEEP(60)", GOES_ON, marks=pytest.mark.mariadb
        ),
        pytest.param(
            "mariadb", "CREATE TABLE c AS SELECT SLEEP(60)", GOES_ON, marks=pytest.mark.mariadb
        ),
    ],
)
def test_interruption_when_within_a_statement_promises_what_the_next_run_does(
    vendor, statement, promised, request, migrations, guard, guard_process
):
    database = request.getfixturevalue(vendor)
    for sql in SCHEMA[vendor]:
        database.execute(sql)
    if vendor == "postgres":
        database.execute(
            "CREATE PROCEDURE sleeps() LANGUAGE plpgsql AS "
            "'BEGIN COMMIT; PERFORM pg_sleep(60); END'"
        )
        is_running = SLEEPS_POSTGRES
    else:
        database.execute("CREATE PROCEDURE sleeps() SELECT SLEEP(60)")
        is_running = SLEEPS_MARIADB
    call = "PERFORM pg_sleep(60)" if "DO $$" in statement else "pg_sleep(60)"
    statement = statement.replace("{sleep}", call)
    write(migrations, "CREATE TABLE b (id int)", statement, "DROP TABLE b")
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: database.execute(is_running))

    process.send_signal(signal.SIGTERM)
    _out, err = process.communicate(timeout=30)

    assert process.returncode == 1, err
    assert "Interrupted" in err
    assert "statements of 1_a are done and stay done" in err
    assert promise(err) == promised, err
    quick = re.sub(
        r"pg_sleep\(60\)|SLEEP\(60\)", lambda call: call[0].replace("60", "0"), statement
    )
    database.execute("DROP PROCEDURE sleeps")
    body = "LANGUAGE sql AS 'SELECT 1'" if vendor == "postgres" else "SELECT 1"
    database.execute(f"CREATE PROCEDURE sleeps() {body}")
    write(migrations, "CREATE TABLE b (id int)", quick, "DROP TABLE b")
    wait_until(lambda: not database.execute(is_running))
    result = guard("runsqlmigrations")
    assert result.code == (0 if promised == GOES_ON else 1), result.err
    if promised == ASKS:
        write(migrations, "CREATE TABLE b (id int)", quick, "DROP TABLE b", header=OFF + SAFE)
        result = guard("runsqlmigrations")
        assert result.code == 0, result.err
    assert applied(database) == ["1_a"]


SLEEPS_POSTGRES = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
)
SLEEPS_MARIADB = (
    "SELECT 1 FROM information_schema.processlist WHERE db = database() AND state = 'User sleep'"
)
