"""The runner on SQLite: one migration, one transaction; the journal for what none can hold."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import quote

import pytest
from django.db import connection

from migration_guard.exceptions import CannotTell
from migration_guard.models import AppliedMigration
from migration_guard.running import executor
from migration_guard.running.connecting import open_connection
from tests.running.family import FAMILY, REBUILD
from tests.running.support import applied, wait_until

OFF = "-- guard: transaction = off\n"
# A statement that keeps SQLite busy for about a minute, after which it fails.
BUSY = (
    "INSERT INTO a SELECT count(*) FROM (WITH RECURSIVE c(x) AS "
    "(SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000000) SELECT x FROM c)"
)


def tables(database):
    """Return the names of the tables that are not the app's own."""
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    own = ("django_", "migration_guard", "applied_migrations", "sqlite_")
    return sorted(name for (name,) in found if not name.startswith(own))


def journal(database):
    return database.execute("SELECT id, state, done, total FROM migration_guard_journal")


# -- one transaction


def test_failure_when_a_later_statement_fails_leaves_nothing_of_the_file(sqlite, migrations, guard):
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "CREATE TABLE b (id int);\nNO;"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "2_b failed at" in result.err
    assert "2_b.sql:2, statement 2 of 2" in result.err
    assert 'SQLITE_ERROR: near "NO": syntax error' in result.err
    assert (tables(sqlite), applied(sqlite)) == (["a"], ["1_a"])


def test_failure_when_the_file_is_corrected_goes_on_in_the_next_run(sqlite, migrations, guard):
    folder = migrations({"1_a.sql": "CREATE TABLE a (id int);\nNO;"})
    assert guard("runsqlmigrations").code == 1
    (folder / "1_a.sql").write_text("CREATE TABLE a (id int);")

    assert guard("runsqlmigrations").code == 0

    assert applied(sqlite) == ["1_a"]


def test_kill_when_a_migration_runs_leaves_nothing_and_the_next_run_applies_it(
    sqlite, migrations, guard, guard_process
):
    folder = migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": f"DELETE FROM a; {BUSY}"})
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: applied(sqlite) == ["1_a"])
    blocked = sqlite.connect()
    blocked.execute("PRAGMA busy_timeout = 0")
    wait_until(lambda: is_locked(blocked))

    runner.kill()
    runner.wait()
    (folder / "2_b.sql").write_text("INSERT INTO a VALUES (2)")

    assert applied(sqlite) == ["1_a"]
    assert guard("runsqlmigrations").code == 0
    assert applied(sqlite) == ["1_a", "2_b"]
    assert sqlite.execute("SELECT id FROM a") == [(2,)]


def is_locked(connection):
    """Tell whether another connection holds the write lock."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    return False


def test_percent_and_braces_when_in_text_are_plain(sqlite, migrations, guard):
    migrations({"1_a.sql": "CREATE TABLE a (t text); INSERT INTO a VALUES ('100 %s %d {x} ''?');"})

    assert guard("runsqlmigrations").code == 0

    assert sqlite.execute("SELECT t FROM a") == [("100 %s %d {x} '?",)]


def test_trigger_when_its_body_has_statements_is_one_statement(sqlite, migrations, guard):
    migrations(
        {
            "1_a.sql": """
CREATE TABLE a (id integer PRIMARY KEY, n int);
CREATE TABLE log (what text);
CREATE TRIGGER a_insert AFTER INSERT ON a BEGIN
  INSERT INTO log VALUES ('one; two');
  UPDATE a SET n = CASE WHEN NEW.n IS NULL THEN 0 ELSE NEW.n END WHERE id = NEW.id;
END;
INSERT INTO a (id) VALUES (1);
"""
        }
    )

    assert guard("runsqlmigrations").code == 0

    assert sqlite.execute("SELECT n, what FROM a, log") == [(0, "one; two")]


def test_statement_timeout_when_exceeded_rolls_back(sqlite, migrations, guard):
    migrations({"1_a.sql": f"-- guard: statement_timeout = 200ms\nCREATE TABLE a (id int); {BUSY}"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "SQLITE_INTERRUPT: interrupted" in result.err
    assert (tables(sqlite), applied(sqlite)) == ([], [])


# -- foreign keys


@pytest.mark.parametrize("name", ["child", "parent"])
def test_rebuild_when_a_table_has_children_keeps_them(sqlite, migrations, guard, name):
    rebuild = (
        REBUILD
        if name == "parent"
        else REBUILD.replace("parent", "child")
        .replace(
            "(id integer PRIMARY KEY, name text NOT NULL)",
            "(id integer PRIMARY KEY, name int NOT NULL REFERENCES parent (id))",
        )
        .replace("SELECT id, name", "SELECT id, parent_id")
    )
    migrations({"1_a.sql": FAMILY, "2_b.sql": rebuild})

    result = guard("runsqlmigrations")

    assert (result.code, applied(sqlite)) == (0, ["1_a", "2_b"]), result.err
    assert sqlite.execute("SELECT * FROM child") == [(10, 1), (20, 2)]


def test_orphans_when_a_migration_makes_them_are_refused_with_table_and_rowid(
    sqlite, migrations, guard
):
    migrations({"1_a.sql": FAMILY, "2_b.sql": "DELETE FROM parent WHERE id = 2"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "1 row without the parent, such as child rowid 20 (references parent)" in result.err
    assert applied(sqlite) == ["1_a"]
    assert sqlite.execute("SELECT count(*) FROM parent") == [(2,)]


ORPHANS = """
CREATE TABLE loose (n int, parent_id integer REFERENCES parent (id));
INSERT INTO loose VALUES (1, 1), (2, 98), (3, 99);
DELETE FROM loose WHERE n = 1;
"""
REBUILD_LOOSE = """
CREATE TABLE new_loose (n int NOT NULL, parent_id integer REFERENCES parent (id));
INSERT INTO new_loose SELECT * FROM loose;
DROP TABLE loose;
ALTER TABLE new_loose RENAME TO loose;
"""


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("CREATE TABLE b (id int);", 0),
        ("DELETE FROM loose WHERE n = 2;", 0),
        (REBUILD_LOOSE, 0),  # the rowids are others
        ("ALTER TABLE loose RENAME TO looser;", 0),
        (REBUILD_LOOSE + "INSERT INTO loose VALUES (4, 97);", 1),
        ("DELETE FROM loose WHERE n = 2; INSERT INTO loose VALUES (4, 97);", 1),
        ("UPDATE loose SET parent_id = 1 WHERE n = 2; DELETE FROM parent WHERE id = 2;", 1),
    ],
)
def test_orphans_when_there_were_some_before_only_new_ones_are_refused(
    sqlite, migrations, guard, sql, code
):
    sqlite.connect().executescript(f"PRAGMA foreign_keys = OFF; {FAMILY} {ORPHANS}")
    migrations({"1_a.sql": sql})

    result = guard("runsqlmigrations")

    assert result.code == code, result.err
    assert len(applied(sqlite)) == 1 - code
    assert ("FOREIGN KEY constraint failed" in result.err) == bool(code)


def test_foreign_key_when_an_old_one_is_malformed_blocks_nothing_and_others_are_checked(
    sqlite, migrations, guard
):
    sqlite.connect().executescript(
        f"PRAGMA foreign_keys = OFF; {FAMILY}"
        "CREATE TABLE bad (name text REFERENCES parent (name)); INSERT INTO bad VALUES ('one');"
    )
    migrations({"1_a.sql": "CREATE TABLE b (id int)", "2_b.sql": "DELETE FROM parent;"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "2 rows without the parent, such as child rowid" in result.err
    assert applied(sqlite) == ["1_a"]


def test_foreign_keys_when_a_run_is_over_are_enforced_again(sqlite, migrations, guard):
    migrations({"1_a.sql": FAMILY, "2_b.sql": f"{OFF}PRAGMA foreign_keys = OFF;", "3_c.sql": "NO"})
    guard("runsqlmigrations")
    migrations({"1_a.sql": FAMILY, "2_b.sql": f"{OFF}PRAGMA foreign_keys = OFF;"})

    assert guard("runsqlmigrations").code == 0

    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA foreign_keys").fetchone() == (1,)


# -- transaction = off


def test_off_when_statements_cannot_be_in_a_transaction_runs_them_all(
    sqlite, migrations, guard, tmp_path
):
    other = tmp_path / "other.sqlite3"
    migrations(
        {
            "1_a.sql": f"{OFF}PRAGMA journal_mode = WAL;\nCREATE TABLE a (id int);\n"
            f"VACUUM;\nATTACH '{other}' AS other;\nCREATE TABLE other.o (id int);\n"
            "INSERT INTO other.o VALUES (1);\nDETACH other;"
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert (applied(sqlite), journal(sqlite)) == (["1_a"], [])
    assert sqlite.execute("PRAGMA journal_mode") == [("wal",)]
    with closing(sqlite3.connect(other)) as beside:
        assert beside.execute("SELECT id FROM o").fetchall() == [(1,)]


def test_off_when_a_statement_fails_resumes_there_with_the_session_as_it_was(
    sqlite, migrations, guard, tmp_path
):
    other = tmp_path / "other.sqlite3"
    head = (
        f"{OFF}CREATE TABLE a (id int);\nATTACH '{other}' AS other;\nCREATE TABLE other.o (id);\n"
    )
    folder = migrations({"1_a.sql": f"{head}NO;\nVACUUM;"})
    result = guard("runsqlmigrations")
    assert result.code == 1
    assert "3 of 5 statements of 1_a are done" in result.err
    assert journal(sqlite) == [("1_a", "failed", 3, 5)]

    (folder / "1_a.sql").write_text(f"{head}INSERT INTO other.o VALUES (7);\nVACUUM;")
    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert (applied(sqlite), journal(sqlite)) == (["1_a"], [])
    with closing(sqlite3.connect(other)) as beside:
        assert beside.execute("SELECT id FROM o").fetchall() == [(7,)]


def test_off_when_the_part_done_was_edited_is_refused(sqlite, migrations, guard):
    folder = migrations({"1_a.sql": f"{OFF}CREATE TABLE a (id int);\nNO;"})
    guard("runsqlmigrations")
    (folder / "1_a.sql").write_text(f"{OFF}CREATE TABLE a (id text);\nVACUUM;")

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "That part was edited since" in result.err
    assert journal(sqlite) == [("1_a", "failed", 1, 2)]


def test_off_when_rows_would_lose_their_parent_undoes_that_statement(sqlite, migrations, guard):
    migrations({"1_a.sql": f"{OFF}{FAMILY}DELETE FROM parent WHERE id = 2;"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "child rowid 20" in result.err
    assert journal(sqlite) == [("1_a", "failed", 4, 5)]
    assert sqlite.execute("SELECT count(*) FROM parent") == [(2,)]


def test_off_when_the_file_rebuilds_as_the_manual_says_keeps_the_children(
    sqlite, migrations, guard
):
    migrations(
        {
            "1_a.sql": FAMILY,
            "2_b.sql": f"{OFF}PRAGMA foreign_keys = OFF;{REBUILD}PRAGMA foreign_keys = ON;",
            "3_c.sql": f"{OFF}BEGIN;{REBUILD}COMMIT;",
        }
    )

    result = guard("runsqlmigrations")

    assert (result.code, applied(sqlite)) == (0, ["1_a", "2_b", "3_c"]), result.err
    assert sqlite.execute("SELECT * FROM child") == [(10, 1), (20, 2)]


# -- the session


@pytest.mark.parametrize("off", ["", OFF])
def test_session_when_a_file_leaves_things_behind_is_clean_for_the_next(
    sqlite, migrations, guard, tmp_path, off
):
    other = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(other)) as beside:
        beside.execute("CREATE TABLE o (id int)")
    migrations(
        {
            "1_a.sql": f"{off}CREATE TEMP TABLE t (id integer PRIMARY KEY AUTOINCREMENT);\n"
            "CREATE TABLE a (id int);\nCREATE TEMP VIEW v AS SELECT * FROM t;\n"
            "CREATE TEMP TRIGGER g AFTER INSERT ON a BEGIN INSERT INTO t VALUES (NEW.id); END;\n"
            "PRAGMA case_sensitive_like = ON;\n"
            "PRAGMA recursive_triggers = ON;\n" + (f"ATTACH '{other}' AS other;\n" if off else ""),
            "2_b.sql": "INSERT INTO a VALUES (1);\n"
            "CREATE TABLE b AS SELECT 'A' LIKE 'a' AS folds, "
            "(SELECT recursive_triggers FROM pragma_recursive_triggers) AS triggers, "
            "(SELECT count(*) FROM sqlite_temp_master) AS temporary, "
            "(SELECT count(*) FROM pragma_database_list WHERE name = 'other') AS attached;",
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert sqlite.execute("SELECT * FROM b") == [(1, 0, 0, 0)]


# -- looking


@pytest.mark.parametrize("option", ["--plan", "--check"])
@pytest.mark.parametrize("uri", [False, True])
def test_look_when_the_file_is_missing_does_not_create_it(
    sqlite, migrations, guard, tmp_path, option, uri
):
    path = tmp_path / "not here.sqlite3"
    sqlite.configure(NAME=f"file:{quote(str(path))}?cache=private" if uri else str(path))
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})

    result = guard("runsqlmigrations", option)

    assert result.code == (1 if option == "--check" else 0), result.err
    assert "pending  1_a" in result.out
    assert not list(tmp_path.glob("not here*"))


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("open_elsewhere", [False, True])
def test_look_when_the_file_is_there_writes_nothing(
    sqlite, migrations, guard, tmp_path, mode, open_elsewhere
):
    sqlite.configure(OPTIONS={"init_command": f"PRAGMA journal_mode = {mode};"})
    folder = migrations({"1_a.sql": "CREATE TABLE a (id int)"})
    assert guard("runsqlmigrations").code == 0
    (folder / "2_b.sql").write_text("CREATE TABLE b (id int)")
    if open_elsewhere:
        sqlite.execute("INSERT INTO a VALUES (1)")
    before = files_of(tmp_path)

    results = [guard("runsqlmigrations", option) for option in ("--plan", "--check")]

    assert [result.code for result in results] == [0, 1], results
    assert all("pending  2_b" in result.out for result in results)
    assert files_of(tmp_path) == before


def files_of(folder):
    """Return name -> (time of the last change, content); the shared memory may be mapped."""
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.glob("db.sqlite3*")
        if not path.name.endswith("-shm")
    } | {path.name: None for path in folder.glob("*-shm")}


# -- several at once


def test_race_when_eight_start_at_once_each_migration_is_applied_once_in_order(
    sqlite, migrations, guard_process
):
    count = 12
    migrations(
        {
            f"{n}_m.sql": f"{OFF if n % 4 == 0 else ''}CREATE TABLE t{n} (id int);\n"
            f"INSERT INTO t{n} VALUES ({n});"
            for n in range(1, count + 1)
        }
    )

    runs = [guard_process.start("runsqlmigrations") for _ in range(8)]
    ends = [(run.communicate(timeout=90), run.returncode) for run in runs]

    assert [code for _, code in ends] == [0] * 8, [err for (_, err), _ in ends]
    assert applied(sqlite) == [f"{n}_m" for n in range(1, count + 1)]
    assert len(tables(sqlite)) == count
    assert journal(sqlite) == []


def test_no_wait_when_another_run_holds_the_lock_refuses_even_between_its_transactions(
    sqlite, migrations, guard, guard_process
):
    """A file that is no single transaction must not be taken over while its run is alive."""
    migrations({"1_a.sql": f"{OFF}CREATE TABLE a (id int);\n{BUSY};\nCREATE TABLE b (id int);"})
    runner = guard_process.start("runsqlmigrations")
    wait_until(lambda: journal(sqlite) == [("1_a", "running", 1, 3)])

    refused = guard("runsqlmigrations", "--no-wait")
    runner.kill()
    runner.wait()

    assert refused.code == 1
    assert "holds the run lock: another process holds -guard-lock" in refused.err
    assert journal(sqlite) == [("1_a", "running", 1, 3)]


# On SQLite 3.53, unlike 3.40, Django's own first query needs the lock that a reader takes.
READ_AT_FIRST = "SELECT count(*) FROM sqlite_master"


@pytest.mark.parametrize(
    ("mode", "first"),
    [
        ("IMMEDIATE", ""),
        ("EXCLUSIVE", ""),
        ("EXCLUSIVE", READ_AT_FIRST),
        ("IMMEDIATE", "PRAGMA user_version = 1"),
    ],
)
def test_no_wait_when_another_connection_writes_refuses(sqlite, migrations, guard, mode, first):
    sqlite.configure(OPTIONS={"timeout": 0.1, "init_command": first})
    migrations({"1_a.sql": "CREATE TABLE a (id int)"})
    sqlite.execute("CREATE TABLE mine (id int)")
    writer = sqlite.connect()
    writer.execute(f"BEGIN {mode}")

    refused = guard("runsqlmigrations", "--no-wait")
    gave_up = guard("runsqlmigrations", "--wait", "0.5")
    writer.execute("ROLLBACK")
    released = guard("runsqlmigrations", "--no-wait")

    assert (refused.code, gave_up.code, released.code) == (1, 1, 0)
    assert ": Another process is writing to the file. Gave up after 0 s" in refused.err
    assert "Waiting: Another process is writing to the file\n" in gave_up.out + gave_up.err
    assert "another run" not in (refused.err + gave_up.out + gave_up.err).lower()
    assert "Gave up after 0.5 s; nothing was changed" in gave_up.err


@pytest.mark.usefixtures("unclosed_by_django")
def test_connecting_when_another_connection_keeps_readers_out_says_so(sqlite):
    sqlite.configure(OPTIONS={"timeout": 0.1, "init_command": READ_AT_FIRST})
    sqlite.execute("CREATE TABLE mine (id int)")
    sqlite.execute("BEGIN EXCLUSIVE")

    with pytest.raises(CannotTell) as error, open_connection("default"):
        pass

    assert "database is locked" in error.value.message
    assert "run the same command again when it has finished" in error.value.hint


def test_connecting_anew_when_readers_are_kept_out_waits_for_the_writer(sqlite):
    sqlite.configure(OPTIONS={"timeout": 0.1, "init_command": READ_AT_FIRST})
    sqlite.execute("CREATE TABLE mine (id int)")
    writer = sqlite.connect()

    with open_connection("default") as (connection, _facts):
        connection.be_patient()
        writer.execute("BEGIN EXCLUSIVE")
        ending = threading.Timer(0.5, writer.execute, ["ROLLBACK"])
        ending.start()
        connection.fresh()
        ending.join()

        assert connection.fetch("SELECT count(*) FROM mine") == [(0,)]


def test_lock_when_a_writer_stays_is_retried_as_often_as_the_setting_says(
    sqlite, migrations, guard, guard_process
):
    migrations(
        {"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": f"INSERT INTO a VALUES (1); {BUSY}"},
        LOCK_TIMEOUT="200ms",
        LOCK_RETRIES=2,
    )
    sqlite.configure(OPTIONS={"timeout": 30})
    guard("runsqlmigrations", "--target", "1")
    reader = sqlite.connect()
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM a").fetchall()
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "INSERT INTO a VALUES (1)"})

    result = guard("runsqlmigrations")
    reader.execute("ROLLBACK")

    assert result.code == 1
    assert "SQLITE_BUSY: database is locked" in result.err
    assert result.err.count("database is locked") == 3
    assert "rolled back as a whole" in result.err
    assert "Next: end the program that writes to the database file" in result.err
    assert guard("runsqlmigrations").code == 0
    assert sqlite.execute("SELECT count(*) FROM a") == [(1,)]


# -- the history


def test_history_when_a_production_file_changes_it_by_a_trigger_is_rolled_back(
    sqlite, migrations, guard
):
    migrations({"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "CREATE TABLE b (id int)"})
    guard("runsqlmigrations")
    sqlite.execute(
        "CREATE TRIGGER g AFTER INSERT ON b BEGIN DELETE FROM applied_migrations WHERE number "
        "LIKE '%1'; END"
    )
    folder = migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int)",
            "2_b.sql": "CREATE TABLE b (id int)",
            "3_c.sql": "INSERT INTO b VALUES (1)",
        }
    )

    transactional = guard("runsqlmigrations")
    (folder / "3_c.sql").write_text(f"{OFF}CREATE TABLE c (id int)")
    after_it = guard("runsqlmigrations")

    assert transactional.code == 1
    assert "3_c" in transactional.err
    assert "changed the migration history: it deleted rows there" in transactional.err
    assert after_it.code == 0, after_it.err
    assert applied(sqlite) == ["1_a", "2_b", "3_c"]


@pytest.mark.parametrize("off", ["", OFF])
def test_history_when_a_file_of_dev_clears_markers_applies_those_again_in_the_same_run(
    sqlite, migrations, guard, off
):
    migrations(
        {
            "1_a.sql": "CREATE TABLE IF NOT EXISTS a (id int)",
            "2_b.sql": f"-- guard: environments = dev\n{off}"
            "DELETE FROM applied_migrations WHERE id = '1_a';",
            "3_c.sql": f"{OFF}CREATE TABLE c (id int);",
        },
        ENVIRONMENT="dev",
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(sqlite) == ["2_b", "1_a", "3_c"]
    assert sqlite.execute("SELECT action, migration_id FROM migration_guard_audit") == [
        ("cleared", "1_a")
    ]


@pytest.mark.parametrize(
    ("use_tz", "zone"),
    [(True, None), (True, "Asia/Tokyo"), (False, None)],
)
def test_times_when_many_are_applied_increase_strictly_and_are_now(
    sqlite, migrations, guard, settings, use_tz, zone
):
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "America/New_York"
    if zone:
        sqlite.configure(TIME_ZONE=zone)
    migrations({f"{n}_m.sql": f"CREATE TABLE t{n} (id int)" for n in range(1, 21)})

    found = guard("runsqlmigrations", "--format", "json").json["migrations"]

    times = [datetime.fromisoformat(one["applied_at"]) for one in found]
    assert all(one < two for one, two in pairwise(times))
    assert abs(datetime.now(UTC) - times[-1]) < timedelta(seconds=30)
    seen = AppliedMigration.objects.get(id="20_m").applied_at
    assert seen.astimezone(UTC) == times[-1] if use_tz else seen.tzinfo is None


# -- in memory


@pytest.mark.parametrize("name", [":memory:", "file:memorydb_guard?mode=memory&cache=shared"])
def test_memory_when_the_database_lives_in_its_connection_works_there(
    sqlite, migrations, guard, name
):
    sqlite.configure(NAME=name)
    migrations(
        {
            "1_a.sql": FAMILY,
            "2_b.sql": f"{REBUILD}CREATE TEMP TABLE t (id int);",
            "3_c.sql": f"{OFF}ATTACH ':memory:' AS other;\nCREATE TEMP TABLE t (id int);\n"
            "CREATE INDEX temp.t_id ON t (id);",
            "4_d.sql": f"{OFF}ATTACH ':memory:' AS other;\nCREATE TEMP TABLE t (id int);",
        }
    )
    connection.ensure_connection()
    first, again, look = executor.run(), executor.run(), executor.look()

    assert first.applied == ("1_a", "2_b", "3_c", "4_d"), first.error
    assert (again.applied, again.error, look.to_run) == ((), None, [])
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT * FROM child").fetchall() == [(10, 1), (20, 2)]
        assert cursor.execute("PRAGMA foreign_keys").fetchone() == (1,)
        names = {row[1] for row in cursor.execute("PRAGMA database_list").fetchall()}
        assert names <= {"main", "temp"}
