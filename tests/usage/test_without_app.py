"""A recording also runs in a project that has the package and not the app."""

import subprocess
import sys

CODE = """
import importlib, django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.contenttypes"], DATABASES={})
django.setup()
from migration_guard.usage import recorder, servers, test_runner
for vendor in ("postgresql", "sqlite", "mysql"):
    importlib.import_module(f"migration_guard.usage.{vendor}" + (".server" * (vendor == "postgresql")))
"""


def test_recorder_when_the_app_is_not_installed_can_be_loaded():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
