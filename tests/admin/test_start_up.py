"""What the admin costs a process that asks for none of its pages."""

import subprocess
import sys
from pathlib import Path

import pytest

from migration_guard.admin import badges
from migration_guard.planning.plan import State
from migration_guard.problems import Severity

ROOT = Path(__file__).resolve().parents[2]
LISTING = """
import sys
from django.conf import settings
settings.configure(INSTALLED_APPS=[{apps}"django.contrib.contenttypes", "django.contrib.auth",
                                   "migration_guard"])
import django
django.setup()
print(*(name for name in sys.modules if name.startswith("migration_guard.")))
"""


def imported(apps):
    result = subprocess.run(
        [sys.executable, "-c", LISTING.format(apps=apps)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return result.stdout.split()


def test_admin_when_it_is_not_installed_is_not_imported():
    assert [name for name in imported("") if "admin" in name] == []


@pytest.mark.parametrize("name", ["running", "schema", "contracts", "rules", "planning.plan"])
def test_admin_when_it_is_installed_leaves_the_runner_alone(name):
    modules = imported('"django.contrib.admin", "django.contrib.messages", ')

    assert "migration_guard.admin.history" in modules
    assert [module for module in modules if module.startswith(f"migration_guard.{name}")] == []


def test_badges_when_a_state_or_severity_is_added_have_one_for_it():
    assert set(badges.STATES) == set(State)
    assert set(badges.SEVERITIES) == set(Severity)
