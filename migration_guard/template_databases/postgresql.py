"""Templates on a PostgreSQL server: databases that accept no connection.

A template's comment holds its key. The comment comes last, so a database without one is what a
killed run left. A session-level advisory lock on a key is for orderly waiting; correctness rests on
names and comments. It is taken in the maintenance database, which all runs share.

Source: PostgreSQL manual, "Template Databases", "CREATE DATABASE", "COMMENT".
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from time import monotonic, sleep
from typing import Any, Final

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard import conf
from migration_guard.fresh.postgresql import (
    NO_WAIT_FOR_DISK,
    copy_of,
    literal,
    open_server,
    quote,
    sqlstate,
)
from migration_guard.template_databases.shelf import (
    TEMPLATE_PREFIX,
    Obstacle,
    Shelf,
    Template,
    TestDatabase,
    abbreviate,
    replaced,
)

_NAME: Final = re.compile(rf"{TEMPLATE_PREFIX}[0-9a-f]{{32}}")
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_DUPLICATE: Final = "42P04"
# Seconds that a session may take to end after it was closed.
_PATIENCE: Final = 2.0
_LIST: Final = """
    SELECT d.datname::text, shobj_description(d.oid, 'pg_database')
    FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
    WHERE starts_with(d.datname, %s) AND r.rolname = current_user AND NOT d.datallowconn
"""
_AWAITED: Final = """
    SELECT EXISTS (
        SELECT FROM pg_locks held JOIN pg_locks other USING (database, classid, objid, objsubid)
        WHERE held.locktype = 'advisory' AND held.pid = pg_backend_pid() AND held.granted
        AND other.locktype = 'advisory' AND NOT other.granted
    )
"""
# What a server gives to a new database, as text. The counters tell of changes to the database that
# every new one is a copy of; after a crash they begin anew, with a new time of the whole.
_LIKENESS: Final = (
    "SELECT version(), current_user::text",
    "SELECT to_jsonb(r) - 'rolpassword' FROM pg_roles r ORDER BY r.oid",
    "SELECT to_jsonb(m) FROM pg_auth_members m ORDER BY m.roleid, m.member, m.grantor",
    "SELECT oid, spcname FROM pg_tablespace ORDER BY oid",
    "SELECT name, default_version FROM pg_available_extensions ORDER BY name",
    "SELECT name, setting FROM pg_settings WHERE source NOT IN ('default', 'override', 'session', "
    "'database') AND name <> 'application_name' ORDER BY name",
)
_SESSIONS: Final = """
    SELECT 1 FROM pg_stat_activity
    WHERE datname = %s AND backend_type IS DISTINCT FROM 'autovacuum worker'
"""
_SOURCE: Final = """
    SELECT to_jsonb(d) - 'datfrozenxid' - 'datminmxid' - 'datacl',
        s.tup_inserted, s.tup_updated, s.tup_deleted, s.stats_reset,
        (SELECT w.stats_reset FROM pg_stat_bgwriter w)
    FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datname = %s
"""


class PostgreSQLShelf(Shelf):
    """The server of an alias, by a connection of its own."""

    def __init__(self, alias: str) -> None:
        settings = connections[alias].settings_dict
        self._source = str(settings["TEST"].get("TEMPLATE") or "template1")
        self._connection = open_server(alias, str(settings["NAME"] or ""))
        self._query(NO_WAIT_FOR_DISK)
        # Who waits longer than for another run builds without a template.
        patience = max(1, round(conf.load().wait * 1000))  # 0 would wait without end
        self._query("SELECT set_config('lock_timeout', %s, false)", f"{patience}ms")

    def refuse(self, *, any_place: bool) -> None:
        """Raise Obstacle where the server is on another machine, or counts no changes."""
        host = self._connection.connection.info.host
        if not (any_place or host.startswith(("/", "@")) or host in _LOCAL):
            raise Obstacle(f"the server is on another machine ({host})")
        if self._query("SHOW track_counts")[0][0] != "on":
            raise Obstacle("the server counts no changes (track_counts)")

    def likeness(self) -> str:
        """Return the server's version, roles, settings, extensions, and what is copied at first."""
        rows = [self._query(query) for query in _LIKENESS]
        return repr((rows, self._query(_SOURCE, self._source)))

    def now(self) -> float:
        """Return the server's time."""
        return float(self._query("SELECT extract(epoch FROM clock_timestamp())")[0][0])

    def read_all(self, *, sized: bool = True) -> list[Template]:
        """Return the finished templates of this user; the server looks at each file for a size."""
        return [
            Template(name, bytes=self._size(name) if sized else 0, **values)
            for name, comment in self._query(_LIST, TEMPLATE_PREFIX)
            if (values := _read_comment(comment)) and name == _name(values["key"])
        ]

    def note(self, template: Template, key: str) -> None:
        """Write the key into the template's comment."""
        self._describe(template._replace(asked=key))

    def is_awaited(self) -> bool:
        """Return whether a session waits for an advisory lock that is held here."""
        return bool(self._query(_AWAITED)[0][0])

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the advisory lock of the key's name."""
        with self._holding("pg_advisory_lock", _name(key)):
            yield

    def using(self, template: Template) -> AbstractContextManager[None]:
        """Hold a lock that many can share."""
        return self._holding("pg_advisory_lock_shared", _use_of(template.name))

    @contextmanager
    def creating(self, creation: Any, template: Template | None) -> Iterator[TestDatabase]:
        """Let CREATE DATABASE name the template; where that fails, the plain way is left."""
        database = TestDatabase()
        copy = copy_of(self._connection, template.name) if template is not None else ""
        plain = creation._execute_create_test_db  # noqa: SLF001

        def execute(cursor: Any, parameters: dict[str, str], keepdb: bool = False) -> None:
            if keepdb and creation._database_exists(cursor, parameters["dbname"]):  # noqa: SLF001
                return
            database.is_copy = bool(copy) and _copy(cursor, parameters["dbname"], copy)
            if not database.is_copy:
                plain(cursor, parameters, keepdb)
            database.is_new = True

        with ExitStack() as stack:
            if template is not None:
                stack.enter_context(self.using(template))
            stack.enter_context(replaced(creation, "_execute_create_test_db", execute))
            yield database

    def keep(self, connection: BaseDatabaseWrapper, keys: Sequence[str], born: float) -> None:
        """Copy the database, unless somebody else is connected to it."""
        database, name = str(connection.settings_dict["NAME"]), _name(keys[-1])
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
        size = self._size(database)
        with self.lock(keys[-1]):
            self.sweep()
            if not self.make_room(size) or not self._is_left(database) or self._exists(name):
                return
            copy = copy_of(self._connection, database)
            self._query(f"CREATE DATABASE {quote(name)} {copy} ALLOW_CONNECTIONS false")
            self._describe(Template(name, keys[-1], born, size, abbreviate(keys)))

    def drop(self, template: Template) -> bool:
        """Drop a template that nobody copies now."""
        return self._drop(template.name, _use_of(template.name))

    def close(self) -> None:
        """Close the connection, which releases its locks."""
        self._connection.close()

    # -- the server

    def sweep(self) -> list[str]:
        """Drop what a killed run left behind before it wrote the comment; return the names."""
        finished = {template.name for template in self.read_all(sized=False)}
        return [
            name
            for name, _comment in self._query(_LIST, TEMPLATE_PREFIX)
            if name not in finished and _NAME.fullmatch(name) and self._drop(name, name)
        ]

    def _drop(self, name: str, lock: str) -> bool:
        """Drop a database if its lock is free."""
        if not self._query("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", lock)[0][0]:
            return False
        try:
            self._query(f"DROP DATABASE IF EXISTS {quote(name)}")
        finally:
            self._query("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", lock)
        return True

    def _describe(self, template: Template) -> None:
        """Write the comment, which holds all but the name and the size."""
        values = {name: getattr(template, name) for name in ("key", "born", "steps", "asked")}
        comment = literal(json.dumps(values))
        self._query(f"COMMENT ON DATABASE {quote(template.name)} IS {comment}")

    def _size(self, name: str) -> int:
        return int(self._query("SELECT pg_database_size(%s::name)", name)[0][0])

    def _exists(self, name: str) -> bool:
        return bool(self._query("SELECT 1 FROM pg_database WHERE datname = %s", name))

    def _is_left(self, database: str) -> bool:
        """Return whether all sessions of a database have ended; a closed one takes a moment."""
        end = monotonic() + _PATIENCE
        while self._query(_SESSIONS, database):
            if monotonic() > end:
                return False
            sleep(0.01)
        return True

    @contextmanager
    def _holding(self, function: str, name: str) -> Iterator[None]:
        self._query(f"SELECT {function}(hashtextextended(%s, 0))", name)
        try:
            yield
        finally:
            unlock = function.replace("_lock", "_unlock")
            self._query(f"SELECT {unlock}(hashtextextended(%s, 0))", name)

    def _query(self, sql: str, *params: str) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []


def _copy(cursor: Any, database: str, options: str) -> bool:
    """Return whether a database became a copy. Raises DatabaseError if it is there already."""
    try:
        cursor.execute(f"CREATE DATABASE {database} {options}")
    except DatabaseError as error:
        if sqlstate(error) == _DUPLICATE:
            raise
        return False
    return True


def _name(key: str) -> str:
    return f"{TEMPLATE_PREFIX}{key[:32]}"


def _use_of(name: str) -> str:
    """Return the lock that those share who copy a template."""
    return f"use of {name}"


def _read_comment(comment: str | None) -> dict[str, Any]:
    """Return what is written in a comment of ours, nothing for another one."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        values = json.loads(comment or "")
        if isinstance(values["key"], str) and isinstance(values["born"], float):
            texts = {name: str(values.get(name, "")) for name in ("steps", "asked")}
            return {"key": values["key"], "born": values["born"], **texts}
    return {}
