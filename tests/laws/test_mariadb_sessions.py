"""MariaDB: what is told of a statement is what sessions meet that read and write meanwhile."""

import contextlib
import threading
from time import perf_counter

import pytest

from migration_guard.impact.mysql.asking import run_as_accepted
from migration_guard.impact.mysql.effects import effects_of
from migration_guard.impact.mysql.trials import trials
from tests.impact.mariadb_statements import GOLDEN, SCHEMA
from tests.impact.test_mariadb import find_other_outcomes

ROWS = 50_000
FILL = (
    f"INSERT INTO p SELECT seq, seq FROM seq_1_to_{ROWS}",
    "INSERT INTO t (a, b, c, d) SELECT CONCAT('a', seq), 1, seq, REPEAT('word ', 30) "
    f"FROM seq_1_to_{ROWS}",
    "ALTER TABLE parts REORGANIZE PARTITION p0, p1 INTO "
    f"(PARTITION p0 VALUES LESS THAN ({10 * ROWS}))",
    f"INSERT INTO parts SELECT seq, 1 FROM seq_1_to_{5 * ROWS}",
)
# Each takes long enough here for sessions to meet it many times.
STATEMENTS = [
    "ALTER TABLE t MODIFY b bigint NOT NULL",
    "ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES p (id)",
    "ALTER TABLE t FORCE",
    "ALTER TABLE t ADD INDEX i (a)",
    "CREATE FULLTEXT INDEX i ON t (d)",
    "ALTER TABLE parts REMOVE PARTITIONING",
    "CREATE TABLE kids (id int PRIMARY KEY, c int, FOREIGN KEY (c) REFERENCES p (id)) "
    "SELECT id, c FROM t",
]
ASK = {
    "readers": "SELECT COUNT(*) FROM {} WHERE id = 7",
    "writers": "DELETE FROM {} WHERE id = -7",
}


class Prober:
    """A session that reads or writes again and again, and never waits."""

    def __init__(self, connection, sql):
        self._cursor = connection.cursor()
        self._cursor.execute("SET SESSION lock_wait_timeout = 0, innodb_lock_wait_timeout = 0")
        self._sql = sql
        self._seconds = {True: 0.0, False: 0.0}  # granted, refused
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        refused = pytest.importorskip("MySQLdb").OperationalError
        last = perf_counter()
        while not self._is_over.is_set():
            is_granted = True
            try:
                self._cursor.execute(self._sql)
                self._cursor.fetchall()
            except refused:
                is_granted = False
            now = perf_counter()
            self._seconds[is_granted] += now - last
            last = now

    @property
    def waits(self):
        """Whether it was refused most of the time."""
        return self._seconds[False] > self._seconds[True]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_who_waits_for_a_statement_is_who_the_effects_name(mariadb, sql):
    driver_error = pytest.importorskip("MySQLdb").Error
    for made in (*SCHEMA, *FILL):
        mariadb.execute(made)
    tables = [table for table in ("t", "p", "parts") if table in GOLDEN.get(sql, {"t": ""})]
    probers = {
        (table, who): Prober(mariadb.connect(), ask.format(table))
        for table in tables
        for who, ask in ASK.items()
    }

    with contextlib.ExitStack() as stack:
        for prober in probers.values():
            stack.enter_context(prober)
        _rows, trial = run_as_accepted(sql, trials(sql), mariadb.execute, driver_error)

    told = {
        (effect.table, who)
        for effect in effects_of(sql, trial)
        for who, waits in (
            ("readers", effect.shuts_out_readers),
            ("writers", effect.shuts_out_writers),
        )
        if waits
    }
    assert {key for key, prober in probers.items() if prober.waits} == told


def test_outcome_of_each_statement_is_the_same_without_trials(mariadb):
    assert find_other_outcomes(mariadb, GOLDEN) == {}
