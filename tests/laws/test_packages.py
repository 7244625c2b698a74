"""The laws of contracts and drift on the models of public packages, for each vendor.

The packages are those of `settings`, of the dependency group `packages`. Each vendor migrates once,
and all that is asked of it stands in one test: MariaDB and SQLite make the tables of the models
without their migrations, unless `MUTATIONS=full`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from django.db import connections

from tests.conftest import ROOT
from tests.laws import asked, dumps

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("wagtail") is None,
    reason="Packages: they are not installed (`uv sync --group packages`)",
)
MIGRATED = {"postgresql"}


@pytest.fixture
def run(database, second):
    """Give `run(*args)`: run a Python module in the settings of the site; return its output."""
    shared = {
        "DATABASES": {name: dict(connections.settings[name]) for name in ("default", "second")}
    }
    if not asked.FULL and database.vendor not in MIGRATED:
        shared["MIGRATION_MODULES"] = "none"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.laws.settings",
        "TEST_SETTINGS_JSON": json.dumps(shared, default=str),
        "PYTHONWARNINGS": "ignore",
    }

    def module(*args):
        command = [sys.executable, "-m", *args]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.fail(f"{' '.join(args)}:\n{done.stderr[-2000:]}", pytrace=False)
        return done.stdout

    return module


def test_packages_when_migrated_then_every_law_holds(database, second, run, score):
    run("django", "migrate", "--verbosity=0", "--skip-checks", "--run-syncdb")
    text = dumps.dump(database).replace(
        str(database.settings["NAME"]), str(second.settings["NAME"])
    )
    dumps.restore(second, text)
    database.close()

    told = json.loads(run("tests.laws.site"))

    quiet = {name: told[name] for name in ("models", "written", "itself", "restored", "alarms")}
    alarms = sum(map(len, quiet.values()))
    score(database.vendor, tried=told["tried"], missed=len(told["missed"]))
    score(database.vendor, quiet=told["quiet"] + told["assertions"], alarms=alarms)
    assert {name: found for name, found in quiet.items() if found} == {}
    assert told["missed"] == []
    assert told["assertions"] > 4000
