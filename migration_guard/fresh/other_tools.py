"""The tables in which other migration tools keep what they have run.

Pure. After their files and history were taken over, such a table is no difference of the schema.
"""

from typing import Final, NamedTuple

from migration_guard.schema.objects import UNKNOWN, Fact, Table


class _Record(NamedTuple):
    """The table of a tool; ``columns`` are some that it has."""

    table: str
    tool: str
    columns: frozenset[str]


def describe(table: Fact[Table | None]) -> str:
    """Return whose history a table is and what to do about it, "" for any other table."""
    if table is UNKNOWN or table is None or table.columns is UNKNOWN:
        return ""
    columns = {column.name.casefold() for column in table.columns}
    for record in _RECORDS:
        if record.table == table.name.casefold() and record.columns <= columns:
            return (
                f"{record.tool} keeps its history in it. If nothing runs {record.tool} any more, "
                f"drop it in a migration (DROP TABLE IF EXISTS); else leave it out with "
                f"--ignore {table.label}."
            )
    return ""


def _records(tool: str, *tables: str, columns: str = "") -> list[_Record]:
    return [_Record(table, tool, frozenset(columns.split())) for table in tables]


_RECORDS: Final = (
    *_records("Flyway", "flyway_schema_history", "schema_version", columns="installed_rank script"),
    *_records("Liquibase", "databasechangelog", columns="author md5sum"),
    *_records("Liquibase", "databasechangeloglock", columns="locked lockgranted"),
    *_records("golang-migrate", "schema_migrations", columns="version dirty"),
    *_records("Active Record", "ar_internal_metadata", columns="key value"),
    *_records("Ecto", "schema_migrations", columns="version inserted_at"),
    *_records("dbmate (or Active Record)", "schema_migrations", columns="version"),
    *_records("goose", "goose_db_version", columns="version_id is_applied"),
    *_records("micrate", "micrate_db_version", columns="version_id is_applied"),
    *_records("sql-migrate", "gorp_migrations", columns="id applied_at"),
    *_records("node-pg-migrate", "pgmigrations", columns="name run_on"),
    *_records("Play evolutions", "play_evolutions", columns="apply_script revert_script"),
    *_records("Play evolutions", "play_evolutions_lock", columns="lock"),
    *_records("tern", "schema_version", columns="version"),
    *_records("MyBatis Migrations", "changelog", columns="id applied_at description"),
    *_records("shmig", "shmig_version", columns="version"),
    *_records("Atlas", "atlas_schema_revisions", columns="version executed_at"),
    *_records("sqlx", "_sqlx_migrations", columns="version checksum success"),
    *_records("graphile-migrate", "migrations", columns="hash previous_hash filename"),
    *_records("graphile-migrate", "current", columns="filename content date"),
    *_records("yoyo", "_yoyo_migration", "_yoyo_log", columns="migration_hash migration_id"),
    *_records("yoyo", "_yoyo_version", columns="version"),
    *_records("yoyo", "yoyo_lock", columns="locked pid"),
    *_records("postgres-migrations", "migrations", columns="id name hash executed_at"),
    *_records("db-migrate", "migrations", columns="id name run_on"),
    *_records("Rambler", "migrations", columns="migration"),
    *_records("TypeORM", "migrations", columns="id timestamp name"),
    *_records("Postgrator", "schemaversion", columns="version"),
    *_records("bun", "bun_migrations", columns="name group_id migrated_at"),
    *_records("bun", "bun_migration_locks", columns="table_name"),
    *_records("Prisma", "_prisma_migrations", columns="checksum migration_name"),
    *_records("Diesel", "__diesel_schema_migrations", columns="version run_on"),
    *_records("refinery", "refinery_schema_history", columns="version applied_on checksum"),
    *_records("Alembic", "alembic_version", columns="version_num"),
    *_records("Drizzle", "__drizzle_migrations", columns="hash created_at"),
    *_records("Knex", "knex_migrations", columns="name batch migration_time"),
    *_records("Knex", "knex_migrations_lock", columns="is_locked"),
    *_records("Sequelize", "sequelizemeta", columns="name"),
    *_records("Entity Framework", "__efmigrationshistory", columns="migrationid"),
    *_records("Phinx", "phinxlog", columns="migration_name start_time"),
    *_records("South", "south_migrationhistory", columns="app_name migration applied"),
)
