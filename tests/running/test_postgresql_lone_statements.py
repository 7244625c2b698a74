"""What PostgreSQL refuses in a transaction block: each statement, interrupted, by name."""

import pytest

from tests.running.support import applied

OFF = "-- guard: transaction = off\n"
AGAIN, COUNTED, REFUSED = "it runs again", "it counts as done", "refused"
# How the server's callers of PreventInTransactionBlock are decided, interrupted. "{db}" is a name
# that is free on the server.
DECISIONS = [
    ("VACUUM", "", AGAIN),
    ("VACUUM (ANALYZE) a, b", "", AGAIN),
    ("ANALYZE", "", AGAIN),
    ("CLUSTER", "", AGAIN),
    ("REINDEX SCHEMA public", "", AGAIN),
    ("REINDEX TABLE CONCURRENTLY a", "", AGAIN),
    ("ALTER SYSTEM RESET work_mem", "", AGAIN),
    ("DISCARD ALL", "", AGAIN),
    ("ALTER DATABASE {db} SET TABLESPACE pg_default", "", AGAIN),
    ("ALTER SUBSCRIPTION s REFRESH PUBLICATION", "", AGAIN),
    ("ALTER SUBSCRIPTION s SET PUBLICATION p", "", AGAIN),
    ("ALTER SUBSCRIPTION s ADD PUBLICATION p", "", REFUSED),
    ("ALTER SUBSCRIPTION s DROP PUBLICATION p", "", REFUSED),
    ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", "", REFUSED),
    ("DROP SUBSCRIPTION IF EXISTS s", "present", COUNTED),
    ("DROP SUBSCRIPTION IF EXISTS s", "absent", AGAIN),
    ("CREATE DATABASE {db}", "absent", AGAIN),
    ("CREATE DATABASE {db} TEMPLATE template0", "absent, and made", COUNTED),
    ('DROP DATABASE "{db}"', "present", COUNTED),
    ("DROP DATABASE IF EXISTS {db}", "absent", AGAIN),
    ("DROP DATABASE {db}", "present, and still there", AGAIN),
    ("CREATE TABLESPACE t LOCATION '/nowhere/at/all'", "absent", AGAIN),
    ("DROP TABLESPACE t", "present", COUNTED),
    ("DROP TABLESPACE IF EXISTS t", "absent", AGAIN),
    ("CALL committing()", "", REFUSED),
    ("DO $$ BEGIN COMMIT; END $$", "", REFUSED),
    ("SOMETHING new", "", REFUSED),
]
# Those that must fail here when they run again, for want of a publisher or a directory.
FAILING = ("ALTER SUBSCRIPTION", "CREATE TABLESPACE")


def put_in_doubt(database, statement, note):
    """Make the entry of a run that died in ``statement``, the first of 1_a."""
    database.execute(
        "INSERT INTO migration_guard_journal VALUES ('1_a', lpad('1', 40, '0'), 'running', 0, 1, "
        "'', 1, %s, %s, '', now(), now(), 'x', 'production')",
        (note, statement),
    )


@pytest.fixture
def free_name(postgres):
    """Give the name of a database that does not exist; drop it afterwards."""
    name = postgres.settings["NAME"] + "_x"
    yield name
    postgres.execute(f'DROP DATABASE IF EXISTS "{name}"')


@pytest.mark.parametrize(
    ("statement", "note", "decision"), DECISIONS, ids=[f"{s}-{n}" for s, n, _ in DECISIONS]
)
def test_statement_when_interrupted_outside_a_transaction_is_decided_by_its_name(
    statement, note, decision, postgres, migrations, guard, free_name
):
    for sql in ("CREATE TABLE a (id int)", "CREATE TABLE b (id int)"):
        postgres.execute(sql)
    postgres.execute("CREATE PROCEDURE committing() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'")
    statement = statement.format(db=free_name)
    note, _, extra = note.partition(", ")
    if extra or statement.startswith("ALTER DATABASE"):
        postgres.execute(f'CREATE DATABASE "{free_name}" TEMPLATE template0')
    migrations({"0_own.sql": "SELECT 1", "1_a.sql": f"{OFF}{statement}"})
    assert guard("runsqlmigrations", "--target", "0").code == 0
    put_in_doubt(postgres, statement, note)

    result = guard("runsqlmigrations")

    if decision == REFUSED:
        assert result.code == 1
        assert "Statement 1 commits by itself and was interrupted" in result.err
        assert "add -- guard: rerun = safe to" in result.err
    elif statement.startswith(FAILING):
        assert result.code == 1
        assert "1_a failed at" in result.err, result.err
    else:
        assert result.code == 0, result.err
        assert applied(postgres) == ["0_own", "1_a"]
    exists = postgres.execute("SELECT 1 FROM pg_database WHERE datname = %s", (free_name,))
    assert bool(exists) == (
        statement.startswith(("CREATE DATABASE", "ALTER DATABASE")) and decision != REFUSED
    )


@pytest.mark.parametrize("verb", ["CREATE", "DROP"])
def test_database_when_the_statement_fails_is_never_taken_for_done(
    verb, postgres, migrations, guard, free_name
):
    statement = f'{verb} DATABASE "{free_name}"'
    if verb == "CREATE":
        postgres.execute(statement)
    migrations({"1_a.sql": f"{OFF}{statement}"})

    results = [guard("runsqlmigrations") for _ in range(2)]

    assert [result.code for result in results] == [1, 1]
    assert postgres.execute("SELECT done, doubt FROM migration_guard_journal") == [(0, 0)]
