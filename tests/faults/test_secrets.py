"""A password never appears: not in output, JSON, history, journal, audit, nor a diff."""

import json

import pytest

from tests.faults import record
from tests.running.support import applied

SECRET = "s3cr3t-Zq9x"
OTHER = "0ther-Zq9x"
OFF = "-- guard: transaction = off\n"
OWN = (
    "applied_migrations",
    "migration_guard_journal",
    "migration_guard_audit",
    "migration_guard_environment",
)

# Statements that run and hold a password; the roles are dropped with the database's name in them.
POSTGRESQL = {
    "create role": "CREATE ROLE {name} PASSWORD '{secret}'",
    "create user encrypted": "CREATE USER {name} WITH LOGIN ENCRYPTED PASSWORD '{secret}'",
    "escaped": "CREATE ROLE {name} PASSWORD E'{secret}\\x41'",
    "unicode": "CREATE ROLE {name} PASSWORD U&'{secret}'",
    "dollar": "CREATE ROLE {name} PASSWORD $pw${secret}$pw$",
    "continued": "CREATE ROLE {name} PASSWORD 'x'\n   '{secret}'",
    "comment between": "CREATE ROLE {name} PASSWORD /* here */ '{secret}'",
    "alter role": "CREATE ROLE {name}; ALTER ROLE {name} PASSWORD '{secret}'",
    "alter user valid": "CREATE ROLE {name}; ALTER USER {name} PASSWORD '{secret}' VALID UNTIL 'infinity'",
    "do block": "DO $$ BEGIN CREATE ROLE {name} PASSWORD '{secret}'; END $$",
    "execute": "DO $$ BEGIN EXECUTE 'CREATE ROLE {name} PASSWORD ''{secret}'''; END $$",
    "execute format": (
        "DO $$ BEGIN EXECUTE format('CREATE ROLE {name} PASSWORD %L', '{secret}'); END $$"
    ),
    "variable": (
        "DO $$ DECLARE password text := '{secret}'; "
        "BEGIN EXECUTE format('CREATE ROLE {name} PASSWORD %L', password); END $$"
    ),
    "function body": (
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS "
        "$$ SELECT 'host=db user=x password={secret}' $$"
    ),
    "comment": "SELECT 1; -- the role has PASSWORD '{secret}'\nSELECT 2",
    "comment on": "COMMENT ON SCHEMA public IS 'postgresql://app:{secret}@db/app'",
    "user mapping": (
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
        "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'x', password '{secret}')"
    ),
    "alter user mapping": (
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
        "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (password 'x'); "
        "ALTER USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (SET password '{secret}')"
    ),
    "subscription": (
        "CREATE SUBSCRIPTION {name} CONNECTION 'host=127.0.0.1 user=x password={secret}' "
        "PUBLICATION p WITH (connect = false)"
    ),
    "connection string": "CREATE TABLE d AS SELECT 'host=h password={secret} user=u'::text AS c",
    "quoted in it": "CREATE TABLE d AS SELECT 'host=h password=''{secret}'''::text AS c",
    "url": "CREATE TABLE d AS SELECT 'postgres://u:{secret}@h/d'::text AS c",
    "url option": "CREATE TABLE d AS SELECT 'postgres://h/d?user=u&password={secret}'::text AS c",
    "update": "CREATE TABLE u (password text); UPDATE u SET password = '{secret}'",
    "set_config": "SELECT set_config('my.password', '{secret}', false)",
    "set": "SET my.password = '{secret}'",
    "insert": "CREATE TABLE u (a text, pwd text); INSERT INTO u (a, pwd) VALUES ('x', '{secret}')",
    "insert select": "CREATE TABLE u (api_key text); INSERT INTO u (api_key) SELECT '{secret}'",
    "json": """CREATE TABLE d AS SELECT '{"password": "{secret}"}'::jsonb AS c""",
    "json build": "CREATE TABLE d AS SELECT jsonb_build_object('token', '{secret}') AS c",
    "secret": "CREATE TABLE u (client_secret text); UPDATE u SET client_secret = '{secret}'",
    "url with signs": "CREATE TABLE d AS SELECT 'postgres://u:a@b/{secret}@h/d'::text AS c",
}
MARIADB = {
    "create user": "CREATE USER {name}@localhost IDENTIFIED BY '{secret}'",
    "double quotes": 'CREATE USER {name}@localhost IDENTIFIED BY "{secret}"',
    "via": "CREATE USER {name}@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('{secret}')",
    "alter user": "CREATE USER {name}@localhost; ALTER USER {name}@localhost IDENTIFIED BY '{secret}'",
    "set password": (
        "CREATE USER {name}@localhost; SET PASSWORD FOR {name}@localhost = PASSWORD('{secret}')"
    ),
    "grant": "GRANT SELECT ON {database}.* TO {name}@localhost IDENTIFIED BY '{secret}'",
    "executable comment": "CREATE USER {name}@localhost /*!50000 IDENTIFIED BY '{secret}' */",
    "server": (
        "CREATE SERVER {name} FOREIGN DATA WRAPPER mysql "
        "OPTIONS (USER 'u', HOST 'h', DATABASE 'd', PASSWORD '{secret}')"
    ),
    "prepared": (
        "PREPARE s FROM 'CREATE USER {name}@localhost IDENTIFIED BY ''{secret}'''; EXECUTE s"
    ),
    "federated": "CREATE TABLE d (c text COMMENT 'mysql://u:{secret}@h/d')",
    "replication": "SET @x = 1; /* CHANGE MASTER TO MASTER_PASSWORD = '{secret}' */ SELECT 1",
    "variable": "SET @password = '{secret}'",
    "insert": "CREATE TABLE u (a text, pwd text); INSERT INTO u (a, pwd) VALUES ('x', '{secret}')",
    "json": "SET @x = JSON_OBJECT('api_key', '{secret}')",
    "aes": "SET @x = AES_ENCRYPT('x', '{secret}')",
}
SQLITE = {
    "update": "CREATE TABLE u (password text); UPDATE u SET password = '{secret}'",
    "column": "CREATE TABLE u (a, token); INSERT INTO u (a, token) VALUES ('x', '{secret}')",
    "insert": "CREATE TABLE d (c text); INSERT INTO d VALUES ('https://u:{secret}@h/d')",
}
BREAKS = {"postgresql": "SELECT 1 / 0", "mysql": "SELECT nope FROM nowhere", "sqlite": "NO"}
# Where it fails, and whether with transaction = off.
WAYS = [("within", False), ("beside", True), ("within", True), ("beside", False)]
WAYS = WAYS[: record.rounds(bounded=1, full=4)]
CASES = [
    pytest.param(vendor, sql, id=f"{vendor}-{name}")
    for vendor, cases in (("postgres", POSTGRESQL), ("mariadb", MARIADB), ("sqlite", SQLITE))
    for name, sql in cases.items()
]


@pytest.fixture
def vendor_database(request):
    """Give the database of the case's vendor."""
    return request.getfixturevalue(request.node.callspec.params["vendor"])


@pytest.fixture
def script(vendor_database, request):
    """Give `script(sql, …)`: statements with the names and the secret of this test in them."""
    name = vendor_database.settings["NAME"]
    user = "zz_" + str(name)[-12:]

    def fill(*statements, secret=SECRET):
        values = {"name": user, "secret": secret, "database": name}
        text = ";\n".join(statements)
        for key, value in values.items():
            text = text.replace("{" + key + "}", value)
        return text + ";\n"

    yield fill
    if vendor_database.vendor == "postgresql":
        found = vendor_database.execute("SELECT 1 FROM pg_subscription WHERE subname = %s", (user,))
        if found:
            vendor_database.execute(f"ALTER SUBSCRIPTION {user} SET (slot_name = NONE)")
            vendor_database.execute(f"DROP SUBSCRIPTION {user}")
        vendor_database.execute(f"DROP ROLE IF EXISTS {user}")
    elif vendor_database.vendor == "mysql":
        vendor_database.execute(f"DROP USER IF EXISTS {user}@localhost")
        vendor_database.execute(f"DROP SERVER IF EXISTS {user}")


def everything(database):
    """Return the whole content of the own tables as text."""
    return repr([database.execute(f"SELECT * FROM {table}") for table in OWN])


def clean(*results):
    """See that no result tells a password, in either format."""
    for result in results:
        for secret in (SECRET, OTHER, "Zq9x"):
            assert secret not in result.out + result.err
        assert "Traceback" not in result.err


@pytest.mark.parametrize(("vendor", "sql"), CASES)
def test_password_when_a_migration_holds_it_is_never_told_nor_stored(
    vendor, sql, vendor_database, script, migrations, guard, tried
):
    database = vendor_database
    folder = migrations({"1_a.sql": script(sql)})
    good = guard("runsqlmigrations", "--format", "json", "-v", "2")
    assert good.code == 0, good.err
    clean(good, guard("runsqlmigrations"), guard("runsqlmigrations", "--plan"))
    assert "Zq9x" not in everything(database)

    # The file is edited: no diff may show the old password or the new one.
    (folder / "1_a.sql").write_text(script(sql, "SELECT 2", secret=OTHER))
    edited = guard("runsqlmigrations"), guard("runsqlmigrations", "--plan", "--format", "json")
    assert edited[0].code == 1
    clean(*edited)
    accepted = guard("repairsqlmigrations", "1_a", "--accept-edit", "--reason", "rotated")
    clean(accepted)
    assert "Zq9x" not in everything(database)
    tried(
        f"a password in SQL ({database.vendor})",
        item=9,
        result="in no output, history, journal, audit or diff, whether the file works or fails",
    )


@pytest.mark.parametrize(
    ("where", "off"), WAYS, ids=["-".join((where, "off" * off)) for where, off in WAYS]
)
@pytest.mark.parametrize(("vendor", "sql"), CASES)
def test_password_when_a_migration_fails_is_never_told_nor_stored(
    vendor, sql, off, where, vendor_database, script, migrations, guard
):
    """It fails in the statement with the password, or in the next one."""
    database = vendor_database
    broken = sql + " nonsense nonsense" if where == "within" else sql
    head = OFF if off else ""
    migrations({"1_a.sql": head + script(broken, BREAKS[database.vendor])})

    failed = guard("runsqlmigrations", "--format", "json", "-v", "2")

    assert failed.code == 1
    clean(failed, guard("runsqlmigrations"), guard("runsqlmigrations", "--plan"))
    assert "Zq9x" not in everything(database)
    assert applied(database) == []


# -- what the server answers

PEOPLE = "CREATE TABLE u (age int CHECK (age > 0), email text UNIQUE, token text UNIQUE);\n"
ANSWERS = {
    "a failing row": (
        f"INSERT INTO u (age, email) VALUES (-1, '{SECRET}')",
        'violates check constraint "u_age_check"',
    ),
    "a failing row with a secret column": (
        f"INSERT INTO u (age, token) VALUES (-1, '{SECRET}')",
        'violates check constraint "u_age_check"',
    ),
    "a secret key": (
        f"INSERT INTO u (token) VALUES ('{SECRET}'), ('{SECRET}')",
        "Key (token)=(***) already exists",
    ),
    "a key": (
        "INSERT INTO u (email) VALUES ('a@b.c'), ('a@b.c')",
        "Key (email)=(a@b.c) already exists",
    ),
    "COPY": (
        f"COPY u FROM stdin;\n1\ta\tb\nx{SECRET}\ta\tb\n\\.\n",
        "COPY u, line 2, column age",
    ),
    "COPY with too few columns": (
        f"COPY u (age, token) FROM stdin;\n1\t{SECRET}\tx\n\\.\n",
        "CONTEXT: COPY u, line 1",
    ),
    "a value": (f"INSERT INTO u VALUES ('x{SECRET}', 'a', 'b')", "invalid input syntax"),
    "a statement in a block": (
        f"DO $$ BEGIN EXECUTE 'INSERT INTO u (age, token) VALUES (-1, ''{SECRET}'')'; END $$",
        'violates check constraint "u_age_check"',
    ),
}


@pytest.mark.parametrize("head", ["", OFF], ids=["whole", "journaled"])
@pytest.mark.parametrize(("sql", "kept"), ANSWERS.values(), ids=list(ANSWERS))
def test_secret_when_the_servers_answer_quotes_it_is_never_told(
    postgres, migrations, guard, sql, kept, head
):
    migrations(
        {
            "1_a.sql": PEOPLE,
            "2_b.sql": f"{head}{sql.rstrip()}{'' if sql.rstrip()[-1] == '.' else ';'}\n",
        }
    )

    failed = guard("runsqlmigrations")

    assert failed.code == 1
    assert kept in failed.err
    document = guard("runsqlmigrations", "--format", "json")
    clean(failed, document)
    assert "Zq9x" not in everything(postgres).replace("'sql'", "")


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        (f"INSERT INTO u (token) VALUES ('{SECRET}'), ('{SECRET}')", "for key 'token'"),
        (f"INSERT INTO u VALUES ('x{SECRET}', 'a', 'b')", "Incorrect integer value: '***'"),
        ("INSERT INTO u (email) VALUES ('a@b.c'), ('a@b.c')", "Duplicate entry 'a@b.c'"),
    ],
)
def test_secret_when_mariadbs_answer_quotes_it_is_never_told(mariadb, migrations, guard, sql, kept):
    create = "CREATE TABLE u (age int, email varchar(99) UNIQUE, token varchar(99) UNIQUE);\n"
    migrations({"1_a.sql": create, "2_b.sql": f"{sql};\n"})

    failed = guard("runsqlmigrations")

    assert failed.code == 1
    assert kept in failed.err
    clean(failed, guard("runsqlmigrations", "--format", "json"))
    assert "Zq9x" not in everything(mariadb)


def test_secret_when_copy_data_hold_it_is_not_stored(postgres, migrations, guard):
    data = f"COPY u (age, token) FROM stdin;\n1\t{SECRET}\n\\.\n"
    migrations({"1_a.sql": PEOPLE, "2_b.sql": data})

    clean(guard("runsqlmigrations", "-v", "2"))

    assert applied(postgres) == ["1_a", "2_b"]
    assert "Zq9x" not in everything(postgres)


@pytest.mark.parametrize("vendor", ["postgres", "mariadb", "sqlite"])
@pytest.mark.parametrize("same_file", [True, False])
@pytest.mark.parametrize(("column", "is_stored"), [("token", False), ("token_count", True)])
def test_secret_when_an_insert_has_no_column_list_is_not_stored(
    vendor, same_file, column, is_stored, vendor_database, migrations, guard
):
    """The catalogue says whether the table has a secret-named column, or the same file does."""
    create = f"CREATE TABLE plain (a varchar(99), {column} varchar(99));\n"
    insert = f"INSERT INTO plain VALUES ('x', '{SECRET}');\n"
    migrations(
        {"1_a.sql": create + insert} if same_file else {"1_a.sql": create, "2_b.sql": insert}
    )

    good = guard("runsqlmigrations")

    assert good.code == 0, good.err
    assert ("Zq9x" in everything(vendor_database)) is is_stored


@pytest.mark.parametrize("vendor", ["postgres", "mariadb", "sqlite"])
def test_secret_when_a_query_makes_its_table_in_the_same_file_is_not_stored(
    vendor, vendor_database, migrations, guard
):
    copy = f"CREATE TABLE copy AS SELECT * FROM plain;\nINSERT INTO copy VALUES ('x', '{SECRET}');"
    migrations(
        {"1_a.sql": "CREATE TABLE plain (a varchar(99), token varchar(99));", "2_b.sql": copy}
    )

    good = guard("runsqlmigrations")

    assert good.code == 0, good.err
    assert "Zq9x" not in everything(vendor_database)


# -- the connection's own password


@pytest.mark.parametrize("args", [(), ("--plan",), ("--format", "json")])
def test_password_of_the_connection_when_it_fails_is_never_told(
    postgres, migrations, guard, args, tried
):
    migrations({"1_a.sql": "SELECT 1"})
    for changes in (
        {"PASSWORD": SECRET},
        {"PASSWORD": "", "OPTIONS": {"password": SECRET}},
        {"PASSWORD": SECRET, "HOST": "nowhere.invalid"},
        {"PASSWORD": SECRET, "PORT": "1"},
        {"PASSWORD": SECRET, "NAME": "no_such_database"},
        {"PASSWORD": SECRET, "OPTIONS": {"sslmode": SECRET[:0] + "bogus"}},
        {"PASSWORD": SECRET, "OPTIONS": {"no_such_option": "1"}},
        {"NAME": f"postgresql://u:{SECRET}@127.0.0.1:1/db"},
        {"NAME": f"host=127.0.0.1 port=1 password={SECRET}"},
        {"HOST": f"127.0.0.1 password={SECRET}"},
        {"OPTIONS": {"options": f"-c my.password={SECRET} -c bogus"}},
    ):
        before = dict(postgres.settings)
        postgres.configure(**changes)

        result = guard("runsqlmigrations", *args)

        assert result.code == 2, changes
        clean(result)
        postgres.configure(**{**before, "OPTIONS": before["OPTIONS"]})
        postgres.settings["OPTIONS"] = before["OPTIONS"]
        tried(
            "a wrong password, host, name or option in DATABASES",
            item=9,
            result="the password is in no message",
        )


def test_password_when_it_stands_in_a_passfile_or_a_service_is_never_told(
    postgres, migrations, guard, tmp_path, monkeypatch
):
    passfile, service = tmp_path / "pass", tmp_path / "service"
    passfile.write_text(f"*:*:*:*:{SECRET}\n")
    passfile.chmod(0o600)
    service.write_text(f"[mine]\npassword={SECRET}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    migrations({"1_a.sql": "SELECT 1"})
    for options in ({"passfile": str(passfile)}, {"service": "mine"}):
        postgres.settings["OPTIONS"] = {}
        postgres.configure(PASSWORD="", OPTIONS=options)

        result = guard("runsqlmigrations")

        assert result.code == 2
        assert "password authentication failed" in result.err
        clean(result)


def test_password_of_the_connection_on_mariadb_when_it_fails_is_never_told(
    mariadb, migrations, guard
):
    migrations({"1_a.sql": "SELECT 1"})
    for changes in ({"PASSWORD": SECRET}, {"OPTIONS": {"passwd": SECRET}}, {"PORT": "1"}):
        mariadb.configure(**{"PASSWORD": SECRET, **changes})

        result = guard("runsqlmigrations")

        assert result.code == 2
        clean(result)


def test_password_when_a_blocker_runs_a_statement_with_it_is_never_told(
    postgres, migrations, guard
):
    """The last lock failure names the blocking session with its query."""
    postgres.execute("CREATE TABLE a (id int)")
    blocker = postgres.connect()
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE a")
    blocker.execute(f"SELECT set_config('my.password', '{SECRET}', true)")
    migrations({"1_a.sql": "ALTER TABLE a ADD n int"}, LOCK_TIMEOUT="300ms", LOCK_RETRIES=1)

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "Blocked by:" in result.err
    clean(result)


def test_reason_when_it_holds_a_password_is_masked(postgres, migrations, guard):
    """The audit is read by many."""
    migrations({"1_a.sql": "SELECT 1"})
    guard("runsqlmigrations")
    migrations({"1_a.sql": "SELECT 2"})
    reason = f"ran ALTER ROLE x PASSWORD '{SECRET}' by hand at postgres://u:{SECRET}@h/d"

    result = guard("repairsqlmigrations", "1_a", "--accept-edit", "--reason", reason)

    assert result.code == 0, result.err
    assert "by hand" in everything(postgres)
    clean(result)
    assert SECRET not in everything(postgres)


def test_outcome_when_the_json_is_read_holds_no_password(postgres, migrations, guard):
    migrations({"1_a.sql": f"CREATE ROLE a PASSWORD '{SECRET}' BOGUS"})

    result = guard("runsqlmigrations", "--format", "json")

    assert json.loads(result.out)["problems"]
    clean(result)
