"""The bug that this app is for: an ALTER before its CREATE, and nothing that notices."""

import pytest
from django.core.management import call_command
from django.db import connection

from migration_guard.contracts import (
    Column,
    Contract,
    Migrations,
    Models,
    Table,
    check,
    examine,
    from_models,
)
from migration_guard.exceptions import CannotTell
from migration_guard.running.executor import look

FILES = {
    "0001_relationship.sql": "ALTER TABLE IF EXISTS user_profiles "
    "ADD COLUMN relationship_type varchar(40) NOT NULL DEFAULT 'friend';",
    "0002_profiles.sql": "CREATE TABLE IF NOT EXISTS user_profiles (id bigint PRIMARY KEY);",
}

pytestmark = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)


@pytest.fixture
def fresh(database, migrations, settings, install_apps):
    install_apps(*settings.INSTALLED_APPS, "tests.contracts.founding")
    migrations(FILES)
    call_command("migrate", verbosity=0)
    call_command("runsqlmigrations", verbosity=0)
    return database


def test_founding_bug_when_django_s_own_guards_look_then_none_of_them_minds(fresh):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    call_command("migrate", check_unapplied=True, verbosity=0)
    call_command("check", deploy=True, databases=["default"], fail_level="ERROR", verbosity=0)


def test_founding_bug_when_the_models_are_a_contract_then_column_model_and_migration_are_named(
    fresh,
):
    contract = from_models(models=Models(["founding.*"]))

    (violation,) = examine(connection, contract, look().plan).violations

    assert violation.rule == "missing-column"
    assert (violation.table, violation.object) == ("user_profiles", "relationship_type")
    assert violation.source == "founding.Profile.relationship_type"
    assert violation.hint == (
        "0001_relationship adds it and is applied, yet it is not there: an ALTER TABLE IF EXISTS "
        "that ran before the CREATE TABLE (in 0002_profiles) does nothing. Add it again in a new "
        "migration: manage.py makesqlmigration NAME."
    )


def test_founding_bug_when_nothing_was_run_then_the_pending_migration_is_named(
    database, migrations
):
    migrations(FILES)
    table = Table("user_profiles", [Column("relationship_type", "varchar(40)", null=False)])

    (violation,) = check(connection, Contract([table]), look().plan)

    assert violation.rule == "missing-table"
    assert (
        violation.hint
        == "0002_profiles adds it and is pending (apply it: manage.py runsqlmigrations)."
    )


def test_check_when_the_plan_is_not_given_then_migrations_are_unknown_and_never_pass(fresh):
    contract = Contract(migrations=[Migrations("0001-0002")])

    assert check(connection, contract, look().plan) == ()
    with pytest.raises(CannotTell, match="1 assertions could not be checked"):
        check(connection, contract)
    assert check(connection, contract, allow_unknown=True) == ()


def test_examine_when_the_contract_says_nothing_then_it_is_no_answer(fresh):
    with pytest.raises(CannotTell, match="contract is empty"):
        examine(connection, Contract())
    with pytest.raises(CannotTell, match="contract is empty"):
        examine(connection, from_models(models=Models(["nowhere.*"])))
