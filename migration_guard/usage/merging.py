"""One list of statements from several: of workers, of runs, of programs.

Pure. Where one function sends texts that differ in a literal only, the literal is a value that was
formatted into the SQL. None of these texts is kept.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import Final

from migration_guard.sql.dialects import dialect
from migration_guard.usage.normal_form import normal_form
from migration_guard.usage.statement import Statement, digest

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
        joined.append(replace(copies[0], callers=tuple(sorted(callers))))
    return joined


def _without_values(statements: Iterable[Statement]) -> list[Statement]:
    by_skeleton: defaultdict[tuple[str, ...], list[Statement]] = defaultdict(list)
    skeletons = {}
    for statement in statements:
        skeleton = normal_form(statement.sql, dialect(statement.vendor)).skeleton
        skeletons[statement] = skeleton
        for caller in statement.callers if statement.sql else ():
            key = (statement.vendor, statement.database, skeleton, caller)
            by_skeleton[key].append(statement)
    formatted = {
        statement for group in by_skeleton.values() if len(group) > 1 for statement in group
    }
    return [
        without_text(statement, skeleton) if statement in formatted else statement
        for statement, skeleton in skeletons.items()
    ]


def without_text(statement: Statement, skeleton: str) -> Statement:
    """Return a statement as one line that says where; its skeleton has no literal."""
    id_ = digest(statement.vendor, skeleton)
    formatted = Statement(id_, statement.vendor, "", statement.callers, unchecked=FORMATTED)
    return formatted.sent_to(statement.database)


def _preference(statement: Statement) -> tuple[bool, int, str]:
    return bool(statement.unchecked), len(statement.sql), statement.sql
