"""What kind a statement of MySQL is that commits by itself, read from the statement alone."""

import pytest

from migration_guard.running.mysql.lone_statements import (
    innermost,
    is_code,
    is_repeatable,
    names_accounts,
    remainder,
)


@pytest.mark.parametrize(
    ("sql", "code", "repeatable"),
    [
        ("CALL p()", True, False),
        ("EXECUTE IMMEDIATE 'DROP TABLE a'", True, False),
        ("BEGIN NOT ATOMIC SELECT 1; END", True, False),
        ("IF 1 THEN SELECT 1; END IF", True, False),
        ("x: LOOP LEAVE x; END LOOP", True, False),
        ("ANALYZE UPDATE a SET n = 1", True, False),
        ("ANALYZE FORMAT=JSON UPDATE a SET n = 1", True, False),
        ("ANALYZE TABLE a", False, True),
        ("ANALYZE NO_WRITE_TO_BINLOG TABLE a", False, True),
        ("OPTIMIZE TABLE a", False, True),
        ("CREATE TEMPORARY TABLE a (id int)", False, True),
        ("CREATE TABLE a (id int)", False, False),
        ("TRUNCATE TABLE a", False, False),
        ("/*!40101 CALL p() */", True, False),
    ],
)
def test_statement_when_interrupted_is_code_or_may_run_again_or_neither(sql, code, repeatable):
    assert (is_code(sql), is_repeatable(sql)) == (code, repeatable)


@pytest.mark.parametrize(
    ("sql", "inner"),
    [
        ("SET STATEMENT max_statement_time = 1 FOR CALL p()", "CALL p()"),
        ("set statement a=1, b=2 for set statement c=3 for DROP TABLE t", "DROP TABLE t"),
        ("SET @a = 1", "SET @a = 1"),
        ("SELECT 1 FOR UPDATE", "SELECT 1 FOR UPDATE"),
    ],
)
def test_innermost_when_a_statement_is_wrapped_is_what_runs(sql, inner):
    assert innermost(sql) == inner


@pytest.mark.parametrize(
    ("sql", "rest"),
    [
        ("DROP TABLE a, b, c", "DROP TABLE IF EXISTS `a`, `c`"),
        ("DROP VIEW IF EXISTS a, b, s.c CASCADE", "DROP VIEW IF EXISTS `a`, `s`.`c`"),
        ("RENAME TABLE a TO x, b TO y, c TO z", "RENAME TABLE `a` TO `x`, `c` TO `z`"),
        ("CREATE TABLE a (id int)", ""),
    ],
)
def test_remainder_when_one_of_three_is_done_is_the_statement_for_the_others(sql, rest):
    assert remainder(sql, [False, True, False]) == rest


@pytest.mark.parametrize(
    ("sql", "several"),
    [
        ("DROP USER a, b", True),
        ("CREATE ROLE a", False),
        ("GRANT SELECT, INSERT ON t TO a", False),
        ("GRANT SELECT ON t TO a, b", True),
        ("REVOKE ALL PRIVILEGES, GRANT OPTION FROM a", False),
        ("DROP TABLE a, b", False),
    ],
)
def test_accounts_when_several_are_named_may_be_done_one_by_one(sql, several):
    assert names_accounts(sql) is several
