"""Item 6: what a file does to its session reaches neither the next file, nor history, nor lock."""

from __future__ import annotations

import pytest

from tests.running.support import applied

ROLE = "guard_intern"
SCHEMA = "guard_elsewhere"

# Each is a file of its own.
CHANGES = {
    "search_path": f"SET search_path = {SCHEMA}",
    "role": f"SET ROLE {ROLE}",
    "session authorization": f"SET SESSION AUTHORIZATION {ROLE}",
    "time-outs": "SET statement_timeout = '1min'; SET lock_timeout = '1min'; "
    "SET idle_in_transaction_session_timeout = '1min'; SET idle_session_timeout = '1min'",
    "time zone and date style": "SET TIME ZONE 'Asia/Tokyo'; SET DateStyle = 'German'",
    "string syntax": "SET standard_conforming_strings = off",
    "read only, serializable": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, "
    "ISOLATION LEVEL SERIALIZABLE",
    "triggers off": "SET session_replication_role = replica",
    "row security off": "SET row_security = off; SET check_function_bodies = off",
    "a setting of its own": "SET my.setting = 'left behind'",
    "set_config": "SELECT set_config('work_mem', '77MB', false)",
    "a reset of everything": "RESET ALL",
    "a temporary table": "CREATE TEMPORARY TABLE left_behind AS SELECT 1 AS id",
    "an open cursor": "DECLARE left_open CURSOR WITH HOLD FOR SELECT 1",
    "a LISTEN": "LISTEN left_listening",
    "a prepared statement": "PREPARE left_prepared AS SELECT 1",
    "a deallocation of everything": "DEALLOCATE ALL",
    "a deallocation in code": "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
    "an advisory lock": "SELECT pg_advisory_lock(42); SELECT pg_advisory_lock_shared(43)",
    "an advisory unlock of everything": "SELECT pg_advisory_unlock_all()",
    "deferred constraints": "SET CONSTRAINTS ALL DEFERRED",
    "all at once": f"CREATE TEMPORARY TABLE left_behind (id int); LISTEN here; "
    f"DECLARE c CURSOR WITH HOLD FOR SELECT 1; SET search_path = {SCHEMA}; SET ROLE {ROLE}",
}
# Everything that a session carries, and the run lock of the other connection.
LOOK = """
INSERT INTO public.seen (who, role, settings, mine, cursors, channels, prepared, temporary, locks, run_locks)
SELECT session_user, current_setting('role'),
  (SELECT jsonb_object_agg(name, setting) FROM pg_settings WHERE source = 'session')::text,
  current_setting('my.setting', true),
  (SELECT count(*) FROM pg_cursors WHERE is_holdable),
  (SELECT count(*) FROM pg_listening_channels()),
  (SELECT count(*) FROM pg_prepared_statements WHERE from_sql),
  (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()),
  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
SEEN = """
CREATE TABLE seen (at int GENERATED ALWAYS AS IDENTITY, who text, role text, settings text, mine text,
  cursors int, channels int, prepared int, temporary int, locks int, run_locks int)
"""
COLUMNS = "who, role, settings, NULLIF(mine, ''), cursors, channels, prepared, temporary, locks, run_locks"


@pytest.fixture
def intern(postgres):
    postgres.execute(f"CREATE SCHEMA {SCHEMA}")
    postgres.execute(f"CREATE ROLE {ROLE}")
    yield
    postgres.execute(f"DROP ROLE {ROLE}")


@pytest.mark.parametrize("header", ["", "-- guard: transaction = off\n"], ids=["on", "off"])
@pytest.mark.parametrize("filler", ["", "-- long\n" * 10_000], ids=["small", "large"])
def test_session_when_a_file_changes_it_is_as_before_for_the_next_file_history_and_lock(
    postgres, migrations, guard, tried, intern, header, filler
):
    header += "-- guard: allow = no-effect, whatever a file leaves is looked for here\n"
    files = {"001_seen.sql": SEEN, "002_look.sql": header + LOOK}
    for number, sql in enumerate(CHANGES.values(), 2):
        files[f"{number}1_change.sql"] = f"{header}{sql};\n{filler}"
        files[f"{number}2_look.sql"] = header + LOOK
    migrations(files, STATEMENT_TIMEOUT="7s")

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(postgres) == [name.removesuffix(".sql") for name in files]
    before, *after = postgres.execute(f"SELECT {COLUMNS} FROM seen ORDER BY at")
    assert before[:2] == ("postgres", "none")
    assert before[3:] == (None, 0, 0, 0, 0, 0, 1)
    assert dict(zip(CHANGES, after, strict=True)) == dict.fromkeys(CHANGES, before)
    for name in CHANGES:
        tried(
            f"a file, also with transaction = off, leaves behind: {name}",
            item=6,
            result="the next file, the history and the run lock are as before",
        )
