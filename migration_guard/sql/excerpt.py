"""The beginning of a statement, as messages quote it."""

from migration_guard.sql.classify import show_statement


def excerpt(sql: str, vendor: str) -> str:
    """Return the beginning of a statement, without its passwords."""
    return shorten(show_statement(sql, vendor))


def shorten(sql: str, limit: int = 60) -> str:
    """Return ``sql`` on one line, at most ``limit`` characters."""
    line = " ".join(sql.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
