"""The only reader and writer of the app's own tables.

Invariants: a row of the history exists if and only if the migration is applied; tables are
addressed with the schema in which they were found, whatever a migration did to the search path;
no password is stored. SQL runs on the caller's connection and in the caller's transaction.
"""

import getpass
import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from migration_guard import conf
from migration_guard.exceptions import CannotTell
from migration_guard.models import AppliedMigration, AuditEntry, EnvironmentStamp, JournalEntry
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import (
    HistoryRow,
    JournalRow,
    RecordedHistory,
    edited_ids,
)
from migration_guard.planning.names import MAX_DIGITS
from migration_guard.planning.stamp import STAMP_ID, StampRow, parse_stamp, stamp_command
from migration_guard.sql.classify import has_secret, mask_text
from migration_guard.sql.secret_names import has_secret_name, is_secret_name
from migration_guard.sql.unlisted_columns import defined_tables, tables_without_columns

Rows: TypeAlias = list[tuple[Any, ...]]
# SQL with %s, and its parameters.
StatementText: TypeAlias = tuple[str, Sequence[Any]]
How = AppliedMigration.How

MAX_STORED_BYTES: Final = 256 * 1024
CLEARED: Final = "cleared"
_IDS: Final = 500  # in one query; SQLite takes at most 999 parameters
# The key of a connection's settings for the NAME that the project gave the database.
PROJECT_NAME: Final = "MIGRATION_GUARD_NAME"
# After these acts a migration may be applied later than one with a higher number.
_REORDERING: Final = (CLEARED, "out-of-order", "forget", "mark-applied")
# A time as text that Python reads; JSON has one form for it, whatever DateStyle the session has.
_TIME_AS_TEXT: Final = {
    "postgresql": "pg_catalog.to_json({}) OPERATOR(pg_catalog.#>>) '{{}}'",
    "mysql": "CAST({} AS char)",
    "sqlite": "CAST({} AS text)",
}
# The schema that a stamp records, also where version 0.1 made the table without that column.
_SCHEMA_OF_STAMP: Final = {
    "postgresql": "pg_catalog.to_jsonb(stamp) ->> 'schema_name'",
    "mysql": "NULL",
    "sqlite": "NULL",
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


class Identity(NamedTuple):
    """Who writes: the person or job, and the database user."""

    who: str
    database_user: str


class History:
    """The own tables of one database, through one connection.

    ``schema`` holds them; ``new_tables`` is the one in which migrations make tables, None where
    the vendor has no schemas.
    """

    def __init__(
        self,
        connection: HistoryConnection,
        schema: str,
        identity: Identity,
        new_tables: str | None = None,
    ) -> None:
        self._connection = connection
        self._wrapper = connection.wrapper
        self._schema = schema
        self._identity = identity
        self.new_tables = new_tables
        self.table = self._table_of(AppliedMigration)
        self._journal = self._table_of(JournalEntry)
        self._audit = self._table_of(AuditEntry)
        self._stamp = self._table_of(EnvironmentStamp)

    @property
    def tables(self) -> tuple[str, ...]:
        """All own tables, as SQL names them."""
        return self.table, self._journal, self._audit, self._stamp

    # -- reading

    def read(self, files: Iterable[MigrationFile] = ()) -> RecordedHistory:
        """Read what a plan for ``files`` needs, with one query for each table.

        One more reads the SQL of the migrations whose file is another one now, if there are any.
        """
        rows = self.rows()
        sql = self.applied_sql(edited_ids(files, rows))
        acts = self._reordering_acts()
        cleared = {migration_id for action, migration_id in acts if action == CLEARED}
        reordered = {migration_id for _, migration_id in acts}
        stamp, schema = self.read_stamp()
        return RecordedHistory(
            rows, self.journal(), cleared, stamp, schema=schema, sql=sql, reordered=reordered
        )

    def rows(self) -> dict[str, HistoryRow]:
        """Return the applied migrations by id, in the order in which they were applied."""
        # As text, which Python reads in C: the loaders of Django and drivers take longer than the
        # query, and some fail without a word of what they read.
        at = _TIME_AS_TEXT[self._wrapper.vendor].format("applied_at")
        rows = self._connection.fetch(
            f"SELECT id, number, checksum, fingerprint, {at}, duration_ms, how "
            f"FROM {self.table} ORDER BY applied_at, number, id"
        )
        return {
            row[0]: HistoryRow(
                row[0], int(row[1]), row[2], row[3], self.moment(row[4]), row[5], row[6]
            )
            for row in rows
        }

    def has(self, migration_id: str) -> bool:
        """Return whether the history has a row of this migration."""
        sql = f"SELECT 1 FROM {self.table} WHERE id = %s"
        return bool(self._connection.fetch(sql, (migration_id,)))

    def applied_at(self, migration_id: str) -> datetime:
        """Return the time of a row that is there."""
        sql = f"SELECT applied_at FROM {self.table} WHERE id = %s"
        return self.moment(self._connection.fetch(sql, (migration_id,))[0][0])

    def ids(self) -> set[str]:
        """Return the ids of all applied migrations."""
        return {row[0] for row in self._connection.fetch(f"SELECT id FROM {self.table}")}

    def journal(self) -> dict[str, JournalRow]:
        """Return the running and failed migrations by id."""
        rows = self._connection.fetch(
            "SELECT id, number, state, done, total, done_digest, doubt, note, statement, error "
            f"FROM {self._journal}"
        )
        failed = JournalEntry.State.FAILED
        return {row[0]: JournalRow(row[0], int(row[1]), row[2] == failed, *row[3:]) for row in rows}

    def applied_sql(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the SQL that was applied by id, without those whose SQL was not stored."""
        sql = self._quote("sql")
        stored: dict[str, str] = {}
        for start in range(0, len(ids), _IDS):
            some = ids[start : start + _IDS]
            marks = ", ".join(["%s"] * len(some))
            query = (
                f"SELECT id, {sql} FROM {self.table} WHERE {sql} IS NOT NULL AND id IN ({marks})"
            )
            stored |= {row[0]: row[1] for row in self._connection.fetch(query, some)}
        return stored

    def was_adopted(self) -> bool:
        """Return whether rows of a table that the team had were ever taken over."""
        sql = f"SELECT 1 FROM {self._audit} WHERE action = %s"
        return bool(self._connection.fetch(sql, (How.ADOPTED.value,)))

    def count_acts(self, action: str) -> int:
        """Return how many acts of that kind the audit holds."""
        rows = self._connection.fetch(
            f"SELECT COUNT(*) FROM {self._audit} WHERE action = %s", (action,)
        )
        return int(rows[0][0])

    def read_stamp(self) -> tuple[str | None, str | None]:
        """Return the environment of the stamp, and the schema in which migrations make tables.

        Raises CannotTell for a stamp that cannot be understood.
        """
        rows = self.stamp_rows()
        try:
            environment = parse_stamp(rows, conf.load().environments)
        except CannotTell as error:
            names = self._wrapper.settings_dict
            database = str(names.get(PROJECT_NAME, names["NAME"]) or "DBNAME")
            command = stamp_command("NAME", database, self._wrapper.alias)
            hint = " ".join(filter(None, (error.hint, f"To stamp it anew: {command}")))
            raise CannotTell(error.message, hint) from error
        return environment, rows[0].schema if rows else None

    def stamp(self) -> str | None:
        """Return the environment that the database is stamped with, if it is."""
        return self.read_stamp()[0]

    def stamp_rows(self) -> list[StampRow]:
        """Return what the table of the stamp holds; it should be one row."""
        schema = _SCHEMA_OF_STAMP[self._wrapper.vendor]
        rows = self._connection.fetch(
            f"SELECT id, environment, {schema} FROM {self._stamp} stamp ORDER BY id"
        )
        return [StampRow(*row) for row in rows]

    def environments(self) -> dict[str, int]:
        """Return the number of rows of the history by the environment of their run."""
        rows = self._connection.fetch(
            f"SELECT environment, COUNT(*) FROM {self.table} GROUP BY environment ORDER BY 2 DESC"
        )
        return {environment: int(number) for environment, number in rows}

    def now(self) -> datetime:
        """Return the time by the clock that gives the rows theirs."""
        now, params = self._connection.clock()
        text = _TIME_AS_TEXT[self._wrapper.vendor].format(now)
        return self.moment(self._connection.fetch(f"SELECT {text}", params)[0][0])

    def _reordering_acts(self) -> list[tuple[str, str]]:
        marks = ", ".join(["%s"] * len(_REORDERING))
        return self._connection.fetch(
            f"SELECT DISTINCT action, migration_id FROM {self._audit} WHERE action IN ({marks})",
            _REORDERING,
        )

    # -- the history

    def claim(self, file: MigrationFile, fingerprint: str, environment: str) -> StatementText:
        """Return the statement that inserts the row of ``file``, to be completed.

        A unique violation means that another process applied the migration.
        """
        return self._insertion(file, fingerprint, environment, How.RUN, None, None)

    def complete(
        self, migration_id: str, after: datetime | None, duration_ms: int | None = None
    ) -> StatementText:
        """Return the statement that gives the claimed row its time, later than ``after``.

        Without ``duration_ms``, on PostgreSQL, the server computes it: the running transaction
        lasted as long as the migration took. Then the statement returns time and duration; it
        returns no row where the claim is not of this transaction.
        """
        now, params = self._connection.clock(after)
        update = f"UPDATE {self.table} SET applied_at = {now}, duration_ms ="
        if duration_ms is not None:
            return f"{update} %s WHERE id = %s", (*params, duration_ms, migration_id)
        return (
            f"{update} EXTRACT(epoch FROM pg_catalog.clock_timestamp() "
            "- pg_catalog.transaction_timestamp()) * 1000 "
            "WHERE id = %s AND xmin = pg_catalog.pg_current_xact_id()::xid "
            f"RETURNING {_TIME_AS_TEXT['postgresql'].format('applied_at')}, duration_ms"
        ), (*params, migration_id)

    def record(
        self,
        file: MigrationFile,
        fingerprint: str,
        environment: str,
        how: How,
        duration_ms: int | None = None,
        after: datetime | None = None,
    ) -> datetime:
        """Insert a whole row; return its time, which is later than ``after``."""
        self._connection.send(
            *self._insertion(file, fingerprint, environment, how, duration_ms, after)
        )
        return self.applied_at(file.id)

    def adopt(
        self,
        migration_id: str,
        number: int,
        applied_at: Any,
        file: MigrationFile | None,
        fingerprint: str | None,
        environment: str,
    ) -> None:
        """Insert a row of a table that the team already had, with its time as it was."""
        sql = self.text_to_store(file.text) if file is not None else None
        self._connection.send(
            f"INSERT INTO {self.table} ({self._columns()}) VALUES "
            "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                migration_id,
                pad(number),
                file.checksum if file is not None else None,
                fingerprint,
                sql,
                How.ADOPTED,
                applied_at,
                None,
                self._identity.database_user,
                environment,
            ),
        )

    def accept_edit(self, file: MigrationFile, fingerprint: str) -> None:
        """Make the file as it is now the text of record."""
        sql = self._quote("sql")
        self._connection.send(
            f"UPDATE {self.table} SET checksum = %s, fingerprint = %s, {sql} = %s WHERE id = %s",
            (file.checksum, fingerprint, self.text_to_store(file.text), file.id),
        )

    def forget(self, migration_id: str) -> None:
        """Delete one migration from the history and the journal."""
        self._connection.send(f"DELETE FROM {self.table} WHERE id = %s", (migration_id,))
        self.journal_close(migration_id)

    def _insertion(
        self,
        file: MigrationFile,
        fingerprint: str,
        environment: str,
        how: How,
        duration_ms: int | None,
        after: datetime | None,
    ) -> StatementText:
        now, params = self._connection.clock(after)
        return (
            f"INSERT INTO {self.table} ({self._columns()}) VALUES "
            f"(%s, %s, %s, %s, %s, %s, {now}, %s, %s, %s)"
        ), (
            file.id,
            pad(file.number),
            file.checksum,
            fingerprint,
            self.text_to_store(file.text),
            how,
            *params,
            duration_ms,
            self._identity.database_user,
            environment,
        )

    def _columns(self) -> str:
        return (
            f"id, number, checksum, fingerprint, {self._quote('sql')}, how, applied_at, "
            "duration_ms, database_user, environment"
        )

    # -- the journal

    def journal_open(self, file: MigrationFile, total: int, environment: str) -> None:
        """Insert the entry of ``file``: the claim of a migration that is no single transaction."""
        now, params = self._connection.clock()
        self._connection.send(
            f"INSERT INTO {self._journal} (id, number, state, done, total, done_digest, doubt, "
            "note, statement, error, started_at, updated_at, database_user, environment) VALUES "
            f"(%s, %s, %s, 0, %s, '', 0, '', '', '', {now}, {now}, %s, %s)",
            (
                file.id,
                pad(file.number),
                JournalEntry.State.RUNNING,
                total,
                *params,
                *params,
                self._identity.database_user,
                environment,
            ),
        )

    def journal_write(self, migration_id: str, **values: Any) -> None:
        """Set columns of one entry, and the time of the change."""
        now, params = self._connection.clock()
        columns = ", ".join([*(f"{column} = %s" for column in values), f"updated_at = {now}"])
        fitting = [
            self._fit(value) if isinstance(value, str) else value for value in values.values()
        ]
        self._connection.send(
            f"UPDATE {self._journal} SET {columns} WHERE id = %s",
            (*fitting, *params, migration_id),
        )

    def journal_close(self, migration_id: str) -> None:
        """Delete one entry."""
        self._connection.send(f"DELETE FROM {self._journal} WHERE id = %s", (migration_id,))

    # -- audit and stamp

    def audit(
        self, action: str, migration_id: str, reason: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Write down who did what, when and why."""
        now, params = self._connection.clock()
        self._connection.send(
            f"INSERT INTO {self._audit} (at, who, database_user, action, migration_id, reason, "
            f"details) VALUES ({now}, %s, %s, %s, %s, %s, %s)",
            (
                *params,
                self._fit(self._identity.who),
                self._identity.database_user,
                action,
                migration_id,
                self._fit(mask_text(reason)),
                json.dumps(details or {}),
            ),
        )

    def write_stamp(self, environment: str) -> None:
        """Stamp the database with its environment and the schema of its tables."""
        now, params = self._connection.clock()
        self._replace_stamp(environment, now, params, self._identity.who)

    def add_schema_to_stamp(self) -> None:
        """Let the stamp name the schema of new tables; the rest of it stays as it is."""
        # Not UPDATE, a right that nothing else on this table needs.
        rows = self._connection.fetch(f"SELECT environment, stamped_at, who FROM {self._stamp}")
        for environment, at, who in rows:
            self._replace_stamp(environment, "%s", (at,), who)

    def _replace_stamp(self, environment: str, at: str, params: Sequence[Any], who: str) -> None:
        self._connection.send(f"DELETE FROM {self._stamp}")
        self._connection.send(
            f"INSERT INTO {self._stamp} (id, environment, stamped_at, who, schema_name) "
            f"VALUES ({STAMP_ID}, %s, {at}, %s, %s)",
            (environment, *params, self._fit(who), self.new_tables),
        )

    # -- values

    def text_to_store(self, sql: str, *, as_json: bool = False) -> str | None:
        """Return ``sql``, or None where it is too long, holds a secret or does not fit.

        JSON has escapes for characters that the database's encoding does not have.
        """
        # A character is a byte at least.
        if len(sql) > MAX_STORED_BYTES or len(sql.encode()) > MAX_STORED_BYTES:
            return None
        if has_secret(sql, self._wrapper.vendor) or self._fills_secret_columns(sql):
            return None
        return sql if as_json or self._connection.holds(sql) else None

    def _fit(self, text: str) -> str:
        """Return ``text`` with escapes in place of what the encoding cannot hold."""
        if self._connection.holds(text):
            return text
        return "".join(
            character
            if self._connection.holds(character)
            else character.encode("unicode_escape").decode()
            for character in text
        )

    def _fills_secret_columns(self, sql: str) -> bool:
        """Return whether rows without a column list may go to a column with a secret name."""
        tables = tables_without_columns(sql)
        if not tables or has_secret_name(sql):  # such as CREATE TABLE in the same file
            return bool(tables)
        tables -= defined_tables(sql)
        if not tables:
            return False
        columns = self._connection.columns(sorted(tables))
        # Nobody knows the columns of a table that the file makes by a query.
        is_known = tables <= {table for table, _column in columns}
        return not is_known or any(is_secret_name(column) for _table, column in columns)

    def _table_of(self, model: type[Any]) -> str:
        return f"{self._quote(self._schema)}.{self._quote(model._meta.db_table)}"

    def _quote(self, name: str) -> str:
        return self._wrapper.ops.quote_name(name)

    def _parse(self, text: str) -> datetime:
        with suppress(ValueError):
            if moment := parse_datetime(text):
                return moment
        raise CannotTell(
            f'The history has a time that cannot be read: "{text}".',
            f"Correct applied_at in {self.table}, and run it again.",
        )

    def moment(self, value: Any) -> datetime:
        """Return a time as the driver gives it (aware, naive or text) as an aware time."""
        moment = value if isinstance(value, datetime) else self._parse(str(value))
        if moment.tzinfo is not UTC and timezone.is_naive(moment):
            zone = self._wrapper.timezone if settings.USE_TZ else None
            moment = timezone.make_aware(moment, zone or timezone.get_default_timezone())
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def pad(number: int) -> str:
    """Return ``number`` padded with zeros, so that text sorts like the integer."""
    return str(number).zfill(MAX_DIGITS)


def is_applied(connection: BaseDatabaseWrapper, number: int) -> bool:
    """Return whether a migration of this number is applied. Safe inside a transaction."""
    with connection.cursor() as cursor:
        # A query on a missing table would abort the transaction.
        if AppliedMigration._meta.db_table not in connection.introspection.table_names(cursor):
            return False
    if not is_of_this_schema(connection):
        return False
    applied = AppliedMigration.objects.using(connection.alias)
    return applied.filter(number=pad(number)).exists()


def is_of_this_schema(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the history that a bare name finds is that of the session's schema.

    That is the schema in which migrations make tables. Safe inside a transaction.
    """
    if connection.vendor != "postgresql":
        return True
    history, stamp = (model._meta.db_table for model in (AppliedMigration, EnvironmentStamp))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_catalog.current_schema(), n.nspname::text, "
            "pg_catalog.to_regclass(pg_catalog.quote_ident(n.nspname) || %s)::text "
            "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.oid = pg_catalog.to_regclass(%s)",
            [f".{stamp}", history],
        )
        rows = cursor.fetchall()
        if not rows or rows[0][1] == rows[0][0]:
            return True
        if conf.uses_separate_schemas() or rows[0][2] is None:
            return not conf.uses_separate_schemas()
        schema = _SCHEMA_OF_STAMP["postgresql"]
        cursor.execute(f"SELECT {schema} FROM {rows[0][2]} AS stamp WHERE id = {STAMP_ID}")
        return all(made_in in (None, rows[0][0]) for (made_in,) in cursor.fetchall())


def who() -> str:
    """Return the person or job that runs this process, as ``user@host``."""
    return f"{system_user()}@{socket.gethostname()}"[:200]


def system_user() -> str:
    """Return the user of the operating system, or ``unknown`` in a container without users."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
