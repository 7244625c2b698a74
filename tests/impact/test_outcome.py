"""A trace never changes what a run does: what could not be seen is unknown, and the run goes on."""

import pytest

from tests.faults.test_rights import acting, role
from tests.impact.support import describe, effects_of, run_traced
from tests.running.support import applied, await_no_session_of

BEFORE = "CREATE TABLE users (id integer PRIMARY KEY, age integer);\n"
INDEX = "CREATE INDEX users_age ON users (age);\n"
SHARE = {"users": "SHARE, reads"}
# Each of these would make a look of ours fail, or answer otherwise.
SETTINGS = {
    "search path": "CREATE SCHEMA evil; CREATE VIEW evil.pg_locks AS SELECT 1 AS relation;\n"
    "SET search_path = evil, public, pg_catalog;\n",
    "row security": "SET row_security = off;\n",
    "form of dates": "SET DateStyle = 'German'; SET TimeZone = 'Asia/Kolkata';\n",
    "form of numbers": "SET extra_float_digits = -15;\n",
    "prepared statements": "DEALLOCATE ALL;\n",
    "a savepoint of its own": "SAVEPOINT a; ALTER TABLE users ADD COLUMN b integer;\n"
    "ROLLBACK TO a; RELEASE a;\n",
    "a long file": f"-- {'x' * 70_000}\n",
}


@pytest.fixture
def users(postgres, migrations, guard):
    migrations({"0001_users.sql": BEFORE})
    assert guard("runsqlmigrations").code == 0


@pytest.mark.parametrize("setting", SETTINGS)
def test_run_when_a_file_changes_its_session_is_traced_all_the_same(
    users, postgres, migrations, setting
):
    migrations({"0001_users.sql": BEFORE, "0002_index.sql": SETTINGS[setting] + INDEX})

    outcome, traces = run_traced()

    assert outcome.error is None
    assert [trace.unknown for trace in traces] == [""] * len(traces)
    assert [describe(effect) for effect in traces[-1].effects] == ["SHARE, reads"]
    assert applied(postgres) == ["0001_users", "0002_index"]


@pytest.fixture
def weak_role(postgres):
    """Give a role that may not look at locks."""
    with role(postgres) as name:
        postgres.execute(f"GRANT ALL ON DATABASE {postgres.settings['NAME']} TO {name}")
        postgres.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        postgres.execute("REVOKE SELECT ON pg_catalog.pg_locks FROM PUBLIC")
        yield name


@pytest.mark.parametrize("directive", ["", "-- guard: transaction = off\n"])
def test_run_when_it_may_not_look_runs_and_calls_it_unknown(
    postgres, migrations, guard, weak_role, directive
):
    with acting(postgres, weak_role):
        migrations({"0001_users.sql": BEFORE})
        assert guard("runsqlmigrations").code == 0
        migrations({"0001_users.sql": BEFORE, "0002_index.sql": directive + INDEX})
        outcome, traces = run_traced()

    assert outcome.error is None
    assert [trace.effects for trace in traces] == [()]
    assert "permission denied" in traces[0].unknown
    assert applied(postgres) == ["0001_users", "0002_index"]


@pytest.mark.parametrize("directive", ["", "-- guard: transaction = off\n"])
def test_run_when_a_file_takes_a_role_that_may_not_look_runs_once_and_calls_it_unknown(
    users, postgres, migrations, weak_role, directive
):
    postgres.execute(f"ALTER TABLE users OWNER TO {weak_role}")
    migrations(
        {
            "0001_users.sql": BEFORE,
            "0002_row.sql": f"{directive}BEGIN;\nSET LOCAL ROLE {weak_role};\n"
            "INSERT INTO users VALUES (1);\nCOMMIT;\n",
        }
    )

    outcome, traces = run_traced()

    assert outcome.error is None
    assert {"permission denied" in trace.unknown for trace in traces} == {True}
    assert postgres.execute("SELECT id FROM users") == [(1,)]
    assert applied(postgres) == ["0001_users", "0002_row"]


def test_run_when_a_statement_fails_fails_as_it_does_untraced(users, postgres, migrations, guard):
    migrations({"0001_users.sql": BEFORE, "0002_bad.sql": INDEX + "SELECT 1 / 0;\n"})
    untraced = guard("runsqlmigrations")

    traced = guard("runsqlmigrations", "--impact")

    assert traced.code == untraced.code == 1
    assert traced.err.split("\n", 1)[1] == untraced.err
    assert applied(postgres) == ["0001_users"]


def test_run_when_a_statement_fails_outside_a_transaction_goes_on_there_next_time(
    users, postgres, migrations, guard
):
    body = f"-- guard: transaction = off\n{INDEX}SELECT 1 / {{}};\n"
    migrations({"0001_users.sql": BEFORE, "0002_bad.sql": body.format(0)})
    assert guard("runsqlmigrations", "--impact").code == 1
    migrations({"0001_users.sql": BEFORE, "0002_bad.sql": body.format(1)})

    outcome, traces = run_traced()

    assert outcome.error is None
    assert [trace.number for trace in traces] == [2]
    assert applied(postgres) == ["0001_users", "0002_bad"]


def test_run_when_a_statement_cannot_be_in_a_transaction_is_sampled(users, postgres, migrations):
    concurrently = INDEX.replace("INDEX", "INDEX CONCURRENTLY", 1)
    migrations(
        {"0001_users.sql": BEFORE, "0002_index.sql": f"-- guard: transaction = off\n{concurrently}"}
    )

    outcome, (trace,) = run_traced(measures=False)

    assert outcome.error is None
    assert (trace.is_sampled, trace.commits, trace.unknown) == (True, True, "")
    assert effects_of([trace]) == {"users": "SHARE UPDATE EXCLUSIVE, reads"}


def test_run_when_a_sampled_statement_reads_rows_measures_it(users, postgres, migrations):
    postgres.execute("INSERT INTO users SELECT g, g FROM generate_series(1, 200000) g")
    migrations(
        {
            "0001_users.sql": BEFORE,
            "0002_a.sql": "-- guard: transaction = off\nVACUUM FULL users;\n",
        }
    )

    outcome, (trace,) = run_traced()

    assert outcome.error is None
    assert effects_of([trace]) == {"users": "ACCESS EXCLUSIVE, rewrites"}
    assert 0 < trace.effects[0].held_ms <= trace.own_ms


def test_run_when_no_connection_is_left_to_sample_from_runs_and_calls_it_unknown(
    postgres, migrations, guard
):
    concurrently = "-- guard: transaction = off\n" + INDEX.replace("INDEX", "INDEX CONCURRENTLY", 1)
    with role(postgres) as name:
        postgres.execute(f"GRANT ALL ON DATABASE {postgres.settings['NAME']} TO {name}")
        postgres.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        postgres.execute(f"ALTER ROLE {name} CONNECTION LIMIT 2")
        with acting(postgres, name):
            migrations({"0001_users.sql": BEFORE})
            assert guard("runsqlmigrations").code == 0
            migrations({"0001_users.sql": BEFORE, "0002_index.sql": concurrently})
            await_no_session_of(name, postgres)
            outcome, (trace,) = run_traced()

        assert outcome.error is None
        assert trace.is_sampled
        assert "too many connections for role" in trace.unknown
        assert applied(postgres) == ["0001_users", "0002_index"]


def test_run_when_the_file_sets_its_isolation_is_traced_and_keeps_its_snapshot(
    users, postgres, migrations
):
    body = f"BEGIN ISOLATION LEVEL REPEATABLE READ;\nLOCK TABLE users;\n{INDEX}COMMIT;\n"
    migrations({"0001_users.sql": BEFORE, "0002_index.sql": body})

    outcome, traces = run_traced()

    assert outcome.error is None
    assert effects_of(traces) == {"users": "ACCESS EXCLUSIVE, reads"}


def test_run_when_counting_is_off_calls_the_reading_unknown(users, postgres, migrations):
    migrations({"0001_users.sql": BEFORE, "0002_index.sql": f"SET track_counts = off;\n{INDEX}"})

    outcome, traces = run_traced()

    assert outcome.error is None
    assert traces[-1].unknown == "track_counts is off, so what it reads was not seen"
    assert effects_of(traces) == {"users": "SHARE"}


def test_run_when_an_earlier_migration_read_a_table_does_not_count_that_again(
    users, postgres, migrations
):
    migrations(
        {
            "0001_users.sql": BEFORE,
            "0002_read.sql": "SELECT count(age) FROM users;\n",
            "0003_write.sql": "INSERT INTO users VALUES (1, 1);\n",
            "0004_modes.sql": "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n"
            "INSERT INTO users VALUES (2, 2);\n",
        }
    )

    outcome, traces = run_traced()

    assert outcome.error is None
    assert [describe(effect) for trace in traces for effect in trace.effects] == [
        "ACCESS SHARE, reads",
        "ROW EXCLUSIVE",
        "ROW EXCLUSIVE",
    ]


def test_run_when_serializable_statements_note_what_they_read_is_traced(
    users, postgres, migrations
):
    postgres.execute("INSERT INTO users VALUES (1, 1)")
    body = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nSELECT count(age) FROM users;\n"
    migrations({"0001_users.sql": BEFORE, "0002_read.sql": body})

    outcome, traces = run_traced()

    assert outcome.error is None
    assert [trace.unknown for trace in traces] == [""] * len(traces)
    assert effects_of(traces) == {"users": "ACCESS SHARE, reads"}


def test_run_when_serializable_code_that_commits_is_sampled_is_traced(users, postgres, migrations):
    postgres.execute("INSERT INTO users SELECT g, g FROM generate_series(1, 1000) g")
    postgres.execute(
        "CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM count(age) FROM users; PERFORM pg_sleep(0.3); COMMIT; END $$"
    )
    body = (
        "-- guard: transaction = off\nSET default_transaction_isolation = serializable;\n"
        "CALL fill();\n"
    )
    migrations({"0001_users.sql": BEFORE, "0002_fill.sql": body})

    outcome, traces = run_traced()

    assert outcome.error is None
    assert [trace.unknown for trace in traces] == [""] * len(traces)
    assert effects_of(traces) == {"users": "ACCESS SHARE"}
    assert applied(postgres) == ["0001_users", "0002_fill"]
