"""README, CONTRIBUTING and the design: their commands run, their map is the code's, their links lead somewhere."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import migration_guard
from migration_guard import conf
from tests.docs.examples import Sandbox, blocks, check_syntax, commands, printed
from tests.pipelines import ROOT, copy_project
from tests.test_layers import FLOORS

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
# What a test cannot do, and why.
SHOWN_ONLY = {
    r"^uv sync": "installs packages, which the tests have",
    r"uv run pytest( --groups all --cov)?$|^\.ci/run$": "this is it",
    r"pytest tests/planning": "runs with all the others",
    r"new_rule": "tests/linter/test_new_rule.py",
    **({} if shutil.which("psql") else {r"dbshell": "needs psql"}),
    r"^rm -rf \.pgdata": "the demo's own server; tests/test_demo_project.py starts one",
    r"createsuperuser|runserver": "asks a person; tests/admin has a browser",
    r"sphinx-build": "tests/docs/test_build.py",
}


def lines_of(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page, each with what it is said to print."""
    found = []
    for block in blocks((ROOT / page).read_text()):
        if block.language != "console":
            continue
        if block.text.startswith("$ "):
            found += [(command, expected) for command, expected, _ in commands(block.text)]
        else:
            found += [(line, "") for line in block.text.splitlines()]
    return found


def reason(command: str) -> str:
    return next((why for pattern, why in SHOWN_ONLY.items() if re.search(pattern, command)), "")


def test_readme_when_its_commands_are_typed_in_order_prints_what_it_says(postgres, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    copy_project(folder)
    sandbox = Sandbox(folder, {"DATABASE_URL": postgres.url})
    ran = []

    for command, expected in lines_of("README.md"):
        if reason(command):
            continue
        code, out = sandbox.run(re.sub("pip install uv && |uv run ", "", command))
        ran.append(command)
        found_something = "error[" in expected
        assert code == (1 if found_something else 0), f"{command}\n{out}"
        assert printed(expected, out), f"{command}\nprints\n{out}\nREADME says\n{expected}"

    assert ran[0] == "pip install uv && uv run python manage.py runsqlmigrations"
    assert len(ran) >= 7


@pytest.mark.parametrize("page", PAGES)
def test_page_when_its_other_blocks_are_read_is_well_formed(page):
    for block in blocks((ROOT / page).read_text()):
        if block.language not in {"console", "comment"}:
            check_syntax(block)


def test_commands_when_they_are_not_run_have_a_reason_that_still_applies():
    elsewhere = [command for name in PAGES[1:] for command, _ in lines_of(name)]
    given = [*elsewhere, *(command for command, _ in lines_of("README.md"))]

    assert [command for command in elsewhere if not reason(command)] == []
    for pattern in SHOWN_ONLY:
        assert any(re.search(pattern, command) for command in given), pattern


def test_readme_when_its_settings_are_pasted_are_read_as_they_are_meant(settings, tmp_path):
    code = [b.text for b in blocks((ROOT / "README.md").read_text()) if b.language == "python"]
    names: dict[str, Any] = {"os": os, "BASE_DIR": tmp_path}

    for text in code:
        exec(compile(text, "README.md", "exec"), names)  # noqa: S102 - it is ours
    settings.MIGRATION_GUARD = names["MIGRATION_GUARD"]

    assert names["INSTALLED_APPS"][-1] == "migration_guard"
    assert conf.load().folders("default") == (tmp_path / "sql_migrations",)
    assert conf.unknown_keys() == {}


@pytest.mark.parametrize("page", PAGES)
def test_links_when_they_stay_in_the_repository_lead_to_a_file(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_comparison_when_a_tool_is_named_links_its_own_pages():
    table = (ROOT / "README.md").read_text().split("## Other tools")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line]
    tools = [row.split("|")[1].strip() for row in rows[1:]]

    assert tools == [
        "migration_guard", "Flyway", "Liquibase", "dbmate", "golang-migrate", "goose", "sqlx", "Atlas",
        "Sqitch", "yoyo", "Django migrations",
    ]  # fmt: skip
    for row in rows[2:]:
        assert "](https://" in row, row


DESIGN = ROOT / "docs/explanation/design.md"


def test_map_when_a_package_is_added_or_moves_has_it_on_its_floor():
    rows = re.findall(r"^\| (\d) \| (.+?) \|", DESIGN.read_text(), re.MULTILINE)
    mapped = {
        name.strip("/").split("/")[0]: int(floor)
        for floor, cell in rows
        for name in re.findall(r"`([\w/]+)`", cell)
    }
    exist = {name: floor for name, floor in FLOORS.items() if path_of(name)}

    assert mapped == exist


def test_design_when_it_names_a_test_or_a_part_of_the_code_has_it():
    named = set(re.findall(r"`([a-z_/]+/|tests/[\w/]+\.py|[a-z]+\.[a-z_]+)`", DESIGN.read_text()))
    tests = {name for name in named if name.startswith("tests/")}

    assert len(tests) > 20
    assert [name for name in sorted(tests) if not (ROOT / name).exists()] == []
    assert [name for name in sorted(named - tests) if not path_of(name)] == []


def path_of(name: str) -> Path | None:
    """Return where a package (``fresh/``) or a module (``planning.plan``) of the app is."""
    path = Path(migration_guard.__file__).parent / name.strip("/").replace(".", "/")
    return next((p for p in (path, path.with_suffix(".py")) if p.exists()), None)


def test_readme_when_it_shows_a_picture_has_the_file():
    text = (ROOT / "README.md").read_text()
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)

    assert "docs/images/layers.svg" in shown
    assert all((ROOT / path).is_file() for path in shown)
