"""Each broken statement names the migration that made the difference, or the difference alone."""

import pytest
from django.core.management import call_command

TOPICS = (
    "CREATE TABLE topics (id integer PRIMARY KEY, title varchar(40) NOT NULL, score integer);\n"
    "CREATE TABLE others (id integer PRIMARY KEY, title varchar(40));"
)
NAMES = {"0001_topics.sql": TOPICS, "0002_index.sql": "CREATE INDEX by_score ON topics (score);"}
READ = ("SELECT t.id, t.title FROM topics t JOIN others o ON o.id = t.id WHERE t.score > %s", [3])


@pytest.fixture
def hints(usage, migrations, guard):
    """Give `hints(before, after, *calls)`: the hints for what is recorded between these files."""

    def ask(before, after, *calls):
        migrations(before)
        assert guard("runsqlmigrations").code == 0
        path = usage(*calls)
        migrations(after)
        assert guard("runsqlmigrations").code == 0
        run = guard("checkschema", "--no-models", "--usage", path, "--format", "json")
        return [violation["hint"] for violation in run.json["violations"]]

    return ask


@pytest.mark.parametrize(
    ("sql", "cause"),
    [
        ("ALTER TABLE topics RENAME COLUMN score TO points;", "0003_change renames it"),
        ("ALTER TABLE topics RENAME TO subjects;", "0003_change renames it"),
        ("DROP TABLE topics;", "0003_change drops it"),
        ("ALTER TABLE others RENAME COLUMN id TO key_id;", "0003_change renames it"),
    ],
)
def test_difference_when_a_name_is_gone_is_the_migration(database, hints, sql, cause):
    later = "CREATE TABLE later (score integer, id integer);"

    (hint,) = hints(NAMES, {**NAMES, "0003_change.sql": sql, "0004_later.sql": later}, READ)

    assert hint.splitlines()[0] == f"{cause} and is applied."
    assert "in a later release" in hint


INSERT = ("INSERT INTO topics (id, title) VALUES (%s, %s)", [5, "x"])
UPSERT = "INSERT INTO topics (id, title, score) VALUES (%s, 'x', 1) ON CONFLICT (score) DO NOTHING"


@pytest.mark.parametrize(
    ("first", "sql", "call", "cause"),
    [
        ("", "ALTER TABLE topics ADD kind integer NOT NULL;", INSERT, "0002_change adds it"),
        (
            "",
            "ALTER TABLE topics ALTER score SET NOT NULL;",
            INSERT,
            "0002_change changes it",
        ),
        (
            "CREATE UNIQUE INDEX by_score ON topics (score);",
            "DROP INDEX by_score;",
            (UPSERT, [7]),
            "0002_change drops it",
        ),
        (
            "ALTER TABLE topics ADD CONSTRAINT k UNIQUE (score);",
            "ALTER TABLE topics DROP CONSTRAINT k;",
            (UPSERT, [7]),
            "0002_change drops it",
        ),
        (
            "ALTER TABLE topics ADD UNIQUE (score);",
            "ALTER TABLE topics DROP CONSTRAINT topics_score_key;",
            (UPSERT, [7]),
            "0002_change drops it",
        ),
        (
            "",
            "ALTER TABLE others ADD score integer;",
            ("SELECT score FROM topics t JOIN others o ON o.id = t.id", None),
            "0002_change adds it",
        ),
        (
            "CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 2';",
            "DROP FUNCTION twice(integer);",
            ("SELECT twice(score) AS s FROM topics", None),
            "0002_change drops it",
        ),
        (
            "",
            "ALTER TABLE topics DROP COLUMN score;",
            ('SELECT topics.score FROM topics FOR UPDATE OF "topics"', None),
            "0002_change drops it",
        ),
        (
            "",
            "ALTER TABLE topics DROP COLUMN score;",
            ("SELECT id FROM topics WHERE EXTRACT(EPOCH FROM now()) > topics.score", None),
            "0002_change drops it",
        ),
        (
            "",
            "ALTER TABLE topics ALTER score TYPE boolean USING true;",
            ('SELECT "topics"."id" FROM topics WHERE "topics"."score" < %s', [2]),
            "0002_change changes it",
        ),
        (
            "",
            "ALTER TABLE topics ALTER score TYPE boolean USING true;",
            ("UPDATE topics SET score = %s", [2]),
            "0002_change changes it",
        ),
    ],
)
def test_difference_on_postgresql_is_the_migration(postgres, hints, first, sql, call, cause):
    before = {"0001_topics.sql": f"{TOPICS}\n{first}"}

    (hint,) = hints(before, {**before, "0002_change.sql": f"DELETE FROM topics;\n{sql}"}, call)

    assert hint.splitlines()[0] == f"{cause} and is applied."


def test_difference_when_an_operator_is_gone_is_not_the_column(postgres, hints):
    before = {
        "0001_topics.sql": f"{TOPICS}\nCREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, "
        "FUNCTION = int4eq);"
    }

    (hint,) = hints(
        before,
        {**before, "0002_change.sql": "DROP OPERATOR === (integer, integer);"},
        ("SELECT id FROM topics WHERE score === %s", [2]),
    )

    assert hint.startswith("Keep what it uses")


def test_difference_when_made_by_hand_is_told_alone(database, usage, migrations, guard):
    migrations(NAMES)
    assert guard("runsqlmigrations").code == 0
    path = usage(READ)
    database.execute("DROP TABLE topics")

    run = guard("checkschema", "--no-models", "--usage", path, "--format", "json")

    (violation,) = run.json["violations"]
    assert violation["hint"].startswith("Keep what it uses")


def test_difference_when_a_migration_waits_is_the_command(database, usage, migrations, guard):
    migrations({"0001_topics.sql": TOPICS})
    assert guard("runsqlmigrations").code == 0
    database.execute("ALTER TABLE topics ADD COLUMN pages integer")
    path = usage(("SELECT pages FROM topics", None))
    database.execute("ALTER TABLE topics DROP COLUMN pages")
    more = {"0002_pages.sql": "ALTER TABLE topics ADD COLUMN pages integer;"}
    migrations({"0001_topics.sql": TOPICS, **more})

    run = guard("checkschema", "--no-models", "--usage", path)
    assert "0002_pages adds it and is pending (apply it: manage.py runsqlmigrations)." in run.out
    assert "Keep what it uses" not in run.out
    assert run.code == 1
    assert guard("runsqlmigrations").code == 0
    assert guard("checkschema", "--no-models", "--usage", path).code == 0


def test_difference_when_djangos_migration_made_it_is_named(
    database, usage, migrations, guard, install_apps
):
    install_apps(
        "tests.contracts.shop",
        "migration_guard",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    migrations({"0000_nothing.sql": "SELECT 1;"})
    call_command("migrate", "shop", "0001", verbosity=0)
    path = usage(("SELECT title FROM shop_thing", None))
    call_command("migrate", "shop", verbosity=0)
    assert guard("runsqlmigrations").code == 0

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == 1
    assert "Django's migration shop.0002_goods removes it and is applied." in run.out


def test_difference_when_a_table_of_django_was_dropped_by_hand_is_told_alone(
    sqlite, usage, migrations, guard, install_apps
):
    install_apps("tests.contracts.shop", "migration_guard")
    migrations({"0000_nothing.sql": "SELECT 1;"})
    call_command("migrate", "shop", verbosity=0)
    path = usage(("SELECT name FROM shop_owner", None))
    sqlite.execute("DROP TABLE shop_owner")

    run = guard("checkschema", "--no-models", "--usage", path)

    assert run.code == 1
    assert "Django's migration" not in run.out


@pytest.mark.parametrize(
    ("sql", "cause"),
    [
        ("ALTER TABLE topics RENAME title TO name;", "0002_change renames it and is applied."),
        ("ALTER TABLE topics ALTER title TYPE integer USING 1;", "0002_change changes it and is"),
    ],
)
def test_difference_when_a_result_is_another_is_the_migration(
    postgres, usage, migrations, guard, sql, cause
):
    before = {"0001_topics.sql": TOPICS}
    migrations(before)
    assert guard("runsqlmigrations").code == 0
    path = usage(("SELECT * FROM topics", None))
    migrations({**before, "0002_change.sql": sql})
    assert guard("runsqlmigrations").code == 0

    run = guard("checkschema", "--no-models", "--usage", path, "--format", "json")

    (warning,) = run.json["warnings"]
    assert warning["rule"] == "usage-result"
    assert cause in warning["message"]
    assert "in a later release" in warning["message"]
