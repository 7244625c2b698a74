"""Session statements before a file's own BEGIN, and statements that a transaction ignores."""

import sqlite3
from contextlib import closing

import pytest

from tests.running.family import FAMILY, REBUILD
from tests.running.support import applied

OFF = "-- guard: transaction = off\n"
OLD_REBUILD = """
PRAGMA legacy_alter_table = ON;
ALTER TABLE parent RENAME TO old_parent;
CREATE TABLE parent (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO parent SELECT id, name FROM old_parent;
DROP TABLE old_parent;
"""
LOSING = REBUILD.replace("FROM parent;", "FROM parent WHERE id = 1;")


def children(database):
    return database.execute("SELECT id FROM child ORDER BY id")


# -- SQLite


@pytest.mark.parametrize(
    "text",
    [
        f"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;{REBUILD}COMMIT;",
        f"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;{REBUILD}COMMIT;\nPRAGMA foreign_keys=ON;",
        f"/* a */ pragma MAIN.Foreign_Keys(0);\nBEGIN;{REBUILD}PRAGMA foreign_key_check;\nEND",
        f"{OFF}{REBUILD}",
        f"{OFF}{OLD_REBUILD}",
        f"{OFF}PRAGMA foreign_keys=OFF;\nBEGIN;{REBUILD}COMMIT;\nPRAGMA foreign_keys=ON;",
    ],
)
def test_rebuild_when_a_table_has_children_keeps_them(sqlite, migrations, guard, text):
    migrations({"1_a.sql": FAMILY, "2_b.sql": text})

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert (applied(sqlite), children(sqlite)) == (["1_a", "2_b"], [(10,), (20,)])


def test_rebuild_when_it_loses_parents_fails_at_its_end_until_the_children_go_too(
    sqlite, migrations, guard
):
    folder = migrations({"1_a.sql": FAMILY, "2_b.sql": OFF + LOSING})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "child rowid 20 (references parent)" in result.err
    assert "4 of 4 statements of 2_b are done" in result.err
    assert "at the end of 2_b.sql" in result.err
    assert guard("runsqlmigrations").code == 1
    (folder / "2_b.sql").write_text(f"{OFF}{LOSING}DELETE FROM child WHERE id = 20;")
    assert guard("runsqlmigrations").code == 0
    assert (applied(sqlite), children(sqlite)) == (["1_a", "2_b"], [(10,)])


@pytest.mark.parametrize(("rebuild", "code"), [(REBUILD, 0), (LOSING, 1)])
def test_rebuild_when_it_stopped_before_its_last_step_is_judged_at_the_end_of_the_next_run(
    sqlite, migrations, guard, rebuild, code
):
    stopped = rebuild.replace("ALTER TABLE", "NO;\nALTER TABLE")
    folder = migrations({"1_a.sql": FAMILY, "2_b.sql": OFF + stopped})
    assert guard("runsqlmigrations").code == 1
    assert sqlite.execute("SELECT done FROM migration_guard_journal") == [(3,)]
    (folder / "2_b.sql").write_text(OFF + rebuild)

    result = guard("runsqlmigrations")

    assert result.code == code
    assert applied(sqlite) == (["1_a", "2_b"] if code == 0 else ["1_a"])
    assert children(sqlite) == [(10,), (20,)]


def test_rebuild_when_orphans_were_there_before_passes_over_them(sqlite, migrations, guard):
    migrations({"1_a.sql": FAMILY, "2_b.sql": OFF + REBUILD})
    assert guard("runsqlmigrations", "--target", "1").code == 0
    sqlite.execute("INSERT INTO child VALUES (99, 99)")

    assert guard("runsqlmigrations").code == 0

    assert children(sqlite) == [(10,), (20,), (99,)]


def test_orphans_when_they_were_there_before_a_file_that_stopped_are_passed_over(
    sqlite, migrations, guard
):
    text = f"{OFF}PRAGMA user_version = 1;\nUPDATE parent SET name = 'x';\nNO;"
    folder = migrations({"1_a.sql": FAMILY, "2_b.sql": text})
    assert guard("runsqlmigrations", "--target", "1").code == 0
    sqlite.execute("INSERT INTO child VALUES (99, 99)")
    assert guard("runsqlmigrations").code == 1
    (folder / "2_b.sql").write_text(text.replace("NO;", "CREATE INDEX i ON child (id);"))

    assert guard("runsqlmigrations").code == 0


def test_delete_when_it_leaves_orphans_outside_a_transaction_is_rolled_back(
    sqlite, migrations, guard
):
    migrations({"1_a.sql": FAMILY, "2_b.sql": f"{OFF}DELETE FROM parent WHERE id = 2;"})

    assert guard("runsqlmigrations").code == 1

    assert sqlite.execute("SELECT count(*) FROM parent") == [(2,)]


@pytest.mark.parametrize(
    "text",
    [
        "PRAGMA foreign_keys = ON;\nBEGIN;\nDELETE FROM parent WHERE id = 2;\nCOMMIT;",
        f"{OFF}PRAGMA foreign_keys = ON;\nDELETE FROM parent WHERE id = 2;",
    ],
)
def test_foreign_keys_when_the_file_turns_them_on_act_in_it(sqlite, migrations, guard, text):
    migrations({"1_a.sql": FAMILY, "2_b.sql": text})

    assert guard("runsqlmigrations").code == 0

    assert children(sqlite) == [(10,)]


@pytest.mark.parametrize(
    ("text", "pragma", "value"),
    [
        ("PRAGMA journal_mode = WAL;\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;", "journal_mode", "wal"),
        (f"{OFF}PRAGMA journal_mode = WAL;\nCREATE TABLE a (id int);", "journal_mode", "wal"),
        (f"{OFF}PRAGMA auto_vacuum = INCREMENTAL;\nVACUUM;", "auto_vacuum", 2),
        (f"{OFF}PRAGMA page_size(8192);\nVACUUM;", "page_size", 8192),
        (f"{OFF}PRAGMA encoding = 'UTF-8';", "encoding", "UTF-8"),
    ],
)  # fmt: skip
def test_pragma_when_no_transaction_is_open_has_its_effect(
    sqlite, migrations, guard, text, pragma, value
):
    migrations({"1_a.sql": text})

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    with sqlite.connect() as connection:
        assert connection.execute(f"PRAGMA {pragma}").fetchall() == [(value,)]


@pytest.mark.parametrize(
    ("text", "line", "cure"),
    [
        ("PRAGMA journal_mode = WAL;", 1, "transaction = off"),
        ("CREATE TABLE a (id int);\nPRAGMA main.journal_mode('wal');", 2, "transaction = off"),
        ('BEGIN;\npragma /* ; */ "Foreign_Keys" = 0;\nCOMMIT;', 2, "transaction = off"),
        ("PRAGMA synchronous = OFF;", 1, "transaction = off"),
        ("PRAGMA auto_vacuum = 1;", 1, "VACUUM"),
        ("PRAGMA page_size = 8192;", 1, "VACUUM"),
        ("PRAGMA encoding = 'UTF-16';", 1, "before the first table"),
        (f"{OFF}BEGIN;\nPRAGMA foreign_keys(on);\nCREATE TABLE a (id int);\nCOMMIT;", 3, "out of BEGIN"),
        ("BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\nPRAGMA journal_mode = WAL;", 4, "above"),
    ],
)  # fmt: skip
def test_pragma_when_sqlite_would_ignore_it_is_refused_first(
    sqlite, migrations, guard, text, line, cure
):
    migrations({"1_a.sql": "CREATE TABLE b (id int);", "2_b.sql": text})

    result = guard("runsqlmigrations")

    assert (result.code, applied(sqlite)) == (1, [])
    assert f"2_b.sql:{line}" in result.err
    assert "no-effect" in result.err
    assert cure in result.err


@pytest.mark.parametrize(
    ("text", "need"),
    [
        (f"{OFF}PRAGMA auto_vacuum = FULL;", "VACUUM; behind it"),
        ("PRAGMA auto_vacuum = FULL;\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;", "VACUUM"),
        (f"{OFF}PRAGMA page_size = 1000;\nVACUUM;", "a power of two"),
        (f"{OFF}PRAGMA journal_mode = WAL;\nPRAGMA page_size = 8192;\nVACUUM;", "WAL"),
        (f"{OFF}PRAGMA encoding = 'UTF-16';", "new database"),
        ("PRAGMA journal_mode = WALL;\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;", "WAL and OFF"),
    ],
)
def test_pragma_when_sqlite_ignored_it_is_not_recorded(sqlite, migrations, guard, text, need):
    migrations({"1_a.sql": text})

    result = guard("runsqlmigrations")

    assert (result.code, applied(sqlite)) == (1, [])
    assert need in result.err


def test_pragma_when_vacuum_is_added_behind_it_is_recorded(sqlite, migrations, guard):
    folder = migrations({"1_a.sql": f"{OFF}PRAGMA auto_vacuum = FULL;"})
    assert guard("runsqlmigrations").code == 1
    (folder / "1_a.sql").write_text(f"{OFF}PRAGMA auto_vacuum = FULL;\nVACUUM;")

    assert guard("runsqlmigrations").code == 0

    assert (applied(sqlite), sqlite.execute("PRAGMA auto_vacuum")) == (["1_a"], [(1,)])


DUMPED = """
CREATE TABLE b (id integer PRIMARY KEY AUTOINCREMENT, a int REFERENCES a (id));
CREATE TABLE a (id integer PRIMARY KEY, t text DEFAULT 'it''s;');
CREATE TRIGGER g AFTER INSERT ON a BEGIN
  INSERT INTO b (a) SELECT CASE WHEN NEW.id > 1 THEN NEW.id END;
  UPDATE b SET a = NEW.id WHERE a IS NULL;
END;
CREATE VIEW v AS SELECT a.t, b.id FROM a JOIN b ON b.a = a.id;
CREATE INDEX i ON b (a);
INSERT INTO a VALUES (1, 'x;'), (2, 'it''s');
"""


def test_dump_when_sqlite_wrote_it_is_a_migration(sqlite, migrations, guard):
    with closing(sqlite3.connect(":memory:")) as source:
        source.executescript(DUMPED)
        dump = list(source.iterdump())
    migrations({"1_dump.sql": "PRAGMA foreign_keys=OFF;\n" + "\n".join(dump)})

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert sqlite.execute("SELECT * FROM v") == [("x;", 1), ("it's", 2)]
    assert sqlite.execute("SELECT seq FROM sqlite_sequence WHERE name = 'b'") == [(2,)]


def test_session_when_a_statement_before_begin_changes_own_tables_is_refused(
    sqlite, migrations, guard
):
    migrations(
        {"1_a.sql": "PRAGMA writable_schema = 1;\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;"}
    )

    result = guard("runsqlmigrations")

    assert (result.code, applied(sqlite)) == (1, [])


# -- PostgreSQL

DUMP_HEAD = """SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
BEGIN;
"""


def test_session_when_postgresql_sets_it_before_begin_holds_in_the_file(
    postgres, migrations, guard
):
    settings = "current_setting('lock_timeout'), current_setting('search_path') AS path"
    migrations({"1_a.sql": f"{DUMP_HEAD}CREATE TABLE public.a AS SELECT {settings};\nCOMMIT;"})

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert postgres.execute("SELECT * FROM a") == [("0", "")]


def test_session_when_it_may_not_run_in_a_transaction_runs_before_begin(
    postgres, migrations, guard
):
    migrations({"1_a.sql": "DISCARD ALL;\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\nRESET ALL;"})

    result = guard("runsqlmigrations")

    assert (result.code, applied(postgres)) == (0, ["1_a"])


def test_session_when_the_file_takes_a_role_leaves_the_claim_to_the_runner(
    postgres, migrations, guard
):
    role = f"r{postgres.settings['NAME']}"
    postgres.execute(f'CREATE ROLE "{role}"')
    postgres.execute(f'GRANT CREATE, USAGE ON SCHEMA public TO "{role}"')
    try:
        migrations({"1_a.sql": f'SET ROLE "{role}";\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;'})

        result = guard("runsqlmigrations")

        assert (result.code, applied(postgres)) == (0, ["1_a"])
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'a'"
        assert postgres.execute(owner) == [(role,)]
    finally:
        postgres.execute(f'DROP OWNED BY "{role}"')
        postgres.execute(f'DROP ROLE "{role}"')


def test_session_when_a_statement_before_begin_fails_leaves_nothing(postgres, migrations, guard):
    migrations({"1_a.sql": "SET nonsense = 1;\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;"})

    result = guard("runsqlmigrations")

    assert (result.code, applied(postgres)) == (1, [])
    assert "1_a.sql:1, statement 1 of 4" in result.err
    assert postgres.execute("SELECT to_regclass('a')") == [(None,)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{OFF}SET LOCAL search_path = x;\nCREATE TABLE a (id int);", 2),
        (f"{OFF}LOCK TABLE b IN EXCLUSIVE MODE;\nUPDATE b SET id = 1;", 2),
        (f"{OFF}SET CONSTRAINTS ALL DEFERRED;", 2),
        (f"{OFF}DECLARE c CURSOR FOR SELECT 1;", 2),
        (f"{OFF}SELECT pg_catalog.set_config('search_path', 'x', true);", 2),
        (f"{OFF}SELECT pg_advisory_xact_lock(1);", 2),
        ("SELECT 1;\nSET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;", 2),
        ("SELECT 1;\nSET default_transaction_isolation = 'serializable';", 2),
    ],
)
def test_statement_when_it_would_do_nothing_is_refused_first(
    postgres, migrations, guard, text, line
):
    migrations({"1_a.sql": "CREATE TABLE b (id int);", "2_b.sql": text})

    result = guard("runsqlmigrations")

    assert (result.code, applied(postgres)) == (1, [])
    assert f"2_b.sql:{line}" in result.err
    assert "no-effect" in result.err


@pytest.mark.parametrize(
    "text",
    [
        "SET LOCAL search_path = public;\nCREATE TABLE a (id int);",
        "LOCK TABLE b;\nUPDATE b SET id = 1;",
        f"{OFF}BEGIN;\nLOCK TABLE b;\nUPDATE b SET id = 1;\nCOMMIT;",
        f"{OFF}SELECT set_config('search_path', 'public', true), count(*) FROM b;",
        f"{OFF}SET search_path = public;\nCREATE TABLE a (id int);",
        f"{OFF}DECLARE c CURSOR WITH HOLD FOR SELECT 1;",
        "-- guard: allow = no-effect, on purpose\n" + f"{OFF}LOCK TABLE b;",
    ],
)
def test_statement_when_it_does_something_runs(postgres, migrations, guard, text):
    migrations({"1_a.sql": "CREATE TABLE b (id int);", "2_b.sql": text})

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)


# -- MariaDB


def test_lock_when_mariadb_would_end_it_at_once_is_refused_first(mariadb, migrations, guard):
    text = "LOCK TABLES b WRITE;\nUPDATE b SET id = 1;\nUNLOCK TABLES;"
    migrations({"1_a.sql": "CREATE TABLE b (id int);", "2_b.sql": text})

    result = guard("runsqlmigrations")

    assert (result.code, applied(mariadb)) == (1, [])
    assert "2_b.sql:1" in result.err
    assert "no-effect" in result.err
