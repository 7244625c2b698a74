"""The merge base: real git branches, and the renumbering of one."""

import shutil

import pytest

from migration_guard.planning import renumbering
from tests.linter.checkout import Checkout

RULES = {"merged-edited", "merged-renamed", "merged-deleted", "number-taken", "number-not-above"}
A, B, C = (
    "CREATE TABLE a (id bigint);\n",
    "CREATE TABLE b (id bigint);\n",
    "CREATE TABLE c (id bigint);\n",
)


@pytest.fixture
def checkout(tmp_path, migrations, postgres):
    folder = migrations({})
    made = Checkout(tmp_path, folder)
    made.commit({"0001_a.sql": A, "0002_b.sql": B})
    made.branch("mine")
    return made


def merge_problems(result) -> list[tuple[str, str, str]]:
    return [
        (p["rule"], p["severity"], p["path"].rpartition("/")[2])
        for p in result.json["problems"]
        if p["rule"] in RULES
    ]


def checked(guard, base: str = "main"):
    return guard("checksqlmigrations", "--base", base, "--format", "json")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"0003_c.sql": C}, []),
        ({"0002_b.sql": B + "ALTER TABLE b ADD COLUMN x int;\n"}, [("merged-edited", "error", "0002_b.sql")]),
        ({"0002_b.sql": "-- why\n" + B.lower()}, [("merged-edited", "warning", "0002_b.sql")]),
        ({"0002_b.sql": B.replace("\n", "\r\n")}, []),
        ({"0002_b.sql": "-- guard: allow = merged-edited, applied nowhere\nSELECT 1;"}, []),
        ({"0002_b.sql": None, "0003_b.sql": B}, [("merged-renamed", "error", "0003_b.sql")]),
        ({"0002_b.sql": None, "0002_c.sql": B}, [("merged-renamed", "error", "0002_c.sql"), ("number-not-above", "error", "0002_c.sql")]),
        ({"0002_b.sql": None, "0003_x.sql": f"-- guard: formerly = 0002_b\n{B}"}, []),
        ({"0002_b.sql": None, "0002_x.sql": f"-- guard: formerly = 0002_b\n{B}"}, []),
        ({"0002_b.sql": None, "0003_x.sql": f"-- guard: formerly = 0002_b\n{C}"}, [("merged-renamed", "error", "0003_x.sql")]),
        ({"0001_a.sql": None, "0003_x.sql": f"-- guard: formerly = 0001_a\n{A}"}, [("merged-renamed", "error", "0003_x.sql")]),
        ({"0001_a.sql": None, "0002_b.sql": None, "0002_s.sql": f"-- guard: replaces = 0001_a\n-- guard: replaces = 0002_b\n{A}{B}"}, []),
        ({"0001_a.sql": None, "0002_b.sql": None, "0002_s.sql": f"-- guard: replaces = 0001_a\n{A}{B}"}, [("merged-deleted", "error", "0002_b.sql")]),
        ({"0002_b.sql": None}, [("merged-deleted", "error", "0002_b.sql")]),
        ({"0001_x.sql": C}, [("number-not-above", "error", "0001_x.sql")]),
        ({"0002_b.sqlite.sql": B}, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("committed", [True, False])
def test_branch_when_it_changes_what_is_merged_is_stopped(
    checkout, guard, changes, expected, committed
):
    checkout.commit(changes) if committed else checkout.write(changes)

    result = checked(guard)

    assert sorted(merge_problems(result)) == sorted(expected)
    assert "error" not in [severity for _, severity, _ in expected] or result.code == 1


def test_fix_when_a_file_was_renamed_states_its_former_id(checkout, guard):
    checkout.write({"0002_b.sql": None, "0003_x.sql": B})

    result = guard("checksqlmigrations", "--base", "main", "--fix", "--format", "json")

    assert "merged-renamed" not in [problem["rule"] for problem in result.json["problems"]]
    assert (checkout.folder / "0003_x.sql").read_text() == f"-- guard: formerly = 0002_b\n{B}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (B, f"-- guard: formerly = 0002_b\n{B}"),
        (
            "\ufeff" + B.replace("\n", "\r\n"),
            f"\ufeff-- guard: formerly = 0002_b\n{B}".replace("\n", "\r\n"),
        ),
    ],
)
def test_fix_when_a_file_before_others_was_renamed_leaves_its_number(
    checkout, guard, text, expected
):
    checkout.git("checkout", "-q", "main")
    checkout.commit({"0003_c.sql": C, "0002_b.postgresql.sql": "SELECT 1;\n"})
    checkout.branch("other")
    checkout.write({"0002_b.sql": None, "0002_b.postgresql.sql": None})
    checkout.write({"0002_x.postgresql.sql": "SELECT 1;\n"})
    (checkout.folder / "0002_x.sql").write_bytes(text.encode())

    result = guard("checksqlmigrations", "--base", "main", "--fix", "--format", "json")

    assert [p["rule"] for p in result.json["problems"] if p["severity"] == "error"] == []
    assert (checkout.folder / "0002_x.sql").read_bytes().decode() == expected
    other = (checkout.folder / "0002_x.postgresql.sql").read_text()
    assert other == "-- guard: formerly = 0002_b\nSELECT 1;\n"


def test_fix_when_two_files_hold_the_sql_states_nothing_and_names_both(checkout, guard):
    checkout.write({"0002_b.sql": None, "0003_x.sql": B, "0004_y.sql": B})

    result = guard("checksqlmigrations", "--base", "main", "--fix", "--format", "json")

    (message,) = [p["message"] for p in result.json["problems"] if p["rule"] == "merged-renamed"]
    assert "0003_x, 0004_y" in message
    assert (checkout.folder / "0003_x.sql").read_text() == B


def test_squash_when_its_files_are_still_there_names_each(checkout, guard):
    lines = "-- guard: replaces = 0001_a\n-- guard: replaces = 0002_b\n"
    checkout.write({"0002_all.sql": lines + A + B, "max_migration.txt": "0002_all\n"})

    problems = checked(guard).json["problems"]

    assert {p["rule"]: p["severity"] for p in problems} == {"replaced": "warning"}
    assert [p["path"].rpartition("/")[2] for p in problems] == ["0001_a.sql", "0002_b.sql"]


def test_near_miss_when_its_file_is_merged_is_not_judged_again(checkout, guard):
    checkout.commit({"0003_c.sql": f"-- DEV ONLY\n{C}"})

    on_branch = [
        p["path"][-10:] for p in checked(guard).json["problems"] if p["rule"] == "near-miss"
    ]
    when_merged = [p["rule"] for p in checked(guard, "mine").json["problems"]]

    assert on_branch == ["0003_c.sql"]
    assert "near-miss" not in when_merged


@pytest.mark.parametrize(
    ("after", "line"),
    [(f"{B}SELECT 1;\n", 2), (f"-- why\n\n{B}", 1), (f"{B}\n\n", 2), ("", None), (f"{B[:-2]}", 1)],
)
def test_edit_when_it_is_reported_has_the_line_of_its_hunk(checkout, guard, after, line):
    checkout.write({"0002_b.sql": after})

    problems = checked(guard).json["problems"]

    lines = [p["line"] for p in problems if p["rule"] == "merged-edited"]
    assert lines == [line or 1]


def test_edit_when_it_is_semantic_shows_the_difference(checkout, guard):
    checkout.commit({"0002_b.sql": B.replace("bigint", "uuid")})

    result = guard("checksqlmigrations", "--base", "main")

    assert result.code == 1
    assert "-CREATE TABLE b (id bigint);" in result.out
    assert "+CREATE TABLE b (id uuid);" in result.out


def test_number_when_both_sides_took_it_is_stopped(checkout, guard):
    checkout.commit({"0003_mine.sql": C})
    checkout.git("checkout", "-q", "main")
    checkout.commit({"0003_theirs.sql": "SELECT 1;", "0004_more.sql": "SELECT 1;"})
    checkout.git("checkout", "-q", "mine")

    result = checked(guard)

    assert merge_problems(result) == [("number-taken", "error", "0003_mine.sql")]
    assert "0003_theirs" in result.json["problems"][0]["message"]


def test_file_when_it_was_taken_over_from_the_other_branch_is_no_problem(checkout, guard):
    checkout.git("checkout", "-q", "main")
    checkout.commit({"0003_theirs.sql": C, "0002_b.sql": "-- better\n" + B})
    checkout.git("checkout", "-q", "mine")
    checkout.git("checkout", "main", "--", ".")

    assert merge_problems(checked(guard)) == []


def test_renumber_when_others_were_merged_moves_the_own_files_above_them(
    checkout, guard, settings, tmp_path
):
    contract = tmp_path / "schema_contract.toml"
    contract.write_text(
        '[migrations]\napplied = ["0003_mine", "0001_a", "0003_mine_too"]  # 0003_mine\n'
    )
    settings.MIGRATION_GUARD = {**settings.MIGRATION_GUARD, "CONTRACTS": {"default": [contract]}}
    checkout.commit(
        {
            "0003_mine.sql": C,
            "0003_mine.sqlite.sql": C,
            "0004_mine_too.sql": "ALTER TABLE c ADD x int;",
        }
    )
    checkout.write({"0005_new.sql": "SELECT 1;"})
    checkout.git("checkout", "-q", "main")
    checkout.commit(
        {"0003_theirs.sql": "SELECT 1;", "0004_more.sql": "SELECT 1;", "0005_new.sql": None}
    )
    checkout.git("checkout", "-q", "mine")
    checkout.write({"0005_new.sql": "SELECT 1;"})

    result = guard("checksqlmigrations", "--base", "main", "--renumber", "--format", "json")

    assert result.code == 0, result.out
    names = sorted(path.name for path in checkout.folder.iterdir())
    assert names == [
        "0001_a.sql",
        "0002_b.sql",
        "0005_mine.sql",
        "0005_mine.sqlite.sql",
        "0006_mine_too.sql",
        "0007_new.sql",
        "max_migration.txt",
    ]
    assert (checkout.folder / "max_migration.txt").read_text() == "0007_new\n"
    assert (
        contract.read_text()
        == '[migrations]\napplied = ["0005_mine", "0001_a", "0003_mine_too"]  # 0005_mine\n'
    )
    staged = checkout.git("diff", "--cached", "--name-status", "-M", "HEAD")
    assert "R100\tsql_migrations/0003_mine.sql\tsql_migrations/0005_mine.sql" in staged
    assert "0003_mine to 0005_mine" in result.err


def test_renumber_when_numbers_are_free_changes_nothing(checkout, guard):
    checkout.commit({"0003_mine.sql": C})

    result = guard("checksqlmigrations", "--base", "main", "--renumber")

    assert (result.code, checkout.git("status", "--porcelain")) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--base", "nowhere"], 'does not know the commit or branch "nowhere"'),
        (["--base", "--output=x"], "does not know the commit or branch"),
        (["--renumber"], "Add --base GITREF"),
    ],
)
def test_base_when_it_cannot_be_read_is_exit_2(checkout, guard, arguments, said):
    arguments = [f"{arguments[0]}={arguments[1]}"] if len(arguments) > 1 else arguments

    result = guard("checksqlmigrations", *arguments)

    assert result.code == 2
    assert said in result.err


def test_base_when_there_is_no_common_commit_is_exit_2(checkout, guard):
    checkout.git("checkout", "-q", "--orphan", "other")
    checkout.commit({"0003_c.sql": C})

    result = checked(guard)

    assert (result.code, "fetch-depth: 0" in result.err) == (2, True)


def test_base_when_git_lacks_its_files_is_exit_2(checkout, guard):
    checkout.commit({"0003_mine.sql": C})
    tree = checkout.git("rev-parse", "main^{tree}").strip()
    (checkout.root / ".git" / "objects" / tree[:2] / tree[2:]).unlink()

    result = guard("checksqlmigrations", "--base", "main")

    assert result.code == 2
    assert "git ls-tree failed" in result.err
    assert "Run it by hand to see why." in result.err


def test_renumber_when_a_folder_has_no_migration_names_no_newest(tmp_path):
    (tmp_path / "README").write_text("later")

    rewritten = renumbering.apply([], [tmp_path], [], shutil.move)

    assert rewritten == []
    assert [path.name for path in tmp_path.iterdir()] == ["README"]


def test_base_when_the_folder_is_in_no_repository_is_exit_2(migrations, guard, postgres):
    migrations({"0001_a.sql": A, "max_migration.txt": "0001_a\n"})

    result = guard("checksqlmigrations", "--base", "main")

    assert (result.code, "no git repository" in result.err) == (2, True)


def test_divided_file_when_it_is_merged_is_not_judged_and_a_new_one_is(checkout, guard):
    checkout.git("checkout", "-q", "main")
    checkout.commit(
        {"0003_c.sql": f"-- migrate:up\n{C}", "0004_d.sql": "-- no-transaction\nSELECT 1;"}
    )
    checkout.branch("other")
    checkout.commit({"0005_e.sql": "-- +goose Up\nSELECT 1;"})

    problems = checked(guard).json["problems"]

    assert [
        (p["rule"], p["severity"], p["path"].rpartition("/")[2])
        for p in problems
        if p["rule"] == "foreign-format"
    ] == [("foreign-format", "error", "0005_e.sql")]
