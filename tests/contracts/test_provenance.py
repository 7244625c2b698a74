"""Names are followed: an object keeps its migrations through renames, moves and rebuilds."""

import pytest

from migration_guard.contracts.causes import Causes
from migration_guard.planning.plan import Plan
from migration_guard.schema.diff.compare import Change
from tests.contracts.test_causes import planned

USERS = "CREATE TABLE users (id int, email text, CONSTRAINT users_email UNIQUE (email));"
INDEX = "CREATE INDEX users_born ON users (id);"
# The vendor, the texts of migrations 1, 2, …; the names asked for; what the answer begins with.
RENAMED = {
    "a table": (
        "postgresql",
        [USERS, "ALTER TABLE users RENAME TO people;"],
        ("people",),
        "0001_x adds it and is applied; 0002_x renames it and is applied, yet it is not there",
    ),
    "a column of a renamed table": (
        "postgresql",
        [USERS, "ALTER TABLE users RENAME TO people;"],
        ("people", "email"),
        "0001_x adds it and is applied, yet",
    ),
    "an index of a renamed table": (
        "postgresql",
        [USERS, INDEX, "ALTER TABLE users RENAME TO people;"],
        ("people", "users_born"),
        "0002_x adds it and is applied, yet",
    ),
    "a constraint of a table that was renamed twice": (
        "sqlite",
        [USERS, "ALTER TABLE users RENAME TO u;", 'ALTER TABLE "u" RENAME TO "Odd Name";'],
        ("Odd Name", "users_email"),
        "0001_x adds it and is applied, yet",
    ),
    "a column that was renamed with its table": (
        "postgresql",
        [USERS, "ALTER TABLE users RENAME email TO mail; ALTER TABLE users RENAME TO people;"],
        ("people", "mail"),
        "0001_x adds it and is applied; 0002_x renames it and is applied, yet",
    ),
    "a column of another table of the old name": (
        "postgresql",
        [USERS, "ALTER TABLE users RENAME TO people;", "CREATE TABLE users (id int, born date);"],
        ("people", "email"),
        "0001_x adds it and is applied, yet",
    ),
    "a new table of an old name": (
        "postgresql",
        [USERS, "ALTER TABLE users RENAME TO people;", "CREATE TABLE users (id int, email text);"],
        ("users", "email"),
        "0003_x adds it and is applied, yet",
    ),
    "an index by ALTER INDEX": (
        "postgresql",
        [USERS, INDEX, "ALTER INDEX users_born RENAME TO people_born;"],
        ("users", "people_born"),
        "0002_x adds it and is applied; 0003_x renames it and is applied, yet",
    ),
    "an index by ALTER TABLE": (
        "postgresql",
        [USERS, INDEX, "ALTER TABLE users_born RENAME TO people_born;"],
        ("users", "people_born"),
        "0002_x adds it and is applied; 0003_x renames it and is applied, yet",
    ),
    "a constraint": (
        "postgresql",
        [USERS, "ALTER TABLE users RENAME CONSTRAINT users_email TO mail_once;"],
        ("users", "mail_once"),
        "0001_x adds it and is applied; 0002_x renames it and is applied, yet",
    ),
    "a schema": (
        "postgresql",
        ["CREATE SCHEMA a; CREATE TABLE a.t (id int, b int);", "ALTER SCHEMA a RENAME TO c;"],
        ("c.t", "b"),
        "0001_x adds it and is applied, yet",
    ),
    "a table that moved": (
        "postgresql",
        ["CREATE TABLE t (id int, b int);", "ALTER TABLE t SET SCHEMA archive;"],
        ("archive.t", "b"),
        "0001_x adds it and is applied, yet",
    ),
    "not a table of that name in another schema": (
        "postgresql",
        ["CREATE TABLE a.t (id int, b int);", "CREATE TABLE c.t (id int, b int);"],
        ("a.t", "b"),
        "0001_x adds it and is applied, yet",
    ),
    "a table with a dot in its name": (
        "postgresql",
        ['CREATE TABLE "odd.table" (a int);', 'ALTER TABLE "odd.table" RENAME a TO b;'],
        ("odd.table", "b"),
        "0001_x adds it and is applied; 0002_x renames it and is applied, yet",
    ),
    "a trigger": (
        "postgresql",
        [
            USERS,
            "CREATE TRIGGER w AFTER UPDATE ON users EXECUTE FUNCTION f();",
            "ALTER TRIGGER w ON users RENAME TO v;",
        ],
        ("users", "v"),
        "0002_x adds it and is applied; 0003_x renames it and is applied, yet",
    ),
    "a view": (
        "postgresql",
        ["CREATE VIEW v AS SELECT 1 AS a;", "ALTER VIEW v RENAME TO w;"],
        ("w",),
        "0001_x adds it and is applied; 0002_x renames it and is applied, yet",
    ),
    "a copy under another name, SQLite's rebuild": (
        "sqlite",
        [
            USERS,
            "CREATE TABLE new_users (id int, email text, born date);"
            "INSERT INTO new_users (id, email) SELECT id, email FROM users;"
            "DROP TABLE users; ALTER TABLE new_users RENAME TO users;",
        ],
        ("users",),
        "0001_x adds it and is applied, yet",
    ),
    "a column that the rebuild adds": (
        "sqlite",
        [
            USERS,
            "CREATE TABLE new_users (id int, email text, born date);"
            "DROP TABLE users; ALTER TABLE new_users RENAME TO users;",
        ],
        ("users", "born"),
        "0002_x adds it and is applied, yet",
    ),
    "a column that the rebuild keeps": (
        "sqlite",
        [
            USERS,
            "CREATE TABLE new_users (id int, email text, born date);"
            "DROP TABLE users; ALTER TABLE new_users RENAME TO users;",
        ],
        ("users", "email"),
        "0001_x adds it and is applied, yet",
    ),
    "a column that the rebuild leaves out": (
        "sqlite",
        [
            USERS,
            "CREATE TABLE new_users (id int); DROP TABLE users;"
            "ALTER TABLE new_users RENAME TO users;",
        ],
        ("users", "email"),
        "0001_x adds it and is applied; 0002_x drops it and is applied after it.",
    ),
    "the old table put aside first": (
        "sqlite",
        [
            USERS,
            "ALTER TABLE users RENAME TO old; CREATE TABLE users (id int, email text);"
            "INSERT INTO users SELECT id, email FROM old; DROP TABLE old;",
        ],
        ("users", "email"),
        "0001_x adds it and is applied, yet",
    ),
    "RENAME TABLE, which swaps": (
        "mysql",
        [
            USERS,
            "CREATE TABLE fresh LIKE users; ALTER TABLE fresh ADD born date;"
            "RENAME TABLE users TO gone, fresh TO users; DROP TABLE gone;",
        ],
        ("users", "email"),
        "0001_x adds it and is applied, yet",
    ),
    "RENAME TABLE of several": (
        "mysql",
        ["CREATE TABLE a (x int); CREATE TABLE b (y int);", "RENAME TABLE a TO c, b TO d;"],
        ("d", "y"),
        "0001_x adds it and is applied, yet",
    ),
    "CHANGE": (
        "mysql",
        [USERS, "ALTER TABLE users CHANGE COLUMN `email` `mail` text NOT NULL;"],
        ("users", "mail"),
        "0001_x adds it and is applied; 0002_x renames it and is applied, yet",
    ),
    "RENAME INDEX": (
        "mysql",
        [USERS, INDEX, "ALTER TABLE users RENAME INDEX users_born TO born;"],
        ("users", "born"),
        "0002_x adds it and is applied; 0003_x renames it and is applied, yet",
    ),
    "RENAME without TO": (
        "mysql",
        [USERS, "ALTER TABLE users RENAME people;"],
        ("people", "email"),
        "0001_x adds it and is applied, yet",
    ),
    "an index that the table has by a clause": (
        "mysql",
        ["CREATE TABLE t (a int, UNIQUE KEY `once` (a), KEY (a));"],
        ("t", "once"),
        "0001_x adds it and is applied, yet",
    ),
    "a constraint behind its column": (
        "postgresql",
        ["CREATE TABLE t (a int CONSTRAINT once UNIQUE, b int);"],
        ("t", "once"),
        "0001_x adds it and is applied, yet",
    ),
}
MADE = {
    "not the last that mentions it": (
        "postgresql",
        [USERS, "ALTER TABLE users ADD born date;", "CREATE VIEW v AS SELECT email FROM users;"],
        ("users",),
        "0001_x adds it and is applied, yet",
    ),
    "not the last that alters it": (
        "mysql",
        [USERS, "ALTER TABLE users MODIFY email text NOT NULL;"],
        ("users", "email"),
        "0001_x adds it and is applied, yet",
    ),
    "by the last making, after a drop": (
        "postgresql",
        [USERS, "DROP TABLE users;", USERS],
        ("users",),
        "0003_x adds it and is applied, yet",
    ),
    "dropped by a later one without its table's name": (
        "postgresql",
        [USERS, INDEX, "DROP INDEX IF EXISTS users_born;"],
        ("users", "users_born"),
        "0002_x adds it and is applied; 0003_x drops it and is applied after it.",
    ),
    "dropped with its table": (
        "sqlite",
        [USERS, "DROP TABLE users;"],
        ("users", "email"),
        "0001_x adds it and is applied; 0002_x drops it and is applied after it.",
    ),
    "dropped with its schema": (
        "postgresql",
        ["CREATE SCHEMA s; CREATE TABLE s.t (a int);", "DROP SCHEMA s CASCADE;"],
        ("s.t", "a"),
        "0001_x adds it and is applied; 0002_x drops it and is applied after it.",
    ),
    "by the first of two with IF NOT EXISTS": (
        "postgresql",
        ["CREATE INDEX i ON t (a);", "CREATE INDEX IF NOT EXISTS i ON t (a);"],
        ("t", "i"),
        "0001_x adds it and is applied, yet",
    ),
}
CASES = {**RENAMED, **MADE}


@pytest.mark.parametrize(("vendor", "texts", "names", "answer"), CASES.values(), ids=CASES.keys())
def test_hint_when_names_changed_then_the_migration_that_makes_it_is_named(
    vendor, texts, names, answer
):
    plan = Plan(tuple(planned(f"{n:04}_x", text) for n, text in enumerate(texts, 1)), ())

    explanation = Causes(plan, vendor).explain(Change.MISSING, *names)

    assert explanation.hint.startswith(answer)


def test_hint_when_a_large_file_has_rows_alone_then_it_is_not_split():
    rows = "INSERT INTO t VALUES (1);\n" * 100_000
    plan = Plan((planned("0001_x", rows), planned("0002_x", USERS)), ())

    assert Causes(plan, "postgresql").hint("users").startswith("0002_x adds it")
