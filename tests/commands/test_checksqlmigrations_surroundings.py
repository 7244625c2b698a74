"""What stands around the migrations: max_migration.txt, a baseline, git, a contract."""

import shutil

import pytest

from tests.linter.checkout import Checkout

T = "CREATE TABLE t (id bigint PRIMARY KEY, a bigint);\n"


@pytest.fixture
def checked(migrations, postgres, guard):
    """Give `checked(files, *args)`: the exit code and the problems of checksqlmigrations."""

    def run(files, *args):
        migrations({"max_migration.txt": "0001_t\n", "0001_t.sql": T, **files})
        result = guard("checksqlmigrations", "--format", "json", *args)
        return result.code, result.json["problems"]

    return run


def test_max_migration_when_a_merge_left_both_lines_says_which_one_to_move(checked):
    _code, (problem,) = checked({"max_migration.txt": "0001_t\n0001_u\n"})

    assert problem["rule"] == "max-migration-stale"
    assert "several lines, as a merge conflict leaves them" in problem["message"]
    assert "the one that is applied nowhere yet" in problem["hint"]


def test_max_migration_when_it_cannot_be_read_says_why(migrations, postgres, guard):
    folder = migrations({"0001_t.sql": T})
    (folder / "max_migration.txt").mkdir()

    result = guard("checksqlmigrations", "--format", "json")

    assert [problem["rule"] for problem in result.json["problems"]] == ["max-migration-stale"]
    assert "cannot be read: it is a folder, not a file" in result.json["problems"][0]["message"]


@pytest.mark.parametrize(
    "dump", [b"CREATE TABLE \xff ();", b"SELECT 'without an end;"], ids=["not UTF-8", "no end"]
)
def test_baseline_when_it_cannot_be_read_gives_2_and_names_it(migrations, postgres, guard, dump):
    folder = migrations({"0001_t.sql": T, "_baseline.sql": dump, "max_migration.txt": "0001_t\n"})

    result = guard("checksqlmigrations")

    assert result.code == 2
    assert f"{folder / '_baseline.sql'} cannot be read" in result.err
    assert "pg_dump --schema-only" in result.err


def test_place_when_letters_before_it_have_several_bytes_is_counted_in_characters(checked):
    line = "SELECT 'Käse, 🧀', id FROM nowhere;\n"
    files = {"0002_u.sql": f"SELECT 'ü';\n{line}", "max_migration.txt": "0002_u\n"}

    _code, problems = checked(files)

    assert [(problem["rule"], problem["line"], problem["column"]) for problem in problems] == [
        ("unknown-relation", 2, line.index("nowhere") + 1)
    ]


def test_git_when_the_machine_has_none_is_asked_for_only_with_base(
    checked, guard, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None

    alone, _ = checked({})
    against_main = guard("checksqlmigrations", "--base", "main")

    assert (alone, against_main.code) == (0, 2)
    assert "or git is not installed" in against_main.err


def test_directive_when_it_allows_no_rule_is_a_problem(checked):
    code, problems = checked({"0001_t.sql": f"-- guard: allow = , because\n{T}"})

    assert code == 1
    assert "allow names one rule, a comma and the reason" in problems[0]["message"]


@pytest.fixture
def branch(tmp_path, migrations, postgres):
    made = Checkout(tmp_path, migrations({}))
    made.commit({"0001_t.sql": T})
    made.branch("mine")
    return made


def test_edit_when_it_broke_the_file_is_an_error_and_no_matter_of_layout(branch, guard):
    branch.write({"0001_t.sql": f"{T}SELECT 'without an end;"})

    problems = guard("checksqlmigrations", "--base", "main", "--format", "json").json["problems"]

    severities = {problem["rule"]: problem["severity"] for problem in problems}
    assert severities["merged-edited"] == "error"
    assert severities["unterminated"] == "error"


@pytest.fixture
def overtaken(branch, settings, tmp_path):
    """Give a branch whose number others took, and `contract(bytes)`, which names its file."""
    branch.git("checkout", "-q", "main")
    branch.commit({"0002_theirs.sql": "CREATE TABLE u (id bigint);\n"})
    branch.git("checkout", "-q", "mine")
    branch.commit({"0002_ours.sql": "CREATE TABLE v (id bigint);\n"})

    def contract(content):
        path = tmp_path / "contract.toml"
        path.write_bytes(content)
        settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "CONTRACTS": {"default": [path]}}
        return path

    return contract


def test_renumber_when_a_contract_cannot_be_read_renames_nothing(overtaken, branch, guard):
    contract = overtaken(b"# \xff, since 0002_ours")

    result = guard("checksqlmigrations", "--base", "main", "--renumber")

    assert result.code == 2
    assert f"{contract} cannot be read" in result.err
    assert sorted(path.name for path in branch.folder.glob("*.sql")) == [
        "0001_t.sql",
        "0002_ours.sql",
    ]


def test_renumber_when_a_contract_names_the_migration_keeps_the_rest_of_it(
    overtaken, branch, guard
):
    contract = overtaken(b"# since 0002_ours, not 0002_ours_too\r\n")

    result = guard("checksqlmigrations", "--base", "main", "--renumber")

    assert f"Updated {contract}." in result.err
    assert contract.read_bytes() == b"# since 0003_ours, not 0002_ours_too\r\n"


def test_open_comment_when_it_is_in_a_string_is_none(sqlite, migrations, guard):
    migrations({"0001_t.sql": "CREATE TABLE t (a text DEFAULT '/*');\nSELECT 1 AS \"/*\";"})

    assert guard("runsqlmigrations").code == 0
