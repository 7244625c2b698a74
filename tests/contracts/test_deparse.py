"""Expressions as the server writes them, and what stays behind: nothing."""

import pytest
from django.db import DatabaseError, connection, transaction

from migration_guard.contracts import Check, Column, Contract, Table, examine
from migration_guard.contracts.deparse import caching_deparser
from migration_guard.exceptions import CannotTell
from migration_guard.results import Verdict
from migration_guard.running import connecting
from migration_guard.schema.deparse import Question
from migration_guard.schema.read import read_snapshot

TABLE = (
    "CREATE TABLE prices (price decimal(10, 2) DEFAULT 1.5, name varchar(40) DEFAULT 'a', "
    "{double} decimal(20, 2) GENERATED ALWAYS AS (price * 2) STORED, "
    "CONSTRAINT price_range CHECK (price BETWEEN 0 AND 100))"
).replace("{double}", "twice")


@pytest.fixture
def prices(database):
    database.execute(TABLE)
    return database


def _contract(**column):
    return Contract([Table("prices", [Column("price", **column)])])


def _verdicts(contract):
    return {
        assertion.id: assertion.verdict for assertion in examine(connection, contract).assertions
    }


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("price between 0 AND (100)", Verdict.KEPT),
        ("price BETWEEN 0 AND 99", Verdict.VIOLATED),
        ("prize > 0", Verdict.VIOLATED),
        ("price >", Verdict.UNKNOWN),
        ("price > 0); DROP TABLE prices; SELECT (1", Verdict.UNKNOWN),
        ("price > 0 -- ", Verdict.VIOLATED),
        ("name LIKE '%s%%'", Verdict.VIOLATED),
    ],
)
def test_check_when_an_expression_is_spelt_otherwise_then_the_server_decides(
    prices, expression, verdict
):
    contract = Contract([Table("prices", checks=[Check(expression=expression)])])

    assertions = examine(connection, contract).assertions

    assert [assertion.verdict for assertion in assertions] == [Verdict.KEPT, verdict]
    assert prices.execute("SELECT count(*) FROM prices") == [(0,)]


def test_contract_when_it_says_nothing_then_no_database_keeps_it(sqlite):
    for contract in (Contract(), Contract(source="schema_contract.toml:1")):
        with pytest.raises(CannotTell, match="contract is empty"):
            examine(connection, contract)


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_generated_when_spelt_otherwise_then_the_server_decides(prices):
    twice = Table("prices", [Column("twice", generated="(2) * price", stored=True)])
    same = Table("prices", [Column("twice", generated="((price)*(2))", stored=True)])

    assert Verdict.VIOLATED in _verdicts(Contract([twice])).values()
    assert set(_verdicts(Contract([same])).values()) == {Verdict.KEPT}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_default_when_the_server_computes_the_literal_then_it_is_the_same(database):
    database.execute("CREATE TABLE prices (price date DEFAULT '2026-01-02')")

    assert set(_verdicts(_contract(default="'2026-1-2'")).values()) == {Verdict.KEPT}
    assert set(_verdicts(_contract(default="'2026-1-3'")).values()) == {
        Verdict.KEPT,
        Verdict.VIOLATED,
    }


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_spelling_when_asked_then_nothing_stays_behind(prices):
    before = read_snapshot(connection)
    ask = Question(before.table("prices"), "check", "price between 0 and 99", "price > 0")

    with transaction.atomic():
        inside = caching_deparser(connection)(ask)
        assert connection.in_atomic_block
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    outside = caching_deparser(connection)(ask)

    assert inside == outside
    assert "99" in inside.stated
    assert read_snapshot(connection) == before
    assert connection.get_autocommit()


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_spelling_when_the_session_only_reads_then_the_server_still_answers(prices):
    with connecting.open_connection("default", read_only=True) as (connection, _facts):
        known = read_snapshot(connection.wrapper)
        ask = Question(known.table("prices"), "check", "price between 0 and 99", "price > 0")

        assert "99" in caching_deparser(connection.wrapper)(ask).stated


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_spelling_when_the_server_has_no_such_thing_then_it_has_no_spelling(prices):
    table = read_snapshot(connection).table("prices")

    assert caching_deparser(connection)(Question(table, "key", "lower(name)", "name")) is None


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_reading_when_the_connection_is_lost_then_that_is_no_fact(prices):
    ask = Question(read_snapshot(connection).table("prices"), "check", "price > 0", "price > 1")
    own, kill = {
        "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
        "mysql": ("SELECT connection_id()", "KILL {}"),
    }[prices.vendor]

    for question in (lambda: read_snapshot(connection), lambda: caching_deparser(connection)(ask)):
        with connection.cursor() as cursor:
            cursor.execute(own)
            prices.execute(kill.format(*cursor.fetchone()))
        with pytest.raises(DatabaseError):
            question()
        connection.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_check_when_the_role_may_only_read_then_the_server_still_decides(prices):
    name = prices.settings["NAME"]
    prices.execute("CREATE ROLE mg_reader LOGIN PASSWORD 'reader'")
    try:
        prices.execute(f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC')
        prices.execute("GRANT SELECT ON prices TO mg_reader")
        prices.configure(USER="mg_reader", PASSWORD="reader")
        expressions = ("price < 7", "price BETWEEN 0 AND (100)")
        checks = [Check(expression=expression) for expression in expressions]

        assertions = examine(connection, Contract([Table("prices", checks=checks)])).assertions

        verdicts = [assertion.verdict for assertion in assertions]
        assert verdicts == [Verdict.KEPT, Verdict.VIOLATED, Verdict.KEPT]
    finally:
        connection.close()
        prices.execute("DROP OWNED BY mg_reader")
        prices.execute("DROP ROLE mg_reader")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_check_when_another_session_locks_the_table_then_its_expressions_are_unknown(prices):
    contract = Contract(
        [
            Table(
                "prices",
                [Column("price", "numeric(10, 2)", default="1.5")],
                checks=[Check(expression="price < 7")],
            )
        ]
    )
    other = prices.connect()
    other.execute("BEGIN")
    other.execute("LOCK TABLE prices IN ACCESS EXCLUSIVE MODE")

    examination = examine(connection, contract)

    assert {assertion.id: assertion.verdict for assertion in examination.assertions} == {
        "prices::exists": Verdict.KEPT,
        "prices::price::exists": Verdict.KEPT,
        "prices::price::type": Verdict.KEPT,
        "prices::price::default": Verdict.UNKNOWN,
        "prices::check(price < 7)": Verdict.UNKNOWN,
    }
    assert {assertion.unknown for assertion in examination.unknown} == {"locked by another session"}
    other.execute("ROLLBACK")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", ["n" * 70, "é" * 40])
def test_check_when_its_name_is_longer_than_the_server_keeps_is_found(prices, name):
    prices.execute(f'ALTER TABLE prices ADD CONSTRAINT "{name}" CHECK (price < 7)')
    contract = Contract([Table("prices", checks=[Check(name=name)])])

    assert {assertion.verdict for assertion in examine(connection, contract).assertions} == {
        Verdict.KEPT
    }
