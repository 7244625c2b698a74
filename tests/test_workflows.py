"""The workflows of this repository: well formed, careful, and every step of it runs here too.

A job is a chain of shell commands that nobody runs on their own machine, so it rots unseen. Here
each step runs in a clone of the project, on a real and empty PostgreSQL, and each mistake that the
job is there for turns it red at the step that is there for it.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests import pipelines
from tests.pipelines import EXPRESSION, ROOT, Repository, copy_project, load, only_job, run_job

WORKFLOWS = ROOT / ".github" / "workflows"
JOB = WORKFLOWS / "ci-fresh-db-migrate-test.yml"
PARTS = WORKFLOWS / "ci.yml"
RELEASE = WORKFLOWS / "release.yml"
COPYABLE = ROOT / "docs" / "ci"
FILES = [*sorted(WORKFLOWS.glob("*.yml")), *sorted(COPYABLE.glob("github-*.yml"))]
TESTS, SUMMARY = "Tests", "The order of the migrations, in the summary"
PAST = "The files alone, and what was merged before"
FRESH = "A database from nothing keeps the contract"
BY_HAND = {"github": {"event": {"repository": {"default_branch": "main"}}}}
PULL_REQUEST = {"github": {**BY_HAND["github"], "base_ref": "main"}}
NEXT = "sql_migrations/0035_next.sql"


def check_schema(schema: str, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    command = [
        Path(sys.executable).parent / "check-jsonschema",
        "--builtin-schema",
        schema,
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# Form


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", FILES),
        ("vendor.github-issue-forms", sorted((ROOT / ".github/ISSUE_TEMPLATE").iterdir())),
        ("vendor.dependabot", [ROOT / ".github/dependabot.yml"]),
        ("vendor.readthedocs", [ROOT / ".readthedocs.yaml"]),
    ],
)
def test_file_of_a_service_when_checked_fits_its_published_schema(schema, paths):
    done = check_schema(schema, *paths)

    assert done.returncode == 0, done.stdout + done.stderr


def test_schema_when_a_key_is_misspelt_notices(tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text(JOB.read_text().replace("runs-on:", "run-on:"))

    assert check_schema("vendor.github-workflows", broken).returncode == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_workflow_when_it_runs_can_do_no_harm(path):
    workflow = load(path)

    # Artefacts of other runs are read as an action.
    assert workflow["permissions"] | {"actions": "read"} == {"actions": "read", "contents": "read"}
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert set(job.get("permissions", {}).items()) <= {
            ("id-token", "write"),
            ("contents", "read"),
        }
        if "uses" in job:  # another workflow of this repository, which is in this table too
            assert ROOT / job["uses"] in FILES
            continue
        assert job["timeout-minutes"] <= 30
        pin = r"[0-9a-f]{40}" if path == RELEASE else r"v\d+"
        for step in job["steps"]:
            if action := step.get("uses"):
                assert re.fullmatch(rf"[\w./-]+@{pin}", action), f"pin it as {pin}: {action}"
            if action and action.startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_expressions_when_evaluated_stand_where_github_allows_them_and_never_in_a_script(path):
    workflow = load(path)

    for job in workflow["jobs"].values():
        # GitHub Actions, "Contexts", "Context availability": no runner context in a job's env.
        for value in job.get("env", {}).values():
            for name in EXPRESSION.findall(str(value)):
                assert name.split(".")[0] in {"github", "matrix", "needs", "vars", "inputs"}
        for step in job.get("steps", ()):
            # What others may write, such as the name of a branch, would be run as code.
            assert "${{" not in step.get("run", "")


def test_triggers_when_anything_that_the_proof_rests_on_changes_start_the_job():
    on = load(JOB)["on"]

    assert set(on) == {"push", "pull_request", "workflow_dispatch"}
    assert on["push"] == on["pull_request"]
    assert on["push"]["branches"] == ["main", "develop"]
    patterns = on["push"]["paths"]
    for needed in (
        "sql_migrations/0001_initial_schema.sql", "schema_contract.toml", "project/settings.py",
        "project/models.py", "migration_guard/running/executor.py", "uv.lock",
        JOB.relative_to(ROOT).as_posix(),
    ):  # fmt: skip
        assert any(fnmatchcase(needed, pattern) for pattern in patterns), needed
    for pattern in patterns:  # none is left over from a file that went
        assert (ROOT / pattern.removesuffix("/**")).exists(), pattern


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_installation_when_run_has_a_lock_file_that_is_up_to_date(path):
    scripts = [
        step["run"] for job in load(path)["jobs"].values() for step in job.get("steps", ())
        if step.get("name") == pipelines.INSTALL
    ]  # fmt: skip
    if path.parent == COPYABLE:
        assert scripts == ["python -m pip install -r requirements.txt"]
        return
    uv = shutil.which("uv")
    assert uv, "uv runs this project, so it is there"

    for script in scripts:
        assert script.splitlines()[0] == "uv sync --locked"
        done = subprocess.run(
            [uv, "sync", "--locked", "--dry-run", "--offline"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


# The parts of .ci/run


RUN = (ROOT / ".ci/run").read_text()


def parts_of_run() -> list[str]:
    """Return the parts in the order in which .ci/run runs them, as it says itself."""
    done = subprocess.run(
        [ROOT / ".ci/run", "everything"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    return done.stderr.removeprefix('There is no part "everything". The parts are: ').split()


def test_run_when_it_has_no_argument_ends_with_the_command_of_the_readme():
    parts = parts_of_run()
    readme = RUN.split("\nreadme() {")[1].split("\n}")[0].splitlines()

    assert parts[0] == "servers"
    assert parts[-1] == "readme"
    assert readme[-1].endswith(" uv run pytest")
    assert [part for part in parts if not re.search(rf"^# {part}  ", RUN, re.MULTILINE)] == []


def test_parts_when_compared_with_the_workflow_are_run_by_one_of_its_jobs():
    jobs = load(PARTS)["jobs"]
    scripts = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    named = {script.removeprefix(".ci/run ") for script in scripts if script.startswith(".ci/run ")}
    named.remove('"$PART"')
    parts = {*named, *jobs["check"]["strategy"]["matrix"]["part"]}

    # Each of the other versions is a job of its own, so that they run side by side.
    assert {*parts, "versions"} == set(parts_of_run())
    assert '.ci/matrix "$PYTHON" "$DJANGO" -q' in scripts
    assert {"push", "pull_request", "workflow_call"} <= set(load(PARTS)["on"])


def test_versions_when_compared_are_the_same_everywhere():
    matrix = load(PARTS)["jobs"]["versions"]["strategy"]["matrix"]["include"]
    pairs = [f"{pair['python']} {pair['django']}" for pair in matrix]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    words = {word for pair in pairs for word in pair.split()}

    assert re.search(r"^versions=\((.*)\)$", RUN, re.MULTILINE)[1] == " ".join(
        f'"{pair}"' for pair in pairs
    )
    assert words == {name.split(" :: ")[-1] for name in classifiers if re.search(r"\d\.\d", name)}


def test_scripts_when_they_name_tests_name_those_that_there_are():
    scripts = [path.read_text() for path in (ROOT / ".ci").iterdir()]
    named = {name for text in scripts for name in re.findall(r"\btests/[\w/.]+", text)}

    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("script", ["run", "matrix", "with-postgresql"])
def test_script_when_it_is_read_by_bash_is_well_formed(script):
    done = subprocess.run(
        ["bash", "-n", ROOT / ".ci" / script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


# The job, green


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Repository:
    """Give an origin that has the project as it is."""
    repository = Repository(tmp_path_factory.mktemp("released"))
    copy_project(repository.origin)
    repository.merge()
    return repository


@pytest.fixture
def change(released, tmp_path) -> Repository:
    """Give a checkout on a branch of its own, of an origin of its own."""
    repository = Repository(tmp_path / "repository")
    shutil.rmtree(repository.origin)
    shutil.copytree(released.origin, repository.origin)
    repository.clone()
    return repository


@pytest.fixture
def ci(postgres, change):
    """Give a function that runs the job on an empty database."""
    assert postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    env = {"DATABASE_URL": postgres.url, "POSTGRES_URL": postgres.url}

    def run(contexts, environment="production", without=(TESTS,)):
        contexts = {**contexts, "matrix": {"environment": environment}}
        return run_job(only_job(JOB), change.checkout, contexts, env, (pipelines.INSTALL, *without))

    return run


def test_job_when_nothing_is_wrong_is_green_in_every_step_and_reports_the_order(ci, postgres):
    steps = [step["name"] for step in only_job(JOB)["steps"] if "run" in step]

    ended = ci(PULL_REQUEST, without=())

    assert ended.failed is None, ended.out
    assert ended.ran == [name for name in steps if name != pipelines.INSTALL]
    assert "### fresh (production)" in ended.summary
    assert "### deploy (production)" in ended.summary
    assert ended.summary.count("Applied migrations in order:") == 2
    assert re.search(
        r" 32\. 0032_idempotency_keys @ \d{4}-\d\d-\d\d [\d:]{8}\.\d{3}\n", ended.summary
    )
    assert re.search(r"\d+ passed", ended.out)
    assert postgres.execute("SELECT count(*) FROM applied_migrations") == [(32,)]


def test_job_when_the_environment_is_dev_applies_all_34(ci, postgres):
    ended = ci(BY_HAND, "dev")

    assert ended.failed is None, ended.out
    assert " 34. 0034_reapply_preferences_in_order @ " in ended.summary
    assert postgres.execute("SELECT count(*) FROM applied_migrations") == [(34,)]


def test_matrix_when_read_has_both_environments():
    assert only_job(JOB)["strategy"]["matrix"] == {"environment": ["production", "dev"]}


# The job, red: at which step, and by which words


def edited(repository):
    path = repository.checkout / "sql_migrations/0030_user_identity_map.sql"
    repository.commit({path: path.read_text().replace("varchar(40)", "varchar(60)")})


def altered_before_created(repository):
    repository.commit(
        {
            NEXT: "ALTER TABLE invoices ADD COLUMN paid_at timestamptz;\n",
            "sql_migrations/0036_invoices.sql": "CREATE TABLE invoices (id bigint PRIMARY KEY);\n",
        }
    )


def swapped(repository):
    folder = repository.checkout / "sql_migrations"
    first, second = "0001_initial_schema.sql", "0002_add_users_and_conversation_ownership.sql"
    texts = {first: (folder / second).read_text(), second: (folder / first).read_text()}
    repository.commit({folder / name: text for name, text in texts.items()})


def relying_on_rows(repository):
    repository.commit(
        {
            NEXT: "INSERT INTO user_preferences (vi_user_id, category, preference_key)\n"
            "VALUES ((SELECT id FROM users LIMIT 1), 'tone', 'formality');\n"
        }
    )


def never_added(repository):
    path = repository.checkout / "sql_migrations/0027_preferences_and_profiles.sql"
    text = path.read_text()
    column = re.compile(
        r"ALTER TABLE user_profiles\s+ADD COLUMN IF NOT EXISTS relationship_type[^;]*;"
    )
    known = re.compile(
        r"    IF NOT EXISTS \((?:(?!END IF;).)*?relationship_type_known.*?END IF;\n", re.DOTALL
    )
    without, count = column.subn("", text)
    without, constraints = known.subn("", without, count=1)
    assert (count, constraints) == (1, 1)
    repository.commit({path: without})


def released_so(repository):
    """Let the change be the past too, so that only what it does is wrong, not that it changes."""
    repository.git("push", "-q", "origin", "change:released", folder=repository.checkout)
    repository.git("fetch", "-q", "origin", folder=repository.checkout)


@pytest.mark.parametrize(
    ("mistake", "merged", "step", "words"),
    [
        (edited, False, PAST, ["merged-edited", "0030_user_identity_map.sql"]),
        (altered_before_created, False, PAST, ["alter-before-create", "invoices", "0036_invoices"]),
        (swapped, False, PAST, ["merged-edited", "0001_initial_schema.sql"]),
        (swapped, True, PAST, ["alter-before-create", "conversations"]),
        (relying_on_rows, False, FRESH, ["0035_next.sql", "vi_user_id", "rows that other databases happen to have"]),
        (never_added, True, FRESH, ["user_profiles.relationship_type", "missing-column", "the tone of every answer"]),
    ],
    ids=["edited", "altered-before-created", "swapped", "swapped-and-merged", "relying-on-rows", "never-added"],
)  # fmt: skip
def test_job_when_a_mistake_is_made_turns_red_and_names_it(
    change, ci, mistake, merged, step, words
):
    mistake(change)
    contexts = PULL_REQUEST
    if merged:
        released_so(change)
        contexts = {"github": {**BY_HAND["github"], "base_ref": "released"}}

    ended = ci(contexts)

    assert ended.failed == step, ended.out
    for word in words:
        assert word in ended.out


@pytest.mark.parametrize(
    "mistake", [altered_before_created, swapped, relying_on_rows, never_added], ids=lambda m: m.__name__
)  # fmt: skip
def test_fresh_database_when_the_static_guard_is_left_out_turns_red_too(change, ci, mistake):
    mistake(change)

    ended = ci(BY_HAND, without=(TESTS, PAST))

    assert ended.failed == FRESH, ended.out
    assert ended.ran == [FRESH, SUMMARY]
    assert "### fresh (production)" in ended.summary  # the message stands in the summary too


def test_push_when_a_merged_file_was_edited_is_compared_with_what_was_there_before(change, ci):
    before = change.git("rev-parse", "HEAD", folder=change.checkout).strip()
    edited(change)
    # After a push the branch is what was pushed.
    change.git("push", "-q", "origin", "change:pushed", folder=change.checkout)
    event = {"before": before, "repository": {"default_branch": "pushed"}}

    ended = ci({"github": {"event": event}})

    assert ended.failed == PAST
    assert "merged-edited" in ended.out


@pytest.mark.parametrize(
    "before", ["", "0" * 40, "1" * 40], ids=["by-hand", "new-branch", "rewritten"]
)
def test_push_when_there_is_no_commit_from_before_is_compared_with_the_default_branch(
    change, ci, before
):
    edited(change)
    event = {"before": before, "repository": {"default_branch": "main"}}

    ended = ci({"github": {"event": event}})

    assert ended.failed == PAST
    assert "merged-edited" in ended.out


# The release


@pytest.fixture
def release(tmp_path):
    """Give a function that runs the building job of a release, with a changelog and a tag."""

    def run(changelog: str, tag: str) -> pipelines.Ended:
        repository = Repository(tmp_path / "repository")
        copy_project(repository.origin)
        for name in ("README.md", "LICENSE", "hatch_build.py"):
            shutil.copy2(ROOT / name, repository.origin / name)
        (repository.origin / "CHANGELOG.md").write_text(changelog)
        repository.merge()
        contexts = {"github": {"ref_name": tag}}
        return run_job(load(RELEASE)["jobs"]["build"], repository.clone(), contexts, {})

    return run


def test_release_when_the_tag_is_the_version_builds_twice_the_same(release, tmp_path):
    ended = release("## 0.1.0 (2026-02-03)\n", "v0.1.0")

    assert ended.failed is None, ended.out
    assert {path.suffix for path in (tmp_path / "repository/checkout/dist").iterdir()} == {
        ".gz",
        ".whl",
    }


@pytest.mark.parametrize(
    ("changelog", "tag", "step"),
    [
        ("## 0.1.0 (2026-02-03)\n", "v0.2.0", "The tag is the version"),
        ("## 0.1.0 (unreleased)\n", "v0.1.0", "The changelog tells of it"),
        ("## 0.1.01 (2026-02-03)\n", "v0.1.0", "The changelog tells of it"),
    ],
)
def test_release_when_something_was_forgotten_builds_nothing(
    release, tmp_path, changelog, tag, step
):
    ended = release(changelog, tag)

    assert ended.failed == step
    assert not (tmp_path / "repository/checkout/dist").exists()


def test_release_when_it_publishes_holds_no_token_and_asks_only_for_what_it_needs():
    jobs = load(RELEASE)["jobs"]
    build, publish = jobs["build"], jobs["publish"]

    assert publish["needs"] == ["ci", "build"]
    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert "permissions" not in build
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"] == "pypi"
    assert not [step for step in publish["steps"] if "run" in step]
    assert "secrets." not in RELEASE.read_text()


def test_second_deploy_when_it_applies_something_is_red(change, ci):
    script = next(
        s["run"] for s in only_job(JOB)["steps"] if s.get("name", "").startswith("A second")
    )
    change.commit({"manage.py": """print('{"applied": ["0001_again"]}')\n"""})
    (change.checkout.parent / "t").mkdir()

    done = pipelines.bash(
        script, change.checkout, {"RUNNER_TEMP": str(change.checkout.parent / "t")}
    )

    assert done.returncode == 1
    assert done.stdout == "0001_again\n"
