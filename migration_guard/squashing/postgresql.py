"""Writes a PostgreSQL database with ``pg_dump``.

Source: PostgreSQL manual, "pg_dump", "pg_class", "pg_attribute".
"""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from django.db.backends.postgresql.client import DatabaseClient

from migration_guard import conf
from migration_guard.exceptions import CannotTell
from migration_guard.sql.masking import mask_text
from migration_guard.sql.statements import split
from migration_guard.squashing.contents import Contents, Rows
from migration_guard.squashing.writer import Writer

_PROGRAM: Final = "pg_dump"
_OPTIONS: Final = (
    "--no-tablespaces",
    "--no-security-labels",
    "--no-subscriptions",
    "--encoding=UTF8",
)
_NO_ACCESS: Final = ("--no-owner", "--no-privileges")
# Where Debian keeps the programs of one version.
_FOLDER: Final = "/usr/lib/postgresql/{}/bin/" + _PROGRAM
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")
_TIMES: Final = "1082, 1083, 1114, 1184, 1266"  # date, time, timestamp, with time zone, and timetz
_RELATIONS: Final = """
    SELECT format('%I.%I', n.nspname, c.relname), c.relname::text, c.relkind::text, c.oid
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
        AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, 'pg_')
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                AND d.deptype = 'e'
        )
    ORDER BY 1
"""
_COLUMNS: Final = f"""
    SELECT attname::text, quote_ident(attname), atttypid IN ({_TIMES})
    FROM pg_catalog.pg_attribute
    WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ORDER BY attnum
"""
_LEFT_OUT: Final = re.compile(
    r"SET\s|SELECT pg_catalog\.set_config\('search_path'|COMMENT ON EXTENSION\s", re.IGNORECASE
)
_ACCESS: Final = re.compile(r"GRANT\s|REVOKE\s|ALTER DEFAULT PRIVILEGES\s|ALTER .* OWNER TO ")
_NAMES_ROLES: Final = re.compile(rf"{_ACCESS.pattern}|CREATE (?:POLICY|USER MAPPING)\s")
_CONDITION: Final = re.compile(r"(?= (?:USING|WITH CHECK) \()")
_OTHER_GRANTOR: Final = re.compile(r"SET SESSION AUTHORIZATION (?!DEFAULT)")
# What a database has beside its objects, and no dump of it: ALTER DATABASE, COMMENT ON DATABASE.
_OF_DATABASE: Final = """
    SELECT 'settings of the database', array_agg(s.setconfig::text ORDER BY 1)::text
    FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
    WHERE d.datname = current_database() HAVING count(*) > 0
    UNION ALL SELECT 'comment on the database', pg_catalog.shobj_description(oid, 'pg_database')
    FROM pg_catalog.pg_database WHERE datname = current_database()
        AND pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL
"""
_ROUTINE: Final = re.compile(r"CREATE (?:FUNCTION|PROCEDURE)\b")


class PostgreSQLWriter(Writer):
    """Writes with the program of the server's own version."""

    def require_program(self) -> None:
        """Raise CannotTell without the server's ``pg_dump``, and for separate schemas."""
        if conf.uses_separate_schemas():
            raise CannotTell(
                "Each schema has tables and a history of its own here, and a dump names the schema "
                "of every table. Nothing was written.",
                f'{conf.SETTING}["SEPARATE_SCHEMAS"] and TENANTS say so; keep the files as they '
                "are.",
            )
        self._program()

    def relations(self) -> dict[str, str]:
        """Return tables, views, sequences and foreign tables."""
        return {name: bare for name, bare, _, _ in self._query(_RELATIONS)}

    def dump(self, without: Collection[str], *, rows: bool, access: bool = True) -> list[str]:
        """Return the statements of ``pg_dump``, without those about session and connecting role."""
        ((schema, role, large_objects),) = self._query(
            "SELECT quote_ident(current_schema()), quote_ident(current_user), count(*) "
            "FROM pg_catalog.pg_largeobject_metadata"
        )
        if large_objects and rows:
            raise CannotTell(
                "The migrations make large objects, which are not written as a migration. Nothing "
                "was written.",
                "Let the range end before the file that makes them.",
            )
        options = [*_OPTIONS, *([] if rows else ["--schema-only"])]
        options += [] if access else _NO_ACCESS
        options += [f"--exclude-table={name}" for name in without]
        statements = [_for_any_role(sql, role) for sql in _kept(self._run(options), schema, role)]
        if any(map(_ROUTINE.match, statements)):
            # A body may name what comes after it, as when pg_restore runs.
            statements.insert(0, "SET LOCAL check_function_bodies = false;")
        return statements

    def access(self, statements: Iterable[str]) -> list[str]:
        """Return what grants, revokes, or gives away."""
        return [sql for sql in statements if _ACCESS.match(sql)]

    def contents(self, without: Collection[str]) -> Contents:
        """Return the rows of tables, and the state of sequences."""
        tables, counters = {}, dict(self._query(_OF_DATABASE))
        for name, _, kind, oid in self._query(_RELATIONS):
            if name in without:
                continue
            if kind == "S":
                counters[name] = repr(self._query(f"SELECT last_value, is_called FROM {name}")[0])
            elif kind == "r":
                tables[name] = self._rows(name, oid)
        return Contents(tables, counters)

    def _rows(self, name: str, oid: int) -> Rows:
        columns = self._query(_COLUMNS, oid)
        listed = ", ".join(f"{quoted}::text" for _, quoted, _ in columns)
        return Rows(
            tuple(column for column, _, _ in columns),
            frozenset(column for column, _, is_time in columns if is_time),
            tuple(self._query(f"SELECT {listed} FROM ONLY {name}")),
        )

    def _program(self) -> str:
        """Return the path of the program of the server's version."""
        ((number,),) = self._query("SELECT current_setting('server_version_num')::int / 10000")
        found = []
        for path in (shutil.which(_PROGRAM), _FOLDER.format(number)):
            version = _version(path) if path is not None else None
            if path is not None and version == number:
                return path
            found += [version] if version is not None else []
        have = f"is of version {found[0]}" if found else "is not installed, or not in PATH"
        raise CannotTell(
            f"The server is PostgreSQL {number}, and {_PROGRAM} {have}. Nothing was written.",
            f"Install the client programs of PostgreSQL {number} (Debian: "
            f"postgresql-client-{number}), and run it again.",
        )

    def _run(self, options: list[str]) -> str:
        settings = self.connection.settings_dict
        arguments, variables = DatabaseClient.settings_to_cmd_args_env(settings, options)
        done = subprocess.run(  # noqa: S603
            [self._program(), *arguments[1:]],
            capture_output=True,
            check=False,
            env={**os.environ, **(variables or {})},
        )
        if done.returncode:
            message = mask_text(done.stderr.decode(errors="replace").strip())
            raise CannotTell(
                f"{_PROGRAM} failed: {message}",
                "Nothing was written. Remove the cause, and run it again.",
            )
        return done.stdout.decode()

    def _query(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return list(cursor.fetchall())


def _kept(text: str, schema: str, role: str) -> Iterator[str]:
    """Yield the statements of a dump that belong into a migration.

    ``schema`` is there before: the app's own tables are in it. ``role`` owns what it makes.
    """
    made_before = (f"CREATE SCHEMA {schema}", f"COMMENT ON SCHEMA {schema} ")
    for statement in split(text, "postgresql"):
        sql = statement.text
        if _OTHER_GRANTOR.match(sql):
            raise CannotTell(
                "Another role than the one that connects granted privileges, which is not written "
                f"as a migration ({sql}). Nothing was written.",
                "Let the range end before the file that grants them.",
            )
        if statement.meta or _LEFT_OUT.match(sql):
            continue
        if sql == made_before[0] or sql.startswith(made_before[1]):
            continue
        if _ACCESS.match(sql) and sql.endswith(f" OWNER TO {role}"):
            continue
        if statement.data is None:
            yield f"{sql};"
        elif data := text[slice(*statement.data)]:
            yield f"{sql};\n{data}\\."


def _for_any_role(sql: str, role: str) -> str:
    """Return a statement that means whoever runs it where it named ``role``."""
    if not _NAMES_ROLES.match(sql):
        return sql
    head = _CONDITION.split(sql, 1)[0]  # of a policy
    pattern = rf"( (?:TO|FROM|ROLE|FOR) (?:[^ ,()]+, )*){re.escape(role)}(?=[ ,;]|$)"
    return re.sub(pattern, r"\1CURRENT_USER", head) + sql[len(head) :]


def _version(path: str) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603
            [path, "--version"], capture_output=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout.decode(errors="replace"))
    return int(match[1]) if match else None
