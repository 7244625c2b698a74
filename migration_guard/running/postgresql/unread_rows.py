"""Running a statement whose rows nobody reads, without keeping them.

libpq keeps the rows of a command until its end; here it gives them away in small parts. Source:
libpq manual, "Retrieving Query Results Row-by-Row or in Chunks".
"""

from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

_ROWS: Final = 100  # that libpq holds at once; a row may have megabytes
_IS_CHUNKED: Final = psycopg.capabilities.has_stream_chunked()
DONE: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)
_COPY: Final = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


def execute(driver: psycopg.Connection[Any], sql: str) -> int | None:
    """Run one statement; return the rows that it touched or returned.

    The extended protocol refuses a second statement behind it. Raises UnicodeEncodeError.
    """
    connection, encoding = driver.pgconn, driver.info.encoding
    # Rows in text, since some types, such as aclitem, have no binary form.
    connection.send_query_params(sql.encode(encoding), None)
    result, rows = driver.wait(_exchange(connection))
    if result is None:
        raise psycopg.OperationalError(connection.get_error_message(encoding))
    if result.status not in DONE:
        raise error_from_result(result, encoding=encoding)
    return rows if result.status == ExecStatus.TUPLES_OK else result.command_tuples


def read_result(connection: PGconn) -> PQGen[tuple[PGresult | None, int]]:
    """Read the answer to the next command; return its last result, and how many rows it had.

    What was sent must have left. A server that hangs up may have said why before.
    """
    # An aborted pipeline has no command whose rows could be given away.
    with suppress(psycopg.OperationalError):
        if _IS_CHUNKED:
            connection.set_chunked_rows_mode(_ROWS)
        else:
            connection.set_single_row_mode()
    last, rows = None, 0
    try:
        while (result := (yield from generators.fetch(connection))) is not None:
            last = result
            rows += result.ntuples
            if result.status in _COPY:  # libpq would give this result again and again
                break
    except psycopg.DatabaseError:
        if last is None or last.status != ExecStatus.FATAL_ERROR:
            raise
    return last, rows


def _exchange(connection: PGconn) -> PQGen[tuple[PGresult | None, int]]:
    yield from generators.send(connection)
    return (yield from read_result(connection))
