"""The tables in which other migration tools keep what they have run.

Pure. A table is known by its columns, since several tools call theirs ``schema_migrations``.
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple


class ForeignTable(NamedTuple):
    """A table of a tool; ``columns`` are some that it has.

    ``schema`` is the tool's own where it makes one, "" where the table lies beside the project's.
    """

    table: str
    tool: str
    columns: frozenset[str]
    schema: str = ""


def tables_of(tool: str) -> list[ForeignTable]:
    """Return the tables of a tool, in the order in which they are looked for."""
    return [known for known in TABLES if known.tool == tool]


def known_tables(table: str, columns: Collection[str], schema: str = "") -> Iterator[ForeignTable]:
    """Yield what a table of this name with these columns may be, the likeliest first.

    Names are compared in lower case. Without ``schema`` it may be in any.
    """
    names = {column.casefold() for column in columns}
    for known in TABLES:
        if known.table == table.casefold() and known.columns <= names:
            if not schema or known.schema in ("", schema):
                yield known


def _tables(tool: str, *tables: str, columns: str, schema: str = "") -> list[ForeignTable]:
    return [ForeignTable(table, tool, frozenset(columns.split()), schema) for table in tables]


TABLES: Final = (
    *_tables("Flyway", "flyway_schema_history", "schema_version", columns="installed_rank script"),
    *_tables("Liquibase", "databasechangelog", columns="author md5sum"),
    *_tables("Liquibase", "databasechangeloglock", columns="locked lockgranted"),
    *_tables("golang-migrate", "schema_migrations", columns="version dirty"),
    *_tables(
        "Supabase", "schema_migrations", columns="version statements", schema="supabase_migrations"
    ),
    *_tables("Active Record", "ar_internal_metadata", columns="key value"),
    *_tables("Ecto", "schema_migrations", columns="version inserted_at"),
    *_tables("dbmate (or Active Record)", "schema_migrations", columns="version"),
    *_tables("goose", "goose_db_version", columns="version_id is_applied"),
    *_tables("micrate", "micrate_db_version", columns="version_id is_applied"),
    *_tables("sql-migrate", "gorp_migrations", columns="id applied_at"),
    *_tables("node-pg-migrate", "pgmigrations", columns="name run_on"),
    *_tables("Play evolutions", "play_evolutions", columns="apply_script revert_script"),
    *_tables("Play evolutions", "play_evolutions_lock", columns="lock"),
    *_tables("tern", "schema_version", columns="version"),
    *_tables("MyBatis Migrations", "changelog", columns="id applied_at description"),
    *_tables("shmig", "shmig_version", columns="version"),
    *_tables("Atlas", "atlas_schema_revisions", columns="version executed_at"),
    *_tables("sqlx", "_sqlx_migrations", columns="version checksum success"),
    *_tables(
        "graphile-migrate",
        "migrations",
        columns="hash previous_hash filename",
        schema="graphile_migrate",
    ),
    *_tables(
        "graphile-migrate", "current", columns="filename content date", schema="graphile_migrate"
    ),
    *_tables("yoyo", "_yoyo_migration", "_yoyo_log", columns="migration_hash migration_id"),
    *_tables("yoyo", "_yoyo_version", columns="version"),
    *_tables("yoyo", "yoyo_lock", columns="locked pid"),
    *_tables("postgres-migrations", "migrations", columns="id name hash executed_at"),
    *_tables("db-migrate", "migrations", columns="id name run_on"),
    *_tables("Rambler", "migrations", columns="migration"),
    *_tables("TypeORM", "migrations", columns="id timestamp name"),
    *_tables("Postgrator", "schemaversion", columns="version"),
    *_tables("bun", "bun_migrations", columns="name group_id migrated_at"),
    *_tables("bun", "bun_migration_locks", columns="table_name"),
    *_tables("Prisma", "_prisma_migrations", columns="checksum migration_name"),
    *_tables("Diesel", "__diesel_schema_migrations", columns="version run_on"),
    *_tables("refinery", "refinery_schema_history", columns="version applied_on checksum"),
    *_tables("Alembic", "alembic_version", columns="version_num"),
    *_tables("Drizzle", "__drizzle_migrations", columns="hash created_at", schema="drizzle"),
    *_tables("Drizzle", "__drizzle_migrations", columns="hash created_at"),
    *_tables("Knex", "knex_migrations", columns="name batch migration_time"),
    *_tables("Knex", "knex_migrations_lock", columns="is_locked"),
    *_tables("Sequelize", "sequelizemeta", columns="name"),
    *_tables("Entity Framework", "__efmigrationshistory", columns="migrationid"),
    *_tables("Phinx", "phinxlog", columns="migration_name start_time"),
    *_tables("South", "south_migrationhistory", columns="app_name migration applied"),
)
