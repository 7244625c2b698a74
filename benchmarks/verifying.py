"""What each contestant is asked after a run: that it did the work that it is measured for.

Each function returns a `verify` of a contestant: it takes what the process said, and raises
FailedError where there is less, or more, than there should be. None of it is measured.
"""

import re
from collections.abc import Callable

from benchmarks.measuring import FailedError
from benchmarks.servers import PostgreSQL

Verify = Callable[[str], None]

# The writer of a row tells the transaction: one and the same for the index and the added column,
# and another for each table. The UPDATE finds no rows, and leaves nothing to count.
_MIGRATED = """\
SELECT count(*), count(i.oid), count(a.attname), count(DISTINCT a.xmin::text),
    count(*) FILTER (WHERE i.xmin::text = a.xmin::text)
FROM (SELECT 't' || lpad(n::text, 5, '0') AS name FROM generate_series(1, %s) AS n) AS made
JOIN pg_class t ON t.oid = to_regclass('public.' || name) AND t.relkind = 'r'
LEFT JOIN pg_class i ON i.oid = to_regclass('public.' || name || '_name')
    AND i.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = t.oid AND indisvalid)
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'price'
    AND format_type(a.atttypid, a.atttypmod) = 'numeric(10,2)'
"""
_COUNTED = ("tables", "indexes", "columns `price`", "transactions", "migrations in one transaction")


def migrated(
    server: PostgreSQL, count: int, history: str = "", *, savepoints: bool = False
) -> Verify:
    """Expect the work of `count` migrations, each in a transaction of its own, and its record.

    With `savepoints` around each statement no row tells the transaction that it was written in.
    """

    def verify(_said: str) -> None:
        with server.open() as connection:
            found = connection.execute(_MIGRATED, (count,)).fetchone() or ()
        for number, what in list(zip(found, _COUNTED, strict=True))[: -1 if savepoints else None]:
            _expect(number, count, what)
        if history:
            recorded(server, count, history)("")

    return verify


def recorded(server: PostgreSQL, count: int, history: str) -> Verify:
    """Expect exactly `count` rows; `history` is a table, and a condition if need be."""

    def verify(_said: str) -> None:
        with server.open() as connection:
            found = connection.execute(f"SELECT count(*) FROM {history}").fetchone() or (0,)
        _expect(found[0], count, f"rows in {history}")

    return verify


def says(pattern: str, count: int = 1) -> Verify:
    """Expect `count` places in what the process said that match, no more and no fewer."""
    expression = re.compile(pattern, re.MULTILINE)
    return lambda said: _expect(len(expression.findall(said)), count, f"times {pattern!r}")


def kept(least: int) -> Verify:
    """Expect `checkschema` to say that it compared so much at least, and found all as it should."""

    def verify(said: str) -> None:
        found = re.search(r"^(\d+) assertions about .*: (\d+) kept\.$", said, re.MULTILINE)
        assertions, as_said = map(int, found.groups()) if found else (0, 0)
        if assertions < least or as_said != assertions:
            raise FailedError(f"{as_said} of {assertions} assertions kept; {least} expected")

    return verify


def _expect(found: int, count: int, what: str) -> None:
    if found != count:
        raise FailedError(f"{found} {what}, not {count}")
