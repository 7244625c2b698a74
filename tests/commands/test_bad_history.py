"""runsqlmigrations and a history that does not fit the files, or that is not ours."""

import re

import pytest

from migration_guard.models import AppliedMigration
from tests.commands.refusals import audit, history, refused, tables, untouched

A = "CREATE TABLE a (id integer);\n"
B = "CREATE TABLE b (id integer);\n"
C = "CREATE TABLE c (id integer);\n"
SET_ASIDE = "applied_migrations_before_adoption"


@pytest.fixture
def applied(database, migrations, guard):
    """Give `applied(files)`: a production database to which these files were applied."""

    def run(files):
        folder = migrations(files)
        result = guard("runsqlmigrations")
        assert result.code == 0, result.err
        return folder

    return run


def everything(database):
    """Return the rows of history, journal, audit and stamp, to see that nothing changed."""
    return [
        database.execute(f"SELECT * FROM {table} ORDER BY 1")
        for table in (
            "applied_migrations",
            "migration_guard_journal",
            "migration_guard_audit",
            "migration_guard_environment",
        )
    ]


# -- files and history differ


DIFFERENCES = {
    "edited": (
        lambda folder: (folder / "0001_a.sql").write_text("CREATE TABLE a (id bigint);\n"),
        [
            "edited",
            "0001_a.sql",
            "this database ran another text",
            "-CREATE TABLE a (id integer);",
            "+CREATE TABLE a (id bigint);",
            "repairsqlmigrations 0001_a --accept-edit",
        ],
    ),
    "missing": (
        lambda folder: (folder / "0001_a.sql").unlink(),
        ["missing", "0001_a is applied, and its file is missing", "Restore the file"],
    ),
    "out of order": (
        lambda folder: (folder / "0002_late.sql").write_text(C),
        [
            "out-of-order",
            "0002_late.sql",
            "is not applied, but number 3 is",
            "--allow-out-of-order",
        ],
    ),
    "renamed": (
        lambda folder: (folder / "0001_a.sql").rename(folder / "0001_other.sql"),
        ["missing", "0001_a", "out-of-order", "0001_other"],
    ),
}


@pytest.mark.parametrize("args", [(), ("--check",)], ids=["run", "check"])
@pytest.mark.parametrize("case", DIFFERENCES)
def test_run_when_history_and_files_differ_applies_nothing(case, args, database, applied, guard):
    change, texts = DIFFERENCES[case]
    folder = applied({"0001_a.sql": A, "0003_b.sql": B})
    before = everything(database)
    change(folder)
    (folder / "0004_pending.sql").write_text("CREATE TABLE pending (id integer);")

    refused(guard, 1, *texts, args=args)

    assert everything(database) == before
    assert tables(database) == {"a", "b"}


def test_run_when_an_edited_file_had_a_password_says_so_without_a_diff(postgres, migrations, guard):
    secret = "s3cret-that-nobody-may-read"
    sql = "DO $$ BEGIN IF false THEN ALTER ROLE nobody PASSWORD '%s'; END IF; END $$;\n"
    folder = migrations({"0001_a.sql": sql % secret})
    assert guard("runsqlmigrations").code == 0
    (folder / "0001_a.sql").write_text(A)

    message = refused(guard, 1, "edited", "0001_a.sql", "this database ran another text")

    assert secret not in message
    assert history(postgres) == ["0001_a"]


def test_run_when_an_edit_is_cosmetic_warns_and_goes_on(database, applied, guard):
    folder = applied({"0001_a.sql": A})
    (folder / "0001_a.sql").write_text("-- a comment\ncreate  TABLE a (\n  id integer\n);\n")
    (folder / "0002_b.sql").write_text(B)

    plan = guard("runsqlmigrations", "--plan", "--format", "json")
    result = guard("runsqlmigrations")

    assert (plan.code, result.code) == (0, 0)
    assert [(p["rule"], p["severity"]) for p in plan.json["problems"]] == [
        ("cosmetic-edit", "warning")
    ]
    assert "warning[cosmetic-edit]" in result.err
    assert "0001_a --accept-edit" in result.err
    assert history(database) == ["0001_a", "0002_b"]


def test_run_out_of_order_when_allowed_applies_it_and_writes_it_down(database, applied, guard):
    folder = applied({"0001_a.sql": A, "0003_b.sql": B})
    (folder / "0002_late.sql").write_text(C)

    result = guard("runsqlmigrations", "--allow-out-of-order")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_late", "0003_b"]
    assert result.out.index("0003_b @") < result.out.index("0002_late @")
    assert audit(database) == [("out-of-order", "0002_late", "--allow-out-of-order")]
    assert guard("runsqlmigrations", "--check").code == 0


def test_run_out_of_order_when_allowed_still_refuses_an_edited_file(database, applied, guard):
    folder = applied({"0001_a.sql": A, "0003_b.sql": B})
    before = everything(database)
    (folder / "0002_late.sql").write_text(C)
    (folder / "0001_a.sql").write_text("CREATE TABLE a (id bigint);\n")

    refused(guard, 1, "edited", "0001_a", args=["--allow-out-of-order"])

    assert everything(database) == before
    assert tables(database) == {"a", "b"}


def test_run_when_the_database_is_ahead_warns_and_gives_0(database, applied, guard):
    folder = applied({"0001_a.sql": A, "0002_b.sql": B})
    before = everything(database)
    (folder / "0002_b.sql").unlink()

    plan = guard("runsqlmigrations", "--check", "--format", "json")
    result = guard("runsqlmigrations")

    assert (plan.code, result.code) == (0, 0)
    assert [(p["rule"], p["severity"]) for p in plan.json["problems"]] == [
        ("database-ahead", "warning")
    ]
    assert "0002_b is applied, and its number is above the newest file here" in result.err
    assert "2. 0002_b @" in result.out
    assert everything(database) == before


# What each database takes for a time; it refuses the others itself.
NO_TIMES = {
    "postgresql": ["infinity", "0044-03-15 00:00:00 BC"],
    "mysql": ["0000-00-00 00:00:00"],
    "sqlite": ["yesterday", "2026-13-45 00:00:00"],
}


def test_run_when_a_time_in_the_history_cannot_be_read_says_so(database, applied, guard):
    folder = applied({"0001_a.sql": A})
    (folder / "0002_b.sql").write_text(B)
    for text in NO_TIMES[database.vendor]:
        database.execute(f"UPDATE applied_migrations SET applied_at = '{text}'")

        refused(guard, 2, f'a time that cannot be read: "{text[:10]}', "Correct applied_at in")

    assert tables(database) == {"a"}


# -- a table of that name that is not ours

TIME = {"postgresql": "timestamptz", "mysql": "datetime(6)", "sqlite": "datetime"}
INSERT = "INSERT INTO applied_migrations (id, applied_at) VALUES ('{}', '2020-02-0{} 03:04:05.678')"


def foreign_table(database, ids=("0001_a", "0002_b"), extra=""):
    """Make the table that a team wrote by hand, with these ids."""
    database.execute(
        "CREATE TABLE applied_migrations (id varchar(255) PRIMARY KEY, "
        f"applied_at {TIME[database.vendor]} NULL{extra})"
    )
    if database.vendor == "postgresql":
        name = database.settings["NAME"]
        database.execute(f"ALTER DATABASE \"{name}\" SET timezone = 'UTC'")
        database.execute("SET timezone = 'UTC'")
    for day, migration_id in enumerate(ids, 1):
        database.execute(INSERT.format(migration_id, day))


@pytest.mark.parametrize("args", [(), ("--plan",)], ids=["run", "plan"])
def test_run_when_the_team_has_a_table_of_that_name_names_its_columns_and_adopt(
    args, database, migrations, guard
):
    foreign_table(database, extra=", note integer")
    before = database.execute("SELECT * FROM applied_migrations ORDER BY id")
    migrations({"0001_a.sql": A, "0003_c.sql": C})

    refused(
        guard,
        2,
        "has a table applied_migrations of its own, with columns id, applied_at, note",
        "manage.py runsqlmigrations --adopt",
        args=args,
    )

    assert database.execute("SELECT * FROM applied_migrations ORDER BY id") == before
    assert tables(database) == set()


@pytest.mark.parametrize("args", [(), ("--adopt",)], ids=["run", "adopt"])
def test_run_when_a_table_of_that_name_is_something_else_leaves_it_alone(
    args, database, migrations, guard
):
    database.execute("CREATE TABLE applied_migrations (version integer, dirty integer)")
    database.execute("INSERT INTO applied_migrations VALUES (7, 0)")
    migrations({"0001_a.sql": A})

    refused(
        guard,
        2,
        "a table applied_migrations of its own, with columns version, dirty",
        "Rename it, or use another schema",
        args=args,
    )

    assert database.execute("SELECT * FROM applied_migrations") == [(7, 0)]
    assert tables(database) == set()


def test_adopt_keeps_rows_and_times_and_fills_the_digests(database, migrations, guard):
    foreign_table(database, extra=", note integer")
    before = database.execute("SELECT * FROM applied_migrations ORDER BY id")
    folder = migrations({"0001_a.sql": A, "0002_b.sql": B, "0003_c.sql": C})

    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    rows_by_id = {applied.id: applied for applied in AppliedMigration.objects.all()}
    assert [applied.how for applied in rows_by_id.values()] == ["adopted", "adopted"]
    for day, (migration_id, sql) in enumerate({"0001_a": A, "0002_b": B}.items(), 1):
        row = rows_by_id[migration_id]
        at = f"2020-02-0{day}T03:04:05.678000+00:00"
        assert (row.applied_at.isoformat(), row.sql) == (at, sql)
        assert re.fullmatch("[0-9a-f]{64}", row.checksum)
        assert re.fullmatch("v2:[0-9a-f]{61}", row.fingerprint)
    assert tables(database) == {SET_ASIDE}
    assert database.execute(f"SELECT * FROM {SET_ASIDE} ORDER BY id") == before
    assert audit(database) == [
        ("adopted", "0001_a", "--adopt"),
        ("adopted", "0002_b", "--adopt"),
    ]
    (folder / "0001_a.sql").write_text("CREATE TABLE a (id bigint);\n")
    refused(guard, 1, "edited", "0001_a.sql", "-CREATE TABLE a (id integer);")


LIKE_OURS = {
    "a checksum": ", checksum varchar(64)",
    "half of our columns": ", number integer, checksum varchar(64), how varchar(9)",
    "all but three": (
        ", number integer, checksum varchar(64), fingerprint varchar(64), how varchar(9), "
        "database_user varchar(9)"
    ),
}


@pytest.mark.parametrize("extra", LIKE_OURS.values(), ids=LIKE_OURS)
def test_adopt_when_the_table_has_columns_of_our_names_takes_it_over(
    extra, database, migrations, guard
):
    foreign_table(database, extra=extra)
    migrations({"0001_a.sql": A, "0002_b.sql": B, "0003_c.sql": C})

    refused(guard, 2, "manage.py runsqlmigrations --adopt")
    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_b"]
    assert guard("runsqlmigrations").code == 0
    assert history(database) == ["0001_a", "0002_b", "0003_c"]
    assert tables(database) == {"c", SET_ASIDE}


@pytest.mark.parametrize("database", ["sqlite", "mariadb"], indirect=True)
def test_adopt_when_the_columns_are_in_capitals_takes_it_over(database, migrations, guard):
    database.execute(
        "CREATE TABLE applied_migrations (ID varchar(255) PRIMARY KEY, "
        f"Applied_At {TIME[database.vendor]} NULL)"
    )
    database.execute(INSERT.format("0001_a", 1))
    migrations({"0001_a.sql": A, "0003_c.sql": C})

    refused(guard, 2, "manage.py runsqlmigrations --adopt")
    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a"]


def test_adopt_when_another_adoption_kept_a_table_says_which_to_rename(database, migrations, guard):
    foreign_table(database)
    migrations({"0001_a.sql": A, "0002_b.sql": B})
    assert guard("runsqlmigrations", "--adopt").code == 0
    database.execute("DROP TABLE applied_migrations")
    foreign_table(database, extra=", note integer")

    refused(guard, 2, f"{SET_ASIDE} is there from an earlier adoption", args=["--adopt"])
    database.execute(f"ALTER TABLE {SET_ASIDE} RENAME TO older")
    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_b"]


def test_run_when_our_table_lost_a_column_names_it_and_adopts_nothing(
    database, applied, guard, migrations
):
    applied({"0001_a.sql": A})
    database.execute("ALTER TABLE applied_migrations DROP COLUMN duration_ms")

    for args in ((), ("--plan",), ("--adopt",)):
        refused(guard, 2, "It is the app's, without duration_ms", args=args)


def test_run_when_a_view_has_the_name_of_the_history_refuses_it(database, migrations, guard):
    columns = "1 AS id, 2 AS applied_at"
    database.execute(f"CREATE VIEW applied_migrations AS SELECT {columns}")
    migrations({"0001_a.sql": A})

    for args in ((), ("--plan",), ("--adopt",)):
        refused(guard, 2, "a view applied_migrations of its own", "Rename it", args=args)


@pytest.mark.parametrize("table", ["migration_guard_audit", "migration_guard_environment"])
def test_run_when_another_own_table_is_something_else_leaves_it_alone(
    table, database, migrations, guard
):
    database.execute(f"CREATE TABLE {table} (id integer, what integer)")
    migrations({"0001_a.sql": A})

    refused(guard, 2, f"a table {table} of its own, with columns id, what", "Rename it")

    assert tables(database) == set()


def test_adopt_when_a_row_has_no_file_keeps_the_row_and_then_says_missing(
    database, migrations, guard
):
    foreign_table(database)
    migrations({"0002_b.sql": B, "0003_c.sql": C})

    first = guard("runsqlmigrations", "--adopt")

    assert first.code == 1
    assert "0001_a is applied, and its file is missing" in first.err
    refused(guard, 1, "missing", "0001_a")
    assert history(database) == ["0001_a", "0002_b"]
    assert tables(database) == {SET_ASIDE}


@pytest.mark.parametrize("bad", ["initial", "1", "0001-a", "0001_a.txt", ""])
def test_adopt_when_an_id_is_no_migration_id_changes_nothing(bad, database, migrations, guard):
    foreign_table(database, ["0001_a", bad])
    before = database.execute("SELECT * FROM applied_migrations ORDER BY id")
    migrations({"0001_a.sql": A})

    refused(
        guard,
        1,
        f'has the row "{bad}", which is not the id of a migration',
        "Correct or remove that row",
        args=["--adopt"],
    )

    assert database.execute("SELECT * FROM applied_migrations ORDER BY id") == before
    assert tables(database) == set()


def test_adopt_when_ids_end_in_sql_drops_the_ending(database, migrations, guard):
    foreign_table(database, ["0001_a.sql", "0002_b.sql"])
    migrations({"0001_a.sql": A, "0002_b.sql": B, "0003_c.sql": C})

    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert history(database) == ["0001_a", "0002_b"]


def test_adopt_when_several_rows_are_wrong_names_each(sqlite, migrations, guard):
    foreign_table(sqlite, ["0001_a", "0001_a.sql", "initial"])
    migrations({"0001_a.sql": A})

    refused(
        guard,
        1,
        'the row "0001_a.sql" beside "0001_a"; the row "initial", which is not',
        "Correct or remove these rows",
        args=["--adopt"],
    )

    assert tables(sqlite) == set()


def test_adopt_with_plan_shows_the_rows_and_changes_nothing(database, migrations, guard):
    foreign_table(database, ["0001_a"])
    migrations({"0001_a.sql": A, "0002_b.sql": B})

    result = guard("runsqlmigrations", "--adopt", "--plan")

    assert result.code == 0, result.err
    assert "applied  0001_a @ 2020-02-01 03:04:05.678" in result.out
    assert tables(database) == set()


def test_adopt_when_the_project_has_no_time_zones_keeps_the_times(
    database, migrations, guard, settings
):
    settings.USE_TZ, settings.TIME_ZONE = False, "UTC"
    foreign_table(database)
    migrations({"0001_a.sql": A, "0002_b.sql": B})

    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert [row.applied_at.isoformat() for row in AppliedMigration.objects.order_by("id")] == [
        "2020-02-01T03:04:05.678000",
        "2020-02-02T03:04:05.678000",
    ]


def test_adopt_when_it_runs_a_second_time_adds_only_what_is_not_there(database, migrations, guard):
    foreign_table(database)
    migrations({"0001_a.sql": A, "0002_b.sql": B})
    assert guard("runsqlmigrations", "--adopt").code == 0
    before = database.execute("SELECT * FROM applied_migrations ORDER BY id")

    again = guard("runsqlmigrations", "--adopt")

    assert again.code == 0, again.err
    assert database.execute("SELECT * FROM applied_migrations ORDER BY id") == before
    assert len(audit(database)) == 2


def test_adopt_when_a_time_is_missing_changes_nothing(database, migrations, guard):
    foreign_table(database)
    database.execute("UPDATE applied_migrations SET applied_at = NULL WHERE id = '0002_b'")
    migrations({"0001_a.sql": A})

    refused(guard, 1, "an applied_at that is not a time: None", args=["--adopt"])

    assert len(database.execute("SELECT id FROM applied_migrations")) == 2
    assert tables(database) == set()


def test_adopt_when_there_is_nothing_to_adopt_gives_2(database, applied, migrations, guard):
    migrations({"0001_a.sql": A})
    refused(guard, 2, "There is no table applied_migrations(id, applied_at)", args=["--adopt"])
    assert tables(database) == set()

    applied({"0001_a.sql": A})
    refused(guard, 2, "There is no table applied_migrations(id, applied_at)", args=["--adopt"])
    assert history(database) == ["0001_a"]


def test_adopt_without_the_right_to_rename_the_table_changes_nothing(postgres, migrations, guard):
    foreign_table(postgres)
    migrations({"0001_a.sql": A, "0002_b.sql": B})
    postgres.execute("DROP ROLE IF EXISTS guard_adopts")
    postgres.execute("CREATE ROLE guard_adopts LOGIN PASSWORD 'x'")
    postgres.execute("GRANT CREATE ON SCHEMA public TO guard_adopts")
    try:
        postgres.configure(USER="guard_adopts", PASSWORD="x")
        refused(guard, 2, "permission denied", args=["--adopt"])
        postgres.execute("GRANT SELECT ON applied_migrations TO guard_adopts")
        refused(guard, 2, "cannot be renamed", '"guard_adopts" must own it', args=["--adopt"])
    finally:
        postgres.configure()
        postgres.execute("DROP OWNED BY guard_adopts")
        postgres.execute("DROP ROLE guard_adopts")

    assert len(postgres.execute("SELECT id FROM applied_migrations")) == 2
    assert tables(postgres) == set()


# -- requires

REQUIRES = {
    "unmet": (
        "contenttypes.0001_initial",
        [
            "unmet-requirement",
            "requires the Django migration contenttypes.0001_initial, which is not applied",
            "manage.py runsqlmigrations --with-django",
        ],
    ),
    "unknown": (
        "contenttypes.0001_initail",
        [
            "unknown-requirement",
            "contenttypes.0001_initail, which is no Django migration of this project",
            "Did you mean contenttypes.0001_initial?",
        ],
    ),
    "unknown app": ("shop.0001_initial", ["unknown-requirement", "Is shop in INSTALLED_APPS, and"]),
    "cut short": (
        "contenttypes.0001",
        ["unknown-requirement", "Did you mean contenttypes.0001_initial?"],
    ),
    "cut short, of several": (
        "contenttypes.0",
        [
            "unknown-requirement",
            "Write one of them in full: contenttypes.0001_initial, "
            "contenttypes.0002_remove_content_type_name.",
        ],
    ),
    "misspelt app": (
        "contenttype.0001",
        ["unknown-requirement", "Did you mean contenttypes.0001_initial?"],
    ),
    "no such migration": (
        "contenttypes.xyz",
        ["unknown-requirement", "manage.py showmigrations contenttypes lists them."],
    ),
    "as migrate takes it": (
        "contenttypes 0001_initial",
        ["bad-directive", "Write: -- guard: requires = contenttypes.0001_initial"],
    ),
    "no migration": ("auth", ["bad-directive", "0002_b.sql:1", "app_label.migration_name"]),
}


@pytest.mark.parametrize("case", REQUIRES)
def test_run_when_a_requirement_is_not_met_applies_nothing(case, database, migrations, guard):
    required, texts = REQUIRES[case]
    migrations({"0001_a.sql": A, "0002_b.sql": f"-- guard: requires = {required}\n{B}"})

    refused(guard, 1, "0002_b", *texts)

    assert tables(database) == set()


def test_run_when_the_requirement_was_met_applies_all(sqlite, migrations, guard):
    migrations({"0001_a.sql": f"-- guard: requires = contenttypes.0001_initial\n{A}"})
    assert guard("runsqlmigrations").code == 1

    assert guard("migrate", "contenttypes", "0001_initial").code == 0
    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert history(sqlite) == ["0001_a"]


# -- options that name what is not there


@pytest.mark.parametrize("option", ["--target", "--baseline"])
@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
@pytest.mark.parametrize("args", [(), ("--plan",)], ids=["run", "plan"])
def test_run_when_the_number_is_unknown_gives_2_and_touches_nothing(
    option, args, database, migrations, guard
):
    migrations({"0001_a.sql": A, "0027_b.sql": B})

    refused(guard, 2, "There is no migration with the number 72", args=[option, "72", *args])

    assert untouched(database)


def test_fake_when_the_id_is_unknown_names_the_nearest(database, applied, guard):
    folder = applied({"0001_a.sql": A})
    (folder / "0002_banana.sql").write_text(B)
    before = everything(database)

    refused(
        guard,
        2,
        'There is no migration "0002_bananas"',
        'Did you mean "0002_banana"?',
        args=["--fake", "0002_banana", "0002_bananas"],
    )

    assert everything(database) == before


def test_fake_when_one_is_applied_already_records_none(database, applied, guard):
    folder = applied({"0001_a.sql": A})
    (folder / "0002_b.sql").write_text(B)
    before = everything(database)

    refused(
        guard,
        1,
        "0001_a is applied already; nothing was changed",
        args=["--fake", "0002_b", "0001_a"],
    )

    assert everything(database) == before


def test_baseline_when_the_history_is_not_empty_records_nothing(database, applied, guard):
    folder = applied({"0001_a.sql": A})
    (folder / "0002_b.sql").write_text(B)
    before = everything(database)

    refused(
        guard,
        1,
        "A baseline begins a history, and this one has 1 ",
        "--fake ID",
        args=["--baseline", "2"],
    )

    assert everything(database) == before
