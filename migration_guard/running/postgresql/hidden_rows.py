"""Own tables of which PostgreSQL may not show, or not write, every row.

Sources: PostgreSQL manual, "Row Security Policies", "row_security_active", "CREATE RULE".
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from psycopg import sql as pg

from migration_guard.exceptions import CannotTell
from migration_guard.history import Rows

# Whether a policy could show every row.
_CAN_SHOW_ALL: Final = """
  pg_catalog.current_setting('row_security') = 'on' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive)
"""
# A policy that shows and takes every row hides none.
_SHOWS_ALL: Final = f"""
  {_CAN_SHOW_ALL} AND EXISTS (
    SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*'
    AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true'
    AND COALESCE(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true'
    AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) r
      WHERE r = 0 OR pg_catalog.pg_has_role(r, 'USAGE')))
"""
_QUERY: Final = f"""
SELECT * FROM (
  SELECT n.nspname, c.relname,
    pg_catalog.row_security_active(c.oid) AND NOT ({_SHOWS_ALL}) AS hides, {_CAN_SHOW_ALL},
    (SELECT pg_catalog.min(r.rulename::text) FROM pg_catalog.pg_rewrite r
      WHERE r.ev_class = c.oid AND c.relkind IN ('r', 'p')) AS rule,
    pg_catalog.pg_has_role(c.relowner, 'USAGE'), pg_catalog.pg_get_userbyid(c.relowner),
    current_user
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = ANY(%s) AND n.nspname = %s
    OR c.relname = ANY(%s) AND pg_catalog.pg_table_is_visible(c.oid)
) tables WHERE hides OR rule IS NOT NULL ORDER BY relname
"""


class _Table(NamedTuple):
    """A table whose rows cannot be relied on; ``is_owned`` by the session's ``user``."""

    schema: str
    name: str
    hides: bool
    admits_policy: bool
    rule: str | None
    is_owned: bool
    owner: str
    user: str

    @property
    def quoted(self) -> str:
        """The table as SQL names it."""
        return pg.Identifier(self.schema, self.name).as_string()


def query(schema: str | None, own: Sequence[str], django: str) -> tuple[str, list[Any]]:
    """Return the query for the ``own`` tables in ``schema``, None for those that names find.

    ``django`` is the table of Django's migrations, which a name finds.
    """
    visible = [django] if schema is not None else [*own, django]
    return _QUERY, [[*own], schema, visible]


def find_reason(rows: Rows) -> CannotTell | None:
    """Return the error for the tables that the query found; None without any."""
    tables = [_Table(*row) for row in rows]
    for table in tables:
        if table.rule is not None:
            return CannotTell(
                f"{table.quoted} has the rule {table.rule}, so what is read or written there may "
                "not be what was asked for. Nothing was changed.",
                f"DROP RULE {pg.Identifier(table.rule).as_string()} ON {table.quoted};",
            )
    return _row_security_error(tables) if tables else None


def _row_security_error(tables: Sequence[_Table]) -> CannotTell:
    names = ", ".join(table.name for table in tables)
    user, owner = pg.Identifier(tables[0].user).as_string(), tables[0].owner
    verb = "NO FORCE" if all(table.is_owned for table in tables) else "DISABLE"
    lift = " ".join(f"ALTER TABLE {table.quoted} {verb} ROW LEVEL SECURITY;" for table in tables)
    policies = " ".join(
        f"CREATE POLICY migration_guard ON {table.quoted} TO {user} USING (true);"
        for table in tables
    )
    policies = f"Or, as {owner}: {policies}\n" if all(t.admits_policy for t in tables) else ""
    connect = "" if verb == "NO FORCE" else f", or connect as {owner}"
    return CannotTell(
        f"Row-level security may hide rows of {names} from the user {user}, so it is not known "
        "what is applied. Nothing was changed.",
        f"As {owner}: {lift}\n{policies}Or, as a superuser: ALTER ROLE {user} BYPASSRLS;{connect}",
    )
