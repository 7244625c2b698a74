"""What a run says besides its result: what it left out, and how much of it."""

import pytest

TABLE = "CREATE TABLE {} (id integer);\n"
DEV = "-- guard: environments = dev\nSELECT 1;\n"
FILES = {
    "0001_a.sql": TABLE.format("a"),
    "0002_seed.sql": "-- DEV/TEST ONLY\nSELECT 1;\n",
    "0003_fake.sql": DEV,
    "0004_more.sql": DEV,
}


def test_run_when_files_are_for_other_environments_names_them_and_why(database, migrations, guard):
    migrations(FILES)

    results = [guard("runsqlmigrations") for _ in range(2)]
    plan = guard("runsqlmigrations", "--plan")

    for result in results:
        assert result.code == 0
        assert (
            "Skipped, since this run is production:\n"
            "  only for dev, test: 0002_seed\n"
            "  only for dev: 0003_fake, 0004_more\n"
        ) in result.err
    assert "skipped  0002_seed (only for dev, test)" in plan.out
    assert "Skipped" not in plan.err


@pytest.mark.parametrize(
    ("stamp", "setting", "head"),
    [
        ("dev", "dev", None),
        ("production", "dev", "Skipped, since this run is dev and the database production:"),
        ("dev", "production", "Skipped, since this run is production and the database dev:"),
    ],
)
def test_run_when_the_stamp_or_the_setting_leaves_files_out_names_both(
    stamp, setting, head, sqlite, migrations, guard
):
    migrations({"0001_a.sql": FILES["0001_a.sql"]}, ENVIRONMENT=stamp)
    assert guard("runsqlmigrations").code == 0
    migrations(FILES, ENVIRONMENT=setting)

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert ("Skipped" in result.err) is (head is not None)
    assert head is None or head in result.err


def test_run_when_dozens_are_left_out_or_applied_names_the_first_and_the_last(
    sqlite, migrations, guard
):
    good = {f"{number:04}_a.sql": "SELECT 1;\n" for number in range(1, 61)}
    left_out = {f"{number:04}_dev.sql": DEV for number in range(61, 121)}
    migrations({**good, **left_out, "0900_bad.sql": "SELECT * FROM nowhere;\n"})

    check = guard("runsqlmigrations", "--check")
    failed = guard("runsqlmigrations")
    migrations({**good, **left_out})
    passed = guard("runsqlmigrations")

    assert "61 pending: 0001_a … 0900_bad (61 migrations)." in check.err
    assert failed.code == 1
    assert "Applied before it in this run: 0001_a … 0060_a (60 migrations)." in failed.err
    assert "only for dev: 0061_dev … 0120_dev (60 migrations)" in passed.err
    assert max(map(len, (check.err + failed.err + passed.err).splitlines())) < 200


def test_run_when_a_dozen_were_applied_before_a_failure_names_all(sqlite, migrations, guard):
    good = {f"{number:04}_a.sql": "SELECT 1;\n" for number in range(1, 13)}
    migrations({**good, "0900_bad.sql": "SELECT * FROM nowhere;\n"})

    failed = guard("runsqlmigrations")

    names = ", ".join(name.removesuffix(".sql") for name in good)
    assert f"Applied before it in this run: {names}." in failed.err


@pytest.mark.parametrize(
    "options",
    ["", "--with-django", "--target 1", "--with-django --environment dev"],
)
def test_check_when_something_is_pending_names_the_run_with_its_options(
    options, sqlite, migrations, guard
):
    migrations({"0001_a.sql": FILES["0001_a.sql"]})
    run = f"manage.py runsqlmigrations {options}".rstrip()

    check = guard("runsqlmigrations", "--check", *options.split())

    assert check.code == 1
    assert f"\nRun {run}.\n" in check.err
