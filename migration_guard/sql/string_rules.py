"""The rules by which a session reads literals, and how statements of a file change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_guard.sql.dialects import (
    CONFORMING,
    MYSQL,
    POSTGRESQL,
    POSTGRESQL_ESCAPING,
    dialect,
    mysql_dialect,
)
from migration_guard.sql.effects import conforming_after
from migration_guard.sql.sql_mode import SqlMode, has_ansi_quotes, has_plain_backslash

if TYPE_CHECKING:
    from migration_guard.sql.dialects import Dialect


class UnknownRulesError(ValueError):
    """A statement sets what only the server can know."""


def session_dialect(vendor: str, setting: str = "") -> Dialect:
    """Return the rules under a session's standard_conforming_strings or sql_mode; "" for neither.

    Raises ValueError for an unknown vendor.
    """
    lexis = dialect(vendor)
    if lexis is POSTGRESQL:
        return POSTGRESQL_ESCAPING if setting == "off" else POSTGRESQL
    if lexis is MYSQL:
        return mysql_dialect(
            ansi_quotes=has_ansi_quotes(setting), plain_backslash=has_plain_backslash(setting)
        )
    return lexis


class StringRules:
    """The rules at one place of a file, whose statements are read in order.

    `setting` is the session's value at the start; with None, MySQL's default rules stay.
    """

    def __init__(self, vendor: str, setting: str | None) -> None:
        self.lexis = session_dialect(vendor, setting or "")
        self._at_start = self.lexis
        is_followed = self.lexis.vendor == "mysql" and setting is not None
        self._mode = SqlMode(setting or "") if is_followed else None

    @property
    def setting(self) -> str:
        """The name of the setting whose absence in a text means that nothing changes."""
        is_fixed = self.lexis.vendor == "mysql" and self._mode is None
        return "" if is_fixed else self.lexis.string_setting

    def follow(self, content: str) -> None:
        """Apply a statement. Raises UnknownRulesError, and then the rules stay."""
        lower = content.lower()
        if self._mode is not None:
            if self.lexis.string_setting in lower:
                self._follow_sql_mode(self._mode, content)
        elif CONFORMING in lower or lower.startswith(("reset", "discard")):
            is_on = conforming_after(
                content, self.lexis, self.lexis is POSTGRESQL, self._at_start is POSTGRESQL
            )
            self.lexis = POSTGRESQL if is_on else POSTGRESQL_ESCAPING

    def _follow_sql_mode(self, mode: SqlMode, content: str) -> None:
        mode.follow(content, self.lexis)
        if mode.value is None:
            raise UnknownRulesError
        self.lexis = session_dialect("mysql", mode.value)
