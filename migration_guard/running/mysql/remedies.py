"""MySQL and MariaDB: what to do about an error, by its number.

Sources: MariaDB knowledge base, "MariaDB Error Codes"; MySQL manual, "Server Error Message
Reference" and "Client Error Message Reference".
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
from migration_guard.sql.dialects import MYSQL

_quote: Final = MYSQL.quote
_GRANT_ALL: Final = "have an administrator run: GRANT ALL ON {database}.* TO {role}"
_LOCKED: Final = (
    "allow more time in the first lines of {file} (-- guard: lock_timeout = 30s), or end the "
    "blocking session (SHOW PROCESSLIST) or wait for it"
)
_RIGHTS: Final = (
    Remedy(f"{_GRANT_ALL} (GRANT OPTION too, where the file grants)", "GRANT"),
    Remedy(_GRANT_ALL),
)
_ROWS: Final = (Remedy("correct the rows that prevent it, or {edit}"),)
_WAIT_FOR_SERVER: Final = (
    "Check that the server runs, and host and port in DATABASES (localhost means its socket, "
    "127.0.0.1 the port)."
)
_WRITES: Final = (Remedy("point DATABASES at a server that accepts writes"),)
REMEDIES: Final[Table] = {
    **dict.fromkeys(
        # table, column, index, database, routine, trigger, foreign key and event exists; two keys
        (1050, 1060, 1061, 1007, 1304, 1359, 1826, 1537, 1068),
        (Remedy(THERE_ALREADY),),
    ),
    # May not: database, table, column, routine, alter routine
    **dict.fromkeys((1044, 1142, 1143, 1370), _RIGHTS),
    1227: (  # a right of the whole server
        Remedy(
            "have an administrator run: GRANT SUPER ON *.* TO {role}, or what the message names"
        ),
    ),
    1410: (Remedy("have an administrator make the user: CREATE USER"),),
    # No function or trigger without SUPER while there is a binary log.
    **dict.fromkeys(
        (1418, 1419),
        (Remedy("have an administrator run: SET GLOBAL log_bin_trust_function_creators = 1"),),
    ),
    1205: (Remedy(_LOCKED),),
    1213: (Remedy("stop what changes the same tables meanwhile"),),
    1020: (Remedy("wait for a quiet hour, since others changed the same rows meanwhile"),),
    1290: (
        Remedy("point DATABASES at a server that accepts writes", "read.only"),
        Remedy("have an administrator start the server without the option that is named"),
    ),
    1792: _WRITES,
    1836: _WRITES,
    1146: (Remedy("{edit}{requires}"),),
    1049: (Remedy("{edit}: CREATE DATABASE above it"),),
    1969: (Remedy(MORE_TIME),),  # MariaDB: max_statement_time
    3024: (Remedy(MORE_TIME),),  # MySQL: max_execution_time
    1317: (Remedy("find out who interrupted it (KILL)"),),
    1153: (Remedy("raise max_allowed_packet of the server, or divide the statement"),),
    **dict.fromkeys(
        (1021, 1041, 1114, 3),
        (Remedy("make room on the disk of the database"),),
    ),
    1030: (Remedy("make room on the disk of the database", r"error 28\b"),),
    1193: (Remedy("delete the line from {file}: this server does not know the variable"),),
    **dict.fromkeys((1048, 1062, 1451, 1452, 1586, 4025, 3819), _ROWS),
    1243: (Remedy("{edit}: PREPARE in the same file, since each begins in a clean session"),),
}
# Those of them that a step of the runner's own may need.
STEPS: Final = (1044, 1142, 1143, 1227, 1021, 1041, 1114, 3, 1030)
_TOO_MANY: Final = (
    Remedy(
        "The runner needs two connections at once: end idle ones (SHOW PROCESSLIST), or raise "
        "max_connections (of the server or the user), and run again."
    ),
)
CONNECTING: Final[Table] = {
    1049: (Remedy("Create it ({createdb}), or correct NAME in DATABASES."),),
    1045: (Remedy("Correct host, user and password in DATABASES."),),
    1698: (
        Remedy("The server lets this user in without a password, by its socket: correct USER."),
    ),
    1044: (
        Remedy("An administrator must run: GRANT ALL ON {database}.* TO {role}; or correct NAME."),
    ),
    1040: _TOO_MANY,
    1203: _TOO_MANY,
    1226: _TOO_MANY,
    1129: (Remedy("An administrator must run: FLUSH HOSTS."),),
    1130: (Remedy("The server lets nobody come from this host: correct HOST, or make the user."),),
    2002: (Remedy(_WAIT_FOR_SERVER),),
    2003: (Remedy(_WAIT_FOR_SERVER),),
    2005: (Remedy("Correct HOST in DATABASES: no such host is known."),),
    2006: (Remedy("Check that the server runs, and run again."),),
    2013: (Remedy("Check that the server runs, and run again."),),
    2026: (Remedy("Correct the SSL options in OPTIONS of DATABASES."),),
}


def first_step(code: int, message: str, failed: FailedFile, role: str, database: str) -> str:
    """Return what to do before the next run about an error of a migration, or nothing."""
    fields = {**failed._asdict(), **_fields(role, database)}
    return find_remedy(
        REMEDIES.get(code, ()), message, fields, in_transaction=failed.in_transaction
    )


def step_remedy(code: int, message: str, role: str, database: str) -> str:
    """Return what to do before the next run about an error of the runner's own step."""
    remedies = REMEDIES[code] if code in STEPS else ()
    return find_remedy(remedies, message, _fields(role, database))


def connecting_remedy(code: int, message: str, settings: Mapping[str, Any]) -> str:
    """Return what to do about a connection that cannot be made."""
    user = re.search(r"user '([^']*)'@'([^']*)'", message)
    role = f"{user[1]}@{user[2]}" if user else str(settings.get("USER") or "")
    fields = {**_fields(role, str(settings["NAME"])), "createdb": _createdb(settings)}
    return find_remedy(CONNECTING.get(code, ()), message, fields)


def _fields(role: str, database: str) -> dict[str, str]:
    user, _, host = role.rpartition("@")
    account = f"'{user}'@'{host}'" if user else f"'{role}'"
    return {"role": account, "database": _quote(database)}


def _createdb(settings: Mapping[str, Any]) -> str:
    """Return the shell's command that makes the database of an entry of DATABASES."""
    options = {"--host": "HOST", "--port": "PORT", "--user": "USER"}
    given = [f"{option}={settings[key]}" for option, key in options.items() if settings.get(key)]
    sql = f"CREATE DATABASE {_quote(str(settings['NAME']))} CHARACTER SET utf8mb4"
    return shlex.join(["mariadb", *given, "-p", "-e", sql])
