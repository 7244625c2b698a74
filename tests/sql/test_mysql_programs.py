"""Programs of MariaDB against the real server: what is split is what it accepts."""

import contextlib

from migration_guard.sql.statements import split
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
