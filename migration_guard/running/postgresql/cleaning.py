"""Statements that undo what a file left in a PostgreSQL session.

Sources: PostgreSQL manual, "RESET", "DISCARD", "Configuration Settings Functions" (set_config with
NULL is RESET).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from psycopg import sql as pg

# What lives on behind a commit.
DROP: Final = ("CLOSE ALL", "UNLISTEN *", "DISCARD TEMP")
UNLOCK: Final = "SELECT pg_catalog.pg_advisory_unlock_all()"
_PREPARED: Final = "ARRAY(SELECT name FROM pg_catalog.pg_prepared_statements)"
CLEAN: Final = "; ".join((*DROP, "DEALLOCATE ALL", UNLOCK))
# Returns the names of the prepared statements instead of dropping them.
CLEAN_BUT_PREPARED: Final = "; ".join((*DROP, f"{UNLOCK}, {_PREPARED}"))
# Only what the file itself prepared: a pooler may have prepared statements for other clients.
DEALLOCATE_OWN: Final = (
    "DO $$ DECLARE prepared text; BEGIN "
    "FOR prepared IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql LOOP "
    "EXECUTE pg_catalog.format('DEALLOCATE %I', prepared); END LOOP; END $$"
)
RESET_ALL: Final = "RESET ALL"


@dataclass(frozen=True, slots=True)
class Start:
    """What Django had set when it connected: the role, and settings as (name, value)."""

    role: str = "none"
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def quoted_role(self) -> str:
        """The role as SET ROLE takes it."""
        return "NONE" if self.role == "none" else pg.Identifier(self.role).as_string()

    def only(self, names: Collection[str]) -> "Start":
        """Return this start with no other settings than these."""
        return replace(
            self, settings=tuple(setting for setting in self.settings if setting[0] in names)
        )

    def set_again(self) -> str:
        """Return the statement that follows RESET ALL to make the session as it was.

        The user comes before the settings, which the role that a file took may not be allowed.
        """
        role = None if self.role == "none" else self.role
        return set_config((("session_authorization", None), ("role", role), *self.settings))


@lru_cache(maxsize=64)
def set_config(settings: tuple[tuple[str, str | None], ...]) -> str:
    """Return the statement that makes these settings for the session in order; None resets one."""
    quoted = ([pg.Literal(word).as_string() for word in setting] for setting in settings)
    calls = (f"pg_catalog.set_config({name}, {value}, false)" for name, value in quoted)
    return f"SELECT {', '.join(calls)}"
