"""The server's clock steps back between two runs: told, and nothing runs twice or is forgotten."""

import shutil

import pytest

from tests.conftest import installed
from tests.faults import own_server
from tests.running.support import applied

HOUR = 3600
TABLE = "CREATE TABLE {} (id int)"
FILES = {f"{number}_{name}.sql": TABLE.format(name) for number, name in enumerate("abcd", 1)}
needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None, reason="THE CLOCK OF A SERVER NOT MOVED: there is no C compiler"
)


def first(count):
    return dict(list(FILES.items())[:count])


def ids(database):
    return [row[0] for row in database.execute("SELECT id FROM applied_migrations ORDER BY number")]


@pytest.fixture
def clock(django_db_blocker):
    """Give a server whose clock can be moved, and a database there as Django's `default`."""
    with own_server.stepping_clock() as library, own_server.own_server() as server:
        server.stop()
        server.start(clock=library)
        with server.server.database() as database, installed(database, django_db_blocker):
            yield server, database


@needs_compiler
def test_clock_when_it_steps_back_between_runs_is_a_warning_and_all_run_once(
    clock, migrations, guard, tried
):
    server, database = clock
    server.move_clock(HOUR)
    migrations(first(2))
    ahead = guard("runsqlmigrations")
    server.move_clock(0)
    database.close()
    migrations(first(3))

    plan, behind, again = (
        guard("runsqlmigrations", *args) for args in (("--plan",), (), ("--format", "json"))
    )

    assert [result.code for result in (ahead, plan, behind, again)] == [0, 0, 0, 0], behind.err
    assert "clock" not in ahead.err
    for text in plan.err, behind.err:
        assert "warning[clock] the server's clock shows " in text
        assert "has a later time (2_b at " in text
        assert "Later than now: 1_a, 2_b" in text
    assert [problem["rule"] for problem in again.json["problems"]] == ["clock"]
    assert ids(database) == ["1_a", "2_b", "3_c"]
    assert applied(database) == ["3_c", "1_a", "2_b"]
    server.move_clock(2 * HOUR)
    migrations(FILES)
    later = guard("runsqlmigrations")
    assert later.code == 0
    assert "info[clock] by their times these migrations ran after a higher number" in later.err
    assert "explains: 1_a, 2_b" in later.err
    assert ids(database) == ["1_a", "2_b", "3_c", "4_d"]
    tried(
        "the server's clock steps back an hour between two runs",
        item=6,
        result="a warning names the rows that are later than now; each migration applied once",
    )


@needs_compiler
def test_clock_when_it_steps_back_within_a_run_the_times_still_increase(clock, migrations, guard):
    """Each file moves the server's clock back: an hour further than the one before."""
    server, database = clock
    off = "-- guard: transaction = off\n"
    migrations(
        {
            f"{number}_m.sql": (off if number % 2 else "")
            + f"COPY (SELECT {-number * HOUR}) TO '{server.data}/clock'"
            for number in range(1, 7)
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(database) == [f"{number}_m" for number in range(1, 7)]


def test_clock_when_rows_are_later_than_now_is_a_warning_on_every_vendor(
    database, migrations, guard
):
    migrations(first(2))
    assert guard("runsqlmigrations").code == 0
    later = {
        "postgresql": "applied_at + interval '1 hour'",
        "mysql": "applied_at + INTERVAL 1 HOUR",
        "sqlite": "strftime('%Y-%m-%d %H:%M:%f', applied_at, '+1 hour')",
    }[database.vendor]
    database.execute(f"UPDATE applied_migrations SET applied_at = {later} WHERE id = '1_a'")
    migrations(first(3))

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert "warning[clock]" in result.err
    assert "Later than now: 1_a." in result.err.replace("\n", ".")
    assert ids(database) == ["1_a", "2_b", "3_c"]


REORDERED = {
    "out of order": (["runsqlmigrations", "--allow-out-of-order"],),
    "faked late": (["runsqlmigrations", "--fake", "1_a"],),
    "marked by hand": (["repairsqlmigrations", "1_a", "--mark-applied", "--reason", "x"],),
}


@pytest.mark.parametrize("case", REORDERED)
def test_clock_when_an_act_explains_the_order_says_nothing(case, sqlite, migrations, guard):
    migrations({"2_b.sql": FILES["2_b.sql"]})
    assert guard("runsqlmigrations").code == 0
    migrations(first(3))
    for args in REORDERED[case]:
        assert guard(*args).code == 0

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(sqlite) == ["2_b", "1_a", "3_c"]
    assert "[clock]" not in result.err
