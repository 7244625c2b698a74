"""No migration changes the app's own tables, however it is written; only markers may be removed."""

import pytest

DEV = "-- guard: environments = dev\n"
ALLOW = "-- guard: allow = touches-history, a test\n"
OFF = "-- guard: transaction = off\n"
ALL = ("postgresql", "sqlite", "mariadb")
PG, LITE, MARIA = ("postgresql",), ("sqlite",), ("mariadb",)
STAMP = "UPDATE migration_guard_environment SET environment = 'production'"
BODY = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NULL; END $$;\n"
ON_A = "AFTER INSERT ON a"
FIRE = ";\nINSERT INTO a VALUES (1)"
AUDIT = "migration_guard_audit (at, who, database_user, action, migration_id, reason, details)"
# Statements by the vendors that know them; each is tried in both modes.
ATTACKS = {
    "update stamp": (STAMP, ALL),
    "delete stamp": ("DELETE FROM migration_guard_environment", ALL),
    "insert cleared": (
        f"INSERT INTO {AUDIT} VALUES (CURRENT_TIMESTAMP, 'x', 'x', 'cleared', '1_a', 'x', '{{}}')",
        ALL,
    ),
    "insert journal": (
        "INSERT INTO migration_guard_journal SELECT id, number, 'failed', 0, 1, '', 0, '', '', "
        "'', applied_at, applied_at, '', '' FROM applied_migrations WHERE id = '1_a'",
        ALL,
    ),
    "update history": ("UPDATE applied_migrations SET checksum = 'x'", ALL),
    "update one row": ("UPDATE applied_migrations SET environment = 'x' WHERE id = '1_a'", ALL),
    "trigger of a": (f"CREATE TRIGGER x {ON_A} BEGIN {STAMP}; END{FIRE}", LITE),
    "trigger on own": (
        "CREATE TRIGGER x AFTER INSERT ON migration_guard_audit BEGIN DELETE FROM a; END",
        LITE,
    ),
    "temporary trigger": (
        "CREATE TEMP TRIGGER x AFTER INSERT ON main.applied_migrations BEGIN DELETE FROM a; END",
        LITE,
    ),
    "writable schema": ("PRAGMA writable_schema = ON", LITE),
    "index": ("CREATE INDEX x ON applied_migrations (how)", LITE),
    "replace": ("REPLACE INTO applied_migrations SELECT * FROM applied_migrations", LITE),
    "rename": ("ALTER TABLE migration_guard_audit RENAME TO x", LITE + PG),
    "alter history": ("ALTER TABLE applied_migrations ADD COLUMN x integer", ALL),
    "alter audit": ("ALTER TABLE migration_guard_audit ADD COLUMN x integer", ALL),
    "drop": ("DROP TABLE migration_guard_environment", LITE + PG),
    "truncate": ("TRUNCATE migration_guard_environment", PG + MARIA),
    "cte": (f"WITH x AS ({STAMP} RETURNING 1) SELECT * FROM x", PG),
    "do": (f"DO $$ BEGIN {STAMP}; END $$", PG),
    "dynamic": ("DO $$ BEGIN EXECUTE 'DELETE FROM migration' || '_guard_environment'; END $$", PG),
    "function": (
        f"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ {STAMP} $$;\nSELECT f()",
        PG,
    ),
    "trigger on a": (
        BODY.format(STAMP + ";")
        + f"CREATE TRIGGER x {ON_A} FOR EACH ROW EXECUTE FUNCTION f()"
        + FIRE,
        PG,
    ),
    "deferred trigger": (
        BODY.format(STAMP + ";") + f"CREATE CONSTRAINT TRIGGER x {ON_A} DEFERRABLE INITIALLY "
        "DEFERRED FOR EACH ROW EXECUTE FUNCTION f()" + FIRE,
        PG,
    ),
    "rule": ("CREATE RULE x AS ON INSERT TO migration_guard_audit DO INSTEAD NOTHING", PG),
    "trigger on audit": (
        BODY.format("") + "CREATE TRIGGER x BEFORE INSERT ON migration_guard_audit FOR EACH ROW "
        "EXECUTE FUNCTION f()",
        PG,
    ),
    "copy": (
        f"COPY {AUDIT} FROM STDIN WITH (DELIMITER ',');\n"
        "2020-01-01 00:00:00+00,x,x,cleared,1_a,x,{}\n\\.\n",
        PG,
    ),
    "uncounted": (f"SET track_counts = off;\n{STAMP}", PG),
    "uncounted once": (f"SET track_counts = off;\n{STAMP};\nSET track_counts = on", PG),
    "uncounted by code": (
        "DO $$ BEGIN PERFORM set_config('track_' || 'counts', 'off', false); " + STAMP + "; END $$",
        PG,
    ),
    "function of mariadb": (
        f"DELIMITER //\nCREATE FUNCTION f() RETURNS int MODIFIES SQL DATA BEGIN {STAMP}; RETURN 1; "
        "END//\nDELIMITER ;\nINSERT INTO a SELECT f()",
        MARIA,
    ),
    "trigger of mariadb": (
        f"DELIMITER //\nCREATE TRIGGER x {ON_A} FOR EACH ROW BEGIN {STAMP}; END//\nDELIMITER {FIRE}",
        MARIA,
    ),
    "trigger on own of mariadb": (
        "CREATE TRIGGER x BEFORE INSERT ON migration_guard_audit FOR EACH ROW SET NEW.who = 'x'",
        MARIA,
    ),
    "prepared": ("EXECUTE IMMEDIATE CONCAT('DELETE FROM migration', '_guard_environment')", MARIA),
}
CASES = [
    pytest.param(vendor, mode, sql, id=f"{name}-{vendor}-{'off' if mode else 'on'}")
    for name, (sql, vendors) in ATTACKS.items()
    for vendor in vendors
    for mode in (("",) if vendor == "mariadb" else ("", OFF))
]
FIXTURES = {"postgresql": "postgres", "sqlite": "sqlite", "mariadb": "mariadb"}


@pytest.mark.parametrize(("vendor", "mode", "sql"), CASES)
def test_own_tables_when_a_migration_of_dev_changes_them_stop_the_run(
    request, migrations, guard, vendor, mode, sql
):
    database = request.getfixturevalue(FIXTURES[vendor])
    files = {"1_a.sql": "CREATE TABLE a (id int)"}
    migrations(files, ENVIRONMENT="dev")
    assert guard("runsqlmigrations").code == 0
    migrations({**files, "2_bad.sql": DEV + ALLOW + mode + sql}, ENVIRONMENT="dev")

    result = guard("runsqlmigrations")
    again = guard("runsqlmigrations")

    assert (result.code, again.code) == (1, 1), result.err + again.err
    assert "changed" in result.err or "set writable_schema" in result.err, result.err
    assert database.execute("SELECT id FROM applied_migrations") == [("1_a",)]
    if vendor != "mariadb":
        stamp = database.execute("SELECT environment FROM migration_guard_environment")
        assert stamp == [("dev",)]
        assert database.execute("SELECT count(*) FROM migration_guard_audit") == [(0,)]


@pytest.mark.parametrize("counting", ["on", "off"])
@pytest.mark.parametrize("mode", ["", OFF])
def test_migration_when_the_server_does_not_count_is_judged_all_the_same(
    postgres, migrations, guard, mode, counting
):
    name = postgres.execute("SELECT current_database()")[0][0]
    postgres.execute(f"ALTER DATABASE {name} SET track_counts = {counting}")
    clear = DEV + mode + "DELETE FROM applied_migrations WHERE id = '1_a'"
    table = "CREATE TABLE IF NOT EXISTS a (id int);\nINSERT INTO a VALUES (1)"
    files = {"1_a.sql": mode + table, "2_b.sql": clear}
    migrations(files, ENVIRONMENT="dev")

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert postgres.execute("SELECT count(*) FROM a") == [(2,)]
    migrations({**files, "3_bad.sql": DEV + ALLOW + mode + STAMP}, ENVIRONMENT="dev")
    result = guard("runsqlmigrations")
    assert result.code == 1, result.err
    assert "changed migration_guard_environment" in result.err


def test_run_when_a_committed_statement_emptied_the_history_does_not_begin_anew(
    mariadb, migrations, guard
):
    files = {"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": "CREATE TABLE b (id int)"}
    migrations(files, ENVIRONMENT="dev")
    guard("runsqlmigrations")
    bad = DEV + ALLOW + "TRUNCATE applied_migrations;\nTRUNCATE migration_guard_journal"
    migrations({**files, "3_bad.sql": bad}, ENVIRONMENT="dev")

    results = [guard("runsqlmigrations") for _ in range(2)]

    for result in results:
        assert result.code == 1
        assert "changed the migration history for good" in result.err
        assert "runsqlmigrations --fake 1_a 2_b" in result.err
    assert guard("runsqlmigrations", "--fake", "1_a", "2_b").code == 0
    ended = guard("repairsqlmigrations", "3_bad", "--mark-applied", "--reason", "restored")
    assert ended.code == 0, ended.err
    assert guard("runsqlmigrations").code == 0


@pytest.mark.parametrize("table", ["migration_guard_audit", "migration_guard_environment"])
def test_file_when_it_names_an_own_table_is_refused_before_anything_runs(
    database, migrations, guard, table
):
    files = {"1_a.sql": "CREATE TABLE a (id int)", "2_b.sql": f"{DEV}DELETE FROM {table}"}
    migrations(files, ENVIRONMENT="dev")

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert f"the statement names {table}" in result.err
    assert database.execute("SELECT count(*) FROM applied_migrations") == [(0,)]
