"""The logs are valid against the published schema."""

import json
from pathlib import Path

import jsonschema
import pytest

from migration_guard.exceptions import CannotTell
from migration_guard.problems import Problem, Severity
from migration_guard.reports.sarif import problems, schema_check
from tests.reporting import validate_sarif
from tests.reports.examples import BROKEN, EVERY, FAILED

RULES = {"missing-column": "A column is missing.", "wrong-type": "A type differs."}


def valid(report):
    log = json.loads(report)
    validate_sarif(log)
    (run,) = log["runs"]
    return run


@pytest.mark.parametrize("outcome", EVERY)
def test_sarif_when_a_contract_was_checked_is_valid(outcome):
    run = valid(schema_check(EVERY[outcome], RULES))

    assert run["invocations"][0]["executionSuccessful"] is (outcome != "failed")


def test_sarif_when_it_is_not_valid_is_seen_by_the_schema():
    log = json.loads(schema_check(BROKEN, RULES))
    log["runs"][0]["results"][0]["level"] = "fatal"

    with pytest.raises(jsonschema.ValidationError):
        valid(json.dumps(log))


def test_sarif_when_something_is_violated_points_at_the_contract_and_at_the_rule():
    run = valid(schema_check(BROKEN, RULES))

    missing, of_model, unknown = run["results"]
    rules = run["tool"]["driver"]["rules"]
    assert rules[missing["ruleIndex"]] == {
        "id": "missing-column",
        "shortDescription": {"text": "A column is missing."},
    }
    physical = missing["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "schema_contract.toml", "uriBaseId": "SRCROOT"}
    assert physical["region"] == {"startLine": 12}
    names = [one["fullyQualifiedName"] for one in of_model["locations"][0]["logicalLocations"]]
    assert names == ["user_profiles.bio", "project.UserProfile.bio"]
    assert (unknown["ruleId"], unknown["level"]) == ("unknown", "error")


def test_sarif_when_nothing_was_checked_says_why():
    run = valid(schema_check(FAILED, RULES))

    (told,) = run["invocations"][0]["toolExecutionNotifications"]
    assert told["message"]["text"] == "No connection.\nStart the server."


def test_sarif_when_made_of_problems_is_valid_and_keeps_severity_and_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [
        Problem("edited", "was edited", "add one", path=tmp_path / "sql dir/0001_a.sql", line=3),
        Problem("bad-name", "bad", "rename", Severity.WARNING, Path("/elsewhere/x.sql")),
        Problem("note", "by the way", "", Severity.INFO, detail="more"),
    ]

    run = valid(problems(found, {}, CannotTell("half way")))

    assert [one["level"] for one in run["results"]] == ["error", "warning", "note"]
    uris = [
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for one in run["results"][:2]
    ]
    assert uris == ["sql%20dir/0001_a.sql", "file:///elsewhere/x.sql"]
    assert run["results"][2]["locations"] == []
