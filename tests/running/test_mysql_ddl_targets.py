"""Which objects a DDL statement of MySQL changes, read from the statement alone."""

import pytest

from migration_guard.running.mysql.ddl_targets import targets


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE IF NOT EXISTS t (id int)", [("TABLE", "`t`")]),
        ("ALTER ONLINE TABLE shop . `a``b` ADD c int", [("TABLE", "`shop`.`a``b`")]),
        ("CREATE UNIQUE INDEX i USING BTREE ON t (a)", [("TABLE", "`t`")]),
        ("DROP INDEX i ON t", [("TABLE", "`t`")]),
        ("CREATE OR REPLACE DEFINER = 'a'@'%' VIEW v AS SELECT 1, 2", [("VIEW", "`v`")]),
        ("DROP TABLE a, shop.b", [("TABLE", "`a`"), ("TABLE", "`shop`.`b`")]),
        ("RENAME TABLE a TO b, c TO d", [("TABLE", "`a`"), ("TABLE", "`c`")]),
        ("RENAME TABLE a TO spare, b TO a, spare TO b", []),
        ("RENAME TABLE A TO b, B TO a", []),
        ("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", []),
        ("ALTER TABLE t WAIT 5 EXCHANGE PARTITION p WITH TABLE u", []),
        ("CREATE TEMPORARY TABLE t (id int)", []),
        ("CREATE USER u", []),
        ("INSERT INTO t VALUES (1)", []),
    ],
)
def test_targets_when_ddl_is_read_then_they_are_what_show_create_takes(sql, expected):
    assert targets(sql) == expected
