"""A connection that is lost in a step of the runner's own, or whose COMMIT gets no answer."""

from __future__ import annotations

import re

import pytest

from tests.faults.proxy import Moment, Phase, Sent
from tests.faults.record import stride
from tests.faults.state import journal
from tests.running.support import applied

OFF = "-- guard: transaction = off\n"
BOTH = ["postgresql", "mariadb"]
ON_SERVERS = pytest.mark.parametrize("database", BOTH, indirect=True)
FIRST = {
    "small": "CREATE TABLE a (id int);",
    "large": "CREATE TABLE a (id int);\n" + "-- long\n" * 20_000,
    "transaction = off": f"{OFF}CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);",
}
REST = {"2_b.sql": "CREATE TABLE b (id int);"}
RIGHTS = "needs the right"


def drop_at(number, phase, text=""):
    """Return the moment at which the `number`th statement that begins so loses its connection."""
    count = 0

    def matches(sent: Sent) -> bool:
        nonlocal count
        count += sent.text.startswith(text)
        return count == number

    moment = Moment(matches, phase)
    moment.drop()
    return moment


def wipe(database) -> None:
    """Make the database empty again."""
    if database.vendor == "postgresql":
        database.execute("DROP SCHEMA public CASCADE")
        database.execute("CREATE SCHEMA public")
        return
    for (table,) in database.execute("SHOW TABLES"):
        database.execute(f"DROP TABLE {table}")


def told_truly(database, err):
    """Check that what is said of the state is what the database has; return the words for it."""
    if match := re.search(
        r"State: (\w+) is applied and recorded; only the server's answer was lost\.", err
    ):
        assert match[1] in applied(database)
        assert "Next: run manage.py runsqlmigrations again for the rest." in err
        return "applied"
    pattern = r"State: (?:nothing of )?(\w+) was (?:rolled back as a whole|done)"
    if match := re.search(pattern, err):
        assert match[1] not in applied(database)
        assert journal(database) == []
        return "rolled back"
    if match := re.search(r"State: (\d) of (\d) statements of (\w+) are done", err):
        ((migration, _state, done, total, _doubt),) = journal(database)
        assert match.groups() == (str(done), str(total), migration)
        return "half done"
    assert "State: what was applied stays applied; the next run finds out" in err, err
    return "a step"


@ON_SERVERS
@pytest.mark.parametrize("kind", FIRST)
def test_commit_when_its_answer_is_lost_is_told_as_the_database_has_it(
    kind, database, server_proxy, migrations, runners, tried
):
    migrations({"0_own.sql": "CREATE TABLE own (id int);"})
    told = set()
    for number in range(1, 20):
        wipe(database)
        migrations({"0_own.sql": "CREATE TABLE own (id int);"})
        assert runners("runsqlmigrations").code == 0
        migrations({"0_own.sql": "CREATE TABLE own (id int);", "1_a.sql": FIRST[kind], **REST})
        moment = drop_at(number, Phase.ANSWERED, "COMMIT")
        server_proxy.begin(moment)
        result = runners("runsqlmigrations")
        server_proxy.begin()
        if not moment.reached.is_set():
            break

        assert result.code == 1, result.err
        assert "The connection was lost" in result.err
        assert "Traceback" not in result.err
        told.add(told_truly(database, result.err))
        again = runners("runsqlmigrations")
        assert again.code == 0, again.err
        assert applied(database) == ["0_own", "1_a", "2_b"]
        tried(
            f"the answer of a COMMIT is lost ({database.vendor})",
            item=2,
            result="what the message says of the migration is what the database has",
        )

    assert "applied" in told
    assert number > 2


@ON_SERVERS
@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.ANSWERED], ids=lambda phase: phase.value)
def test_connection_when_lost_at_any_statement_is_told_as_lost(
    phase, database, server_proxy, migrations, runners, tried
):
    migrations({"1_a.sql": FIRST["transaction = off"], **REST})
    number, step = 1, stride(bounded=8)
    while True:
        wipe(database)
        moment = drop_at(number, phase)
        server_proxy.begin(moment)
        result = runners("runsqlmigrations")
        server_proxy.begin()
        if not moment.reached.is_set():
            break

        where = f"{number}: {moment.sent}\n{result.err}"
        assert "Traceback" not in result.err, where
        assert RIGHTS not in result.err, where
        if result.code:
            lost = ("The connection was lost", "The run lock was lost", "No connection to")
            assert any(words in result.err for words in lost), where
        if "The connection was lost" in result.err:
            told_truly(database, result.err)
            assert "Next: " in result.err, where
        again = runners("runsqlmigrations")
        assert again.code == 0, f"{where}\n{again.err}"
        assert applied(database) == ["1_a", "2_b"]
        tried(
            f"a connection is lost at each single statement of a run in turn ({database.vendor})",
            item=2,
            result="told as lost, with the state left and what to do; the next run converges",
        )
        number += step

    assert number > 20


OWN = {"0_own.sql": "CREATE TABLE own (id int);"}
REPAIR = ("repairsqlmigrations", "1_a", "--mark-applied", "--reason", "made by hand")


def lose(database, proxy, run, moment, *command):
    """Run a command that loses its connection at that moment."""
    proxy.begin(moment)
    result = run(*command)
    proxy.begin()
    assert moment.reached.is_set()
    assert "Traceback" not in result.err
    assert RIGHTS not in result.err
    return result


@ON_SERVERS
@pytest.mark.parametrize(
    ("command", "text", "code", "state"),
    [
        (("runsqlmigrations", "--plan"), "SELECT id, number", 2, "what was applied stays applied"),
        (("runsqlmigrations", "--fake", "1_a"), "COMMIT", 2, "what was applied stays applied"),
        (REPAIR, "COMMIT", 2, "the repair and its audit entry are there, or neither."),
        (REPAIR, "SELECT id, number", 2, "nothing was changed."),
    ],
    ids=["plan", "fake", "repair, COMMIT", "repair"],
)
def test_command_when_its_connection_is_lost_tells_the_state_and_what_to_do(
    command, text, code, state, database, server_proxy, migrations, runners, tried
):
    migrations(OWN)
    assert runners("runsqlmigrations").code == 0
    migrations({**OWN, "1_a.sql": FIRST["small"]})

    moment = drop_at(1, Phase.BEFORE, text)
    result = lose(database, server_proxy, runners, moment, *command)

    assert result.code == code
    assert "The connection was lost" in result.err
    assert f"State: {state}" in result.err
    assert "Next: check that the server is up" in result.err
    assert applied(database) == ["0_own"]
    assert runners(*command).code == 0
    tried(
        "repairsqlmigrations, --fake or --plan loses its connection",
        item=2,
        result="told as lost, with the state left and what to do",
    )


@ON_SERVERS
@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.ANSWERED], ids=lambda phase: phase.value)
def test_script_when_its_commit_gets_no_answer_looks_what_became_of_it(
    phase, database, server_proxy, migrations, runners, tmp_path, tried
):
    migrations(OWN)
    assert runners("runsqlmigrations").code == 0
    script = tmp_path / "fix.sql"
    script.write_text("INSERT INTO own VALUES (1);")

    moment = drop_at(1, phase, "COMMIT")
    command = ("runauditedsql", str(script), "--reason", "ticket 42", "--expect-rows", "1")
    result = lose(database, server_proxy, runners, moment, *command)

    rows = (
        database.execute("SELECT count(*) FROM own"),
        database.execute("SELECT count(*) FROM migration_guard_audit"),
    )
    if phase is Phase.ANSWERED:
        assert (result.code, rows) == (0, ([(1,)], [(1,)])), result.err
        assert "Committed: 1 row" in result.out
    else:
        assert (result.code, rows) == (1, ([(0,)], [(0,)]))
        assert "The connection was lost" in result.err
        assert "It was rolled back: nothing was changed" in result.err
    tried(
        "the COMMIT of a one-off script gets no answer",
        item=2,
        result="what is said is what the database has",
    )
