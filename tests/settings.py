"""Settings of the test suite: the fixtures give every test a database of its own."""

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "only-for-tests"
USE_TZ = True
TIME_ZONE = "UTC"
# `migrate` takes a sixth of the time that it takes with auth, sessions and the admin.
INSTALLED_APPS = ["django.contrib.contenttypes", "migration_guard"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIGRATION_GUARD: dict[str, object] = {}

# A command that a test runs in a process of its own works on that test's database.
globals().update(json.loads(os.environ.get("TEST_SETTINGS_JSON", "{}")))
