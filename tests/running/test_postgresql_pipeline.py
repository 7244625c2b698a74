"""Statements that go to PostgreSQL together, and what comes back of them."""

import importlib

import psycopg
import pytest
from psycopg import generators
from psycopg.pq import TransactionStatus

from migration_guard.running import events, executor
from migration_guard.running.postgresql import pipeline as pipeline_module
from migration_guard.running.postgresql.pipeline import Pipeline, run_together
from migration_guard.sql.statements import split
from tests.running.support import applied


@pytest.fixture
def driver(postgres):
    with postgres.open() as connection:
        yield connection


def test_run_when_all_goes_well_answers_each_command_with_its_rows(driver):
    pipeline = Pipeline(driver, {})
    commands = [
        pipeline.add("SELECT %s || '%%', %s::int", ("a", 1)),
        pipeline.add("SELECT '%% %s'"),
        pipeline.add("CREATE TABLE a (id int)"),
        pipeline.add("SELECT id FROM a"),
    ]

    pipeline.run()

    assert [pipeline.rows(each) for each in commands] == [[("a%", 1)], [("%% %s",)], [], []]
    assert pipeline.stopped_at is None


def test_run_when_one_fails_names_it_and_leaves_the_connection_in_use(driver):
    pipeline = Pipeline(driver, {})
    first, second, third = split("SELECT 1; SELECT 1/0; CREATE TABLE a (id int)", "postgresql")
    for statement in (first, second, third):
        pipeline.add(statement.text, statement=statement)

    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.run()

    assert pipeline.stopped_at.statement is second
    assert driver.info.transaction_status is TransactionStatus.IDLE
    assert driver.execute("SELECT to_regclass('a')").fetchall() == [(None,)]


@pytest.mark.parametrize("before", [0, 2])
def test_run_when_the_server_ends_the_session_raises_what_it_said(driver, before):
    pipeline = Pipeline(driver, {})
    for number in range(before):
        pipeline.add(f"SELECT {number}")
    last = pipeline.add("SELECT pg_terminate_backend(pg_backend_pid())")
    pipeline.add("SELECT 3")

    with pytest.raises(psycopg.errors.AdminShutdown, match="administrator command"):
        pipeline.run()

    assert pipeline.stopped_at is last
    assert driver.closed


def test_prepared_when_it_comes_again_is_not_sent_again(driver):
    prepared = {}
    found = []
    for number in range(3):
        pipeline = Pipeline(driver, prepared)
        commands = (
            pipeline.add_prepared("SELECT %s || '%%'", (str(number),)),
            pipeline.add_prepared("SELECT '%% %s'", ()),
        )
        pipeline.run()
        found += [pipeline.rows(each)[0][0] for each in commands]

    assert found == ["0%", "%% %s", "1%", "%% %s", "2%", "%% %s"]
    names = driver.execute("SELECT name FROM pg_prepared_statements").fetchall()
    assert {name.decode() for name in prepared.values()} == {name for (name,) in names}
    assert len(names) == 2


def test_prepared_when_the_pipeline_failed_before_it_is_not_taken_for_prepared(driver):
    prepared = {}
    pipeline = Pipeline(driver, prepared)
    pipeline.add("SELECT 1/0")
    pipeline.add_prepared("SELECT %s", ("a",))

    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.run()

    assert prepared == {}


def test_run_together_when_one_fails_raises_its_error_and_the_rest_is_not_done(driver):
    assert run_together(driver, "BEGIN; COMMIT; SELECT 1, '%s'") == [(1, "%s")]

    with pytest.raises(psycopg.errors.DivisionByZero):
        run_together(driver, "SELECT 1; SELECT 1/0; CREATE TABLE a (id int)")

    assert driver.execute("SELECT to_regclass('a')").fetchall() == [(None,)]


# -- a psycopg without the names that the pipeline takes from it


@pytest.fixture(params=["execute", "fetch", "fetch_many", "send"])
def lacking(request):
    """Take a name away from psycopg, as a newer one may."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(generators, request.param)
        importlib.reload(pipeline_module)
    # Given back at once, since psycopg calls some of them by these names itself.
    yield
    importlib.reload(pipeline_module)


def test_run_when_psycopg_lacks_a_name_sends_statement_by_statement(postgres, migrations, lacking):
    migrations(
        {
            "1_a.sql": "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)",
            "2_b.sql": "INSERT INTO a VALUES (2); SELECT 1/0",
        }
    )
    seen = []

    outcome = executor.run(observe=seen.append)

    steps = [(event.id, event.number) for event in seen if isinstance(event, events.Step)]
    assert steps == [("1_a", 1), ("1_a", 2), ("2_b", 1), ("2_b", 2)]
    assert "2_b failed" in outcome.error.message
    assert "statement 2 of 2" in outcome.error.message
    assert applied(postgres) == ["1_a"]
    assert postgres.execute("SELECT id FROM a") == [(1,)]
