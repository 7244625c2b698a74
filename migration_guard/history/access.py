"""What every own table needs: the connection, their schema, who writes, and forms of values."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from migration_guard.exceptions import CannotTell
from migration_guard.history.identity import Identity
from migration_guard.models import AppliedMigration
from migration_guard.sql.dialects import dialect

Rows: TypeAlias = list[tuple[Any, ...]]
# SQL with %s, and its parameters.
StatementText: TypeAlias = tuple[str, Sequence[Any]]

# A time as text that Python reads; JSON has one form for it, whatever DateStyle the session has.
_TIME_AS_TEXT: Final = {
    "postgresql": "pg_catalog.to_json({}) OPERATOR(pg_catalog.#>>) '{{}}'",
    "mysql": "CAST({} AS char)",
    "sqlite": "CAST({} AS text)",
}


class HistoryConnection(Protocol):
    """What the history needs of the runner's connection; ``wrapper`` is Django's."""

    wrapper: BaseDatabaseWrapper

    def holds(self, text: str) -> bool:
        """Return whether the encoding of the own tables has all characters of ``text``."""

    def clock(self, after: datetime | None = None) -> StatementText:
        """Return the time now as SQL with parameters, later than ``after``."""

    def columns(self, tables: Sequence[str]) -> list[tuple[str, str]]:
        """Return the tables of these names in any schema, in lower case, with their columns."""

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement; return its rows."""

    def send(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement whose answer nobody reads."""


class Access(NamedTuple):
    """The own tables of one database, through one connection; ``schema`` holds them."""

    connection: HistoryConnection
    schema: str
    identity: Identity

    @property
    def wrapper(self) -> BaseDatabaseWrapper:
        """Django's connection."""
        return self.connection.wrapper

    def quote(self, name: str) -> str:
        """Return ``name`` as SQL quotes it."""
        return dialect(self.wrapper.vendor).quote(name)

    def table_of(self, model: type[Any]) -> str:
        """Return the table of an own model, as SQL names it."""
        return f"{self.quote(self.schema)}.{self.quote(model._meta.db_table)}"

    def time_as_text(self, time: str) -> str:
        """Return SQL for the text of ``time``, which ``moment`` reads."""
        return _TIME_AS_TEXT[self.wrapper.vendor].format(time)

    def moment(self, value: Any) -> datetime:
        """Return a time as the driver gives it (aware, naive or text) as an aware time."""
        moment = value if isinstance(value, datetime) else self._parse(str(value))
        if moment.tzinfo is not UTC and timezone.is_naive(moment):
            zone = self.wrapper.timezone if settings.USE_TZ else None
            moment = timezone.make_aware(moment, zone or timezone.get_default_timezone())
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)

    def fit(self, text: str) -> str:
        """Return ``text`` with escapes in place of what the encoding cannot hold."""
        if self.connection.holds(text):
            return text
        return "".join(
            character
            if self.connection.holds(character)
            else character.encode("unicode_escape").decode()
            for character in text
        )

    def _parse(self, text: str) -> datetime:
        with suppress(ValueError):
            if moment := parse_datetime(text):
                return moment
        raise CannotTell(
            f'The history has a time that cannot be read: "{text}".',
            f"Correct applied_at in {self.table_of(AppliedMigration)}, and run it again.",
        )
