"""Programs of MariaDB against the real server: what is split is what it accepts."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_guard.sql.statements import SQLError, split
from tests.sql.mysql_programs import ORACLE_PROGRAMS, PROGRAMS, TABLES

SIGNALLED = 1644


def test_split_when_a_file_holds_many_programs_then_mariadb_accepts_each(mariadb):
    programs = [*TABLES, *PROGRAMS, "SELECT 2"]

    assert texts(programs) == programs
    assert refusals(mariadb.connect(), programs) == []


def test_split_when_programs_are_written_for_oracle_then_mariadb_accepts_each(mariadb):
    programs = ["SET sql_mode = ORACLE", *ORACLE_PROGRAMS, "SELECT 2"]

    assert texts(programs) == programs
    assert refusals(mariadb.connect(), programs) == []


SIMPLE = st.sampled_from(
    [
        "SET @a = 1",
        "SELECT IF(1, 2, 3)",
        "DO IF(REPEAT('x', 2) = '', 2, 3)",
        "SELECT CASE @a WHEN 1 THEN 'END;' ELSE CASE WHEN 1 THEN 2 END END",
        "INSERT INTO t (id) SELECT t.end FROM t FOR UPDATE",
        "DROP TABLE IF EXISTS nowhere",
        "SELECT 1 -- END;\n + 1",
        "SELECT `end` AS end /* END IF; */ FROM t",
        "SELECT t.case, begin FROM t",
    ]
)
CONDITIONS = st.sampled_from(
    ["1", "(@a = CASE WHEN 1 THEN 2 END)", "EXISTS (SELECT 1 FROM t)", "IF(1, 2, 3)"]
)
BLOCKS = [
    "BEGIN {0} {1} END",
    "{label}: BEGIN {0} END {label}",
    "begin END",
    "IF {c} THEN {0} END IF",
    "if {c} then {0} elseif {c} then {1} else {0} end if",
    "CASE @a WHEN {c} THEN {0} WHEN 2 THEN {1} ELSE {0} END CASE",
    "CASE WHEN {c} THEN {0} {1} END CASE",
    "LOOP {0} END LOOP",
    "{label}: LOOP {0} LEAVE {label}; {1} END LOOP {label}",
    "WHILE {c} DO {0} {1} END WHILE",
    "REPEAT {0} UNTIL {c} END REPEAT",
    "FOR i IN 1..2 DO {0} END FOR",
    "FOR r IN (SELECT CASE id WHEN 1 THEN 2 END AS v FROM t) DO {0} END FOR",
    "BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND, SQLSTATE '42S02' {0} {1} END",
    "BEGIN DECLARE x int DEFAULT CASE WHEN 1 THEN 2 END; {0} END",
]


@st.composite
def blocks(draw, inner):
    """Draw a block of which each part is a statement and its terminator."""
    parts = [f"{draw(inner)};" for _ in range(2)]
    label = f"l{len(''.join(parts))}"  # longer than that of any block inside
    return draw(st.sampled_from(BLOCKS)).format(*parts, c=draw(CONDITIONS), label=label)


BODIES = st.recursive(SIMPLE, blocks, max_leaves=12)
HEADS = st.sampled_from(
    [
        "CREATE OR REPLACE PROCEDURE p() ",
        "CREATE OR REPLACE PROCEDURE p(IN a int, OUT b enum('x', ';')) COMMENT 'a' NO SQL ",
        "CREATE OR REPLACE EVENT e ON SCHEDULE EVERY 1 DAY DO ",
    ]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=HEADS, body=BODIES)
def test_split_when_blocks_are_nested_in_any_way_then_mariadb_accepts_the_statement(
    mariadb, head, body
):
    program = f"{head}{body}"

    assert texts([program, "SELECT 2"]) == [program, "SELECT 2"]
    with contextlib.closing(mariadb.open()) as connection:
        assert refusals(connection, [program]) == []


def test_split_when_the_text_ends_before_the_body_names_a_place_in_it():
    text = "ENd;CREATE TRIGGER"

    with pytest.raises(SQLError, match="DELIMITER") as refused:
        split(text, "mysql")

    assert 0 <= refused.value.offset <= len(text)


def texts(programs):
    return [statement.text for statement in split(";\n".join(programs), "mysql")]


def refusals(connection, programs):
    """Return what the server refuses, but for errors that the program itself raises."""
    answers = []
    for program in programs:
        with contextlib.closing(connection.cursor()) as cursor:
            try:
                cursor.execute(program)
                while cursor.nextset():
                    pass
            except connection.Error as error:
                if error.args[0] != SIGNALLED:
                    answers.append((program, str(error)))
    return answers
