"""The runner's own statements under settings of the server, the role or the project."""

import pytest

from tests.running.support import applied

MARIADB = [
    "sql_mode = 'EMPTY_STRING_IS_NULL'",
    "sql_mode = 'NO_BACKSLASH_ESCAPES'",
    "sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
    "sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL'",
    "sql_mode = 'ANSI,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE'",
    "sql_mode = 'TRADITIONAL,NO_ZERO_DATE,TIME_ROUND_FRACTIONAL,ONLY_FULL_GROUP_BY'",
    "sql_mode = 'DB2'",
    "sql_safe_updates = 1",
    "sql_select_limit = 1",
    "max_join_size = 1",
    "time_zone = '-11:00'",
    "timestamp = 1000000000",
    "max_statement_time = 30",
    "completion_type = 1",
    "completion_type = 2",
    "autocommit = 0",
    "default_storage_engine = MyISAM",
    "default_storage_engine = Aria",
    "foreign_key_checks = 0, unique_checks = 0",
    "sql_quote_show_create = 0",
    "group_concat_max_len = 4",
    "explicit_defaults_for_timestamp = 0",
    "lc_messages = 'de_DE'",
    "character_set_results = latin1",
    "character_set_connection = latin1",
    "collation_connection = utf8mb4_bin",
    "lock_wait_timeout = 1, innodb_lock_wait_timeout = 1",
    "tx_isolation = 'SERIALIZABLE'",
    "sql_notes = 0",
]


@pytest.mark.parametrize("setting", MARIADB)
def test_run_when_mariadb_has_foreign_settings_records_what_it_applies(
    mariadb, migrations, guard, setting
):
    mariadb.configure(OPTIONS={"init_command": f"SET SESSION {setting}"})
    folder = migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int PRIMARY KEY, t varchar(20)) ENGINE = InnoDB;\n"
            "INSERT INTO a VALUES (1, 'one');\nBEGIN;\nUPDATE a SET t = 'two' WHERE id = 1;\n"
            "INSERT INTO a VALUES (2, 'it''s');\nCOMMIT;",
            "2_b.sql": "CREATE TABLE b (id int);\nINSERT INTO nowhere VALUES (1);\n",
            "3_c.sql": "CREATE TABLE c (id int);",
        },
    )

    assert guard("runsqlmigrations").code == 1
    assert applied(mariadb) == ["1_a"]
    journal = "SELECT id, state, done, total, doubt FROM migration_guard_journal"
    assert mariadb.execute(journal) == [("2_b", "failed", 1, 2, 0)]
    (folder / "2_b.sql").write_text("CREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\n")
    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert applied(mariadb) == ["1_a", "2_b", "3_c"]
    assert mariadb.execute("SELECT * FROM a, b ORDER BY a.id") == [(1, "two", 1), (2, "it's", 1)]
    engines = (
        "SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = DATABASE() "
        "AND (table_name LIKE 'migration_guard%' OR table_name = 'applied_migrations')"
    )
    assert mariadb.execute(engines) == [("InnoDB",)]
    assert guard("runsqlmigrations", "--check").code == 0


@pytest.mark.parametrize("setting", [*MARIADB[:6], "sql_select_limit = 1", "completion_type = 2"])
def test_run_when_a_file_changes_settings_counts_and_records_as_before(
    mariadb, migrations, guard, setting
):
    migrations(
        {
            "1_a.sql": f"SET SESSION {setting};\nCREATE TABLE a (id int, t varchar(9)) "
            "ENGINE = InnoDB;\nBEGIN;\nINSERT INTO a VALUES (1, '');\n"
            "INSERT INTO a VALUES (2, NULL);\nCOMMIT;\nUPDATE a SET id = id + 1;\n",
            "2_b.sql": "CREATE TABLE b AS SELECT '' AS t;",
        }
    )

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    is_null = "EMPTY_STRING_IS_NULL" in setting
    text = None if is_null else ""
    assert mariadb.execute("SELECT * FROM a ORDER BY id") == [(2, text), (3, None)]
    assert mariadb.execute("SELECT t FROM b") == [("",)]
    assert applied(mariadb) == ["1_a", "2_b"]
    assert mariadb.execute("SELECT count(*) FROM migration_guard_journal") == [(0,)]


def test_run_when_the_session_reads_literals_in_its_own_way_splits_files_so(
    mariadb, migrations, guard
):
    mode = "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"
    mariadb.configure(OPTIONS={"init_command": mode})
    text = """CREATE TABLE a (id int, "t;" varchar(20));
INSERT INTO a VALUES (1, 'C:\\');
INSERT INTO a ("id", "t;") VALUES (2, '\\;');
SET sql_mode = '';
INSERT INTO a VALUES (3, "\\";");
-- migrate:dump
INSERT INTO a VALUES (4, 'x');
"""
    migrations({"1_a.sql": text})

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    rows = [(1, "C:\\"), (2, "\\;"), (3, '";'), (4, "x")]
    assert mariadb.execute("SELECT * FROM a ORDER BY id") == rows
    assert guard("runsqlmigrations", "--check").code == 0


POSTGRESQL = [
    "standard_conforming_strings = off",
    "DateStyle = 'German'",
    "IntervalStyle = 'sql_standard'",
    "TimeZone = 'Asia/Kathmandu'",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on",
    "bytea_output = 'escape'",
    "check_function_bodies = off",
    "statement_timeout = '30s'",
    "lock_timeout = '1ms'",
    "idle_in_transaction_session_timeout = '5s'",
    "extra_float_digits = -15",
    "quote_all_identifiers = on",
    "array_nulls = off",
    "transform_null_equals = on",
    "row_security = off",
    "synchronous_commit = off",
    "client_min_messages = 'error'",
    "client_encoding = 'LATIN1'",
    "session_replication_role = 'replica'",
    "plan_cache_mode = 'force_generic_plan'",
    "escape_string_warning = off",
]


@pytest.mark.parametrize("setting", POSTGRESQL)
def test_run_when_a_role_has_foreign_settings_records_what_it_applies(
    postgres, migrations, guard, setting
):
    role = f"r{postgres.settings['NAME']}"
    postgres.execute(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'x'")
    try:
        postgres.execute(f"ALTER ROLE {role} SET {setting}")
        postgres.configure(USER=role, PASSWORD="x")
        is_escaping = "strings = off" in setting
        literal = "'it\\'s;'" if is_escaping else "'it\\''s;'"
        folder = migrations(
            {
                "1_a.sql": f"CREATE TABLE a (id int PRIMARY KEY, t text);\n"
                f"INSERT INTO a VALUES (1, {literal});\nUPDATE a SET id = 2;",
                "2_b.sql": "-- guard: transaction = off\nCREATE TABLE b (id int);\n"
                "INSERT INTO nowhere VALUES (1);\n",
                "3_c.sql": "CREATE TABLE c (id int);",
            }
        )

        assert guard("runsqlmigrations").code == 1
        assert applied(postgres) == ["1_a"]
        (folder / "2_b.sql").write_text(
            "-- guard: transaction = off\nCREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\n"
        )
        result = guard("runsqlmigrations")

        assert (result.code, result.err) == (0, result.err)
        assert applied(postgres) == ["1_a", "2_b", "3_c"]
        text = "it's;" if is_escaping else "it\\'s;"
        assert postgres.execute("SELECT * FROM a, b") == [(2, text, 1)]
        assert guard("runsqlmigrations", "--check").code == 0
    finally:
        postgres.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        postgres.execute(f"DROP OWNED BY {role}")
        postgres.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize("off", ["", "-- guard: transaction = off\n"])
@pytest.mark.parametrize("setting", [name for name in POSTGRESQL if "encoding" not in name])
def test_run_when_a_file_changes_settings_of_postgresql_records_it_all_the_same(
    postgres, migrations, guard, setting, off
):
    index = "CREATE INDEX CONCURRENTLY i ON a (id);\n" if off else ""
    is_of_later = setting.startswith("default_transaction") and not off
    allow = "-- guard: allow = no-effect, a test\n" if is_of_later else ""
    migrations(
        {
            "1_a.sql": f"{allow}{off}SET {setting};\nCREATE TABLE a (id int, t text);\n"
            f"INSERT INTO a VALUES (1, 'x');\n{index}UPDATE a SET id = 2;",
            "2_b.sql": "CREATE TABLE b AS SELECT 'a\\' AS t;",
        }
    )

    result = guard("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert postgres.execute("SELECT a.id, a.t, b.t FROM a, b") == [(2, "x", "a\\")]
    assert applied(postgres) == ["1_a", "2_b"]


SQLITE = [
    "case_sensitive_like = ON",
    "reverse_unordered_selects = ON",
    "count_changes = ON",
    "full_column_names = ON",
    "foreign_keys = OFF",
    "legacy_alter_table = ON",
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
]


@pytest.mark.parametrize("setting", SQLITE)
def test_run_when_sqlite_has_foreign_pragmas_records_what_it_applies(
    sqlite, migrations, guard_process, setting
):
    sqlite.configure(OPTIONS={"init_command": f"PRAGMA {setting}"})
    folder = migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int PRIMARY KEY, t text);\nINSERT INTO a VALUES (1, '');",
            "2_b.sql": "-- guard: transaction = off\nCREATE TABLE b (id int);\n"
            "INSERT INTO nowhere VALUES (1);\n",
            "3_c.sql": "CREATE TABLE c (id int);",
        }
    )

    assert guard_process("runsqlmigrations").code == 1
    (folder / "2_b.sql").write_text(
        "-- guard: transaction = off\nCREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\n"
    )
    result = guard_process("runsqlmigrations")

    assert (result.code, result.err) == (0, result.err)
    assert applied(sqlite) == ["1_a", "2_b", "3_c"]
    assert sqlite.execute("SELECT * FROM a, b") == [(1, "", 1)]
    assert guard_process("runsqlmigrations", "--check").code == 0


@pytest.mark.parametrize(
    "setting", [*MARIADB[:8], "sql_quote_show_create = 0", "max_join_size = 1"]
)
def test_contract_when_mariadb_has_foreign_settings_is_the_same(
    mariadb, migrations, guard, tmp_path, setting
):
    migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int PRIMARY KEY, t varchar(20) DEFAULT '', "
            "n int CHECK (n > 1), KEY (t), KEY (n, t)) COMMENT 'it''s';\nCREATE TABLE b (id int, "
            "a int, FOREIGN KEY (a) REFERENCES a (id));\nCREATE VIEW v AS SELECT id, "
            "CONCAT(t, 'x') AS x FROM a;"
        }
    )
    assert guard("runsqlmigrations").code == 0
    usual, foreign = tmp_path / "usual.toml", tmp_path / "foreign.toml"
    guard("checkschema", "--no-models", "--write", str(usual))
    mariadb.configure(OPTIONS={"init_command": f"SET SESSION {setting}"})

    guard("checkschema", "--no-models", "--write", str(foreign))
    result = guard("checkschema", "--no-models", "--contract", str(usual))

    assert (result.code, result.err) == (0, result.err)
    assert foreign.read_text() == usual.read_text()
