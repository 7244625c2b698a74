"""The demo's contract and models, against the database that the demo's migrations make."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from migration_guard.contracts import Models, check, examine, from_models, load
from migration_guard.running.executor import look

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "schema_contract.toml"

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def demo(database, settings, install_apps):
    install_apps(*settings.INSTALLED_APPS, "project")
    settings.MIGRATION_GUARD = {
        "DIRS": {"default": [ROOT / "sql_migrations"]},
        "ENVIRONMENT": "dev",
    }
    call_command("runsqlmigrations", verbosity=0)
    return database


def test_contract_when_the_demo_is_migrated_then_it_is_kept(demo):
    assert check(connection, load(CONTRACT), look().plan) == ()


def test_models_when_the_demo_is_migrated_then_they_are_kept(demo):
    assert check(connection, from_models(models=Models(["project.*"]))) == ()


def test_contract_when_relationship_type_is_missing_then_column_owner_and_migration_are_named(demo):
    demo.execute("ALTER TABLE user_profiles DROP COLUMN relationship_type")

    violations = examine(connection, load(CONTRACT), look().plan).violations

    assert [(violation.rule, violation.object) for violation in violations] == [
        ("missing-column", "relationship_type"),
        ("missing-check", "check(relationship_type_known)"),
    ]
    column = violations[0]
    assert column.table == "user_profiles"
    assert column.expected == "varchar(40) NOT NULL DEFAULT 'acquaintance'"
    assert column.actual == "missing"
    assert column.owner == "companion"
    assert "a fresh install once" in column.reason
    assert "0027_preferences_and_profiles adds it and is applied, yet" in column.hint
    line = int(column.source.rpartition(":")[2])
    assert CONTRACT.read_text().splitlines()[line - 1] == (
        "[tables.user_profiles.columns.relationship_type]"
    )


def test_models_when_relationship_type_is_missing_then_the_field_is_named(demo):
    demo.execute("ALTER TABLE user_profiles DROP COLUMN relationship_type")

    violations = examine(
        connection, from_models(models=Models(["project.*"])), look().plan
    ).violations

    assert [(violation.rule, violation.object, violation.source) for violation in violations] == [
        ("missing-column", "relationship_type", "project.UserProfile.relationship_type"),
    ]


def test_contract_when_a_migration_was_not_applied_then_its_state_is_named(database, settings):
    settings.MIGRATION_GUARD = {
        "DIRS": {"default": [ROOT / "sql_migrations"]},
        "ENVIRONMENT": "dev",
    }
    call_command("runsqlmigrations", target=29, verbosity=0)

    violations = examine(connection, load(CONTRACT), look().plan).violations

    assert [
        (violation.rule, violation.table or violation.object, violation.actual)
        for violation in violations
    ] == [
        ("missing-table", "user_identity_map", "missing"),
        ("not-applied", "0030_user_identity_map", "pending"),
    ]
    assert violations[0].hint.startswith("0030_user_identity_map adds it and is pending")
