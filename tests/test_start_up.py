"""What the app costs every `manage.py`: the modules that Django's start imports."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLAIN = ["django.contrib.auth", "django.contrib.contenttypes", "migration_guard"]
# The rooms behind the doors: what only a command of the app needs.
LATE = (
    "contracts fresh management reports rules running schema sql planning.plan planning.files "
    "planning.directives planning.authoring results history"
)
MEASURED = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+migration_guard(?:\.|$)", re.MULTILINE)


def start(code, *flags, apps=PLAIN):
    """Run code after `django.setup()` in a process of its own, which nobody measures."""
    inherited = {key: os.environ[key] for key in os.environ if not key.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, *flags, "-c", f"import sys, django; django.setup(); {code}"],
        cwd=ROOT,
        env={
            **inherited,
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
