"""The tables in which other migration tools keep what they have run.

Pure. A table is known by its columns, since several tools call theirs ``schema_migrations``.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple


class ForeignTable(NamedTuple):
    """A table of a tool; ``columns`` are some that it has, or all if ``is_exact``.

    ``schema`` is the tool's own where it makes one, "" where the table lies beside the project's.
    ``also`` is another tool with the same table. ``is_history`` is False where its rows do not say
    which files have run.
    """

    table: str
    tool: str
    columns: frozenset[str]
    schema: str = ""
    also: str = ""
    is_exact: bool = False
    is_history: bool = True

    @property
    def label(self) -> str:
        """The tool, or both."""
        return f"{self.tool} (or {self.also})" if self.also else self.tool

    def fits(self, columns: Collection[str]) -> bool:
        """Return whether a table with these columns, in lower case, may be this one."""
        return self.columns == set(columns) if self.is_exact else self.columns <= set(columns)


def tables_of(tool: str) -> list[ForeignTable]:
    """Return the histories of a tool, in the order in which they are looked for."""
    return [known for known in TABLES if known.tool == tool and known.is_history]


def names_of(tool: str) -> tuple[str, ...]:
    """Return the names of a tool's tables and schemas, as drift knows them."""
    tables = [known for known in TABLES if known.tool == tool]
    names = [f"{known.schema}.{known.table}" if known.schema else known.table for known in tables]
    return (*names, *dict.fromkeys(known.schema for known in tables if known.schema))


def names_beside(table: str) -> tuple[str, ...]:
    """Return the names of the tables of each tool that keeps one of this name."""
    name = table.rpartition(".")[2].casefold()
    tools = dict.fromkeys(known.tool for known in TABLES if known.table == name)
    return tuple(other for tool in tools for other in names_of(tool))


def find_known(table: str, columns: Iterable[str], schema: str = "") -> ForeignTable | None:
    """Return what a table of this name with these columns is, None for a table of nobody's.

    Names are compared in lower case. Without ``schema`` it may be in any.
    """
    names = {column.casefold() for column in columns}
    return next(
        (
            known
            for known in TABLES
            if known.table == table.casefold()
            and known.fits(names)
            and schema in ("", known.schema)
        ),
        None,
    )


def _tables(tool: str, *tables: str, columns: str, **options: Any) -> list[ForeignTable]:
    return [ForeignTable(table, tool, frozenset(columns.split()), **options) for table in tables]


TABLES: Final = (
    *_tables("Flyway", "flyway_schema_history", "schema_version", columns="installed_rank script"),
    *_tables("Liquibase", "databasechangelog", columns="author md5sum"),
    *_tables("Liquibase", "databasechangeloglock", columns="locked lockgranted", is_history=False),
    *_tables("golang-migrate", "schema_migrations", columns="version dirty"),
    *_tables(
        "Supabase", "schema_migrations", columns="version statements", schema="supabase_migrations"
    ),
    *_tables(
        "Supabase",
        "seed_files",
        columns="path hash",
        schema="supabase_migrations",
        is_history=False,
    ),
    *_tables("Active Record", "ar_internal_metadata", columns="key value", is_history=False),
    *_tables("Ecto", "schema_migrations", columns="version inserted_at"),
    *_tables("dbmate", "schema_migrations", columns="version", also="Active Record", is_exact=True),
    *_tables("goose", "goose_db_version", columns="version_id is_applied"),
    *_tables("micrate", "micrate_db_version", columns="version_id is_applied"),
    *_tables("sql-migrate", "gorp_migrations", columns="id applied_at"),
    *_tables("node-pg-migrate", "pgmigrations", columns="name run_on"),
    *_tables("Play evolutions", "play_evolutions", columns="apply_script revert_script"),
    *_tables("Play evolutions", "play_evolutions_lock", columns="lock", is_history=False),
    *_tables("tern", "schema_version", columns="version", is_exact=True),
    *_tables("MyBatis Migrations", "changelog", columns="id applied_at description"),
    *_tables("shmig", "shmig_version", columns="version migrated_at"),
    *_tables("Atlas", "atlas_schema_revisions", columns="version executed_at"),
    *_tables("sqlx", "_sqlx_migrations", columns="version checksum success"),
    *_tables(
        "graphile-migrate",
        "migrations",
        columns="hash previous_hash filename",
        schema="graphile_migrate",
    ),
    *_tables(
        "graphile-migrate",
        "current",
        columns="filename content date",
        schema="graphile_migrate",
        is_history=False,
    ),
    *_tables("yoyo", "_yoyo_migration", columns="migration_hash migration_id"),
    *_tables("yoyo", "_yoyo_log", columns="migration_hash migration_id", is_history=False),
    *_tables("yoyo", "_yoyo_version", columns="version", is_history=False),
    *_tables("yoyo", "yoyo_lock", columns="locked pid", is_history=False),
    *_tables("postgres-migrations", "migrations", columns="id name hash executed_at"),
    *_tables("db-migrate", "migrations", columns="id name run_on"),
    *_tables("Rambler", "migrations", columns="migration", is_exact=True),
    *_tables("Laravel", "migrations", columns="migration batch"),
    *_tables("TypeORM", "migrations", columns="id timestamp name"),
    *_tables("Postgrator", "schemaversion", columns="version md5"),
    *_tables("bun", "bun_migrations", columns="name group_id migrated_at"),
    *_tables("bun", "bun_migration_locks", columns="table_name", is_history=False),
    *_tables("Prisma", "_prisma_migrations", columns="checksum migration_name"),
    *_tables("Diesel", "__diesel_schema_migrations", columns="version run_on"),
    *_tables("refinery", "refinery_schema_history", columns="version applied_on checksum"),
    *_tables("Alembic", "alembic_version", columns="version_num", is_exact=True),
    *_tables("Drizzle", "__drizzle_migrations", columns="hash created_at", schema="drizzle"),
    *_tables("Drizzle", "__drizzle_migrations", columns="hash created_at"),
    *_tables("Knex", "knex_migrations", columns="name batch migration_time"),
    *_tables("Knex", "knex_migrations_lock", columns="is_locked", is_history=False),
    *_tables("Sequelize", "sequelizemeta", columns="name", is_exact=True),
    *_tables("Entity Framework", "__efmigrationshistory", columns="migrationid productversion"),
    *_tables("Phinx", "phinxlog", columns="migration_name start_time"),
    # Django's predecessor: what it made is of models, which no SQL migration makes again.
    *_tables(
        "South",
        "south_migrationhistory",
        columns="app_name migration applied",
        is_history=False,
    ),
)
