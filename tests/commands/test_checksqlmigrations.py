"""The command: reports, exit codes, what did not run, squawk, the demo."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from migration_guard.linter import registry
from tests.linter.checkout import Checkout

ROOT = Path(__file__).resolve().parents[2]
T = "CREATE TABLE t (id bigint PRIMARY KEY, a bigint);\n"


@pytest.fixture
def files(migrations, postgres):
    def write(contents, **settings):
        newest = max(contents, default="").removesuffix(".sql")
        return migrations({"max_migration.txt": f"{newest}\n", **contents}, **settings)

    return write


@pytest.fixture
def checkout(tmp_path, migrations, postgres):
    made = Checkout(tmp_path, migrations({}))
    made.commit({"0001_t.sql": T})
    return made


def rules(result) -> list[str]:
    return [problem["rule"] for problem in result.json["problems"]]


def test_demo_when_checked_strictly_passes(guard, postgres, settings):
    settings.MIGRATION_GUARD = {"DIRS": {"default": [ROOT / "sql_migrations"]}}

    result = guard("checksqlmigrations", "--strict", "--format", "json")

    assert (result.code, result.json["ok"], result.json["files"]) == (0, True, 34)
    assert set(rules(result)) == {"not-simulated"}


def test_text_when_a_file_is_bad_shows_its_line_and_a_caret(guard, files):
    folder = files({"0001_t.sql": T, "0002_x.sql": "SELECT 1;\n\tUPDATE t SET a = 1;\n"})

    result = guard("checksqlmigrations")

    assert result.code == 1
    assert f"error[blanket-delete] {folder}/0002_x.sql:2: UPDATE t SET a = 1" in result.out
    assert "     2 | \tUPDATE t SET a = 1;\n       | \t^\n" in result.out
    assert "allow = blanket-delete" in result.out
    assert "1 error" in result.err


def test_json_when_a_file_is_bad_is_alone_on_standard_output(guard, files):
    folder = files({"0001_t.sql": "  TRUNCATE pg_class;"})

    result = guard("checksqlmigrations", "--format", "json")

    problem = result.json["problems"][0]
    assert result.code == 1
    assert (problem["rule"], problem["severity"], problem["path"], problem["line"], problem["column"]) == (
        "blanket-delete", "error", str(folder / "0001_t.sql"), 1, 3,
    )  # fmt: skip
    assert (result.json["database"], result.json["vendor"], result.json["ok"]) == (
        "default",
        "postgresql",
        False,
    )


def test_github_when_a_file_is_bad_annotates_its_line(guard, files):
    files({"0001_t.sql": "SELECT 1;\nTRUNCATE pg_class;"})

    result = guard("checksqlmigrations", "--format", "github")

    assert result.out.startswith("::error file=")
    assert "0001_t.sql,line=2,title=blanket-delete::" in result.out


def test_sarif_when_a_file_is_bad_names_rule_and_meaning(guard, files):
    files({"0001_t.sql": "TRUNCATE pg_class;"})

    run = json.loads(guard("checksqlmigrations", "--format", "sarif").out)["runs"][0]

    assert run["results"][0]["ruleId"] == "blanket-delete"
    assert (
        run["tool"]["driver"]["rules"][0]["shortDescription"]["text"]
        == registry.rules()["blanket-delete"].meaning
    )


@pytest.mark.parametrize(("option", "code"), [([], 0), (["--strict"], 1)])
def test_warning_when_strict_fails(guard, files, option, code):
    files({"0001_t.sql": "SET work_mem = '1GB';"})

    assert guard("checksqlmigrations", *option).code == code


def test_problems_when_numbers_have_other_widths_come_in_the_order_of_the_run(guard, files):
    files(
        {
            "9_t.sql": T + "TRUNCATE pg_class;",
            "10_u.sql": "TRUNCATE pg_class;",
            "max_migration.txt": "10_u\n",
        }
    )

    result = guard("checksqlmigrations", "--format", "json")

    assert [Path(problem["path"]).name for problem in result.json["problems"]] == [
        "9_t.sql",
        "10_u.sql",
    ]


def test_set_when_nothing_is_there_says_that_nothing_was_checked(guard, migrations, postgres):
    migrations({})

    result = guard("checksqlmigrations")

    assert result.code == 0
    assert result.out == "There is no migration of default yet, so nothing was checked.\n"


@pytest.mark.parametrize("slug", list(registry.rules()))
def test_explain_when_the_rule_is_known_prints_problem_example_and_solution(guard, slug):
    result = guard("checksqlmigrations", "--explain", slug)

    assert result.code == 0
    assert result.out.startswith(f"# {slug}\n")
    assert [line for line in result.out.splitlines() if line.startswith("## ")] == [
        "## The problem",
        "## Example",
        "## The solution",
    ]


def test_explain_when_the_rule_is_one_of_squawk_names_its_page(guard):
    result = guard("checksqlmigrations", "--explain", "adding-required-field")

    assert (result.code, "squawkhq.com/docs/adding-required-field" in result.out) == (0, True)


def test_explain_when_the_rule_is_unknown_is_exit_2_with_the_nearest(guard):
    result = guard("checksqlmigrations", "--explain", "blanket-delet")

    assert (result.code, 'Did you mean "blanket-delete"?' in result.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "dirs", "said"),
    [
        (["--database", "nobody"], "sql", 'no database "nobody"'),
        ([], "missing", "cannot be opened"),
        (["--format", "xml"], "sql", "invalid choice"),
    ],
)
def test_command_when_it_cannot_find_out_is_exit_2(
    guard, postgres, settings, tmp_path, arguments, dirs, said
):
    (tmp_path / "sql").mkdir()
    settings.MIGRATION_GUARD = {"DIRS": {"default": [tmp_path / dirs]}}

    result = guard("checksqlmigrations", *arguments)

    assert (result.code, said in result.err) == (2, True)


@pytest.mark.parametrize("vendor", ["sqlite", "mariadb"])
def test_rules_of_postgresql_when_the_database_is_another_say_that_they_did_not_run(
    guard, migrations, request, vendor
):
    request.getfixturevalue(vendor)
    migrations({"0001_t.sql": "TRUNCATE t;", "max_migration.txt": "0001_t\n"})

    result = guard("checksqlmigrations", "--format", "json")

    assert rules(result) == ["blanket-delete"]
    assert {"alter-before-create", "squawk", "session-setting"} <= set(
        result.json["not_run"][0]["rules"]
    )
    assert "know PostgreSQL's SQL" in result.json["not_run"][0]["why"]


def test_rules_of_the_grammar_when_it_is_not_installed_say_how_to_get_it(
    guard_process, files, tmp_path
):
    files({"0001_t.sql": "DELETE FROM t;\nALTER TABLE t ADD b int;"})
    (tmp_path / "postgast.py").write_text("raise ImportError\n")

    result = guard_process("checksqlmigrations", env={"PYTHONPATH": str(tmp_path)})

    assert result.code == 1
    assert "blanket-delete" in result.out
    assert (
        "alter-before-create, already-exists" in result.err
        or "already-exists, alter-before-create" in result.err
    )
    assert 'pip install "django-migration-guard[lint]"' in result.err


def test_squawk_when_it_is_not_installed_says_how_to_get_it(guard, files, monkeypatch, tmp_path):
    files({"0001_t.sql": T})
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv(
        "PATH",
        os.pathsep.join(
            p for p in os.environ["PATH"].split(os.pathsep) if not shutil.which("squawk", path=p)
        ),
    )

    result = guard("checksqlmigrations", "--format", "json")

    missing = [rule for rule in result.json["not_run"] if "squawk" in rule["rules"]]
    assert missing[0]["remedy"] == 'pip install "django-migration-guard[lint]"'


DANGER = "CREATE INDEX i ON t (a);\n"


@pytest.mark.parametrize("base", [[], ["--base", "main"]])
def test_squawk_when_a_new_file_is_unsafe_warns_under_its_own_rule_name(guard, checkout, base):
    checkout.branch("mine")
    checkout.write({"0002_i.sql": "-- é\n" + DANGER, "max_migration.txt": "0002_i\n"})

    result = guard("checksqlmigrations", *base, "--format", "json")

    problems = result.json["problems"]
    assert [(p["rule"], p["severity"], p["line"], p["column"]) for p in problems] == [
        ("require-concurrent-index-creation", "warning", 2, 1)
    ]
    assert "squawkhq.com/docs/require-concurrent-index-creation" in problems[0]["hint"]


@pytest.mark.parametrize(
    "text",
    [
        "-- guard: allow = require-concurrent-index-creation, forty rows\n" + DANGER,
        "-- DEV/TEST ONLY\n" + DANGER,
        "-- guard: transaction = off\nCREATE INDEX CONCURRENTLY i ON t (a);\n",
        "CREATE TABLE u (id bigint);\nCREATE INDEX i ON u (id);\n",
    ],
)
def test_squawk_when_it_is_safe_allowed_or_for_dev_is_silent(guard, checkout, text):
    checkout.write({"0002_i.sql": text, "max_migration.txt": "0002_i\n"})

    assert rules(guard("checksqlmigrations", "--format", "json")) == []


def test_squawk_when_the_folder_has_the_characters_of_a_pattern_finds_the_file(
    guard, tmp_path, postgres, settings
):
    folder = tmp_path / "sql [1]*"
    folder.mkdir()
    settings.MIGRATION_GUARD = {"DIRS": {"default": [folder]}}
    checkout = Checkout(tmp_path, folder)
    checkout.commit({"0001_t.sql": T})
    checkout.write({"0002_i.sql": DANGER, "max_migration.txt": "0002_i\n"})

    assert rules(guard("checksqlmigrations", "--format", "json")) == [
        "require-concurrent-index-creation"
    ]


def test_check_when_it_runs_in_a_hook_of_a_commit_finds_the_repository(
    guard, checkout, monkeypatch
):
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")

    result = guard("checksqlmigrations", "--base", "main")

    assert result.code == 0, result.err


def test_squawk_when_files_are_merged_looks_at_none_of_them(guard, checkout):
    checkout.commit({"0002_i.sql": DANGER})

    result = guard("checksqlmigrations", "--base", "main", "--format", "json")

    assert rules(result) == []


def test_squawk_when_nothing_tells_what_is_merged_looks_at_all_files(guard, checkout):
    checkout.commit({"0002_i.sql": DANGER})

    assert rules(guard("checksqlmigrations", "--format", "json")) == [
        "require-concurrent-index-creation"
    ]


@pytest.mark.parametrize(
    ("version", "expected"), [("10.0", ["adding-field-with-default"]), ("14.0", [])]
)
def test_squawk_when_told_the_server_knows_what_it_can(guard, checkout, version, expected):
    checkout.write(
        {
            "0002_i.sql": "ALTER TABLE t ADD COLUMN b bigint DEFAULT 1;",
            "max_migration.txt": "0002_i\n",
        }
    )

    result = guard("checksqlmigrations", "--server-version", version, "--format", "json")

    assert rules(result) == expected


def test_check_when_it_shall_be_quiet_and_all_is_fine_says_nothing(guard, checkout):
    result = guard("checksqlmigrations", "--verbosity", "0")

    assert (result.code, result.out, result.err) == (0, "", "")


@pytest.mark.parametrize(("limit", "expected"), [("5s", []), (None, ["require-lock-timeout"])])
def test_squawk_when_the_runner_sets_no_lock_timeout_asks_for_one(
    guard, checkout, settings, limit, expected
):
    settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "LOCK_TIMEOUT": limit}
    checkout.write(
        {"0002_i.sql": "ALTER TABLE t ADD COLUMN b bigint;", "max_migration.txt": "0002_i\n"}
    )

    assert rules(guard("checksqlmigrations", "--format", "json")) == expected
