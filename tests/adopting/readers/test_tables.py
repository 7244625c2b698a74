"""Tables of tools as each tool makes and fills them on each vendor, taken over by the commands."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from tests.adopting.readers.folders import write_texts

TIME = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
NAIVE = "'2024-01-02 03:04:05'"
MILLISECONDS = 1704164645000
A, B, C = (f"CREATE TABLE {name} (id int PRIMARY KEY);\n" for name in "abc")


def digest(name, text):
    return hashlib.new(name, text.encode()).hexdigest()


SQLX = (
    "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,"
    " installed_on {time} NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL,"
    " checksum {bytes} NOT NULL, execution_time BIGINT NOT NULL)"
)
SQLX_ROW = "INSERT INTO _sqlx_migrations VALUES ({version}, 'x', {time}, {success}, {checksum}, 1)"


def sqlx_rows(time, checksum, *, last="TRUE"):
    return [
        SQLX_ROW.format(
            version=version, time=time, success=success, checksum=checksum(digest("sha384", text))
        )
        for version, text, success in ((1, A, "TRUE"), (2, B, last))
    ]


def sqlx_of_postgresql():
    table = SQLX.format(time="TIMESTAMPTZ", bytes="BYTEA")
    return [table, *sqlx_rows("'2024-01-02 03:04:05+00'", lambda text: rf"'\x{text}'")]


def sqlx_of_others():
    table = SQLX.format(time="TIMESTAMP", bytes="BLOB")
    return [table, *sqlx_rows(NAIVE, lambda text: f"x'{text}'")]


def prisma(time_type, time):
    table = (
        "CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64)"
        f" NOT NULL, finished_at {time_type}, migration_name VARCHAR(255) NOT NULL, logs TEXT,"
        f" rolled_back_at {time_type}, started_at {time_type} NOT NULL,"
        " applied_steps_count INTEGER UNSIGNED NOT NULL DEFAULT 0)"
    )
    row = "INSERT INTO _prisma_migrations VALUES ('{}', '{}', {}, '{}', NULL, {}, {}, 1)"
    rows = [
        row.format(name, digest("sha256", text), time, name, "NULL", time)
        for name, text in (("1_a", A), ("2_b", B))
    ]
    undone = row.format("3", digest("sha256", C), "NULL", "3_c", time, time)
    return [table, *rows, undone]


def drizzle(table):
    row = "INSERT INTO __drizzle_migrations (id, hash, created_at) VALUES ({}, '{}', {})"
    return [
        f"CREATE TABLE __drizzle_migrations ({table})",
        row.format(1, digest("sha256", A), 1),
        row.format(2, digest("sha256", B), 2),
    ]


DIESEL = [
    "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL,"
    " run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    f"INSERT INTO __diesel_schema_migrations VALUES ('00000000000001', {NAIVE})",
    f"INSERT INTO __diesel_schema_migrations VALUES ('20240101000000', {NAIVE})",
]


def sql_migrate(time):
    return [
        "CREATE TABLE gorp_migrations (id varchar(255) not null primary key, applied_at datetime)",
        f"INSERT INTO gorp_migrations VALUES ('1_a.sql', {time})",
        f"INSERT INTO gorp_migrations VALUES ('2_b.sql', {time})",
    ]


FILES = {
    "sqlx": {"1_a.sql": A, "2_b.sql": B, "3_c.sql": C},
    "prisma": {f"{name}/migration.sql": text for name, text in (("1_a", A), ("2_b", B), ("3_c", C))},
    "drizzle": {
        "meta/_journal.json": json.dumps(
            {"entries": [{"when": n, "tag": f"{n}_{x}"} for n, x in ((1, "a"), (2, "b"), (3, "c"))]}
        ),
        "1_a.sql": A,
        "2_b.sql": B,
        "3_c.sql": C,
    },
    "diesel": {
        "00000000000001_a/up.sql": A,
        "2024-01-01-000000_b/up.sql": B,
        "2024-01-02-000000_c/up.sql": C,
    },
    "sql-migrate": {
        f"{name}.sql": f"-- +migrate Up\n{text}" for name, text in (("1_a", A), ("2_b", B), ("3_c", C))
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "vendor", "statements", "has_times"),
    [
        ("sqlx", "postgres", sqlx_of_postgresql(), True),
        ("sqlx", "sqlite", sqlx_of_others(), True),
        ("sqlx", "mariadb", sqlx_of_others(), True),
        ("prisma", "sqlite", prisma("DATETIME", MILLISECONDS), True),
        ("prisma", "mariadb", prisma("DATETIME(3)", NAIVE), True),
        ("drizzle", "sqlite", drizzle("id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric"), False),
        ("drizzle", "mariadb", drizzle("id serial primary key, hash text not null, created_at bigint"), False),
        ("diesel", "postgres", DIESEL, True),
        ("diesel", "sqlite", DIESEL, True),
        ("diesel", "mariadb", DIESEL, True),
        ("sql-migrate", "sqlite", sql_migrate("'2024-01-02 03:04:05.123456789+00:00'"), True),
        ("sql-migrate", "mariadb", sql_migrate(NAIVE), True),
    ],
)  # fmt: skip
def test_table_when_a_tool_made_it_then_its_history_is_taken_over(
    tool, vendor, statements, has_times, tmp_path, request, migrations, guard
):
    database = request.getfixturevalue(vendor)
    migrations({})
    for statement in (A, B, *statements):
        database.execute(statement)
    write_texts(tmp_path / "theirs", FILES[tool])

    taken = guard("makesqlmigration", "--from", tool, str(tmp_path / "theirs"))
    adopted = guard("runsqlmigrations", "--adopt")

    assert (taken.code, adopted.code) == (0, 0), taken.err + adopted.err
    rows = database.execute("SELECT id, how, applied_at FROM applied_migrations ORDER BY number")
    assert [(id_[-2:], how) for id_, how, _ in rows] == [("_a", "adopted"), ("_b", "adopted")]
    times = {str(row[2])[:19] for row in rows}
    assert (times == {f"{TIME:%Y-%m-%d %H:%M:%S}"}) is has_times


def test_sqlx_row_when_interrupted_then_adoption_stops(tmp_path, sqlite, migrations, guard):
    migrations({})
    table = SQLX.format(time="TIMESTAMP", bytes="BLOB")
    for statement in (A, B, table, *sqlx_rows(NAIVE, lambda text: f"x'{text}'", last="FALSE")):
        sqlite.execute(statement)
    write_texts(tmp_path / "theirs", FILES["sqlx"])

    guard("makesqlmigration", "--from", "sqlx", str(tmp_path / "theirs"))
    adopted = guard("runsqlmigrations", "--adopt")

    assert adopted.code == 1
    assert "(2) failed or is half done" in adopted.err


def test_sqlx_file_when_a_byte_differs_then_it_is_edited(tmp_path, sqlite, migrations, guard):
    migrations({})
    for statement in (A, B, *sqlx_of_others()):
        sqlite.execute(statement)
    write_texts(tmp_path / "theirs", {**FILES["sqlx"], "2_b.sql": B.replace("int", "iNt")})

    guard("makesqlmigration", "--from", "sqlx", str(tmp_path / "theirs"))
    adopted = guard("runsqlmigrations", "--adopt")

    assert adopted.code == 1
    assert "2_b is edited" in adopted.err
