"""What a checkout is compared with where nobody names it: real clones, worktrees, submodules."""

import subprocess

import pytest

from migration_guard.linter import target
from tests.linter.checkout import WHO, Checkout

A = "CREATE TABLE a (id bigint PRIMARY KEY, x text);\n"
LOSS = "DELETE FROM a;\n"
EDIT = A.replace("bigint", "uuid")


@pytest.fixture(autouse=True)
def no_ci(monkeypatch):
    """These tests run on CI too."""
    for name in (*target.COMMITS, *target.BRANCHES, *(pair[0] for pair in target.OF_PULL_REQUESTS)):
        monkeypatch.delenv(name, raising=False)
    for key, value in WHO.items():
        monkeypatch.setenv(key, value)


@pytest.fixture
def origin(tmp_path, postgres):
    """Give the repository of others: main has a table, and old danger that nobody judges again."""
    root = tmp_path / "origin"
    folder = root / "backend" / "sql_migrations"
    folder.mkdir(parents=True)
    made = Checkout(root, folder)
    made.commit({"0001_a.sql": A, "0002_b.sql": LOSS})
    return made


@pytest.fixture
def clone(tmp_path, origin, settings):
    """Give `clone(*options)`: a checkout of the origin, on the branch "mine" unless detached."""

    def make(*options, branch="mine"):
        root = tmp_path / "clone"
        subprocess.run(
            ["git", "clone", "-q", *options, origin.root.as_uri(), str(root)], check=True
        )
        made = Checkout(root, root / "backend" / "sql_migrations")
        settings.MIGRATION_GUARD = {"DIRS": {"default": [made.folder]}}
        if branch:
            made.git("checkout", "-q", "-b", branch)
        return made

    return make


def rules(guard, *arguments):
    result = guard("checksqlmigrations", "--format", "json", *arguments)
    return result.code, sorted(
        (p["rule"], (p["path"] or "").rpartition("/")[2]) for p in result.json["problems"]
    )


def test_target_when_cloned_is_what_origin_calls_its_branch(guard, clone):
    checkout = clone()
    assert rules(guard) == (0, [])

    checkout.commit({"0003_c.sql": LOSS, "0001_a.sql": EDIT})

    assert rules(guard) == (1, [("blanket-delete", "0003_c.sql"), ("merged-edited", "0001_a.sql")])


def test_target_when_the_branch_is_pushed_is_not_its_upstream(guard, clone):
    checkout = clone()
    checkout.commit({"0003_c.sql": LOSS})
    checkout.git("push", "-q", "-u", "origin", "mine")

    assert rules(guard) == (1, [("blanket-delete", "0003_c.sql")])


@pytest.mark.parametrize(("head", "branch"), [(None, "main"), (None, "master"), ("trunk", "trunk")])
def test_target_when_origin_has_no_head_is_main_or_master(guard, clone, origin, head, branch):
    origin.git("branch", "-m", "main", branch)
    checkout = clone()
    checkout.git("remote", "set-head", "origin", *([head] if head else ["-d"]))
    checkout.commit({"0003_c.sql": LOSS})

    assert rules(guard) == (1, [("blanket-delete", "0003_c.sql")])


@pytest.mark.parametrize("variables", [
    {"GITHUB_BASE_REF": "release/1"}, {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "release/1"},
    {"BITBUCKET_PR_DESTINATION_BRANCH": "release/1"}, {"SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/release/1"},
    {"BUILDKITE_PULL_REQUEST_BASE_BRANCH": "release/1"}, {"CHANGE_TARGET": "release/1"},
    {"DRONE_TARGET_BRANCH": "release/1", "DRONE_PULL_REQUEST": "7"},
    {"TRAVIS_BRANCH": "release/1", "TRAVIS_PULL_REQUEST_BRANCH": "mine"},
], ids=str)  # fmt: skip
def test_target_when_the_ci_names_one_is_that(guard, clone, origin, monkeypatch, variables):
    origin.branch("release/1")
    origin.commit({"0003_r.sql": LOSS})
    origin.git("checkout", "-q", "main")
    checkout = clone(branch="")
    checkout.git("checkout", "-q", "-b", "mine", "origin/release/1")
    checkout.commit({"0004_c.sql": LOSS})
    assert [name for _, name in rules(guard)[1]] == ["0003_r.sql", "0004_c.sql"]  # against main

    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert rules(guard) == (1, [("blanket-delete", "0004_c.sql")])


@pytest.mark.parametrize("variables", [
    {"GITHUB_BASE_REF": ""}, {"BUILDKITE_PULL_REQUEST_BASE_BRANCH": ""}, {"TRAVIS_BRANCH": "mine"},
    {"DRONE_TARGET_BRANCH": "mine"},
], ids=str)  # fmt: skip
def test_target_when_the_ci_builds_a_push_is_the_main_branch(guard, clone, monkeypatch, variables):
    checkout = clone()
    checkout.commit({"0003_c.sql": LOSS})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert rules(guard) == (1, [("blanket-delete", "0003_c.sql")])


def test_target_when_gitlab_names_the_commit_is_that(guard, clone, monkeypatch):
    checkout = clone()
    base = checkout.git("rev-parse", "HEAD").strip()
    checkout.commit({"0003_c.sql": LOSS})
    checkout.git("remote", "remove", "origin")
    monkeypatch.setenv("CI_MERGE_REQUEST_DIFF_BASE_SHA", base)

    assert rules(guard) == (1, [("blanket-delete", "0003_c.sql")])


def pull_request(origin):
    """Make what GitHub makes: refs/pull/1/merge, a merge of a branch into main."""
    origin.branch("theirs")
    origin.commit({"0003_c.sql": LOSS})
    origin.git("checkout", "-q", "-b", "merge", "main")
    origin.git("merge", "-q", "--no-ff", "-m", "merge", "theirs")
    origin.git("update-ref", "refs/pull/1/merge", "HEAD")
    origin.git("checkout", "-q", "main")
    origin.git("branch", "-q", "-D", "merge")


def check_out_as_github_does(checkout, depth):
    options = [f"--depth={depth}"] if depth else []
    ref = "refs/pull/1/merge:refs/remotes/pull/1/merge"
    checkout.git("fetch", "-q", "--no-tags", *options, "origin", f"+{ref}")
    checkout.git("checkout", "-q", "--force", "refs/remotes/pull/1/merge")


@pytest.mark.parametrize("depth", [0, 2])
def test_target_when_a_merge_is_checked_out_is_its_first_parent(guard, clone, origin, depth):
    pull_request(origin)
    checkout = clone("--depth=1", "--no-checkout", branch="")
    checkout.git("update-ref", "-d", "refs/remotes/origin/main")
    checkout.git("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
    if not depth:
        checkout.git("fetch", "-q", "--unshallow", "origin", "main")
    check_out_as_github_does(checkout, depth)

    assert rules(guard) == (1, [("blanket-delete", "0003_c.sql")])


@pytest.mark.parametrize("variable", [{}, {"GITHUB_BASE_REF": "main"}])
def test_target_when_a_shallow_checkout_lacks_it_is_exit_2(
    guard, clone, origin, monkeypatch, variable
):
    pull_request(origin)
    checkout = clone("--depth=1", "--no-checkout", branch="")
    check_out_as_github_does(checkout, 1)
    checkout.git("update-ref", "-d", "refs/remotes/origin/main")
    checkout.git("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
    for name, value in variable.items():
        monkeypatch.setenv(name, value)

    result = guard("checksqlmigrations")

    assert (result.code, "fetch-depth: 0" in result.err) == (2, True)


def test_target_when_only_the_branch_was_cloned_is_exit_2(guard, clone, origin):
    origin.branch("theirs")
    origin.commit({"0003_c.sql": LOSS})
    origin.git("checkout", "-q", "main")
    clone("--single-branch", "--branch=theirs", branch="")

    result = guard("checksqlmigrations")

    assert (result.code, "fetch-depth: 0" in result.err) == (2, True)
    assert rules(guard, "--base", "HEAD~1") == (1, [("blanket-delete", "0003_c.sql")])


def test_target_when_a_branch_took_over_main_is_main(guard, clone, origin):
    checkout = clone()
    checkout.commit({"0004_c.sql": LOSS})
    origin.commit({"0003_theirs.sql": LOSS})
    checkout.git("fetch", "-q")
    checkout.git("merge", "-q", "origin/main", fails=True)
    checkout.commit({})
    checkout.git("checkout", "-q", "--detach")

    assert rules(guard) == (1, [("blanket-delete", "0004_c.sql")])


def test_target_when_there_is_no_remote_is_nothing(guard, origin, settings):
    settings.MIGRATION_GUARD = {"DIRS": {"default": [origin.folder]}}

    assert rules(guard) == (1, [("blanket-delete", "0002_b.sql")])


def test_target_when_nothing_is_committed_is_nothing(guard, tmp_path, postgres, settings):
    checkout = Checkout(tmp_path, tmp_path / "sql")
    checkout.folder.mkdir()
    checkout.git("remote", "add", "origin", "https://example.org/x.git")
    checkout.write({"0001_a.sql": A, "max_migration.txt": "0001_a\n"})
    settings.MIGRATION_GUARD = {"DIRS": {"default": [checkout.folder]}}

    assert rules(guard) == (0, [])


def test_target_when_a_file_has_got_an_allow_alone_judges_it_no_more(guard, clone):
    checkout = clone()
    checkout.commit({"0002_b.sql": f"-- why it was right\n{LOSS}"})

    assert rules(guard) == (0, [("merged-edited", "0002_b.sql")])


def test_target_when_in_a_worktree_is_the_same(guard, clone, tmp_path, settings):
    clone().git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    tree = Checkout.__new__(Checkout)
    tree.root, tree.folder = tmp_path / "tree", tmp_path / "tree" / "backend" / "sql_migrations"
    settings.MIGRATION_GUARD = {"DIRS": {"default": [tree.folder]}}
    tree.commit({"0003_c.sql": LOSS})

    assert rules(guard) == (1, [("blanket-delete", "0003_c.sql")])


def test_target_when_in_a_submodule_is_the_commit_of_the_base(
    guard, tmp_path, origin, settings, monkeypatch
):
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    outer = Checkout.__new__(Checkout)
    outer.root = tmp_path / "outer"
    outer.root.mkdir()
    outer.git("init", "-q", "-b", "main")
    outer.git("submodule", "--quiet", "add", origin.root.as_uri(), "sql")
    outer.git("commit", "-q", "-m", "x")
    outer.git("clone", "-q", "--recurse-submodules", outer.root.as_uri(), str(tmp_path / "app"))
    inner = Checkout.__new__(Checkout)
    inner.root = tmp_path / "app" / "sql"
    inner.folder = inner.root / "backend" / "sql_migrations"
    settings.MIGRATION_GUARD = {"DIRS": {"default": [inner.folder]}}
    assert rules(guard) == (0, [])

    # The module's own main has moved on, and the project takes it in now.
    origin.commit({"0003_c.sql": LOSS})
    inner.git("fetch", "-q", "origin")
    inner.git("checkout", "-q", "origin/main")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")

    assert rules(guard) == (1, [("blanket-delete", "0003_c.sql")])


def test_set_when_all_its_files_are_new_is_released_together(guard, clone):
    checkout = clone()
    checkout.commit(
        {
            "0003_c.sql": "CREATE TABLE c (id bigint PRIMARY KEY, d text);\n",
            "0004_d.sql": "DELETE FROM c;\nALTER TABLE c ALTER COLUMN d SET NOT NULL;\n"
            "CREATE INDEX i ON c (d);\n",
            "0005_e.sql": "ALTER TABLE a ADD COLUMN f bigint;\n",
            "0006_f.sql": "UPDATE a SET f = 1;\n",
        }
    )

    assert rules(guard) == (0, [])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"0003_c.sql": "ALTER TABLE a ALTER COLUMN x SET NOT NULL;\n"}, ["adding-not-nullable-field"]),
        ({"0003_c.sql": "ALTER TABLE a ADD CONSTRAINT c CHECK (x IS NOT NULL) NOT VALID;\n",
          "0004_d.sql": "ALTER TABLE a VALIDATE CONSTRAINT c;\nALTER TABLE a ALTER COLUMN x SET NOT NULL;\n"
          "ALTER TABLE a DROP CONSTRAINT c;\n"}, []),
        ({"0003_c.sql": "ALTER TABLE a ADD CONSTRAINT c CHECK (x IS NOT NULL) NOT VALID;\n",
          "0004_d.sql": "ALTER TABLE a ALTER COLUMN x SET NOT NULL;\n"}, ["adding-not-nullable-field"]),
        ({"0003_c.sql": "ALTER TABLE a ADD CONSTRAINT c CHECK (x <> '') NOT VALID;\n",
          "0004_d.sql": "ALTER TABLE a VALIDATE CONSTRAINT c;\n",
          "0005_e.sql": "ALTER TABLE a ALTER COLUMN x SET NOT NULL;\n"}, ["adding-not-nullable-field"]),
        ({"0003_c.sql": "ALTER TABLE a ADD CONSTRAINT c CHECK (x <> '' AND (x IS NOT NULL)) NOT VALID;\n",
          "0004_d.sql": "ALTER TABLE a VALIDATE CONSTRAINT c;\nALTER TABLE a RENAME x TO y;\n",
          "0005_e.sql": "ALTER TABLE a\n    ALTER y SET NOT NULL;\n"}, ["renaming-column"]),
        ({"0003_c.sql": "ALTER TABLE a ADD CONSTRAINT c CHECK (x IS NOT NULL) NOT VALID;\nALTER TABLE a VALIDATE CONSTRAINT c;\n",
          "0004_d.sql": "ALTER TABLE a DROP CONSTRAINT c;\n",
          "0005_e.sql": "ALTER TABLE a ALTER x SET NOT NULL;\n"}, ["adding-not-nullable-field", "ban-drop-constraint"]),
    ],
)  # fmt: skip
def test_not_null_when_a_valid_check_proves_it_needs_no_warning(guard, clone, files, expected):
    clone().commit(files)

    code, problems = rules(guard)

    assert (code, [rule for rule, _ in problems if rule != "constraint-missing-not-valid"]) == (
        0,
        expected,
    )
