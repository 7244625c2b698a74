"""One list of statements from several: of workers, of runs, of programs.

Pure. Where one function sends texts that differ in a literal only, the literal is a value that was
formatted into the SQL. None of these texts is kept.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from migration_guard.sql.dialects import dialect
from migration_guard.usage.normal_form import skeleton
from migration_guard.usage.statement import Statement, digest, widest

FORMATTED: Final = "values are formatted into the SQL: pass them as parameters"


def merge(statements: Iterable[Statement]) -> list[Statement]:
    """Return each statement once, with the callers of all its copies, in a stable order.

    Of several texts the shortest one stays, and one that can be checked goes before others.
    """
    return _join(_without_values(_join(statements)))


def _join(statements: Iterable[Statement]) -> list[Statement]:
    ordered = sorted(statements, key=lambda statement: (*statement.order, _preference(statement)))
    joined = []
    for _order, group in groupby(ordered, lambda statement: statement.order):
        copies = list(group)
        callers = {caller for copy in copies for caller in copy.callers}
        # Each process saw other values.
        alike = [copy for copy in copies if _preference(copy) == _preference(copies[0])]
        joined.append(
            replace(
                copies[0],
                callers=tuple(sorted(callers)),
                parameters=widest([copy.parameters for copy in alike if copy.parameters]),
                columns=max((copy.columns for copy in alike), key=len),
            )
        )
    return joined


def _without_values(statements: Sequence[Statement]) -> list[Statement]:
    """Return the statements without the texts of places that send others, too."""
    lines = {statement: without_text(statement) for statement in statements if statement.sql}
    # A place whose values one process saw, and another did not, has a line already.
    places = Counter(
        (line.order, caller)
        for line in (lines.get(statement, statement) for statement in statements)
        for caller in line.callers
    )
    return [
        line
        if (line := lines.get(statement, statement)) is not statement
        and any(places[line.order, caller] > 1 for caller in line.callers)
        else statement
        for statement in statements
    ]


def without_text(statement: Statement) -> Statement:
    """Return a statement as one line that says where; its digest is that of its skeleton."""
    id_ = digest(statement.vendor, skeleton(statement.sql, dialect(statement.vendor)))
    formatted = Statement(id_, statement.vendor, "", statement.callers, unchecked=FORMATTED)
    return formatted.sent_to(statement.database)


def _preference(statement: Statement) -> tuple[bool, int, str]:
    return bool(statement.unchecked), len(statement.sql), statement.sql
