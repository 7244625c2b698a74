"""How many recorded statements a check asks about, and what it leaves out. Pure."""

from collections import Counter
from collections.abc import Sequence

from migration_guard.exceptions import CannotTell
from migration_guard.results import UsageScope
from migration_guard.usage.servers import server
from migration_guard.usage.statement import Statement
from migration_guard.vendors import VENDORS


def scope_of(statements: Sequence[Statement], vendor: str) -> UsageScope:
    """Return the scope of a check of these statements on a vendor's server.

    Raises CannotTell where there is nothing to ask.
    """
    reasons = Counter(filter(None, (_reason(statement, vendor) for statement in statements)))
    asked = len(statements) - reasons.total()
    left_out = tuple(reasons.most_common())
    title = VENDORS[vendor].title
    if not asked:
        raise _nothing_to_ask(left_out, title)
    return UsageScope(
        len(statements), asked, left_out, f"{title} does not tell {server(vendor).untold}"
    )


def _reason(statement: Statement, vendor: str) -> str:
    if statement.vendor != vendor:
        return f"recorded on {VENDORS[statement.vendor].title}"
    return statement.unchecked


def _nothing_to_ask(left_out: Sequence[tuple[str, int]], title: str) -> CannotTell:
    record = f"Record them on {title}, by tests that call the code: pytest --record-usage FILE."
    if not left_out:
        return CannotTell("The usage files have no statement, so nothing was checked.", record)
    reasons = "; ".join(f"{number}: {reason}" for reason, number in left_out)
    return CannotTell(
        f"No statement of the usage files can be checked on {title} ({reasons}).", record
    )
