"""runsqlmigrations and SQL that the database refuses, or that changes the history itself."""

import pytest

from tests.commands.refusals import history, refused, tables

A = "CREATE TABLE a (id integer);\n"
B = "CREATE TABLE b (id integer);\n"
C = "CREATE TABLE c (id integer);\n"
SECRET = "s3cret-that-nobody-may-read"


def rows(database):
    """Return the whole history, to see that nothing of it changed."""
    return database.execute("SELECT * FROM applied_migrations ORDER BY id")


# -- a failing statement

UNKNOWN_COLUMN = f"""\
-- what it is for
{B}
INSERT INTO b (id)
SELECT
    nonexistent
FROM a;

{C}"""
# The line of the error's position where the server tells it, else that of the statement.
LINE = {"postgresql": 6, "mysql": 4, "sqlite": 4}


def test_run_when_a_statement_fails_says_where_what_is_left_and_what_comes_next(
    database, migrations, guard
):
    folder = migrations({"0001_a.sql": A, "0002_b.sql": UNKNOWN_COLUMN, "0003_d.sql": "SELECT 1;"})
    journaled = database.vendor == "mysql"

    message = refused(
        guard,
        1,
        f"0002_b failed at {folder / '0002_b.sql'}:{LINE[database.vendor]}, statement 2 of 3:",
        "    INSERT INTO b (id)",
        "nonexistent",
        "Applied before it in this run: ",
        "State: 1 of 3 statements of 0002_b are done and stay done; the journal remembers them."
        if journaled
        else "State: 0002_b was rolled back as a whole; nothing of it is in the database.",
        "correct ",
        "run manage.py runsqlmigrations again",
    )

    assert "Applied before it in this run: 0001_a." in message
    assert "\nNext: correct " in message
    assert history(database) == ["0001_a"]
    assert tables(database) == ({"a", "b"} if journaled else {"a"})
    assert database.execute("SELECT id, state, done, total FROM migration_guard_journal") == (
        [("0002_b", "failed", 1, 3)] if journaled else []
    )


def test_run_when_the_failing_statement_is_corrected_goes_on(database, migrations, guard):
    folder = migrations({"0001_a.sql": A, "0002_b.sql": UNKNOWN_COLUMN, "0003_d.sql": "SELECT 1;"})
    assert guard("runsqlmigrations").code == 1
    (folder / "0002_b.sql").write_text(UNKNOWN_COLUMN.replace("nonexistent", "id"))

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_b", "0003_d"]
    assert tables(database) == {"a", "b", "c"}
    assert database.execute("SELECT * FROM migration_guard_journal") == []


SYNTAX = "-- one\n-- two\nCREATE TABLE b (\n  id integer,\n  name integer,,\n);\n"


def test_run_when_the_syntax_is_wrong_names_the_line_as_far_as_the_server_does(
    database, migrations, guard
):
    migrations({"0001_a.sql": A, "0002_b.sql": SYNTAX})
    line = {"postgresql": 5, "mysql": 5, "sqlite": 3}[database.vendor]

    refused(guard, 1, f"0002_b.sql:{line}, statement 1 of 1:", "syntax")

    assert history(database) == ["0001_a"]
    assert tables(database) == {"a"}


def test_run_on_postgresql_when_a_statement_without_transaction_fails_counts_what_is_done(
    postgres, migrations, guard
):
    migrations({"0001_a.sql": A, "0002_b.sql": f"-- guard: transaction = off\n{UNKNOWN_COLUMN}"})

    refused(guard, 1, "0002_b.sql:7, statement 2 of 3", "1 of 3 statements of 0002_b are done")

    assert history(postgres) == ["0001_a"]
    assert tables(postgres) == {"a", "b"}
    assert postgres.execute("SELECT id, state, done FROM migration_guard_journal") == [
        ("0002_b", "failed", 1)
    ]


GROUPED = (
    "INSERT INTO a VALUES (1);\nBEGIN;\nINSERT INTO a VALUES (2);\nCOMMIT;\n"
    "BEGIN;\nINSERT INTO a VALUES (3);\nINSERT INTO nothing VALUES (4);\nCOMMIT;\n"
)


def test_run_when_groups_are_done_numbers_all_statements_alike(database, migrations, guard):
    off = "" if database.vendor == "mysql" else "-- guard: transaction = off\n"
    migrations({"0001_a.sql": A, "0002_b.sql": off + GROUPED})

    refused(
        guard,
        1,
        f"0002_b.sql:{7 + bool(off)}, statement 7 of 8:",
        "4 of 8 statements of 0002_b are done",
        "correct statement 7 in 0002_b.sql and leave statements 1 to 6 as they are",
    )


def test_run_when_a_deferred_constraint_fails_at_the_end_rolls_back(postgres, migrations, guard):
    sql = (
        "CREATE TABLE b (id integer PRIMARY KEY, parent integer "
        "REFERENCES b DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO b VALUES (1, 2);\n"
    )
    migrations({"0001_a.sql": A, "0002_b.sql": sql})

    refused(guard, 1, "0002_b failed at ", "23503", "rolled back as a whole")

    assert (history(postgres), tables(postgres)) == (["0001_a"], {"a"})


def test_run_on_sqlite_when_rows_lose_their_parent_rolls_back(sqlite, migrations, guard):
    migrations(
        {
            "0001_a.sql": "CREATE TABLE a (id integer PRIMARY KEY);\n"
            "CREATE TABLE b (a integer REFERENCES a);\n"
            "INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\n",
            "0002_b.sql": "DELETE FROM a;\n",
        }
    )

    refused(
        guard, 1, "0002_b failed at ", "FOREIGN KEY constraint failed", "rolled back as a whole"
    )

    assert history(sqlite) == ["0001_a"]
    assert sqlite.execute("SELECT * FROM a") == [(1,)]


def test_run_on_postgresql_when_the_connection_is_killed_says_so(postgres, migrations, guard):
    kill = f"{B}SELECT pg_terminate_backend(pg_backend_pid());\n"
    migrations({"0001_a.sql": A, "0002_b.sql": kill})

    refused(guard, 1, "0002_b failed at ", "The connection was lost", "rolled back as a whole")

    assert (history(postgres), tables(postgres)) == (["0001_a"], {"a"})


def test_run_when_an_earlier_statement_fails_does_not_run_the_later_ones(
    database, migrations, guard
):
    migrations({"0001_a.sql": f"SELECT * FROM nowhere;\n{A}", "0002_b.sql": B})

    refused(guard, 1, "0001_a.sql:1, statement 1 of 2", "Applied before it in this run: none.")

    assert (history(database), tables(database)) == ([], set())


PASSWORDS = {
    "postgresql": f"CREATE ROLE guard_x LOGIN PASSWORD '{SECRET}' NONSENSE",
    "mysql": f"CREATE USER guard_x IDENTIFIED BY '{SECRET}' NONSENSE",
}


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_run_when_a_statement_with_a_password_fails_never_prints_it(database, migrations, guard):
    migrations({"0001_a.sql": f"{A}{PASSWORDS[database.vendor]};\n"})

    message = refused(guard, 1, "0001_a.sql:2", "the server's message is withheld")
    result = guard("runsqlmigrations", "--format", "json")

    assert SECRET not in message + result.out + result.err
    kept = database.execute("SELECT statement, error FROM migration_guard_journal")
    assert SECRET not in str(kept)


# -- the history changed by a file that may run in production

PLAIN = {
    "DELETE": "DELETE FROM applied_migrations WHERE id = '0001_a'",
    "INSERT": "INSERT INTO applied_migrations (id) VALUES ('0009_x')",
    "UPDATE": "UPDATE applied_migrations SET checksum = NULL",
    "DROP": "DROP TABLE applied_migrations",
    "upper case": "DELETE FROM APPLIED_MIGRATIONS",
    "quoted": 'DELETE FROM "applied_migrations"',
    "in a comment between": "DELETE /* all */ FROM\n  applied_migrations",
    "in a string": "SELECT 'DELETE FROM applied_migrations'",
}


@pytest.mark.parametrize("case", PLAIN)
def test_run_when_a_file_for_production_names_the_history_runs_none(
    case, database, migrations, guard
):
    quote = "`" if database.vendor == "mysql" else '"'
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    before = rows(database)
    sql = PLAIN[case].replace('"', quote)
    migrations({"0001_a.sql": A, "0002_b.sql": B, "0003_c.sql": f"{C}{sql};\n"})

    refused(
        guard,
        1,
        "touches-history",
        "0003_c.sql:2",
        "may run in production",
        "-- guard: environments = dev, test",
    )

    assert rows(database) == before
    assert tables(database) == {"a"}


def dynamic(verb_and_rest):
    """Return a DO block that builds its statement, so that no token of the file names the table."""
    verb, rest = verb_and_rest
    sql = f"{verb} applied_migrations {rest}".replace("applied_m", "applied_' || 'm")
    return f"DO $$ BEGIN EXECUTE '{sql}'; END $$;\n"


DYNAMIC = {
    "DELETE": ("DELETE FROM", ""),
    "DELETE of another": ("DELETE FROM", "WHERE id = ''0001_a''"),
    "DELETE of its own": ("DELETE FROM", "WHERE id = ''0002_b''"),
    "UPDATE": ("UPDATE", "SET checksum = NULL"),
    "INSERT": (
        "INSERT INTO",
        "SELECT ''0009_x'', number, checksum, fingerprint, sql, how, applied_at, "
        "duration_ms, database_user, environment FROM applied_migrations "
        "WHERE id = ''0001_a''",
    ),
    "TRUNCATE": ("TRUNCATE", ""),
}


@pytest.mark.parametrize("case", DYNAMIC)
def test_run_on_postgresql_when_dynamic_sql_changes_the_history_rolls_back(
    case, postgres, migrations, guard
):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    before = rows(postgres)
    sql = dynamic(DYNAMIC[case])
    migrations({"0001_a.sql": A, "0002_b.sql": f"{B}{sql}", "0003_c.sql": C})

    refused(guard, 1, "0002_b", "changed the migration history", "remove that statement")

    assert rows(postgres) == before
    assert tables(postgres) == {"a"}


@pytest.mark.parametrize("case", [case for case in DYNAMIC if case != "DELETE of its own"])
def test_run_without_transaction_when_dynamic_sql_changes_the_history_rolls_back(
    case, postgres, migrations, guard
):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    before = rows(postgres)
    sql = dynamic(DYNAMIC[case])
    migrations({"0001_a.sql": A, "0002_b.sql": f"-- guard: transaction = off\n{B}{sql}"})

    refused(guard, 1, "0002_b", "changed the migration history")

    assert rows(postgres) == before
    assert tables(postgres) == {"a", "b"}


def test_run_on_postgresql_when_dynamic_sql_renames_the_history_table_rolls_back(
    postgres, migrations, guard
):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    before = rows(postgres)
    sql = dynamic(("ALTER TABLE", "RENAME TO gone"))
    migrations({"0001_a.sql": A, "0002_b.sql": f"{B}{sql}"})

    refused(guard, 1, "0002_b failed at", "applied_migrations", "rolled back as a whole")

    assert rows(postgres) == before
    assert tables(postgres) == {"a"}


TRIGGERS = {
    "DELETE": "DELETE FROM applied_migrations WHERE id = '0001_a'",
    "UPDATE": "UPDATE applied_migrations SET checksum = NULL",
    "INSERT": "INSERT INTO applied_migrations SELECT '0009_x', number, checksum, fingerprint, sql, "
    "how, applied_at, duration_ms, database_user, environment FROM applied_migrations LIMIT 1",
}


@pytest.mark.parametrize("case", TRIGGERS)
def test_run_on_sqlite_when_a_trigger_changes_the_history_rolls_back(
    case, sqlite, migrations, guard
):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    sqlite.execute(f"CREATE TRIGGER t AFTER INSERT ON a BEGIN {TRIGGERS[case]}; END")
    before = rows(sqlite)
    migrations({"0001_a.sql": A, "0002_b.sql": f"{B}INSERT INTO a VALUES (1);\n"})

    refused(guard, 1, "0002_b", "changed the migration history", "remove that statement")

    assert rows(sqlite) == before
    assert tables(sqlite) == {"a"}
    assert sqlite.execute("SELECT * FROM a") == []


def test_run_on_mariadb_when_dynamic_sql_changes_the_history_says_so(mariadb, migrations, guard):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    sql = "EXECUTE IMMEDIATE CONCAT('DELETE FROM applied_', 'migrations');\n"
    migrations({"0001_a.sql": A, "0002_b.sql": f"{B}{sql}"})

    # It commits by itself, so it cannot be rolled back; it does not count as applied, ever.
    refused(guard, 1, "0002_b", "changed the migration history")

    assert rows(mariadb) == []


@pytest.mark.parametrize("case", ["UPDATE", "INSERT"])
def test_run_when_a_dev_file_writes_to_the_history_rolls_back(case, postgres, migrations, guard):
    migrations({"0001_a.sql": A}, ENVIRONMENT="dev")
    assert guard("runsqlmigrations").code == 0
    before = rows(postgres)
    verb, rest = DYNAMIC[case]
    sql = f"{verb} applied_migrations {rest};".replace("''", "'")
    migrations(
        {"0001_a.sql": A, "0002_b.sql": f"-- guard: environments = dev, test\n{B}{sql}"},
        ENVIRONMENT="dev",
    )

    refused(guard, 1, "0002_b", "changed the migration history", "inserted or updated rows")

    assert rows(postgres) == before
    assert tables(postgres) == {"a"}


# -- comments that say where a file runs, and are no directives

SAYS_IT_WRONG = {
    "misspelt guard": ("-- gaurd: environments = dev\n", "near-miss", 1, "environments = dev"),
    "block comment": ("/* guard: environments = dev */\n", "near-miss", 1, "environments = dev"),
    "no guard": ("-- about b\n-- env: dev\n", "near-miss", 2, "environments = dev"),
    "words": ("-- DEV ONLY\n", "near-miss", 1, "environments = dev"),
    "name of the setting": ("-- eu-1 only\n", "near-miss", 1, "environments = eu-1"),
    "order": ("-- not for production\n", "near-miss", 1, "environments = dev, eu-1, staging, test"),
    "below BEGIN": (
        "begin;\n-- DEV/TEST ONLY\nINSERT INTO a VALUES (1);\ncommit;\n",
        "dev-only-in-production",
        2,
        "environments = dev, test",
    ),
}


@pytest.mark.parametrize("case", SAYS_IT_WRONG)
def test_run_when_a_comment_looks_like_a_directive_runs_nothing_until_it_is_allowed(
    case, database, migrations, guard
):
    comment, rule, line, directive = SAYS_IT_WRONG[case]
    text = comment + ("" if "commit" in comment else B)
    folder = migrations({"0001_a.sql": A, "0002_b.sql": text}, ENVIRONMENTS=["eu-1"])

    refused(guard, 1, f"0002_b.sql:{line}", rule, f"-- guard: {directive}")
    assert history(database) == []

    (folder / "0002_b.sql").write_text(f"-- guard: allow = {rule}, a name of ours\n{text}")
    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_b"]


def test_run_when_the_file_with_a_near_miss_is_applied_is_not_judged_again(
    database, migrations, guard
):
    migrations({"0001_a.sql": f"-- DEV ONLY\n{A}"})
    assert guard("runsqlmigrations").code == 1
    assert guard("runsqlmigrations", "--fake", "0001_a").code == 0

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err


def test_run_when_the_near_miss_is_written_right_skips_the_file(database, migrations, guard):
    folder = migrations({"0001_a.sql": A, "0002_b.sql": f"-- DEV ONLY\n{B}"})
    assert guard("runsqlmigrations").code == 1
    (folder / "0002_b.sql").write_text(f"-- DEV ONLY\n-- guard: environments = dev\n{B}")

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a"]
