"""The wheel and the sdist hold the app alone, build reproducibly, and work without the checkout."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import BytesParser
from pathlib import Path

import django
import pytest

from tests.docs.examples import Sandbox, follow

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "migration_guard"

SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "only-for-tests"
INSTALLED_APPS = ["migration_guard"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}
}
MIGRATION_GUARD = {"DIRS": {"default": [BASE_DIR / "sql_migrations"]}}
"""


RELEASED = {"SOURCE_DATE_EPOCH": "1767225600"}  # as the release workflow takes it from the commit


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    """Give the sdist's content, whose files have other times and modes than the checkout's."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (project,) = folder.iterdir()
    for path in project.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    return project


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Give the Python of a fresh environment that has the wheel and, of this one, the libraries."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    path = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(path))
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel))
    # A .pth line adds a folder to sys.path but does not read the .pth files inside it, so the
    # editable install of the checkout stays out of reach.
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{Path(django.__file__).parent.parent}\n")
    return path


def build(target, project, folder, env=RELEASED):
    """Build a project's wheel or sdist; return its path."""
    command = (sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder))
    run(*command, cwd=project, env=env)
    (path,) = folder.iterdir()
    return path


def metadata_of(wheel):
    """Return the metadata that a wheel gives to pip and to the package index."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return BytesParser().parsebytes(archive.read(path))


def run(*command, cwd=None, env=None):
    """Run a command that must succeed; return what it wrote to standard output."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    process = subprocess.run(
        command,
        cwd=cwd,
        env={**clean, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_wheel_when_built_holds_the_app_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    info = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    files = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set(names) - info == files
    assert any(name.endswith("/licenses/LICENSE") for name in info)


@pytest.mark.parametrize(
    "pattern",
    [
        "py.typed",
        "templates/**/*.html",
        "static/**/*.css",
        "locale/*/LC_MESSAGES/django.mo",
        "schemas/*.json",
        "linter/rules/*.md",
        "migrations/0001_*.py",
    ],
)
def test_wheel_when_built_holds_what_is_no_module_too(wheel, pattern):
    expected = {path.relative_to(ROOT).as_posix() for path in PACKAGE.glob(pattern)}

    assert expected
    assert expected <= set(zipfile.ZipFile(wheel).namelist())


def test_sdist_when_built_holds_the_app_and_what_a_package_is_built_from(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"} <= names
    assert "migration_guard/py.typed" in names
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert not folders & {"tests", "docs", "project", "sql_migrations"}


# Reproducible builds: https://reproducible-builds.org/docs/source-date-epoch/


def test_wheel_when_built_from_the_sdist_is_the_same_to_the_byte(wheel, unpacked, tmp_path):
    assert build("wheel", unpacked, tmp_path).read_bytes() == wheel.read_bytes()


def test_sdist_when_built_from_itself_is_the_same_to_the_byte(sdist, unpacked, tmp_path):
    assert build("sdist", unpacked, tmp_path).read_bytes() == sdist.read_bytes()


def test_build_when_the_date_is_another_takes_it_from_the_environment(sdist, tmp_path):
    other = build("sdist", ROOT, tmp_path, env={"SOURCE_DATE_EPOCH": "1000000000"})

    with tarfile.open(other) as archive:
        assert {member.mtime for member in archive if member.isfile()} == {1_000_000_000}
    assert other.read_bytes() != sdist.read_bytes()


def test_metadata_when_released_has_a_readme_whose_links_leave_the_package(tmp_path):
    address = "https://example.org/team/guard"
    released = build("wheel", ROOT, tmp_path, env={**RELEASED, "REPOSITORY_URL": address})

    metadata = metadata_of(released)
    targets = re.findall(r"\]\((?!#)([^)\s]+)\)", metadata.get_payload())
    urls = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL"))

    assert f"{address}/raw/v{metadata['Version']}/docs/images/layers.svg" in targets
    assert all(target.startswith("https://") for target in targets)
    assert urls["Source"] == address
    assert sorted(urls) == ["Changelog", "Documentation", "Issues", "Rules", "Source"]
    assert urls["Rules"] == f"{address}/blob/v{metadata['Version']}/migration_guard/linter/rules"


def test_metadata_when_built_by_anyone_names_no_address(wheel):
    assert metadata_of(wheel).get_all("Project-URL") is None
    assert "# migration_guard" in metadata_of(wheel).get_payload()


def test_metadata_when_read_names_what_the_matrix_proves(wheel):
    metadata = metadata_of(wheel)
    classifiers = set(metadata.get_all("Classifier"))

    assert {
        "Typing :: Typed",
        *(f"Framework :: Django :: {version}" for version in ("5.2", "6.0", "6.1")),
        *(f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)),
    } <= classifiers
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata["Version"] == declared["version"]
    assert f"## {declared['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_wheel_when_installed_elsewhere_does_not_need_the_checkout(python, tmp_path):
    found = run(str(python), "-c", "import migration_guard as m; print(m.__file__)", cwd=tmp_path)

    assert Path(found.strip()).is_relative_to(python.parent.parent)
    with pytest.raises(AssertionError, match="No module named 'project'"):
        run(str(python), "-c", "import project", cwd=tmp_path)


def test_wheel_when_installed_elsewhere_runs_migrations_on_sqlite(python, tmp_path):
    (tmp_path / "sql_migrations").mkdir()
    migration = tmp_path / "sql_migrations" / "0001_initial_schema.sql"
    migration.write_text("CREATE TABLE users (id integer PRIMARY KEY);\n")
    (tmp_path / "site_settings.py").write_text(SETTINGS)

    out = run(
        *(str(python), "-m", "django", "runsqlmigrations"),
        cwd=tmp_path,
        env={"DJANGO_SETTINGS_MODULE": "site_settings"},
    )

    assert "Applied migrations in order:" in out
    assert "1. 0001_initial_schema @ " in out


TUTORIAL = ROOT / "docs/tutorial/index.md"
# What the page shows of SQLite, and PostgreSQL says in its own words or counts otherwise.
ONLY_SQLITE = {
    "(sqlite": "(postgresql",
    "SQLITE_ERROR: no such table: loans": "…",
    r"\d+ assertions": "… assertions",
    r"\d+ kept": "… kept",
}


def sandbox_of(python, folder, **env):
    # The bin folder of the tests has django-admin, which only writes the files of a project.
    path = [str(python.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    return Sandbox(folder, {"PATH": os.pathsep.join(path), **env})


def test_tutorial_when_followed_on_sqlite_with_the_wheel_is_true(python, tmp_path):
    follow(TUTORIAL, sandbox_of(python, tmp_path))


def test_tutorial_when_followed_on_postgresql_with_the_wheel_is_true(python, postgres, tmp_path):
    text = TUTORIAL.read_text().replace(
        '"NAME": "library"', f'"NAME": "{postgres.settings["NAME"]}"'
    )
    for shown, said in ONLY_SQLITE.items():
        pattern = shown if "\\" in shown else re.escape(shown)
        assert re.search(pattern, text), shown
        text = re.sub(pattern, said, text)
    page = tmp_path / "page.md"
    page.write_text(text)
    folder = tmp_path / "library"
    folder.mkdir()
    server = {
        f"PG{key}": str(postgres.settings[key] or "")
        for key in ("HOST", "PORT", "USER", "PASSWORD")
    }
    sandbox = sandbox_of(python, folder, **{k: v for k, v in server.items() if v})
    sandbox.vendor = "postgresql"

    follow(page, sandbox)

    assert postgres.execute("SELECT count(*) FROM applied_migrations") == [(4,)]
