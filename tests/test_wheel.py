"""The wheel holds the app alone, and works where the checkout is not."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import django
import pytest

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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (path,) = folder.iterdir()
    return path


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
    assert "migration_guard/py.typed" in files
    assert any(name.endswith("/licenses/LICENSE") for name in info)


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
