"""The composite action: its form, and its shell as it is written, in a project in a subfolder."""

import json

import pytest
import yaml

from tests.pipelines import ROOT, Repository, bash, values
from tests.test_copyable_ci import EDIT, LATER, PROJECT
from tests.test_workflows import check_schema

ACTION = ROOT / "action.yml"


def test_action_when_checked_fits_the_published_schema():
    done = check_schema("vendor.github-actions", ACTION)

    assert done.returncode == 0, done.stdout + done.stderr


def test_action_when_it_runs_evaluates_nothing_in_a_script():
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]

    assert not any("${{" in step.get("run", "") for step in steps)
    assert steps[-1]["if"] == "${{ always() }}"


@pytest.fixture
def change(tmp_path) -> Repository:
    """Give a checkout whose Django project is in backend/."""
    repository = Repository(tmp_path / "repository")
    for name, text in PROJECT.items():
        path = repository.origin / "backend" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    repository.merge()
    repository.clone()
    return repository


def run_action(change, database, **inputs):
    """Run each step as GitHub does; return the names of those that failed, and all output."""
    action = yaml.safe_load(ACTION.read_text())
    given = {name: value["default"] for name, value in action["inputs"].items()}
    contexts = {"inputs": {**given, "working-directory": "backend", **inputs}}
    temp = change.checkout.parent / "temp"
    temp.mkdir()
    failed, out = [], ""
    for step in action["runs"]["steps"]:
        if "run" not in step or (failed and "if" not in step):
            continue
        folder = change.checkout / values({"in": step["working-directory"]}, contexts)["in"]
        env = {"RUNNER_TEMP": str(temp), "DATABASE_URL": database.url}
        done = bash(step["run"], folder, {**env, **values(step.get("env", {}), contexts)})
        out += done.stdout
        if done.returncode:
            failed.append(step["name"])
    logs = {path.stem: json.loads(path.read_text()) for path in (temp / "sql-migrations").iterdir()}
    return failed, out, logs


def in_backend(files):
    return {f"backend/{name}": text for name, text in files.items()}


def places(log):
    return [
        (
            result["ruleId"],
            place["artifactLocation"]["uri"],
            place.get("region", {}).get("startLine"),
        )
        for result in log["runs"][0]["results"]
        for place in [result["locations"][0]["physicalLocation"]]
    ]


def test_action_when_nothing_is_wrong_is_green_and_deploys(change, postgres):
    change.commit(in_backend(LATER))

    failed, out, logs = run_action(change, postgres)

    assert failed == [], out
    assert sorted(logs) == ["files", "fresh"]
    assert postgres.execute("SELECT count(*) FROM applied_migrations") == [(2,)]


@pytest.mark.parametrize("inputs", [{}, {"base": "origin/main"}], ids=str)
def test_action_when_a_merged_file_is_edited_points_at_it_from_the_root(change, postgres, inputs):
    change.commit(in_backend(EDIT))

    failed, out, logs = run_action(change, postgres, **inputs)

    assert failed[0] == "The files alone, and what was merged before"
    file = "backend/sql_migrations/0001_books.sql"
    assert f"::error file={file},line=1,title=merged-edited" in out
    assert places(logs["files"]) == [("merged-edited", file, 1)]
    (rule,) = logs["files"]["runs"][0]["tool"]["driver"]["rules"]
    assert rule["help"]["markdown"].startswith("# merged-edited")


def test_action_when_the_contract_is_broken_points_at_its_line_from_the_root(change, postgres):
    contract = '[tables.books.columns]\nisbn = { type = "text" }\n'
    change.commit({"backend/schema_contract.toml": contract})

    failed, _, logs = run_action(change, postgres)

    assert failed == ["A database from nothing keeps the contract"]
    assert places(logs["fresh"]) == [("missing-column", "backend/schema_contract.toml", 2)]
