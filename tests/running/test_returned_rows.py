"""The rows that a statement returns: counted, not kept, and an error among them is not missed."""

import pytest

from migration_guard.running import connecting
from migration_guard.sql.statements import split
from tests.running.support import applied

OFF = "-- guard: transaction = off\n"
SERIES = {
    "postgresql": "SELECT generate_series(1, 250)",
    "mysql": "SELECT seq FROM seq_1_to_250",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 250) "
    "SELECT n FROM s",
}
# What fails behind rows that were sent already.
FAILING = {
    "postgresql": ("SELECT 1 / (5000 - n) FROM generate_series(1, 9000) n", "division by zero"),
    "mysql": (
        "SELECT IF(seq = 5000, (SELECT 1 UNION SELECT 2), 1) FROM seq_1_to_9000",
        "returns more than 1 row",
    ),
    "sqlite": (
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 9000) "
        "SELECT abs(-9223372036854775807 - (n >= 5000)) FROM s",
        "integer overflow",
    ),
}


def test_rows_when_a_statement_returns_or_writes_them_are_counted(database):
    texts = {
        "CREATE TABLE a (id integer)": None,
        SERIES[database.vendor]: 250,
        f"INSERT INTO a {SERIES[database.vendor]}": 250,
        "DELETE FROM a WHERE id > 200": 50,
        "SELECT id FROM a WHERE id > 300": 0,
        "SELECT id FROM a WHERE id < 4": 3,
    }
    if database.vendor == "postgresql":
        texts |= {"UPDATE a SET id = 0 RETURNING id": 200, "VALUES (1), (2)": 2, "SHOW ALL": None}
    with connecting.open_connection("default") as (connection, _facts):
        for text, rows in texts.items():
            (statement,) = split(text, database.vendor)
            counted = connection.execute(statement, text)

            assert counted == rows or (text == "SHOW ALL" and counted > 100), text


@pytest.mark.parametrize("header", ["", OFF], ids=["together", "one by one"])
def test_run_when_a_statement_fails_behind_its_first_rows_says_so(
    header, database, migrations, guard
):
    text, error = FAILING[database.vendor]
    folder = migrations({"0001_a.sql": f"{header}CREATE TABLE a (id integer);\n{text};\n"})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert error in result.err
    assert "statement 2" in result.err
    assert applied(database) == []

    (folder / "0001_a.sql").write_text(
        f"{header}CREATE TABLE a (id integer);\n{SERIES[database.vendor]};\n"
    )

    assert guard("runsqlmigrations").code == 0
    assert applied(database) == ["0001_a"]


@pytest.mark.parametrize("header", ["", OFF], ids=["together", "one by one"])
def test_rows_of_a_type_without_a_binary_form_are_read(header, postgres, migrations, guard):
    migrations({"0001_a.sql": f"{header}SELECT relacl FROM pg_class;\n"})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err


def test_results_of_a_procedure_are_all_read(mariadb, migrations, guard):
    series = SERIES["mysql"]
    migrations(
        {
            "0001_a.sql": f"DELIMITER //\nCREATE PROCEDURE p() BEGIN {series}; {series}; END//\n"
            "DELIMITER ;\nCALL p();\nCREATE TABLE a (id integer);\n",
            "0002_b.sql": "CALL p();\n",
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert applied(mariadb) == ["0001_a", "0002_b"]
