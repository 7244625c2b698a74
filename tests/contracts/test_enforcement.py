"""A constraint that is there and holds no row to it: what PostgreSQL does, and what is said."""

import pytest
from django.db import DatabaseError, connection, transaction

from migration_guard.contracts import (
    Check,
    Column,
    Contract,
    Exclusion,
    ForeignKey,
    PrimaryKey,
    Table,
    Unique,
    examine,
    parse,
    write,
)
from migration_guard.results import Verdict
from migration_guard.schema.read import read_snapshot
from tests.versions import needs

SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE "the orders" (
    id int CONSTRAINT "a key" REFERENCES people,
    price int CONSTRAINT price CHECK (price > 0),
    extra int CONSTRAINT extra CHECK (extra IS NOT NULL)
);
CREATE SCHEMA other;
CREATE TABLE other."the people" (id int PRIMARY KEY);
CREATE TABLE pointer (id int REFERENCES other."the people");
CREATE TABLE log (id int REFERENCES people, at int) PARTITION BY RANGE (at);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (1) TO (10);
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10) TO (20);
CREATE TABLE keys (
    id int PRIMARY KEY DEFERRABLE,
    code int UNIQUE DEFERRABLE,
    room int,
    CONSTRAINT apart EXCLUDE USING btree (room WITH =) DEFERRABLE
);
INSERT INTO people VALUES (1);
INSERT INTO "the orders" VALUES (1, 1, 1);
INSERT INTO keys VALUES (1, 1, 1);
INSERT INTO other."the people" VALUES (1);
INSERT INTO pointer VALUES (1);
"""
ORDERS_KEY = Table("the orders", foreign_keys=[ForeignKey(["id"], "people")])
LOG_KEY = Table("log", foreign_keys=[ForeignKey(["id"], "people")])
NO_PERSON = 'INSERT INTO "the orders" VALUES (7, 1, 1)'
NOT_ENFORCED = (
    'ALTER TABLE "the orders" DROP CONSTRAINT {0}, ADD CONSTRAINT {0} CHECK ({1}) NOT ENFORCED'
)

# What is relied on, what is done, a statement that then breaks it, and what is said.
CASES = {
    "its table": (
        ORDERS_KEY,
        'ALTER TABLE "the orders" DISABLE TRIGGER ALL',
        NO_PERSON,
        "the triggers of a key are disabled on the orders",
    ),
    "its table, for all but replicas": (
        ORDERS_KEY,
        'DO $$ BEGIN EXECUTE (SELECT string_agg(format(\'ALTER TABLE "the orders" ENABLE REPLICA'
        " TRIGGER %I', tgname), ';') FROM pg_trigger WHERE tgrelid = '\"the orders\"'::regclass);"
        " END $$",
        NO_PERSON,
        "the triggers of a key are disabled on the orders",
    ),
    "its target": (
        ORDERS_KEY,
        "ALTER TABLE people DISABLE TRIGGER ALL",
        "DELETE FROM people",
        "the triggers of a key are disabled on people",
    ),
    "its target in another schema": (
        Table("pointer", foreign_keys=[ForeignKey(["id"], "other.the people")]),
        'ALTER TABLE other."the people" DISABLE TRIGGER ALL',
        'DELETE FROM other."the people"',
        "the triggers of pointer_id_fkey are disabled on other.the people",
    ),
    "a partitioned table": (
        LOG_KEY,
        "ALTER TABLE log DISABLE TRIGGER ALL",
        "INSERT INTO log VALUES (7, 3)",
        "the triggers of log_id_fkey are disabled on log",
    ),
    "one partition": (
        LOG_KEY,
        "ALTER TABLE log_2 DISABLE TRIGGER ALL",
        "INSERT INTO log VALUES (7, 12)",
        "the triggers of log_id_fkey are disabled on log_2",
    ),
    "a partition that is relied on": (
        Table("log_2", foreign_keys=[ForeignKey(["id"], "people")]),
        "ALTER TABLE log DISABLE TRIGGER ALL",
        "INSERT INTO log_2 VALUES (7, 12)",
        "the triggers of log_id_fkey are disabled on log",
    ),
    "a deferrable primary key": (
        Table("keys", primary_key=PrimaryKey(["id"])),
        "ALTER TABLE keys DISABLE TRIGGER ALL",
        "INSERT INTO keys VALUES (1, 2, 2)",
        "the triggers of keys_pkey are disabled on keys",
    ),
    "a deferrable unique key": (
        Table("keys", unique=[Unique(["code"], deferrable="immediate")]),
        "ALTER TABLE keys DISABLE TRIGGER ALL",
        "INSERT INTO keys VALUES (2, 1, 2)",
        "",
    ),
    "a deferrable exclusion": (
        Table("keys", exclusions=[Exclusion("apart")]),
        "ALTER TABLE keys DISABLE TRIGGER ALL",
        "INSERT INTO keys VALUES (2, 2, 1)",
        "the triggers of apart are disabled on keys",
    ),
    "a foreign key of PostgreSQL 18": (
        ORDERS_KEY,
        'ALTER TABLE "the orders" ALTER CONSTRAINT "a key" NOT ENFORCED',
        NO_PERSON,
        "a key is NOT ENFORCED",
    ),
    "a foreign key of PostgreSQL 18 on a partition": (
        Table("log_2", foreign_keys=[ForeignKey(["id"], "people")]),
        "ALTER TABLE log ALTER CONSTRAINT log_id_fkey NOT ENFORCED",
        "INSERT INTO log_2 VALUES (7, 12)",
        "log_id_fkey is NOT ENFORCED",
    ),
    "a check of PostgreSQL 18": (
        Table("the orders", checks=[Check("price")]),
        NOT_ENFORCED.format("price", "price > 0"),
        'INSERT INTO "the orders" VALUES (1, -1, 1)',
        "price is NOT ENFORCED",
    ),
}


def _violations(contract):
    connection.close()
    assertions = examine(connection, contract).assertions
    assert Verdict.UNKNOWN not in {assertion.verdict for assertion in assertions}
    return [
        assertion.violation for assertion in assertions if assertion.verdict is Verdict.VIOLATED
    ]


@pytest.mark.parametrize("case", CASES)
def test_constraint_of_postgres_when_nothing_enforces_it_violates_and_the_hint_works(
    case, postgres
):
    table, change, breach, words = CASES[case]
    if "PostgreSQL 18" in case:
        needs(postgres, 18, "NOT ENFORCED")
    postgres.execute(SCHEMA)
    contract = Contract([table])
    assert _violations(contract) == []
    with pytest.raises(Exception, match="violates"):
        postgres.execute(breach)

    postgres.execute(change)

    (violation,) = _violations(contract)
    assert words in violation.actual
    assert violation.rule == ("not-enforced" if words else "missing-unique")
    with transaction.atomic():  # it is not held to it
        connection.cursor().execute(breach)
        transaction.set_rollback(True)
    (remedy,) = [part for part in violation.hint.split(": ")[0].split(". ") if "ALTER" in part]
    postgres.execute(remedy)
    assert _violations(contract) == []
    with pytest.raises(Exception, match="violates"):
        postgres.execute(breach)


@pytest.mark.parametrize("table", ["the orders", "log_1"])
def test_check_of_postgres_when_it_is_not_valid_has_a_hint_that_works(table, postgres):
    postgres.execute(SCHEMA)
    postgres.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "a check" CHECK (id > 0) NOT VALID')
    contract = Contract([Table(table, checks=[Check("a check")])])

    (violation,) = _violations(contract)

    assert violation.rule == "not-valid"
    postgres.execute(violation.hint.split(": ")[0])
    assert _violations(contract) == []


@pytest.mark.parametrize("case", CASES)
def test_write_of_postgres_when_a_constraint_is_not_enforced_is_kept(case, postgres):
    table, change, *_ = CASES[case]
    if "PostgreSQL 18" in case:
        needs(postgres, 18, "NOT ENFORCED")
    postgres.execute(SCHEMA)
    postgres.execute(change)

    contract = parse(write(read_snapshot(connection), [table.name]))

    assert _violations(contract) == []


def test_writable_of_postgres_when_a_check_is_not_enforced_ignores_it(postgres):
    needs(postgres, 18, "NOT ENFORCED")
    postgres.execute(SCHEMA)
    columns = [Column("id", "integer"), Column("price", "integer")]
    contract = Contract([Table("the orders", columns=columns, writable=True)])
    insert = 'INSERT INTO "the orders" (id, price) VALUES (1, 1)'
    assert [violation.rule for violation in _violations(contract)] == ["not-writable"]
    with pytest.raises(DatabaseError, match="extra"), transaction.atomic():
        connection.cursor().execute(insert)

    postgres.execute(NOT_ENFORCED.format("extra", "extra IS NOT NULL"))

    connection.cursor().execute(insert)
    assert _violations(contract) == []
