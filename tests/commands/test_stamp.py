"""The environment stamp: written on the first run, and what a run does where it is gone or unclear."""

import json
import shlex

import pytest

from tests.commands.refusals import refused

A = "CREATE TABLE a (id integer);\n"
B = "CREATE TABLE b (id integer);\n"
DEV = "-- guard: environments = dev, test\nCREATE TABLE wiped (id integer);\n"
FILES = {"0001_a.sql": A, "0002_dev.sql": DEV, "0003_b.sql": B}
DELETE = "DELETE FROM migration_guard_environment"
SET = "UPDATE migration_guard_environment SET environment = "


def stamps(database):
    return database.execute("SELECT id, environment FROM migration_guard_environment ORDER BY id")


def ids(database):
    return [row[0] for row in database.execute("SELECT id FROM applied_migrations ORDER BY number")]


def audit(database):
    rows = database.execute("SELECT action, details FROM migration_guard_audit ORDER BY id")
    return [(action, json.loads(details)) for action, details in rows]


def state(database):
    return ids(database), stamps(database), audit(database)


def next_command(message):
    """Return the arguments of the repair that the message names."""
    line = next(line for line in message.splitlines() if "repairsqlmigrations --stamp" in line)
    words = shlex.split(line[line.index("repairsqlmigrations") :])
    end = words.index("--reason") + 1
    return [*words[:end], "a test"]


@pytest.fixture
def history(database, migrations, guard):
    """Give a database in which a production run applied the first file."""
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    return database


# -- the first run


@pytest.mark.parametrize("environment", ["production", "dev", "prod"])
def test_first_run_says_what_it_stamped(environment, sqlite, migrations, guard):
    migrations({"0001_a.sql": A}, ENVIRONMENT=environment)

    first, second = guard("runsqlmigrations"), guard("runsqlmigrations")

    name = {"prod": "production"}.get(environment, environment)
    assert f"Stamped the database {name}, on its first run" in first.err
    assert "Stamped" not in second.err
    assert stamps(sqlite) == [(1, name)]


# -- a missing stamp


@pytest.mark.parametrize(
    "args", [(), ("--allow-out-of-order",), ("--fake", "0003_b"), ("--environment", "test")]
)
def test_stamp_when_it_is_missing_beside_a_history_stops_any_other_run(
    args, history, migrations, guard
):
    history.execute(DELETE)
    migrations(FILES, ENVIRONMENT="dev")
    before = state(history)

    message = refused(
        guard,
        1,
        "missing-stamp",
        "counts as production",
        "the environments in the rows of the history: production (1)",
        args=args,
    )

    assert state(history) == before
    assert f"If the database is {'test' if 'test' in args else 'dev'}: manage.py" in message
    with pytest.raises(Exception, match=r"wiped|exist|such"):
        history.execute("SELECT * FROM wiped")


def test_stamp_when_it_is_missing_is_written_by_the_command_that_the_message_names(
    history, migrations, guard
):
    history.execute(DELETE)
    migrations(FILES, ENVIRONMENT="dev")

    command = next_command(guard("runsqlmigrations").err)
    repaired = guard(*command)

    assert repaired.code == 0, repaired.err
    assert stamps(history) == [(1, "dev")]
    assert audit(history) == [("stamp", {"from": None, "to": "dev"})]
    assert guard("runsqlmigrations").code == 0
    assert ids(history) == ["0001_a", "0002_dev", "0003_b"]


def test_stamp_when_it_is_missing_is_written_again_by_a_production_run(history, migrations, guard):
    history.execute(DELETE)
    migrations(FILES)

    plan = guard("runsqlmigrations", "--plan")
    run = guard("runsqlmigrations")

    assert (plan.code, run.code) == (0, 0), run.err
    assert "missing-stamp" in plan.err
    assert "Stamped the database production again" in run.err
    assert state(history) == (
        ["0001_a", "0003_b"],
        [(1, "production")],
        [("stamp", {"from": None, "to": "production"})],
    )


def test_stamp_when_its_table_is_gone_is_missing_too(history, migrations, guard):
    history.execute("DROP TABLE migration_guard_environment")
    migrations(FILES, ENVIRONMENT="dev")

    stopped = guard("runsqlmigrations")
    migrations(FILES, ENVIRONMENT="production")
    again = guard("runsqlmigrations")

    assert stopped.code == 1
    assert "missing-stamp" in stopped.err
    assert again.code == 0, again.err
    assert state(history) == (
        ["0001_a", "0003_b"],
        [(1, "production")],
        [("stamp", {"from": None, "to": "production"})],
    )


@pytest.mark.parametrize("option", ["--plan", "--check"])
def test_stamp_when_it_is_missing_is_an_error_for_who_only_looks(
    option, history, migrations, guard
):
    history.execute(DELETE)
    migrations(FILES, ENVIRONMENT="dev")

    result = guard("runsqlmigrations", option)

    assert result.code == 1
    assert "missing-stamp" in result.err
    assert "skipped  0002_dev" in result.out
    assert stamps(history) == []


def test_stamp_when_only_the_journal_is_left_counts_as_production(database, migrations, guard):
    off = "-- guard: transaction = off\n"
    files = {"0001_a.sql": f"{off}{A.strip()}\nSELECT nonsense FROM nowhere;\n"}
    migrations(files)
    assert guard("runsqlmigrations").code == 1
    database.execute(DELETE)
    migrations(files, ENVIRONMENT="dev")

    assert "missing-stamp" in guard("runsqlmigrations").err
    assert stamps(database) == []


def test_stamp_when_there_is_no_history_is_that_of_the_run(database, migrations, guard):
    migrations({"0001_a.sql": DEV}, ENVIRONMENT="dev")
    assert guard("migrate", "migration_guard").code == 0

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert (ids(database), stamps(database)) == (["0001_a"], [(1, "dev")])


def test_stamp_when_an_adoption_begins_the_history_is_that_of_the_run(sqlite, migrations, guard):
    migrations({"0001_a.sql": A}, ENVIRONMENT="dev")
    sqlite.execute("CREATE TABLE applied_migrations (id text, applied_at text)")
    sqlite.execute("INSERT INTO applied_migrations VALUES ('0001_a', '2020-01-01 00:00:00')")

    adopted = guard("runsqlmigrations", "--adopt")

    assert adopted.code == 0, adopted.err
    assert "Stamped the database dev, on its first run" in adopted.err
    assert stamps(sqlite) == [(1, "dev")]
    assert guard("runsqlmigrations").code == 0


def test_forget_and_one_off_sql_when_the_stamp_is_missing_are_as_in_production(
    history, migrations, guard, tmp_path
):
    history.execute(DELETE)
    migrations(FILES, ENVIRONMENT="dev")
    script = tmp_path / "wipe.sql"
    script.write_text("-- guard: environments = dev\nDELETE FROM a;")
    before = state(history)

    forget = guard("repairsqlmigrations", "0001_a", "--forget", "--reason", "x")
    wipe = guard("runauditedsql", script, "--reason", "x", "--expect-rows", "0")

    assert (forget.code, wipe.code) == (1, 1)
    assert "has lost its stamp, so it counts as production" in forget.err
    assert "this is production (its stamp is missing)" in wipe.err
    assert state(history) == before


# -- a stamp that cannot be understood

UNCLEAR = {
    "an unknown name": ([f"{SET}'qa'"], "stamped 'qa', which is not an environment"),
    "no name": ([f"{SET}' '"], "stamped ' ', which is not an environment"),
    "a name that looks like production": ([f"{SET}'prodution'"], 'Did you mean "production"?'),
    "two rows": (
        [
            "INSERT INTO migration_guard_environment (id, environment, stamped_at, who) "
            "SELECT 2, 'dev', stamped_at, who FROM migration_guard_environment"
        ],
        "'production' with the id 1, 'dev' with the id 2",
    ),
    "a row elsewhere": (
        ["UPDATE migration_guard_environment SET id = 2"],
        "'production' with the id 2",
    ),
}


@pytest.mark.parametrize("environment", ["production", "dev"])
@pytest.mark.parametrize("case", UNCLEAR)
def test_stamp_when_it_is_unclear_stops_every_run_and_the_named_command_mends_it(
    case, environment, history, migrations, guard
):
    statements, fact = UNCLEAR[case]
    for sql in statements:
        history.execute(sql)
    migrations(FILES, ENVIRONMENT=environment)
    before = state(history)

    message = refused(guard, 2, fact, "To stamp it again")
    plan = guard("runsqlmigrations", "--plan")
    forget = guard("repairsqlmigrations", "0001_a", "--forget", "--reason", "x")

    assert (plan.code, forget.code) == (2, 2)
    assert state(history) == before
    unconfirmed = guard("repairsqlmigrations", "--stamp", "dev", "--reason", "x")
    assert (unconfirmed.code, state(history)) == (1, before)
    command = [environment if word == "NAME" else word for word in next_command(message)]
    assert guard(*command).code == 0
    assert stamps(history) == [(1, environment)]
    assert guard("runsqlmigrations").code == 0


@pytest.mark.parametrize("name", ["prod", "live", "Production"])
def test_stamp_when_it_is_an_alias_of_production_is_production(name, history, migrations, guard):
    history.execute(f"{SET}'{name}'")
    migrations(FILES, ENVIRONMENT="dev")

    run = guard("runsqlmigrations")
    forget = guard("repairsqlmigrations", "0001_a", "--forget", "--reason", "x")

    assert run.code == 0
    assert "environment-mismatch" in run.err
    assert ids(history) == ["0001_a", "0003_b"]
    assert "is stamped production" in forget.err


def test_mismatch_when_the_stamp_is_wrong_names_a_command_that_works(history, migrations, guard):
    migrations(FILES, ENVIRONMENT="dev")

    command = next_command(guard("runsqlmigrations", "--plan").err)

    assert guard(*command).code == 0
    assert stamps(history) == [(1, "dev")]
