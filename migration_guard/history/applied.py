"""The history: which migrations are applied, when, how, and with which SQL.

A row exists if and only if the migration is applied.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from migration_guard.history.access import Access, HistoryConnection, StatementText
from migration_guard.history.audit import CLEARED, Audit
from migration_guard.history.identity import Identity
from migration_guard.history.journal import Journal
from migration_guard.history.stamp import Stamp
from migration_guard.history.stored_text import text_to_store
from migration_guard.models import AppliedMigration
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow, RecordedHistory, edited_ids
from migration_guard.planning.names import pad

How = AppliedMigration.How

_IDS: Final = 500  # in one query; SQLite takes at most 999 parameters


class History:
    """The applied migrations of one database, with their journal, audit and stamp.

    ``schema`` holds the own tables; ``new_tables`` is the one in which migrations make tables,
    None where the vendor has no schemas.
    """

    def __init__(
        self,
        connection: HistoryConnection,
        schema: str,
        identity: Identity,
        new_tables: str | None = None,
    ) -> None:
        self._access = access = Access(connection, schema, identity)
        self._connection = connection
        self.table = access.table_of(AppliedMigration)
        self.journal = Journal(access)
        self.audit = Audit(access)
        self.stamp = Stamp(access, new_tables)

    @property
    def tables(self) -> tuple[str, ...]:
        """All own tables, as SQL names them."""
        return self.table, self.journal.table, self.audit.table, self.stamp.table

    # -- reading

    def read(self, files: Iterable[MigrationFile] = ()) -> RecordedHistory:
        """Read what a plan for ``files`` needs, with one query for each table.

        One more reads the SQL of the migrations whose file is another one now, if there are any.
        """
        rows = self.rows()
        sql = self.applied_sql(edited_ids(files, rows))
        acts = self.audit.reordering()
        cleared = {migration_id for action, migration_id in acts if action == CLEARED}
        reordered = {migration_id for _, migration_id in acts}
        stamp, schema = self.stamp.read()
        return RecordedHistory(
            rows, self.journal.rows(), cleared, stamp, schema=schema, sql=sql, reordered=reordered
        )

    def rows(self) -> dict[str, HistoryRow]:
        """Return the applied migrations by id, in the order in which they were applied."""
        # As text, which Python reads in C: the loaders of Django and drivers take longer than the
        # query, and some fail without a word of what they read.
        at = self._access.time_as_text("applied_at")
        rows = self._connection.fetch(
            f"SELECT id, number, checksum, fingerprint, {at}, duration_ms, how "
            f"FROM {self.table} ORDER BY applied_at, number, id"
        )
        return {
            row[0]: HistoryRow(
                row[0], int(row[1]), row[2], row[3], self._access.moment(row[4]), row[5], row[6]
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
        return self._access.moment(self._connection.fetch(sql, (migration_id,))[0][0])

    def ids(self) -> set[str]:
        """Return the ids of all applied migrations."""
        return {row[0] for row in self._connection.fetch(f"SELECT id FROM {self.table}")}

    def applied_sql(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the SQL that was applied by id, without those whose SQL was not stored."""
        sql = self._access.quote("sql")
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
        return self.audit.count(How.ADOPTED) > 0

    def environments(self) -> dict[str, int]:
        """Return the number of rows of the history by the environment of their run."""
        rows = self._connection.fetch(
            f"SELECT environment, COUNT(*) FROM {self.table} GROUP BY environment ORDER BY 2 DESC"
        )
        return {environment: int(number) for environment, number in rows}

    def now(self) -> datetime:
        """Return the time by the clock that gives the rows theirs."""
        now, params = self._connection.clock()
        text = self._access.time_as_text(now)
        return self._access.moment(self._connection.fetch(f"SELECT {text}", params)[0][0])

    def moment(self, value: Any) -> datetime:
        """Return a time as the driver gives it (aware, naive or text) as an aware time."""
        return self._access.moment(value)

    # -- writing

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
            f"RETURNING {self._access.time_as_text('applied_at')}, duration_ms"
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
        sql = text_to_store(self._access, file.text) if file is not None else None
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
                self._access.identity.database_user,
                environment,
            ),
        )

    def accept_edit(self, file: MigrationFile, fingerprint: str) -> None:
        """Make the file as it is now the text of record."""
        sql = self._access.quote("sql")
        self._connection.send(
            f"UPDATE {self.table} SET checksum = %s, fingerprint = %s, {sql} = %s WHERE id = %s",
            (file.checksum, fingerprint, text_to_store(self._access, file.text), file.id),
        )

    def text_to_store(self, sql: str, *, as_json: bool = False) -> str | None:
        """Return ``sql``, or None where it must not be stored."""
        return text_to_store(self._access, sql, as_json=as_json)

    def forget(self, migration_id: str) -> None:
        """Delete one migration from the history and the journal."""
        self._connection.send(f"DELETE FROM {self.table} WHERE id = %s", (migration_id,))
        self.journal.close(migration_id)

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
            text_to_store(self._access, file.text),
            how,
            *params,
            duration_ms,
            self._access.identity.database_user,
            environment,
        )

    def _columns(self) -> str:
        return (
            f"id, number, checksum, fingerprint, {self._access.quote('sql')}, how, applied_at, "
            "duration_ms, database_user, environment"
        )
