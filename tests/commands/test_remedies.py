"""What runsqlmigrations says comes next, and that it works: each command is carried out here."""

import re
import shlex
import shutil
import subprocess
import uuid

import pytest

from tests.commands.refusals import history, refused

A = "CREATE TABLE a (id integer PRIMARY KEY);\n"
OFF = "-- guard: transaction = off\n"
COMMITS = "DO $$ BEGIN INSERT INTO a VALUES (1); COMMIT; END $$;\n"
ENUM = "ALTER TYPE e ADD VALUE 'y'; INSERT INTO t VALUES ('y');\n"


def next_step(message):
    """Return the text behind Next."""
    return message.partition("\nNext: ")[2]


# -- a file that cannot be one transaction

ALONE = {
    "CREATE INDEX CONCURRENTLY": ("", "CREATE INDEX CONCURRENTLY a_id ON a (id);"),
    "VACUUM": ("", "VACUUM a;"),
    "VACUUM between BEGIN and COMMIT": ("", "BEGIN; VACUUM a; COMMIT;"),
    "DO that commits": ("", COMMITS),
    "a new value of an enum": ("CREATE TYPE e AS ENUM ('x'); CREATE TABLE t (e e);", ENUM),
    "DETACH CONCURRENTLY": (
        "CREATE TABLE p (id int) PARTITION BY RANGE (id); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);",
        "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;",
    ),
}


@pytest.mark.parametrize("case", ALONE)
def test_run_when_a_statement_needs_no_transaction_names_the_line_that_works(
    case, postgres, migrations, guard
):
    before, sql = ALONE[case]
    migrations({"0001_a.sql": A + before, "0002_b.sql": sql})

    message = refused(guard, 1, "-- guard: transaction = off into the first lines of 0002_b.sql")

    if "without its BEGIN and COMMIT" in message:
        sql = sql.replace("BEGIN; ", "").replace("COMMIT;", "")
    migrations({"0001_a.sql": A + before, "0002_b.sql": OFF + sql})
    again = guard("runsqlmigrations")
    assert again.code == 0, again.err


def test_run_on_sqlite_when_a_statement_needs_no_transaction_names_the_line_that_works(
    sqlite, migrations, guard
):
    migrations({"0001_a.sql": A, "0002_b.sql": "VACUUM;"})

    refused(guard, 1, "-- guard: transaction = off into the first lines of 0002_b.sql")

    migrations({"0001_a.sql": A, "0002_b.sql": f"{OFF}VACUUM;"})
    assert guard("runsqlmigrations").code == 0


NOT_CURED_BY_OFF = {
    "in a function": ("DO $$ BEGIN EXECUTE 'VACUUM a'; END $$;", "take it out of the function"),
    "behind EXCEPTION": (
        f"{OFF}DO $$ BEGIN BEGIN COMMIT; EXCEPTION WHEN division_by_zero THEN END; END $$;",
        "cannot stand in a block with EXCEPTION",
    ),
}


@pytest.mark.parametrize("case", NOT_CURED_BY_OFF)
def test_run_when_no_transaction_would_not_help_does_not_name_it(case, postgres, migrations, guard):
    sql, text = NOT_CURED_BY_OFF[case]
    migrations({"0001_a.sql": A, "0002_b.sql": sql})

    step = next_step(guard("runsqlmigrations").err)

    assert text in step
    assert "transaction = off" not in step


# -- what is there already

THERE = {
    "a table": (A, "CREATE TABLE b (id integer);"),
    "an index": (A + "CREATE TABLE b (id integer);", "CREATE INDEX b_id ON b (id);"),
    "a column": (A + "CREATE TABLE b (id integer);", "ALTER TABLE b ADD COLUMN c integer;"),
    "a view": (A, "CREATE VIEW b AS SELECT 1 AS one;"),
}


@pytest.mark.parametrize("case", THERE)
def test_run_when_the_object_is_there_names_the_command_that_records_it(
    case, database, migrations, guard
):
    before, sql = THERE[case]
    migrations({"0001_a.sql": before, "0002_b.sql": sql})
    guard("runsqlmigrations", "--target", "1")
    database.execute(sql.rstrip(";"))

    message = next_step(refused(guard, 1, "0002_b failed", "if something else made it, correct"))
    command = re.search(r"manage\.py ([^;]*);", message)[1]

    recorded = guard(*shlex.split(command.replace("TEXT", "by-hand")))
    assert recorded.code == 0, recorded.err
    assert history(database) == ["0001_a", "0002_b"]
    assert guard("runsqlmigrations", "--check").code == 0


THERE_ON_POSTGRESQL = {
    "a type": "CREATE TYPE b AS ENUM ('x');",
    "a schema": 'CREATE SCHEMA "{name}";',
    "a function": "CREATE FUNCTION b() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    "a constraint": "ALTER TABLE a ADD CONSTRAINT b CHECK (id > 0);",
}


@pytest.mark.parametrize("case", THERE_ON_POSTGRESQL)
def test_run_on_postgresql_when_the_object_is_there_names_fake(case, postgres, migrations, guard):
    sql = THERE_ON_POSTGRESQL[case].format(name=f"s_{uuid.uuid4().hex[:8]}")
    migrations({"0001_a.sql": A, "0002_b.sql": sql})
    guard("runsqlmigrations", "--target", "1")
    postgres.execute(sql)

    refused(guard, 1, "record it: manage.py runsqlmigrations --fake 0002_b;")


# -- rights


@pytest.fixture
def deploy(postgres):
    """Let Django be a role that may make tables, and nothing more."""
    name = f"deploy {uuid.uuid4().hex[:8]}"
    postgres.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'x'")
    postgres.execute(f'GRANT CREATE ON SCHEMA public TO "{name}"')
    postgres.configure(USER=name, PASSWORD="x")
    yield name
    postgres.configure()
    postgres.execute(f'DROP OWNED BY "{name}"')
    postgres.execute(f'DROP ROLE "{name}"')


RIGHTS = {
    "a table": ("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)"),
    "a table of a schema": (
        'CREATE SCHEMA s; CREATE TABLE s.t (id int); GRANT USAGE ON SCHEMA s TO "{role}"',
        "INSERT INTO s.t VALUES (1)",
    ),
    "a schema": ("CREATE SCHEMA s", "CREATE TABLE s.t (id int)"),
    "a sequence": ("CREATE SEQUENCE q", "SELECT nextval('q')"),
    "an owner": ("CREATE TABLE t (id int)", "ALTER TABLE t ADD COLUMN n int"),
    "a database": ("", "CREATE SCHEMA s2"),
    "a function": (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; "
        "REVOKE EXECUTE ON FUNCTION f FROM PUBLIC",
        "SELECT f()",
    ),
    "a role": ("", "CREATE ROLE {other}"),
}


@pytest.mark.parametrize("case", RIGHTS)
def test_run_when_the_role_lacks_a_right_names_it_and_the_grant_that_works(
    case, postgres, deploy, migrations, guard
):
    before, sql = RIGHTS[case]
    other = f"guard_{uuid.uuid4().hex[:8]}"
    for statement in filter(None, before.format(role=deploy).split("; ")):
        postgres.execute(statement)
    migrations({"0001_a.sql": A, "0002_b.sql": sql.format(other=other)})

    message = next_step(refused(guard, 1, "0002_b failed", "42501", f'"{deploy}"'))
    grant = re.search(r"(?:GRANT|ALTER) .*?(?=, and run)", message)[0]

    postgres.execute(grant)
    again = guard("runsqlmigrations")
    assert again.code == 0, again.err
    postgres.execute(f"DROP ROLE IF EXISTS {other}")


def test_run_when_a_step_of_the_runner_lacks_a_right_names_the_grant_that_works(
    postgres, deploy, migrations, guard
):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    for table in ("applied_migrations", "migration_guard_audit"):
        postgres.execute(f"ALTER TABLE {table} OWNER TO CURRENT_USER")
    migrations({"0001_a.sql": A, "0002_b.sql": "SELECT 1;"})

    for _table in range(9):
        result = guard("runsqlmigrations")
        if result.code == 0:
            break
        grant = re.search(r'GRANT .* TO "[^"]*"', result.err)
        assert grant, result.err
        postgres.execute(grant[0])

    assert history(postgres) == ["0001_a", "0002_b"]


# -- what PostgreSQL does not have

EXTENSIONS = {
    "a type": ("CREATE TABLE b (name citext);", "citext"),
    "a function": ("SELECT uuid_generate_v4();", "uuid-ossp"),
    "an operator class": (
        "CREATE TABLE b (n text); CREATE INDEX ON b USING gin (n gin_trgm_ops);",
        "pg_trgm",
    ),
    "a default operator class": (
        "CREATE TABLE b (n int); CREATE INDEX ON b USING gist (n);",
        "btree_gist",
    ),
}


@pytest.mark.parametrize("case", EXTENSIONS)
def test_run_when_an_extension_is_missing_names_the_statement_that_works(
    case, postgres, migrations, guard
):
    sql, extension = EXTENSIONS[case]
    migrations({"0001_a.sql": sql})

    message = next_step(refused(guard, 1, extension))
    create = f'CREATE EXTENSION IF NOT EXISTS "{extension}";'
    available = postgres.execute(
        "SELECT 1 FROM pg_available_extensions WHERE name = %s", (extension,)
    )

    if available:
        assert f"write {create} above it in 0001_a.sql" in message
        migrations({"0001_a.sql": f"{create}\n{sql}"})
        assert guard("runsqlmigrations").code == 0
    else:
        assert f"install the package of the extension {extension} on the server" in message


def test_run_when_the_extension_is_outside_the_search_path_names_its_schema(
    postgres, migrations, guard
):
    if not postgres.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'citext'"):
        pytest.skip("this server has no extensions")
    postgres.execute("CREATE SCHEMA ext")
    postgres.execute("CREATE EXTENSION citext SCHEMA ext")
    migrations({"0001_a.sql": "CREATE TABLE b (name citext);"})

    refused(guard, 1, "the extension citext is there, in the schema ext")


STATEMENTS = {
    "a newer setting": ("SET no_timeout_yet = 0;", "this server does not know"),
    "a role": ("GRANT SELECT ON a TO guard_nobody;", 'CREATE ROLE "guard_nobody"'),
    "a schema": ("CREATE TABLE nowhere.b (id int);", 'CREATE SCHEMA "nowhere"; above it'),
    "a prepared statement": ("EXECUTE p;", "PREPARE in the same file"),
    "a cursor": ("FETCH c;", "DECLARE in the same file"),
    "a time-out": (
        "SET statement_timeout = 20; SELECT pg_sleep(9);",
        "-- guard: statement_timeout =",
    ),
    "a lock time-out": (
        "DO $$ BEGIN RAISE lock_not_available; END $$;",
        "-- guard: lock_timeout = 30s",
    ),
    "read only": (
        "SELECT set_config('transaction_read_only', 'on', true); DELETE FROM a;",
        "accepts writes",
    ),
    "disk full": ("DO $$ BEGIN RAISE disk_full; END $$;", "make room on the disk"),
    "pending triggers": (
        "CREATE TABLE b (id int REFERENCES a DEFERRABLE INITIALLY DEFERRED); "
        "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); ALTER TABLE b ADD c int;",
        "SET CONSTRAINTS ALL IMMEDIATE; before it",
    ),
    "rows in the way": (
        "INSERT INTO a VALUES (1); ALTER TABLE a ADD CHECK (id > 1);",
        "correct the rows that prevent it",
    ),
    "a user's own error": (
        "DO $$ BEGIN RAISE EXCEPTION 'first run the backfill'; END $$;",
        "do what the message asks for",
    ),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_run_on_postgresql_when_a_statement_fails_names_what_helps(
    case, postgres, migrations, guard
):
    sql, text = STATEMENTS[case]
    migrations({"0001_a.sql": A, "0002_b.sql": sql}, LOCK_RETRIES=0)

    assert text in next_step(refused(guard, 1, "0002_b failed"))


def test_run_when_a_statement_timed_out_goes_through_with_the_line_that_is_named(
    postgres, migrations, guard
):
    migrations({"0001_a.sql": "SELECT pg_sleep(0.3);"}, STATEMENT_TIMEOUT=0.05)

    message = next_step(refused(guard, 1, "57014"))
    line = re.search(r"-- guard: statement_timeout = \w+", message)[0]

    migrations({"0001_a.sql": f"{line}\nSELECT pg_sleep(0.3);"}, STATEMENT_TIMEOUT=0.05)
    assert guard("runsqlmigrations").code == 0


def test_run_when_a_table_of_djangos_is_missing_names_the_line_that_helps(
    database, migrations, guard, site_apps
):
    migrations({"0001_a.sql": A, "0002_b.sql": "INSERT INTO auth_group (name) VALUES ('x');"})

    message = next_step(refused(guard, 1, "0002_b failed"))
    line = re.search(r"-- guard: requires = auth\.\w+", message)[0]

    migrations(
        {"0001_a.sql": A, "0002_b.sql": f"{line}\nINSERT INTO auth_group (name) VALUES ('x');"}
    )
    unmet = guard("runsqlmigrations").err
    made = guard(*re.search(r"manage\.py (runsqlmigrations --with-django)", unmet)[1].split())
    assert made.code == 0, made.err
    assert history(database) == ["0001_a", "0002_b"]


# -- MariaDB and SQLite

ON_MARIADB = {
    "rows in the way": ("INSERT INTO a VALUES (1); INSERT INTO a VALUES (1);", "correct the rows"),
    "a variable": ("SET SESSION no_such_variable = 1;", "does not know the variable"),
    "a time-out": ("SET max_statement_time = 0.05; SELECT SLEEP(9);", "statement_timeout ="),
    "a prepared statement": ("EXECUTE p;", "PREPARE in the same file"),
    "read only": (
        "SIGNAL SQLSTATE '25006' SET MYSQL_ERRNO = 1792, MESSAGE_TEXT = 'no';",
        "accepts writes",
    ),
    "a deadlock": ("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'no';", "stop"),
    "a lock": (
        "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'no';",
        "lock_timeout = 30s",
    ),
}


@pytest.mark.parametrize("case", ON_MARIADB)
def test_run_on_mariadb_when_a_statement_fails_names_what_helps(case, mariadb, migrations, guard):
    sql, text = ON_MARIADB[case]
    migrations({"0001_a.sql": A, "0002_b.sql": sql}, LOCK_RETRIES=0)

    assert text in next_step(refused(guard, 1, "0002_b failed"))


def test_run_on_mariadb_when_the_user_lacks_a_right_names_the_grant_that_works(
    mariadb, migrations, guard
):
    name, home = f"guard_{uuid.uuid4().hex[:8]}", mariadb.settings["NAME"]
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    mariadb.execute(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'x'")
    mariadb.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{home}`.* TO {name}@'127.0.0.1'")
    mariadb.configure(USER=name, PASSWORD="x")
    migrations({"0001_a.sql": A, "0002_b.sql": "CREATE TABLE b (id int);"})

    message = next_step(refused(guard, 1, "1142"))
    mariadb.execute(re.search(r"GRANT ALL .*?(?=, and run)", message)[0])

    assert guard("runsqlmigrations").code == 0
    mariadb.execute(f"DROP USER {name}@'127.0.0.1'")


# -- no connection


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_run_when_the_database_does_not_exist_names_the_command_that_makes_it(
    database, migrations, guard
):
    client = {"postgresql": "createdb", "mysql": "mariadb"}[database.vendor]
    if shutil.which(client) is None:
        pytest.skip(f"{client} is not installed")
    migrations({"0001_a.sql": A})
    name, home = f"guard new {uuid.uuid4().hex[:8]}", database.settings["NAME"]
    database.configure(NAME=name)

    message = refused(guard, 2, "No connection", "or correct NAME in DATABASES")
    command = shlex.split(re.search(rf"\(({client} .*)\), or correct", message)[1])
    password = database.settings["PASSWORD"]
    if client == "mariadb":
        command[command.index("-p")] = f"-p{password}"
    subprocess.run(command, env={"PGPASSWORD": password, "PATH": "/usr/bin:/bin"}, check=True)

    try:
        assert guard("runsqlmigrations").code == 0
    finally:
        database.configure(NAME=home)
        quote = '"' if client == "createdb" else "`"
        database.execute(f"DROP DATABASE {quote}{name}{quote}")


CONNECTING = {
    "no role": ({"USER": "guard_nobody"}, ["guard_nobody", " in DATABASES"]),
    "no database": ({"NAME": "guard_nowhere"}, ["Create it (createdb ", "correct NAME"]),
    "sslmode": ({"OPTIONS": {"sslmode": "require"}}, ["sslmode in OPTIONS"]),
}


@pytest.mark.parametrize("case", CONNECTING)
def test_run_on_postgresql_when_there_is_no_connection_names_what_helps(
    case, postgres, migrations, guard
):
    changes, texts = CONNECTING[case]
    migrations({"0001_a.sql": A})
    postgres.configure(**changes)

    refused(guard, 2, "No connection", *texts)


def test_run_when_the_database_takes_no_connections_names_the_statement(
    postgres, migrations, guard
):
    name = postgres.settings["NAME"]
    migrations({"0001_a.sql": A})
    with postgres.connect() as admin:
        admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        role = f"guard_{uuid.uuid4().hex[:8]}"
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        postgres.configure(USER=role, PASSWORD="x")

        refused(guard, 2, f'ALTER DATABASE "{name}" CONNECTION LIMIT')

        admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
        admin.execute(f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC')

        refused(guard, 2, f'GRANT CONNECT ON DATABASE "{name}" TO "{role}"')

        admin.execute(f"DROP ROLE {role}")
