"""The founding bug with real branches: stopped by three layers, each shown alone.

One branch makes a table, the other alters it; each was right on its own database.
"""

import pytest

from tests.linter.checkout import Checkout

USERS = "CREATE TABLE users (id bigint PRIMARY KEY);\n"
PROFILES = "CREATE TABLE IF NOT EXISTS user_profiles (id bigint PRIMARY KEY);\n"
TRUST = "ALTER TABLE {}user_profiles ADD COLUMN trust_level smallint;\n"


@pytest.fixture
def checkout(tmp_path, migrations, postgres):
    made = Checkout(tmp_path, migrations({}))
    made.commit({"0001_users.sql": USERS})
    return made


def two_branches(checkout: Checkout, profiles: str, trust: str, if_exists: str = "") -> None:
    checkout.branch("profiles")
    checkout.commit({profiles: PROFILES})
    checkout.branch("trust", "main")
    checkout.commit({trust: TRUST.format(if_exists)})


def merge_against_advice(checkout: Checkout, files: dict[str, str]) -> None:
    """Merge and settle the conflict in max_migration.txt without a thought."""
    checkout.git("merge", "-q", "profiles", fails=True)
    checkout.commit(files)


@pytest.mark.parametrize("if_exists", ["", "IF EXISTS "])
def test_static_guard_alone_when_the_alter_comes_first_names_both_files(checkout, guard, if_exists):
    two_branches(checkout, "0003_profiles.sql", "0002_trust.sql", if_exists)
    merge_against_advice(checkout, {})

    result = guard("checksqlmigrations", "--format", "json")

    errors = [p for p in result.json["problems"] if p["severity"] == "error"]
    assert result.code == 1
    assert [p["rule"] for p in errors] == ["alter-before-create"]
    assert "user_profiles" in errors[0]["message"]
    assert "0003_profiles" in errors[0]["message"]
    assert "0002_trust" in errors[0]["hint"]


def test_git_alone_when_two_branches_add_a_migration_refuses_the_merge(checkout):
    two_branches(checkout, "0003_profiles.sql", "0002_trust.sql")

    checkout.git("merge", "-q", "profiles", fails=True)

    assert (
        checkout.git("diff", "--name-only", "--diff-filter=U")
        == "sql_migrations/max_migration.txt\n"
    )


def test_past_alone_when_both_branches_took_a_number_stops_the_second(checkout, guard):
    two_branches(checkout, "0002_profiles.sql", "0002_trust.sql")

    before = guard("checksqlmigrations", "--base", "profiles", "--format", "json")
    renumbered = guard("checksqlmigrations", "--base", "profiles", "--renumber", "--format", "json")
    merge_against_advice(checkout, {})
    after = guard("checksqlmigrations", "--base", "profiles", "--format", "json")

    assert (
        before.code,
        [p["rule"] for p in before.json["problems"] if p["severity"] == "error"],
    ) == (1, ["number-taken"])
    assert (checkout.folder / "0003_trust.sql").exists()
    assert renumbered.code == 0
    assert (
        after.code,
        [p["rule"] for p in after.json["problems"] if p["severity"] == "error"],
    ) == (0, [])


def test_runner_alone_when_the_alter_comes_first_applies_neither_it_nor_what_follows(
    checkout, guard, postgres
):
    two_branches(checkout, "0003_profiles.sql", "0002_trust.sql")
    merge_against_advice(checkout, {})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "0002_trust.sql" in result.err
    assert postgres.execute("SELECT id FROM applied_migrations") == [("0001_users",)]


def test_runner_alone_when_the_higher_number_is_applied_refuses_the_lower_one(
    checkout, guard, postgres
):
    two_branches(checkout, "0003_profiles.sql", "0002_trust.sql", "IF EXISTS ")
    checkout.git("checkout", "-q", "profiles")
    assert guard("runsqlmigrations").code == 0
    checkout.git("checkout", "-q", "trust")
    merge_against_advice(checkout, {})

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "0002_trust" in result.err
    assert postgres.execute("SELECT count(*) FROM applied_migrations") == [(2,)]
