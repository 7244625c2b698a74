"""The only reader and writer of the app's own tables.

Tables are addressed with the schema in which they were found, whatever a migration did to the
search path; no password is stored. SQL runs on the caller's connection and in the caller's
transaction.
"""

from migration_guard.history.access import Rows, StatementText
from migration_guard.history.applied import History, How
from migration_guard.history.audit import CLEARED
from migration_guard.history.identity import Identity, system_user, who
from migration_guard.history.lookup import as_value, is_applied, is_of_this_schema, read_rows
from migration_guard.history.stamp import PROJECT_NAME
from migration_guard.history.stored_text import MAX_STORED_BYTES

__all__ = [
    "CLEARED",
    "MAX_STORED_BYTES",
    "PROJECT_NAME",
    "History",
    "How",
    "Identity",
    "Rows",
    "StatementText",
    "as_value",
    "is_applied",
    "is_of_this_schema",
    "read_rows",
    "system_user",
    "who",
]
