"""Why a clean install failed: the message names the cause, as far as the files tell."""

import pytest

USERS = "CREATE TABLE users (id integer PRIMARY KEY, email varchar(40));"
PROFILES = "CREATE TABLE profiles (id integer PRIMARY KEY, user_id integer);"
LATER = "is needed here, and {} creates it later"
ROWS = "relies on rows that other databases happen to have"
LEFT = "The throwaway database is dropped, and nothing else was touched."


@pytest.fixture
def fails(guard, migrations):
    """Give `fails(files)`: what `checkschema --fresh` says of files that build no database."""

    def run(files):
        migrations(files)
        result = guard("checkschema", "--fresh", "--no-models")
        assert result.code == 1, result.out + result.err
        assert LEFT in result.err
        assert "Traceback" not in result.err
        return result.err

    return run


# What comes later

ORDER = {
    "a table of a later number": (
        {
            "0001_users.sql": USERS,
            "0002_trust.sql": "\nALTER TABLE profiles ADD COLUMN trust_level integer;",
            "0003_profiles.sql": PROFILES,
        },
        "0002_trust.sql:2",
        f"The table profiles {LATER.format('0003_profiles')}",
    ),
    "two files swapped": (
        {
            "0001_profiles.sql": "INSERT INTO users (id) VALUES (1);",
            "0002_users.sql": f"{USERS}\nINSERT INTO users (id) VALUES (2);",
        },
        "0001_profiles.sql:1",
        f"The table users {LATER.format('0002_users')}",
    ),
    "one of two that come too early": (
        {
            "0001_trust.sql": "ALTER TABLE profiles ADD COLUMN trust_level integer;",
            "0002_age.sql": "ALTER TABLE users ADD COLUMN age integer;",
            "0003_profiles.sql": PROFILES,
            "0004_users.sql": USERS,
        },
        "0001_trust.sql:1",
        f"The table profiles {LATER.format('0003_profiles')}",
    ),
    "a column of a later number": (
        {
            "0001_users.sql": USERS,
            "0002_index.sql": "CREATE INDEX users_born ON users (born);",
            "0003_born.sql": "ALTER TABLE users ADD COLUMN born date;",
        },
        "0002_index.sql:1",
        "The column users.born is needed here, and 0003_born creates it later",
    ),
    "a table that gets its name later": (
        {
            "0001_users.sql": USERS,
            "0002_age.sql": "ALTER TABLE people ADD COLUMN age integer;",
            "0003_people.sql": "ALTER TABLE users RENAME TO people;",
        },
        "0002_age.sql:1",
        f"The table people {LATER.format('0003_people')}",
    ),
    "a column that gets its name later": (
        {
            "0001_users.sql": USERS,
            "0002_index.sql": "CREATE INDEX users_mail ON users (mail);",
            "0003_mail.sql": "ALTER TABLE users RENAME COLUMN email TO mail;",
        },
        "0002_index.sql:1",
        "The column users.mail is needed here, and 0003_mail creates it later",
    ),
    "a view of a later number": (
        {
            "0001_users.sql": USERS,
            "0002_copy.sql": "CREATE TABLE copied AS SELECT id FROM everybody;",
            "0003_everybody.sql": "CREATE VIEW everybody AS SELECT id FROM users;",
        },
        "0002_copy.sql:1",
        "everybody is needed here, and 0003_everybody creates it later",
    ),
}


@pytest.mark.parametrize(("files", "place", "cause"), ORDER.values(), ids=ORDER)
def test_fresh_when_what_is_needed_comes_later_then_both_files_are_named(
    database, fails, files, place, cause
):
    said = fails(files)

    assert place in said
    assert cause in said
    assert ROWS not in said


def test_fresh_when_nothing_makes_the_table_then_no_later_file_is_blamed(database, fails):
    said = fails(
        {
            "0001_users.sql": USERS,
            "0002_typo.sql": "ALTER TABLE userz ADD COLUMN born date;",
            "0003_profiles.sql": PROFILES,
        }
    )

    assert "0002_typo failed at" in said
    assert "creates it later" not in said


def test_fresh_when_the_names_only_stand_in_another_statement_then_no_later_file_is_blamed(
    sqlite, fails
):
    said = fails(
        {
            "0001_users.sql": USERS,
            "0002_two.sql": "-- profiles come next\nINSERT INTO users (id) VALUES (1);\n"
            "INSERT INTO nowhere VALUES (1);\nSELECT 'profiles';",
            "0003_profiles.sql": PROFILES,
        }
    )

    assert "0002_two.sql:3" in said
    assert "creates it later" not in said


# What only works on data that developers happen to have

REFERS = (
    "CREATE TABLE profiles (id integer PRIMARY KEY, user_id integer NOT NULL,"
    " FOREIGN KEY (user_id) REFERENCES users (id));\n"
)
DATA = {
    "a reference": REFERS + "INSERT INTO profiles VALUES (1, 7);",
    "a null": REFERS + "INSERT INTO profiles VALUES (1, (SELECT max(id) FROM users));",
    "a check": "CREATE TABLE t (n integer, CHECK (n > 0));\n"
    "INSERT INTO t SELECT count(*) FROM users;",
}


@pytest.mark.parametrize("text", DATA.values(), ids=DATA)
def test_fresh_when_a_migration_relies_on_rows_then_it_says_so(database, fails, text):
    said = fails({"0001_users.sql": USERS, "0002_rows.sql": text})

    assert "0002_rows failed at" in said
    assert ROWS in said
    assert "Insert them in a migration, or write it so that it works without them." in said
    assert "creates it later" not in said


ON_POSTGRESQL = {
    "a division": "SELECT 1 / count(*) FROM users;",
    "an exception": "DO $$ BEGIN IF NOT EXISTS (SELECT FROM users) THEN"
    " RAISE EXCEPTION 'the admin is missing'; END IF; END $$;",
    "a strict query": "DO $$ DECLARE n int; BEGIN SELECT id INTO STRICT n FROM users; END $$;",
    "an assertion": "DO $$ BEGIN ASSERT (SELECT count(*) FROM users) > 0; END $$;",
}


@pytest.mark.parametrize("text", ON_POSTGRESQL.values(), ids=ON_POSTGRESQL)
def test_fresh_when_a_block_finds_no_rows_then_it_says_so(postgres, fails, text):
    assert ROWS in fails({"0001_users.sql": USERS, "0002_rows.sql": text})


def test_fresh_when_a_procedure_signals_that_rows_are_missing_then_it_says_so(mariadb, fails):
    text = (
        "BEGIN NOT ATOMIC IF NOT EXISTS (SELECT 1 FROM users) THEN"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the admin is missing'; END IF; END"
    )

    said = fails({"0001_users.sql": USERS, "0002_rows.sql": f"DELIMITER //\n{text} //\n"})

    assert "the admin is missing" in said
    assert ROWS in said


DUPLICATE = "INSERT INTO users (id) VALUES (1);\nINSERT INTO users (id) VALUES (1);"


@pytest.mark.parametrize("text", [DUPLICATE, "SELECT nothing FROM users;"])
def test_fresh_when_the_files_alone_are_wrong_then_rows_are_not_blamed(database, fails, text):
    said = fails({"0001_users.sql": USERS, "0002_rows.sql": text})

    assert "0002_rows failed at" in said
    assert ROWS not in said


def test_fresh_when_a_statement_holds_a_password_then_it_is_masked(postgres, fails):
    said = fails({"0001_role.sql": "ALTER ROLE nobody_here PASSWORD 'hunter2';"})

    assert "hunter2" not in said


# What an administrator makes before the first deploy

TEMPLATE = 'name a database that has them and nothing else: "TEST": {"TEMPLATE": NAME}'


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (name citext);",
        "CREATE TABLE app.t (id int);",
        "CREATE TABLE t AS SELECT unaccent('é') AS name;",
    ],
)
def test_fresh_when_a_schema_or_an_extension_was_never_made_then_it_says_so(postgres, fails, text):
    said = fails({"0001_users.sql": USERS, "0002_t.sql": text})

    assert "0002_t failed at" in said
    assert TEMPLATE in said


def test_fresh_when_a_later_file_makes_the_type_then_no_template_is_offered(postgres, fails):
    said = fails(
        {
            "0001_t.sql": "CREATE TABLE t (seen seen_view);",
            "0002_view.sql": "CREATE VIEW seen_view AS SELECT 1;",
        }
    )

    assert "0002_view creates it later" in said
    assert TEMPLATE not in said


def test_fresh_when_the_search_path_leads_nowhere_then_django_is_not_blamed(
    postgres, guard, migrations
):
    postgres.execute(f'ALTER DATABASE "{postgres.settings["NAME"]}" SET search_path = mine')

    migrations({"0001_users.sql": USERS})

    said = guard("checkschema", "--fresh", "--no-models")

    assert said.code == 2
    assert "No schema of the search_path exists" in said.err
    assert "search_path = mine" in said.err
    assert "RequiresSQL" not in said.err
