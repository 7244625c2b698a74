import json

from migration_guard.reports.json import schema_check
from tests.reports.examples import ALL_KEPT, BROKEN, FAILED

KEYS = ["database", "vendor", "ok", "checked", "violations", "unknown", "warnings", "migrations"]


def test_json_when_something_is_violated_says_what_where_and_why():
    found = json.loads(schema_check(BROKEN))

    assert list(found) == KEYS
    assert (found["ok"], found["checked"]) == (False, 5)
    assert [one["rule"] for one in found["violations"]] == ["missing-column", "wrong-type"]
    assert found["violations"][1] == {
        "rule": "wrong-type",
        "table": "user_profiles",
        "object": "bio",
        "expected": "text",
        "actual": "varchar(10)",
        "source": "project.UserProfile.bio",
        "hint": "",
        "owner": "",
        "reason": "",
    }
    assert found["unknown"] == [
        {
            "id": "secrets::exists",
            "table": "secrets",
            "object": "",
            "source": "schema_contract.toml:30",
            "reason": "permission denied",
        }
    ]


def test_json_when_everything_is_kept_is_ok():
    assert json.loads(schema_check(ALL_KEPT))["ok"] is True


def test_json_when_nothing_was_checked_says_why():
    found = json.loads(schema_check(FAILED))

    assert found["ok"] is False
    assert found["error"] == {"message": "No connection.", "hint": "Start the server."}
