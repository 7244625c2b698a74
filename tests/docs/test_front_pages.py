"""README, CONTRIBUTING and the design: their commands run, their map is the code's, their links lead somewhere."""

import re
from pathlib import Path

import pytest

import migration_guard
from tests.docs.examples import (
    Sandbox,
    blocks,
    check_syntax,
    commands,
    printed,
    project_files,
)
from tests.pipelines import ROOT, copy_project
from tests.test_layers import FLOORS

README = (ROOT / "README.md").read_text()
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
# What a test cannot do, and why.
SHOWN_ONLY = {
    r"^uv sync|^pip install \"": "installs packages, which the tests have",
    r"uv run pytest( --groups all --cov)?$|^\.ci/run$": "this is it",
    r"pytest tests/planning": "runs with all the others",
    r"new_rule": "tests/linter/test_new_rule.py",
    r"sphinx-build": "tests/docs/test_build.py",
}


def section(title: str) -> str:
    """Return a section of the README."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def lines_of(text: str) -> list[tuple[str, str]]:
    """Return the commands of a page, each with what it is said to print."""
    lines = []
    for block in blocks(text):
        if block.language != "console":
            continue
        if block.text.startswith("$ "):
            lines += [(command, expected) for command, expected, _ in commands(block.text)]
        else:
            lines += [(line, "") for line in block.text.splitlines()]
    return lines


def reason(command: str) -> str:
    return next((why for pattern, why in SHOWN_ONLY.items() if re.search(pattern, command)), "")


def test_readme_when_its_first_lines_are_read_says_what_it_is_in_few_words():
    _, line, *_ = filter(None, README.splitlines())

    assert len(line.split()) <= 12
    assert len(README.splitlines()) <= 150


def test_install_when_typed_in_an_empty_project_applies_a_migration(sqlite, tmp_path):
    sandbox = Sandbox(tmp_path, {"DATABASE_URL": sqlite.url, "DJANGO_SETTINGS_MODULE": "settings"})
    for name, text in project_files("sqlite", sqlite.url).items():
        (tmp_path / name).write_text(text)
    (settings,) = (b.text for b in blocks(section("Install")) if b.language == "python")
    pasted = settings.replace('INSTALLED_APPS += ["migration_guard"]\n', "")
    with (tmp_path / "settings.py").open("a") as file:
        file.write(pasted)

    for command, _ in lines_of(section("Install")):
        if not reason(command):
            code, out = sandbox.run(command.partition("  #")[0])
            if "makesqlmigration" in command:
                (tmp_path / "sql_migrations/0001_users.sql").write_text(
                    "CREATE TABLE users (id int);"
                )
            assert code == 0, f"{command}\n{out}"

    assert pasted != settings
    assert "1. 0001_users @ " in out


def test_demo_when_its_commands_are_typed_in_order_prints_what_readme_says(postgres, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    copy_project(folder)
    sandbox = Sandbox(folder, {"DATABASE_URL": postgres.url})
    ran = []

    for command, expected in lines_of(section("Try the demo")):
        if reason(command):
            continue
        code, out = sandbox.run(re.sub("pip install uv && |uv run ", "", command))
        ran.append(command)
        found_something = "error[" in expected
        assert code == (1 if found_something else 0), f"{command}\n{out}"
        assert printed(expected, out), f"{command}\nprints\n{out}\nREADME says\n{expected}"

    assert ran[0] == "pip install uv && uv run python manage.py runsqlmigrations"
    assert len(ran) >= 5


def examples_of(kind: str) -> list[dict[str, str]]:
    """Return the files of each Bad or Good example of the README, by name."""
    examples = []
    for block in blocks(section("Bad and good")):
        parts = re.split(rf"^-- {kind}: (\S+)\n", block.text, flags=re.MULTILINE)
        if len(parts) > 1:
            examples.append(dict(zip(parts[1::2], parts[2::2], strict=True)))
    return examples


def lint_examples(files: list[dict[str, str]], migrations, guard, alias: str) -> list[str]:
    """Return the rules that complain, with all examples up to each in the folder."""
    folder: dict[str, str] = {}
    slugs = []
    for example in files:
        folder |= example
        migrations(folder)
        report = guard("checksqlmigrations", "--format", "json", "--database", alias)
        slugs += [p["rule"] for p in report.json["problems"] if p["severity"] == "error"]
    return slugs


def test_pairs_when_checked_find_each_bad_file_and_no_good_one(postgres, migrations, guard):
    bad = [
        lint_examples([files], migrations, guard, postgres.alias) for files in examples_of("Bad")
    ]
    good = lint_examples(examples_of("Good"), migrations, guard, postgres.alias)

    assert [slugs[0] for slugs in bad] == ["alter-before-create", "near-miss", "mixed-concurrently"]
    assert good == []


@pytest.mark.parametrize("page", PAGES)
def test_page_when_its_other_blocks_are_read_is_well_formed(page):
    for block in blocks((ROOT / page).read_text()):
        if block.language not in {"console", "comment"}:
            check_syntax(block)


def test_commands_when_they_are_not_run_have_a_reason_that_still_applies():
    elsewhere = [
        command for page in PAGES[1:] for command, _ in lines_of((ROOT / page).read_text())
    ]
    given = [*elsewhere, *(command for command, _ in lines_of(README))]

    assert [command for command in elsewhere if not reason(command)] == []
    for pattern in SHOWN_ONLY:
        assert any(re.search(pattern, command) for command in given), pattern


@pytest.mark.parametrize("page", PAGES)
def test_links_when_they_stay_in_the_repository_lead_to_a_file(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_comparison_when_a_tool_is_named_links_its_own_pages():
    table = (ROOT / "docs/explanation/comparison.md").read_text()
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
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)

    assert "docs/images/layers.svg" in shown
    assert all((ROOT / path).is_file() for path in shown)
