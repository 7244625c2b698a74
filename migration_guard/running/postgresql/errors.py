"""What PostgreSQL's errors mean. Source: PostgreSQL manual, Appendix A, "Error Codes"."""

from typing import Final

import psycopg

from migration_guard.reports.escaping import indent_continuation
from migration_guard.running.errors import Kind

_KINDS: Final = {
    "55P03": Kind.LOCKED,  # lock_not_available
    "40P01": Kind.LOCKED,  # deadlock_detected
    "40001": Kind.LOCKED,  # serialization_failure
    "23505": Kind.DUPLICATE,
    "25001": Kind.ALONE,  # active_sql_transaction
    "2D000": Kind.ALONE,  # invalid_transaction_termination: a DO block or procedure that commits
    "25006": Kind.READ_ONLY,
    "53100": Kind.FULL,  # disk_full
}
# What ends the session.
_FATAL: Final = ("FATAL", "PANIC")
# What may be wrong with a statement that was prepared before, and not with the same unprepared.
_STALE: Final = {
    "26000",  # invalid_sql_statement_name: it was dropped
    "42P05",  # duplicate_prepared_statement
    "0A000",  # feature_not_supported: its result has other types now
}


def kind(error: Exception) -> Kind:
    """Classify by SQLSTATE, and by severity: a code of a lost connection may be a remote server's.

    An error of the driver's own has neither.
    """
    if not isinstance(error, psycopg.Error):
        return Kind.OTHER
    is_drivers = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    if error.diag.severity_nonlocalized in _FATAL or (is_drivers and not _is_refusal(error)):
        return Kind.LOST
    return _KINDS.get(error.sqlstate or "", Kind.OTHER)


def _is_refusal(error: psycopg.Error) -> bool:
    """Return whether a server answered that it lets this client not in."""
    return error.pgconn is not None and "FATAL" in str(error)


def is_stale(error: Exception) -> bool:
    """Return whether a prepared statement failed that may go well unprepared."""
    return getattr(error, "sqlstate", None) in _STALE


def message(error: Exception) -> str:
    """Return SQLSTATE, primary message, detail, hint and context."""
    diag = error.diag if isinstance(error, psycopg.Error) else None
    if diag is None or diag.message_primary is None:
        return indent_continuation(str(error).strip())
    primary = f"{diag.severity or 'ERROR'} {diag.sqlstate}: {diag.message_primary}"
    lines = [indent_continuation(primary)]
    for name, text in (
        ("DETAIL", diag.message_detail),
        ("HINT", diag.message_hint),
        ("CONTEXT", diag.context),
    ):
        if text:
            lines.append(indent_continuation(f"{name}: {text}"))
    return "\n".join(lines)


def position(error: Exception) -> int:
    """Return the 0-based character of the statement at which the server points (0: unknown)."""
    position = error.diag.statement_position if isinstance(error, psycopg.Error) else None
    return int(position) - 1 if position else 0
