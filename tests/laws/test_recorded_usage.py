"""The suite of a public package, recorded: the same statements in any order, all to be prepared."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from migration_guard.usage.statement import parse
from tests.projects import Project

GUARDIAN = importlib.util.find_spec("guardian")
pytestmark = pytest.mark.skipif(
    GUARDIAN is None, reason="Packages: they are not installed (`uv sync --group packages`)"
)
TESTS = [f"guardian/testapp/tests/test_{name}.py" for name in ("core", "management")]
SETTINGS = """\
from guardian.testapp.testsettings import *
DATABASES = {!r}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""


@pytest.fixture
def project(tmp_path, postgres):
    """Give the package as a project of its own, with the tests that it comes with."""
    project = Project(tmp_path, postgres)
    shutil.copytree(Path(GUARDIAN.origin).parent, tmp_path / "guardian")
    entry = {**postgres.settings, "NAME": str(postgres.settings["NAME"])}
    # Its settings read the database's address by a package that it does not depend on.
    environ = "class Env:\n    def db(self, **options):\n        return {}\n"
    settings = SETTINGS.format({"default": entry})
    project.write({"environ.py": environ, "site_settings.py": settings})
    yield project
    project.drop_test_databases()


def test_usage_of_a_suite_when_recorded_in_any_order_is_the_same(project):
    texts = []
    for arguments in (TESTS, TESTS[::-1]):
        run = project.pytest(
            "-q", "--rootdir", ".", "-W", "ignore", *arguments, "--record-usage", "usage.jsonl"
        )
        assert run.code == 0, run.out
        texts.append((project.path / "usage.jsonl").read_text())

    statements = parse(texts[0])
    assert texts[0] == texts[1]
    assert len(statements) > 30
    assert [statement for statement in statements if statement.unchecked] == []
