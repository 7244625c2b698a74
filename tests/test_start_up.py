"""What the app costs every `manage.py`: the modules that Django's start imports."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLAIN = ["django.contrib.auth", "django.contrib.contenttypes", "migration_guard"]
# The rooms behind the doors: what only a command of the app needs.
LATE = (
    "contracts fresh management reports rules running schema sql planning.plan planning.files "
    "planning.directives planning.new_migration results history testing"
)
MEASURED = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+migration_guard(?:\.|$)", re.MULTILINE)


def start(code, *flags, apps=PLAIN):
    """Run code after `django.setup()` in a process of its own, which nobody measures."""
    return run([*flags, "-c", f"import sys, django; django.setup(); {code}"], apps)


def run(arguments, apps):
    """Run Python with the test settings and these apps."""
    inherited = {key: os.environ[key] for key in os.environ if not key.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            **inherited,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_SETTINGS_JSON": json.dumps({"INSTALLED_APPS": apps}),
            "PYTHONDONTWRITEBYTECODE": "",
        },
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture(scope="module")
def imported():
    code = "from django.core.management import call_command; call_command('check', tags=['migration_guard']); "
    return set(start(f"{code}print(*sys.modules)").stdout.split())


@pytest.mark.parametrize("name", LATE.split())
def test_manage_py_check_when_the_app_is_installed_then_it_imports_no_part_that_only_commands_need(
    imported, name
):
    module = f"migration_guard.{name}"

    assert not {each for each in imported if each == module or each.startswith(f"{module}.")}


@pytest.mark.parametrize("name", ["hypothesis", "postgast", "psycopg", "pygments", "tomllib"])
def test_manage_py_check_when_the_app_is_installed_then_it_imports_no_heavy_package(imported, name):
    assert name not in imported


def test_start_when_imports_are_measured_then_the_app_adds_little():
    """The goal is 15 ms; the bound allows for a machine that is busy with other tests."""
    start("")  # writes the bytecode

    milliseconds = min(
        sum(map(int, MEASURED.findall(start("", "-X", "importtime").stderr))) / 1000
        for _ in range(3)
    )

    assert 0 < milliseconds < 150


# Prints which methods of Django's are wrapped, in the order of this text.
WRAPPED = """
from django.db.backends.base.creation import BaseDatabaseCreation as Creation
from django.test import TransactionTestCase as Case
methods = (Creation.create_test_db, Creation.clone_test_db, Case._fixture_teardown)
print([hasattr(method, "__wrapped__") for method in methods])
"""
SPAWNED = """
import multiprocessing, sys
import django
{imports}

def child():
    django.setup()
{wrapped}

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""


def test_start_when_no_tests_run_then_django_creates_test_databases_as_it_does_without_us():
    assert start(WRAPPED).stdout == "[False, False, False]\n"


def test_start_when_the_test_command_installs_then_test_databases_are_ours():
    code = """
from django.core.management import call_command

class Runner:
    def __init__(self, **options):
        pass

    def run_tests(self, labels):
        return 0

call_command("test", testrunner="__main__.Runner")
"""

    assert start(code + WRAPPED).stdout == "[True, True, True]\n"


@pytest.mark.parametrize(
    ("imports", "wrapped"), [("", False), ("import django.test.runner", True)], ids=str
)
def test_start_when_a_process_was_spawned_then_only_a_worker_of_tests_is_ours(
    tmp_path, imports, wrapped
):
    """A web server may spawn its workers; Django's test runner does it with ``--parallel``."""
    script = tmp_path / "spawning.py"
    indented = textwrap.indent(WRAPPED, "    ")
    script.write_text(SPAWNED.format(imports=imports, wrapped=indented))

    done = run([str(script)], PLAIN)

    assert done.stdout == f"{[wrapped] * 3}\n"
