"""The speller of a contract's expressions: the server's spelling, asked once for each."""

from functools import cache

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.contracts.expressions import is_single
from migration_guard.contracts.outcomes import Untold
from migration_guard.contracts.table_context import Spell, no_server
from migration_guard.schema.deparse import Question, deparser
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.vendors import VENDORS


def speller(connection: BaseDatabaseWrapper) -> Spell:
    """Return the function that asks this server; it asks nothing twice."""
    ask = deparser(connection.vendor)
    if connection.vendor not in VENDORS:
        why = f"nobody can ask {connection.vendor} how it writes this, and the texts differ"
        return lambda _question: Untold(why)
    if ask is None:
        return no_server
    known = ask

    @cache
    def spell(question: Question) -> str | Untold | None:
        if question.kind != "exclusion" and not is_single(question.text, connection.vendor):
            return Untold(f"not one SQL expression: {question.text}")
        try:
            return known(connection, question)
        except DatabaseError as error:
            if not connection.is_usable():
                raise
            if _names_nothing(error):
                return None
            return Untold(f"the server does not read {question.text!r}: {reason(error)}")

    return spell


def _names_nothing(error: DatabaseError) -> bool:
    """Tell whether the expression names a column that is not there: then nothing can be it."""
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None) or next(iter(getattr(cause, "args", ())), None)
    return code in {"42703", 1054}
