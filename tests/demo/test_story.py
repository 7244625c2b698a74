"""The story that the app was made for: 0027-0030 applied in the order of an array, and healed."""

from pathlib import Path

import pytest

from tests.running.support import applied, kill, wait_until

FOLDER = Path(__file__).resolve().parents[2] / "sql_migrations"
FOUR = [
    "0027_preferences_and_profiles",
    "0028_multidimensional_memory",
    "0029_preference_audit_log",
    "0030_user_identity_map",
]
HEAL = "0034_reapply_preferences_in_order"


@pytest.fixture
def demo(migrations):
    """Return a function that takes the demo's files, without those named, for an environment."""

    def use(environment, without=(), **changed):
        files = {
            path.name: path.read_text() for path in FOLDER.glob("*.sql") if path.stem not in without
        }
        migrations({**files, **changed}, ENVIRONMENT=environment)

    return use


@pytest.fixture
def wrong_order(postgres, demo, guard):
    """A dev database on which the four were applied as 0028, 0029, 0030, 0027; before 0033."""
    demo("dev", without=["0033_remove_orphaned_identities", HEAL])
    assert guard("runsqlmigrations").code == 0
    postgres.execute(
        "UPDATE applied_migrations SET applied_at = "
        "(SELECT max(applied_at) FROM applied_migrations WHERE id = '0030_user_identity_map') "
        "+ interval '100 microseconds' WHERE id = '0027_preferences_and_profiles'"
    )
    return postgres


def test_clean_database_when_dev_applies_all_34_in_order_and_clears_nothing(postgres, demo, guard):
    demo("dev")

    assert guard("runsqlmigrations").code == 0
    assert applied(postgres) == sorted(path.stem for path in FOLDER.glob("*.sql"))
    assert len(applied(postgres)) == 34
    assert postgres.execute("SELECT count(*) FROM migration_guard_audit") == [(0,)]


def test_wrong_order_when_dev_is_healed_in_numeric_order_in_the_same_run(wrong_order, demo, guard):
    demo("dev")

    result = guard("runsqlmigrations", "--format", "json")

    assert result.code == 0, result.err
    assert result.json["applied"] == ["0033_remove_orphaned_identities", HEAL, *FOUR]
    assert {m["state"] for m in result.json["migrations"]} == {"applied"}
    assert guard("runsqlmigrations", "--format", "json").json["applied"] == []
    cleared = wrong_order.execute(
        "SELECT migration_id FROM migration_guard_audit WHERE action = 'cleared' ORDER BY 1"
    )
    assert [row[0] for row in cleared] == FOUR


def test_wrong_order_when_the_process_is_killed_right_after_0034_is_healed_by_the_next_run(
    wrong_order, demo, guard, guard_process
):
    demo("dev")
    # A session that holds user_profiles stops the run in 0027, behind the commit of 0034.
    blocker = wrong_order.connect()
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE user_profiles")
    process = guard_process.start("runsqlmigrations")
    wait_until(lambda: HEAL in applied(wrong_order))
    kill(wrong_order, process)
    blocker.execute("ROLLBACK")
    assert not set(FOUR) & set(applied(wrong_order))

    result = guard("runsqlmigrations", "--format", "json")

    assert result.code == 0, result.err
    assert result.json["applied"] == FOUR


def test_production_when_order_is_wrong_skips_both_and_nothing_can_make_them_run(
    postgres, demo, guard
):
    demo("production")
    assert guard("runsqlmigrations").code == 0

    for arguments in (
        ["--environment", "dev"],
        ["--environment", "dev", "--allow-out-of-order"],
        ["--environment", "test", "--target", "34"],
    ):
        assert guard("runsqlmigrations", *arguments).code == 0

    plan = guard("runsqlmigrations", "--plan", "--format", "json").json
    assert [m["id"] for m in plan["migrations"] if m["state"] == "skipped"] == [
        "0033_remove_orphaned_identities",
        HEAL,
    ]
    assert len(applied(postgres)) == 32
