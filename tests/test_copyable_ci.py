"""The CI files that the documentation offers, run in a project of someone else's."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import pipelines
from tests.pipelines import ROOT, Repository, bash, only_job, run_job, values
from tests.test_workflows import COPYABLE, check_schema

GITHUB, GITLAB = COPYABLE / "github-workflow.yml", COPYABLE / "gitlab-ci.yml"
UPGRADE = COPYABLE / "github-upgrade.yml"
USAGE = COPYABLE / "github-usage.yml"
PRE_COMMIT = COPYABLE / "pre-commit-config.yaml"
PROJECT = {
    "manage.py": """\
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
execute_from_command_line(sys.argv)
""",
    "settings.py": """\
import os
from pathlib import Path
import dj_database_url
BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "only-for-tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "migration_guard"]
DATABASES = {"default": dj_database_url.config()}
MIGRATION_GUARD = {
    "DIRS": {"default": [BASE_DIR / "sql_migrations"]},
    "CONTRACTS": {"default": [BASE_DIR / "schema_contract.toml"]},
    "ENVIRONMENT": os.environ.get("APP_ENV", "production"),
}
""",
    "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = settings\npythonpath = .\naddopts = -p no:cacheprovider\n",
    "schema_contract.toml": '[tables.books.columns]\ntitle = { type = "text", null = false }\n',
    "sql_migrations/0001_books.sql": "CREATE TABLE books (id bigint PRIMARY KEY, title text NOT NULL);\n",
    "sql_migrations/max_migration.txt": "0001_books\n",
    "tests/test_books.py": "def test_books(db):\n    from django.db import connection\n"
    "    assert 'books' in connection.introspection.table_names()\n",
}  # fmt: skip
EDIT = {
    "sql_migrations/0001_books.sql": "CREATE TABLE books (id bigint PRIMARY KEY, title text);\n"
}
LATER = {
    "sql_migrations/0002_prices.sql": "ALTER TABLE books ADD COLUMN price numeric;\n",
    "sql_migrations/max_migration.txt": "0002_prices\n",
}


@pytest.fixture
def change(tmp_path) -> Repository:
    """Give a checkout on a branch of its own."""
    repository = Repository(tmp_path / "repository")
    for name, text in PROJECT.items():
        path = repository.origin / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    repository.merge()
    repository.clone()
    return repository


def github(change, database) -> pipelines.Ended:
    contexts = {"github": {"base_ref": "main", "event": {"repository": {"default_branch": "main"}}}}
    return run_job(only_job(GITHUB), change.checkout, contexts, {"DATABASE_URL": database.url})


def gitlab(change, database) -> pipelines.Ended:
    job = yaml.safe_load(GITLAB.read_text())["fresh-database"]
    main = change.git("rev-parse", "origin/main", folder=change.checkout).strip()
    env = {
        **values(job["variables"], {}),
        "DATABASE_URL": database.url,
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": main,
        "CI_COMMIT_SHA": change.git("rev-parse", "HEAD", folder=change.checkout).strip(),
    }
    done = bash("\n".join(["set -x", *job["script"]]), change.checkout, env)
    return pipelines.Ended("script" if done.returncode else None, done.stdout, "")


BOTH = pytest.mark.parametrize("run", [github, gitlab], ids=["github", "gitlab"])


def test_gitlab_ci_when_checked_fits_the_published_schema():
    done = check_schema("vendor.gitlab-ci", "--data-transform", "gitlab-ci", GITLAB)

    assert done.returncode == 0, done.stdout + done.stderr


@BOTH
def test_pipeline_when_nothing_is_wrong_is_green(change, postgres, run):
    change.commit(LATER)

    ended = run(change, postgres)

    assert ended.failed is None, ended.out
    assert postgres.execute("SELECT id FROM applied_migrations ORDER BY 1") == [
        ("0001_books",),
        ("0002_prices",),
    ]
    assert "passed" in ended.out


@BOTH
@pytest.mark.parametrize(
    ("files", "words"),
    [
        (EDIT, "merged-edited"),
        ({"sql_migrations/0001_books.sql": "CREATE TABLE books (id int); -- guard: allow\n"}, "merged-edited"),
        ({"sql_migrations/0002_x.sql": "ALTER TABLE covers ADD COLUMN x int;\n",
          "sql_migrations/0003_covers.sql": "CREATE TABLE covers (id bigint);\n"}, "alter-before-create"),
        ({"sql_migrations/0002_x.sql": "INSERT INTO books VALUES ((SELECT max(id) + 1 FROM books), 'x');\n"},
         "null value in column" ),
        ({"schema_contract.toml": '[tables.books.columns]\nisbn = { type = "text" }\n'}, "isbn"),
    ],
    ids=["edited", "edited-otherwise", "order", "rows", "contract"],
)  # fmt: skip
def test_pipeline_when_a_mistake_is_made_is_red_and_names_it(change, postgres, run, files, words):
    change.commit(files)

    ended = run(change, postgres)
    report = change.checkout / "fresh.xml"

    assert ended.failed is not None
    assert words in ended.out + (report.read_text() if report.exists() else "")


@pytest.mark.parametrize(
    ("files", "failed"),
    [(LATER, None), (EDIT, "A database of the last release ends where a fresh one begins")],
)
def test_upgrade_job_when_a_file_was_edited_is_red(change, postgres, files, failed):
    change.git("tag", "v1", folder=change.checkout)
    change.commit(files)

    ended = run_job(only_job(UPGRADE), change.checkout, {}, {"DATABASE_URL": postgres.url})

    assert ended.failed == failed, ended.out
    assert ("title=upgrade-differs::" in ended.out) == bool(failed)


READS = {
    "shop.py": "from django.db import connection\ndef read():\n    with connection.cursor() as cursor:\n"
    "        cursor.execute('SELECT {} FROM books')\n",
    "tests/test_shop.py": "import shop\ndef test_read(db):\n    shop.read()\n",
}
# GitHub's store of artefacts, as the program gh speaks to it.
GH = """\
#!/bin/sh
test "$1 $2 $3 $5" = "run download --name --dir" || exit 3
test -f "$STORE/$4" || exit 1
mkdir -p "$6" && cp "$STORE/$4" "$6/usage.jsonl"
"""


@pytest.mark.parametrize("is_kept", [True, False])
def test_usage_when_a_column_goes_that_production_reads_is_red_at_the_migration(
    tmp_path, postgres, is_kept
):
    repository, store = Repository(tmp_path / "repository"), tmp_path / "store"
    store.mkdir()
    (store / "gh").write_text(GH)
    (store / "gh").chmod(0o755)
    for name, text in {**PROJECT, **READS, ".gitignore": "*.jsonl\n"}.items():
        path = repository.origin / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format("title") if name == "shop.py" else text)
    commit = repository.merge()
    repository.git("tag", "-a", "-m", "x", "v1", folder=repository.origin)
    repository.clone()
    env = {"DATABASE_URL": postgres.url, "STORE": str(store)}
    env["PATH"] = f"{store}{os.pathsep}{path_of_this_python()}"
    record = "python -m pytest -q --record-usage=usage.jsonl"
    assert bash(record, repository.checkout, env).returncode == 0
    if is_kept:
        (repository.checkout / "usage.jsonl").rename(store / f"usage-{commit}")
    drop = {
        "shop.py": READS["shop.py"].format("id"),
        "schema_contract.toml": "",
        "sql_migrations/0002_less.sql": "\nALTER TABLE books DROP COLUMN title;\n",
        "sql_migrations/max_migration.txt": "0002_less\n",
    }
    repository.commit(drop)

    ended = run_job(only_job(USAGE), repository.checkout, {}, env)

    place = "::error file=sql_migrations/0002_less.sql,line=2,title=usage-broken::"
    assert (ended.failed is not None) == is_kept, ended.out
    assert (place in ended.out) == is_kept
    assert ("::warning title=no matrix::The recording of v1 is not here" in ended.out) != is_kept


def test_gitlab_report_when_the_contract_is_broken_is_where_gitlab_looks_for_it(change, postgres):
    change.commit({"schema_contract.toml": '[tables.books.columns]\nisbn = { type = "text" }\n'})
    job = yaml.safe_load(GITLAB.read_text())["fresh-database"]

    gitlab(change, postgres)

    assert "isbn" in (change.checkout / job["artifacts"]["reports"]["junit"]).read_text()


def test_pre_commit_when_a_migration_is_wrong_stops_the_commit(change, postgres):
    (hook,) = yaml.safe_load(PRE_COMMIT.read_text())["repos"][0]["hooks"]
    env = {**os.environ, "DATABASE_URL": postgres.url, "PATH": path_of_this_python()}
    env.pop("DJANGO_SETTINGS_MODULE", None)

    def commit() -> subprocess.CompletedProcess[str]:
        command = shlex.split(hook["entry"])
        return subprocess.run(
            command, cwd=change.checkout, env=env, capture_output=True, text=True, check=False
        )

    assert commit().returncode == 0
    change.commit({"sql_migrations/2_x.sql": "CREATE TABLE 'x;\n"})
    assert commit().returncode == 1
    change.git("reset", "-q", "--hard", "origin/main", folder=change.checkout)
    for name, text in EDIT.items():
        (change.checkout / name).write_text(text)
    change.git("add", "-A", folder=change.checkout)
    edited = commit()
    assert (edited.returncode, "merged-edited" in edited.stdout) == (1, True)


def test_pre_commit_when_offered_twice_says_the_same():
    (own,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    (hook,) = yaml.safe_load(PRE_COMMIT.read_text())["repos"][0]["hooks"]

    assert {key: own[key] for key in own if key != "description"} == hook


def path_of_this_python() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
