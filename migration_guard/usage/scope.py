"""How many recorded statements a check asks about, and what it leaves out. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from migration_guard.exceptions import CannotTell
from migration_guard.results import UsageScope
from migration_guard.usage.servers import server
from migration_guard.usage.statement import Statement
from migration_guard.vendors import VENDORS

_SEVERAL: Final = 2


def scope_of(statements: Sequence[Statement], vendor: str) -> UsageScope:
    """Return the scope of a check of these statements on a vendor's server."""
    reasons = Counter(filter(None, (_why_not_asked(statement, vendor) for statement in statements)))
    untold = f"{VENDORS[vendor].title} does not tell {server(vendor).untold}"
    asked = len(statements) - reasons.total()
    return UsageScope(len(statements), asked, tuple(reasons.most_common()), untold)


def without_others(statements: Sequence[Statement], database: str) -> list[Statement]:
    """Return the statements, those that are sent to other aliases as such that nothing checks.

    What was sent to one alias alone may be asked of any: the alias of a check need not be that of
    the tests.
    """
    if len({statement.database for statement in statements}) < _SEVERAL:
        return list(statements)
    return [
        statement
        if statement.database in {"", database}
        else replace(statement, unchecked=f'sent to the database "{statement.database}"')
        for statement in statements
    ]


def refuse_nothing(statements: Sequence[Statement], vendor: str, files: str) -> None:
    """Raise CannotTell where no statement of the files can be asked about."""
    scope = scope_of(statements, vendor)
    if scope.asked:
        return
    title = VENDORS[vendor].title
    reasons = "; ".join(f"{reason} ({number})" for reason, number in scope.left_out)
    raise CannotTell(
        f"{files} has no statement that {title} can check{f': {reasons}' if reasons else ''}.",
        f"Record it on {title}, by tests that call the code: pytest --record-usage=FILE.",
    )


def _why_not_asked(statement: Statement, vendor: str) -> str:
    if statement.vendor != vendor:
        return f"recorded on {VENDORS[statement.vendor].title}"
    return statement.unchecked
