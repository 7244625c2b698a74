"""The modes that a file gives its transactions, as the runner reads them."""

import pytest

from migration_guard.planning.modes import read_modes
from tests.planning.test_preflight import OFF, prepared

SERIALIZABLE = "ISOLATION LEVEL SERIALIZABLE"
REPEATABLE = "ISOLATION LEVEL REPEATABLE READ"
READ = [
    ("postgresql", "BEGIN", (), False),
    ("postgresql", "BEGIN WORK", (), False),
    ("postgresql", "begin isolation level serializable", (SERIALIZABLE,), False),
    ("postgresql", "BEGIN/**/TRANSACTION -- x\n READ ONLY,DEFERRABLE", ("READ ONLY", "DEFERRABLE"), False),
    ("postgresql", "START TRANSACTION READ WRITE", ("READ WRITE",), False),
    ("postgresql", "SET TRANSACTION NOT DEFERRABLE", ("NOT DEFERRABLE",), False),
    ("postgresql", "SET LOCAL TRANSACTION ISOLATION LEVEL REPEATABLE READ", (REPEATABLE,), False),
    ("postgresql", "SET TRANSACTION SNAPSHOT '0003-1'", ("SNAPSHOT",), False),
    ("postgresql", f"SET SESSION CHARACTERISTICS AS TRANSACTION {SERIALIZABLE}", (SERIALIZABLE,), True),
    ("postgresql", "SET transaction_isolation = 'serializable'", (SERIALIZABLE,), False),
    ("postgresql", "SET SESSION transaction_isolation TO serializable", (SERIALIZABLE,), False),
    ("postgresql", "SET default_transaction_isolation TO 'repeatable read'", (REPEATABLE,), True),
    ("postgresql", "SET transaction_read_only = on", ("READ ONLY",), False),
    ("postgresql", "SET transaction_read_only = off", None, False),
    ("postgresql", "SET LOCAL default_transaction_isolation = 'serializable'", None, False),
    ("postgresql", "SET search_path = transaction_isolation", None, False),
    ("postgresql", "SELECT 'SET TRANSACTION READ ONLY'", None, False),
    ("mysql", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE", (SERIALIZABLE, "READ WRITE"), False),
    ("mysql", "SET SESSION TRANSACTION READ ONLY", ("READ ONLY",), True),
    ("mysql", "SET LOCAL TRANSACTION ISOLATION LEVEL REPEATABLE READ", (REPEATABLE,), True),
    ("mysql", "SET GLOBAL TRANSACTION READ ONLY", None, False),
    ("mysql", "SET @x = 1, SESSION tx_isolation = 'REPEATABLE-READ'", (REPEATABLE,), True),
    ("mysql", "SET @@session.transaction_isolation := 'SERIALIZABLE'", (SERIALIZABLE,), True),
    ("mysql", "SET @tx_isolation = 'SERIALIZABLE'", None, False),
    ("mysql", "START TRANSACTION WITH CONSISTENT SNAPSHOT", ("WITH CONSISTENT SNAPSHOT",), False),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "text", "expected", "for_session"), READ)
def test_modes_when_a_statement_sets_some_are_read(vendor, text, expected, for_session):
    modes = read_modes(text, vendor)

    if expected is None:
        assert modes is None
    else:
        assert (modes.modes, modes.for_session) == (frozenset(expected), for_session)


def opened(text, vendor="postgresql"):
    """Return what opens each transaction of a file, None where the runner does."""
    script, problems = prepared(text, vendor)
    assert problems == []
    return [
        None if unit.modes is None else [statement.text for statement in unit.modes]
        for unit in script.units
    ]


B = f"BEGIN {SERIALIZABLE}"
SET = f"SET TRANSACTION {SERIALIZABLE}"
OPENED = [
    ("postgresql", "BEGIN; A; COMMIT", [None]),
    ("postgresql", "BEGIN READ WRITE, ISOLATION LEVEL READ COMMITTED; A; COMMIT", [None]),
    ("postgresql", "BEGIN ISOLATION LEVEL NONSENSE; A; COMMIT", [["SET TRANSACTION ISOLATION LEVEL NONSENSE"]]),
    ("postgresql", f"{B}; A; COMMIT", [[SET]]),
    ("postgresql", f"{SET}; A", [[]]),
    ("postgresql", f"{OFF}A; {B}; C; COMMIT; D; BEGIN; E; COMMIT", [None, [SET], None, None]),
    ("mysql", f"{SET}; BEGIN; INSERT INTO a VALUES (1); COMMIT; SELECT 1", [[SET], None]),
    ("mysql", f"{SET}; INSERT INTO a VALUES (1)", [[SET]]),
    ("mysql", f"SET SESSION TRANSACTION {SERIALIZABLE}; SELECT 1; CREATE TABLE a (b int)", [None, [], None]),
    ("mysql", f"SET SESSION TRANSACTION {SERIALIZABLE}; SET tx_isolation = 'READ-COMMITTED'; SELECT 1", [None, None, None]),
    ("sqlite", "BEGIN EXCLUSIVE; A; COMMIT", [None]),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "text", "expected"), OPENED)
def test_units_when_a_file_gives_them_modes_are_opened_by_them(vendor, text, expected):
    assert opened(text, vendor) == expected
