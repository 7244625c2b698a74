"""Statements that reach every table, the own ones too, and change nothing that the runner needs."""

import pytest

ALONE = "-- guard: transaction = off\n"
EACH_TABLE = (
    "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables "
    "WHERE schemaname = 'public' LOOP EXECUTE format('%s', name); END LOOP; END $$;"
)
POSTGRESQL = {
    "grant": "GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;",
    "grant, statement by statement": f"{ALONE}GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;",
    "revoke": "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;",
    "grant in a loop": EACH_TABLE % "GRANT SELECT ON %I TO PUBLIC",
    "owner in a loop": EACH_TABLE % "ALTER TABLE %I OWNER TO CURRENT_USER",
    "analyze": "ANALYZE;",
    "vacuum": f"{ALONE}VACUUM;",
    "vacuum full": f"{ALONE}VACUUM FULL;",
    "reindex": f"{ALONE}REINDEX SCHEMA public;",
    "reindex concurrently": f"{ALONE}REINDEX SCHEMA CONCURRENTLY public;",
}
SQLITE = {
    "analyze": "ANALYZE;",
    "vacuum": f"{ALONE}VACUUM;",
    "reindex": "REINDEX;",
    "optimize": f"{ALONE}PRAGMA optimize;",
}
MARIADB = {
    "analyze": "ANALYZE TABLE a;",
    "optimize": "OPTIMIZE TABLE a;",
    "flush": "FLUSH TABLES;",
    "database": "ALTER DATABASE CHARACTER SET utf8mb4;",
}


@pytest.mark.parametrize(
    ("vendor", "sql"),
    [
        pytest.param(vendor, sql, id=f"{vendor}-{name}")
        for vendor, statements in (
            ("postgres", POSTGRESQL),
            ("sqlite", SQLITE),
            ("mariadb", MARIADB),
        )
        for name, sql in statements.items()
    ],
)
def test_own_tables_when_a_statement_reaches_every_table_then_it_is_applied(
    vendor, sql, request, migrations, guard
):
    request.getfixturevalue(vendor)
    migrations(
        {
            "0001_a.sql": "CREATE TABLE a (id int);",
            "0002_reach.sql": sql,
            "0003_b.sql": "CREATE TABLE b (id int);",
        }
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
