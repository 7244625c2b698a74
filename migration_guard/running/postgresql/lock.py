"""PostgreSQL's run lock. Source: PostgreSQL manual, "Advisory Locks"."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from migration_guard.history import Rows
from migration_guard.running.locks import Holder, RunLock
from migration_guard.running.postgresql import liveness, pooler
from migration_guard.running.postgresql.connection import PostgreSQLConnection
from migration_guard.running.postgresql.pooler import PATIENCE, Pooling, patience
from migration_guard.running.wrapper_copy import copy_wrapper
from migration_guard.sql.classify import show_statement
from migration_guard.sql.excerpt import shorten


class AdvisoryLock(RunLock):
    """A transaction-level advisory lock, held by an idle transaction on a second connection.

    Transaction level, because a transaction pins a pooler's server connection and ends with the
    process. Tried, never waited for, because CREATE INDEX CONCURRENTLY waits for the end of every
    transaction that has a snapshot when it looks. A blocking call has one; so has the portal of the
    extended protocol until the next command, and so has each try while it runs: a try that fails
    ends its transaction. An idle READ COMMITTED transaction with the lock has none.
    """

    def __init__(self, connection: PostgreSQLConnection) -> None:
        """Connect; behind a pooler, each try may show how the pooler works."""
        self._waiting = connection
        self._is_pooled = connection.pooling is not Pooling.DIRECT
        self._wrapper = copy_wrapper(connection.wrapper)
        if self._is_pooled:
            options = self._wrapper.settings_dict["OPTIONS"]
            options.setdefault("connect_timeout", int(PATIENCE))
        self._wrapper.ensure_connection()
        liveness.bound_client(self._wrapper.connection)
        if not self._is_pooled:
            liveness.bound_session(self._query)
        digest = hashlib.sha256(f"migration_guard {connection.schema}".encode()).digest()
        self._key = (
            int.from_bytes(digest[:4], signed=True),
            int.from_bytes(digest[4:8], signed=True),
        )

    def _query(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run a statement whose answer is ready at once; raise NoAnswerError where none comes."""
        cursor = psycopg.ClientCursor(self._wrapper.connection)
        with liveness.answering(self._wrapper.connection):
            cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []

    def try_acquire(self) -> bool:
        """Take the lock if it is free."""
        if self._is_pooled:
            with patience(self._wrapper.connection):
                process = self._query("SELECT pg_backend_pid()")[0][0]
            self._judge_pooling(process)
        self._query("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")
        if not self._query("SELECT pg_try_advisory_xact_lock(%s, %s)", self._key)[0][0]:
            self._query("ROLLBACK")
            # idle_session_timeout would end the session that waits for this lock.
            with liveness.answering(self._waiting.driver):
                self._waiting.send("SELECT 1")
            return False
        # transaction_timeout came with PostgreSQL 17.
        self._query(
            "SELECT set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE name IN "
            "('idle_in_transaction_session_timeout', 'transaction_timeout', 'statement_timeout')"
        )
        if self._is_pooled:
            self._judge_pooling(self._query("SELECT pg_backend_pid()")[0][0])
        return True

    def _judge_pooling(self, process: int) -> None:
        """Find out how the pooler works, now that this connection has the server's ``process``."""
        waiting = self._waiting
        with patience(waiting.driver):
            own = {waiting.pid, *(waiting.fetch("SELECT pg_backend_pid()")[0][0] for _ in range(2))}
        if pooler.in_transaction_mode(own, process):
            pooler.refuse_lost_settings(waiting.start.settings, waiting.start.role)
            waiting.pooling = Pooling.TRANSACTION
            waiting.start = waiting.start.only(pooler.KEPT)

    def holder(self) -> Holder:
        """Describe the session that holds it, and how to end it."""
        holders = self._query(
            "SELECT l.pid, a.application_name, "
            "to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') "
            "FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 "
            "AND l.classid::bigint = %s AND l.objid::bigint = %s "
            "AND l.database = (SELECT oid FROM pg_catalog.pg_database "
            "WHERE datname = current_database())",
            tuple(half % 2**32 for half in self._key),
        )
        return Holder(
            ", ".join(f"pid {pid} ({app}), since {since} UTC" for pid, app, since in holders),
            " ".join(_end_session(pid) for pid, *_ in holders),
        )

    def blockers(self) -> str:
        """Describe the sessions that block the run's connection, with query and age."""
        # Within a transaction the activity is read once, unless the reading is thrown away.
        self._query("SELECT pg_catalog.pg_stat_clear_snapshot()")
        blocking = self._query(
            "SELECT pid, usename, application_name, state, "
            "date_trunc('second', clock_timestamp() - xact_start)::text, query "
            "FROM pg_catalog.pg_stat_activity "
            "WHERE pid = ANY(pg_catalog.pg_blocking_pids(%s))",
            (self._waiting.pid,),
        )
        return "\n".join(
            f"pid {pid} ({user}, {app or 'no application_name'}), {state}, "
            f"in its transaction for {age}: "
            + shorten(show_statement(query or "", "postgresql"), 200)
            + f"\n    To end it: {_end_session(pid)}"
            for pid, user, app, state, age, query in blocking
        )

    def is_held(self) -> bool:
        """Return whether the connection, and with it the lock, is still there."""
        try:
            self._query("SHOW transaction_isolation")  # which takes no snapshot
        except psycopg.Error:
            return False
        return True

    def release(self) -> None:
        """End the transaction, so that the next run need not wait for the connection's end."""
        # Where it cannot be asked to, it ends with the connection.
        with suppress(psycopg.Error):
            if self._wrapper.connection.info.transaction_status == TransactionStatus.INTRANS:
                self._query("ROLLBACK")
        self._wrapper.close()


def _end_session(pid: int) -> str:
    return f"SELECT pg_terminate_backend({pid});"
