"""Which SQL may be stored: none that is too long, holds a secret or does not fit the encoding."""

from typing import Final

from migration_guard.history.access import Access
from migration_guard.sql.classify import has_secret
from migration_guard.sql.secret_names import has_secret_name, is_secret_name
from migration_guard.sql.unlisted_columns import defined_tables, tables_without_columns

MAX_STORED_BYTES: Final = 256 * 1024


def text_to_store(access: Access, sql: str, *, as_json: bool = False) -> str | None:
    """Return ``sql``, or None where it is too long, holds a secret or does not fit.

    JSON has escapes for characters that the database's encoding does not have.
    """
    # A character is a byte at least.
    if len(sql) > MAX_STORED_BYTES or len(sql.encode()) > MAX_STORED_BYTES:
        return None
    if has_secret(sql, access.wrapper.vendor) or _fills_secret_columns(access, sql):
        return None
    return sql if as_json or access.connection.holds(sql) else None


def _fills_secret_columns(access: Access, sql: str) -> bool:
    """Return whether rows without a column list may go to a column with a secret name."""
    tables = tables_without_columns(sql)
    if not tables or has_secret_name(sql):  # such as CREATE TABLE in the same file
        return bool(tables)
    tables -= defined_tables(sql)
    if not tables:
        return False
    columns = access.connection.columns(sorted(tables))
    # Nobody knows the columns of a table that the file makes by a query.
    is_known = tables <= {table for table, _column in columns}
    return not is_known or any(is_secret_name(column) for _table, column in columns)
