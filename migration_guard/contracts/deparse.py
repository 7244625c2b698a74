"""Expressions of a contract as the server writes them; each is asked for once."""

from functools import cache
from typing import Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.contracts.outcomes import Undecided
from migration_guard.contracts.table_context import Deparse, no_server
from migration_guard.schema.deparse import Question, Spellings, deparser, prints_held
from migration_guard.schema.expressions import is_single
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.vendors import VENDORS

# Undefined column: PostgreSQL's SQLSTATE and MySQL's error number.
_UNDEFINED_COLUMN: Final = {"42703", 1054}


def caching_deparser(connection: BaseDatabaseWrapper) -> Deparse:
    """Return the function that asks this server; it asks no question twice."""
    ask_server = deparser(connection.vendor)
    if connection.vendor not in VENDORS:
        undecided = Undecided(
            f"nobody can ask {connection.vendor} how it writes this, and the texts differ"
        )
        return lambda _question: undecided
    if ask_server is None:
        return no_server

    @cache
    def ask(question: Question) -> Spellings | Undecided | None:
        if question.kind != "exclusion" and not is_single(question.text, connection.vendor):
            return Undecided(f"not one SQL expression: {question.text}")
        try:
            return ask_server(connection, question)
        except DatabaseError as error:
            if not connection.is_usable():
                raise
            if _is_undefined_column(error):
                # No expression of the database can be the same.
                return None
            return Undecided(f"the server does not read {question.text!r}: {reason(error)}")

    def deparse(question: Question) -> Spellings | Undecided | None:
        if prints_held(connection.vendor, question.kind):
            return ask(question)
        # One answer for all that the catalogue holds, which the server is not asked about.
        answer = ask(question._replace(held=""))
        return answer._replace(held=question.held) if isinstance(answer, Spellings) else answer

    return deparse


def _is_undefined_column(error: DatabaseError) -> bool:
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None) or next(iter(getattr(cause, "args", ())), None)
    return code in _UNDEFINED_COLUMN
