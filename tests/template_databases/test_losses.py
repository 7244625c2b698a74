"""What a copy of a database would lose or share, in SQL of every kind."""

import pytest

from migration_guard.template_databases.losses import changes_session, find_loss

LOST = [
    "ALTER DATABASE shop SET work_mem = '1MB'",
    "comment on database shop is 'x'",
    "GRANT CONNECT ON DATABASE shop TO app",
    "REVOKE ALL ON DATABASE shop FROM PUBLIC",
    "SECURITY LABEL ON DATABASE shop IS 'x'",
    "ALTER ROLE app IN DATABASE shop SET search_path = x",
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET x.y = 1', current_database()); END $$",
    "DO $$ BEGIN EXECUTE 'ALTER ' || 'DATABASE shop RESET ALL'; END $$",
    "INSERT INTO names VALUES (current_database())",
    "INSERT INTO names SELECT current_catalog",
    "SELECT oid FROM pg_database",
    "CREATE ROLE app",
    "CREATE /* a role */ ROLE app",
    "CREATE -- a role\n ROLE app",
    "DO 'BEGIN CREATE USER app; END'",
    "ALTER USER app SET search_path = x",
    "DROP GROUP app",
    "CREATE TABLESPACE fast LOCATION '/x'",
    "COMMENT ON TABLESPACE fast IS 'x'",
    "COMMENT ON ROLE app IS 'x'",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
    "REASSIGN OWNED BY app TO other",
    "DROP OWNED BY app",
    "PREPARE TRANSACTION 'x'",
    "SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
    "SELECT pg_replication_origin_create('o')",
    "SELECT dblink_exec('host=x', 'DROP TABLE y')",
    "SELECT cron.schedule('x', '@daily', 'VACUUM')",
]
KEPT = [
    "-- keeps the database small\nCREATE TABLE users (id int)",
    "/* CREATE ROLE app */ CREATE TABLE roles (id int)",
    'CREATE TABLE "user" (role text, "group" text)',
    "CREATE USER MAPPING FOR app SERVER s",
    "GRANT SELECT ON users TO app",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app",
    "GRANT pg_database_owner TO app",
    "ALTER TABLE users OWNER TO app",
    "CREATE PUBLICATION p FOR ALL TABLES",
    "CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION f()",
    "SELECT lo_create(7)",
    "COMMENT ON TABLE users IS 'x'",
]


@pytest.mark.parametrize("text", LOST)
def test_loss_when_a_copy_lacks_what_the_sql_makes_is_found(text):
    assert find_loss(text, "postgresql") is not None


@pytest.mark.parametrize("text", KEPT)
def test_loss_when_a_copy_has_what_the_sql_makes_is_none(text):
    assert find_loss(text, "postgresql") is None


@pytest.mark.parametrize(
    ("text", "is_lost"),
    [
        ("ATTACH 'other.db' AS other", True),
        ("SELECT load_extension('x')", True),
        ("VACUUM INTO 'x'", True),
        ("CREATE TABLE attached (id int)", False),
        ("-- attach nothing\nSELECT 1", False),
    ],
)
def test_loss_when_sqlite_reaches_another_file_is_found(text, is_lost):
    assert (find_loss(text, "sqlite") is not None) is is_lost


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("SET search_path = x", True),
        ("SELECT set_config('a.b', 'c', false)", True),
        ("CREATE TEMP TABLE x (id int)", True),
        ("SET LOCAL search_path = x", False),
        ("CREATE TABLE x (id int); INSERT INTO x VALUES (1)", False),
        ("SELECT 'never closed", True),
    ],
)
def test_session_when_a_migration_of_django_changes_it_is_told(text, changes):
    assert changes_session(text, "postgresql") is changes
