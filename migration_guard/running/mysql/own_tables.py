"""MySQL and MariaDB: what the own tables hold, since the server does not count by table."""

import re
from typing import Final

from migration_guard.history import History
from migration_guard.planning.history_rows import HISTORY_TABLE, OWN_TABLES
from migration_guard.running.mysql.connection import MySQLConnection
from migration_guard.running.own_table_rows import OwnTableRows

# No such database, table, routine, trigger, event, sequence; or no view, no sequence.
ABSENT: Final = {1049, 1146, 1305, 1347, 1360, 1539, 4089, 4091}
COUNTER: Final = re.compile(r" AUTO_INCREMENT=\d+")
# Not SHOW CREATE TABLE, whose text depends on the session's settings.
_DEFINITIONS: Final = (
    "SELECT table_name, column_name, column_type, is_nullable, column_default, '' "
    "FROM information_schema.columns WHERE table_schema = %s AND table_name IN (%s, %s, %s, %s) "
    "UNION ALL SELECT event_object_table, trigger_name, action_timing, event_manipulation, "
    "action_statement, 'trigger' FROM information_schema.triggers "
    "WHERE event_object_schema = %s AND event_object_table IN (%s, %s, %s, %s)"
)


def look(connection: MySQLConnection, history: History) -> OwnTableRows:
    """Return a digest of each row of the history, and of each table what shows a change."""
    schema = history.table.rpartition(".")[0].strip("`")
    parts = connection.fetch(_DEFINITIONS, (schema, *OWN_TABLES, schema, *OWN_TABLES))
    tables: dict[str, object] = {}
    for name, table in zip(OWN_TABLES, history.tables, strict=True):
        definition = sorted(map(str, (part for part in parts if part[0] == name)))
        checksum = None if name == HISTORY_TABLE else _checksum(connection, table)
        tables[name] = (definition, checksum)
    rows: dict[str, object] = {}
    if tables[HISTORY_TABLE] != ([], None):
        columns = (
            "CONCAT_WS('|', number, checksum, fingerprint, `sql`, how, applied_at, duration_ms, "
            "database_user, environment)"
        )
        rows = dict(connection.fetch(f"SELECT id, MD5({columns}) FROM {history.table}"))
    return OwnTableRows(rows, tables)


def _checksum(connection: MySQLConnection, table: str) -> object:
    return connection.fetch(f"CHECKSUM TABLE {table}")[0][1]
