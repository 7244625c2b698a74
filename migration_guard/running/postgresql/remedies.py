"""PostgreSQL: what to do about an error, by its SQLSTATE.

Sources: PostgreSQL manual, Appendix A, "Error Codes"; the messages of aclchk.c. Messages are in the
server's language, so that each pattern has a remedy without one behind it.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any, Final

from migration_guard.running.remedies import (
    MORE_TIME,
    THERE_ALREADY,
    FailedFile,
    Remedy,
    Table,
    find_remedy,
)
from migration_guard.sql.dialects import POSTGRESQL

_quote: Final = POSTGRESQL.quote
_RUN_BY_OWNER: Final = "have the owner or a superuser run: "
# The right that a migration needs, by the kind of object that the server names.
_GRANTS: Final = {
    "schema": "USAGE, CREATE ON SCHEMA",
    "database": "CREATE, TEMPORARY ON DATABASE",
    "table": "ALL ON TABLE",
    "view": "ALL ON TABLE",
    "materialized view": "ALL ON TABLE",
    "foreign table": "ALL ON TABLE",
    "sequence": "ALL ON SEQUENCE",
    "function": "EXECUTE ON FUNCTION",
    "procedure": "EXECUTE ON PROCEDURE",
    "aggregate": "EXECUTE ON FUNCTION",
    "type": "USAGE ON TYPE",
    "domain": "USAGE ON TYPE",
    "language": "USAGE ON LANGUAGE",
    "tablespace": "CREATE ON TABLESPACE",
    "foreign server": "USAGE ON FOREIGN SERVER",
    "foreign-data wrapper": "USAGE ON FOREIGN DATA WRAPPER",
}
_OWNED: Final = (
    *("table", "view", "materialized view", "foreign table", "sequence", "function", "procedure"),
    *("aggregate", "type", "domain", "schema", "database", "language", "tablespace"),
)
RIGHTS: Final = (
    *(
        Remedy(
            f"{_RUN_BY_OWNER}GRANT {right} {{object}} TO {{role}}",
            f"denied for {kind} (?P<object>[^\\n]+)",
        )
        for kind, right in _GRANTS.items()
    ),
    *(
        Remedy(
            f"{_RUN_BY_OWNER}ALTER {kind.upper()} {{object}} OWNER TO {{role}}",
            f"must be owner of {kind} (?P<object>[^\\n]+)",
        )
        for kind in _OWNED
    ),
    Remedy(
        f"{_RUN_BY_OWNER}ALTER TABLE {{object}} OWNER TO {{role}}",
        "must be owner of relation (?P<object>[^\\n]+)",
    ),
    Remedy(
        "have a superuser run once in this database: CREATE EXTENSION IF NOT EXISTS {extension}; "
        "and write it with IF NOT EXISTS in {file}",
        'to create extension "(?P<extension>[^"]+)"',
    ),
    Remedy("have a superuser run: ALTER ROLE {role} CREATEROLE", "denied to create role"),
    Remedy("have a superuser run: ALTER ROLE {role} CREATEDB", "denied to create database"),
    Remedy(
        "have a superuser run: GRANT SET ON PARAMETER {parameter} TO {role} (since PostgreSQL 15)",
        'denied to set parameter "(?P<parameter>[^"]+)"',
    ),
    Remedy(
        "have a superuser run: GRANT {other} TO {role}",
        '(?:must be (?:a )?member of role|SET ROLE) "(?P<other>[^"]+)"',
    ),
    Remedy(
        "have the owner or a superuser GRANT to {role} what it lacks, or run as a role that has it"
    ),
)
_BUSY: Final = (
    "{edit}: SET CONSTRAINTS ALL IMMEDIATE; before it fires what waits (or divide the file)"
)
REMEDIES: Final[Table] = {
    "25001": (
        Remedy("move it above the first query of {file}", "must be called before any query"),
        Remedy(
            "{edit}: take it out of the function or DO block",
            r"cannot be executed from a function|\nCONTEXT: .*PL/",
        ),
        Remedy("{off}", in_transaction=True),
        Remedy("{edit}: it cannot stand between BEGIN and COMMIT", in_transaction=False),
    ),
    "2D000": (
        Remedy("{edit}: what commits cannot stand in a block with EXCEPTION", "subtransaction"),
        Remedy("{off}", in_transaction=True),
        Remedy("{edit}: what commits cannot stand between BEGIN and COMMIT", in_transaction=False),
    ),
    "55P04": (  # unsafe_new_enum_value_usage
        Remedy("use the new value in a migration of its own, or {off}", in_transaction=True),
        Remedy("{edit}: the new value can be used behind the COMMIT"),
    ),
    **dict.fromkeys(
        # duplicate table, object, column, schema, function, database
        ("42P07", "42710", "42701", "42P06", "42723", "42P04"),
        (Remedy(THERE_ALREADY),),
    ),
    "42501": RIGHTS,
    "42704": (
        Remedy(
            "delete the line from {file}: this server does not know {parameter} (a newer pg_dump "
            "writes it for its own version)",
            'unrecognized configuration parameter "(?P<parameter>[^".]+)"',
        ),
        Remedy(
            "make the role on this server, since a dump of a database holds none: CREATE ROLE "
            "{other}; or {edit}",
            'role "(?P<other>[^"]+)" does not exist',
        ),
    ),
    "42P01": (
        Remedy(
            "{edit}{requires}",
        ),
    ),
    "3F000": (
        Remedy(
            "make the schema of the search path (CREATE SCHEMA), or name another one in OPTIONS of "
            "DATABASES",
            "to create in",
        ),
        Remedy("{edit}: CREATE SCHEMA {schema}; above it", 'schema "(?P<schema>[^"]+)"'),
    ),
    "26000": (Remedy("{edit}: PREPARE in the same file, since each begins in a clean session"),),
    "34000": (Remedy("{edit}: DECLARE in the same file, since each begins in a clean session"),),
    "0A000": (
        Remedy(
            "install the package of the extension {extension} on the server",
            'extension "(?P<extension>[^"]+)" is not available',
        ),
    ),
    "58P01": (
        Remedy(
            "install the package of the extension on the server",
            "could not open extension control file",
        ),
    ),
    "53100": (Remedy("make room on the disk of the database"),),
    "53200": (
        Remedy(
            "raise max_locks_per_transaction in postgresql.conf and restart the server, or divide "
            "{file}",
            "out of shared memory",
        ),
        Remedy("give the server more memory, or divide {file}"),
    ),
    "53300": (Remedy("end idle sessions, or raise max_connections"),),
    "53400": (Remedy("raise the limit that the message names"),),
    "55006": (
        Remedy(_BUSY, "pending trigger events|being used by active queries"),
        Remedy(
            "end the sessions that the message counts: SELECT pg_terminate_backend(pid) FROM "
            "pg_stat_activity WHERE datname = '…'",
            "being accessed by other users",
        ),
    ),
    "2BP01": (  # dependent objects still exist
        Remedy(
            "drop the templates of test databases: manage.py checkschema "
            "--clear-templates{database}",
            "migration_guard_template_",
        ),
    ),
    "40P01": (Remedy("stop what changes the same tables meanwhile"),),
    "40001": (Remedy("wait for a quiet hour, since others changed the same rows meanwhile"),),
    "55P03": (
        Remedy(
            "allow more time in the first lines of {file} (-- guard: lock_timeout = 30s), or end "
            "the blocking session or wait for it"
        ),
    ),
    "57014": (
        Remedy(MORE_TIME, "statement timeout"),
        Remedy("find out who cancelled it", "user request"),
        Remedy(MORE_TIME),
    ),
    "25006": (Remedy("point DATABASES at a server that accepts writes"),),
    **dict.fromkeys(
        ("23502", "23503", "23505", "23514", "23P01"),
        (Remedy("correct the rows that prevent it, or {edit}"),),
    ),
    "P0001": (Remedy("do what the message asks for, or {edit}"),),
}
# Those of them that a step of the runner's own may need.
STEPS: Final = ("42501", "3F000", "53100", "53300", "53400")
# What the server says in place of a connection.
CONNECTING: Final = (
    Remedy(
        "Create it ({createdb}), or correct NAME in DATABASES.",
        'database "[^\n]*" does not exist',
    ),
    Remedy(
        "There is no role {role}: correct USER in DATABASES, or make it (createuser --pwprompt).",
        'role "[^\n]*" does not exist',
    ),
    Remedy(
        "Correct host, user and password in DATABASES.",
        "authentication failed|no password supplied|not permitted to log in",
    ),
    Remedy(
        "The server lets no such user come from here: correct HOST, USER and sslmode in DATABASES, "
        "or pg_hba.conf.",
        "pg_hba.conf",
    ),
    Remedy(
        "A superuser must run: GRANT CONNECT ON DATABASE {name} TO {role}.",
        "permission denied for database",
    ),
    Remedy(
        "Raise the limit: ALTER ROLE {role} CONNECTION LIMIT …; the runner needs two connections "
        "at once.",
        "too many connections for role",
    ),
    Remedy(
        "Raise the limit: ALTER DATABASE {name} CONNECTION LIMIT …; the runner needs two "
        "connections at once.",
        "too many connections for database",
    ),
    Remedy(
        "The runner needs two connections at once: end idle ones (SELECT pid, usename, state FROM "
        "pg_stat_activity), or raise max_connections, and run again.",
        "too many clients|connection slots are reserved",
    ),
    Remedy(
        "The server is not ready: wait, and run again.",
        "is starting up|is shutting down|system is not (?:yet )?accepting|in recovery mode",
    ),
    Remedy(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS true, or correct NAME in DATABASES.",
        "not currently accepting connections",
    ),
    Remedy(
        "Correct sslmode in OPTIONS of DATABASES.", "does not support SSL|SSL error|certificate"
    ),
)


def first_step(error: Exception, failed: FailedFile, role: str) -> str:
    """Return what to do before the next run about an error of a migration, or nothing."""
    fields = {**failed._asdict(), "role": _quote(role)}
    diag = getattr(error, "diag", None)
    return find_remedy(
        REMEDIES.get(getattr(error, "sqlstate", None), ()),
        f"{error}\nCONTEXT: {diag.context if diag else ''}",
        fields,
        lambda name: _qualify(name, failed.sql),
        in_transaction=failed.in_transaction,
    )


def step_remedy(error: Exception, role: str) -> str:
    """Return what to do before the next run about an error of the runner's own step."""
    code = getattr(error, "sqlstate", None)
    remedies = REMEDIES[code] if code in STEPS else ()
    return find_remedy(remedies, str(error), {"role": _quote(role), "file": ""}, _quote)


def connecting_remedy(error: Exception, settings: Mapping[str, Any]) -> str:
    """Return what to do about a connection that cannot be made."""
    name = str(settings.get("NAME") or "")
    # Without USER, libpq takes that of the operating system; the server names it.
    named = re.search(r'\b(?:role|user) "([^"\n]+)"', str(error))
    user = str(settings.get("USER") or "") or (named[1] if named else "")
    fields = {"name": _quote(name), "role": _quote(user), "createdb": _createdb(settings)}
    return find_remedy(CONNECTING, str(error), fields)


def _createdb(settings: Mapping[str, Any]) -> str:
    """Return the shell's command that makes the database of an entry of DATABASES."""
    options = {"--host": "HOST", "--port": "PORT", "--username": "USER"}
    given = [f"{option}={settings[key]}" for option, key in options.items() if settings.get(key)]
    return shlex.join(["createdb", *given, str(settings["NAME"])])


def _qualify(name: str, sql: str) -> str:
    """Return a quoted name with the schema that the statement gives it: messages leave it out."""
    named = re.search(rf'("(?:[^"]|"")+"|\w+)\s*\.\s*"?{re.escape(name)}\b', sql, re.IGNORECASE)
    return f"{named[1]}.{_quote(name)}" if named else _quote(name)
