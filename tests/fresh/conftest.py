"""Each test alone with its server, or its temporary folder, for it lists all throwaways there."""

from __future__ import annotations

import fcntl
import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from tests.fresh.upgrading import BOOKS, Shop
from tests.linter.checkout import Checkout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import Database


@pytest.fixture
def sqlite(sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Give an empty SQLite database, beside which no other run makes throwaways."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # the module remembers the one before
    return sqlite


@pytest.fixture
def sessions(install_apps: Callable[..., None]) -> None:
    """Install one more of Django's apps, whose migrations a test replaces."""
    install_apps("django.contrib.contenttypes", "django.contrib.sessions", "migration_guard")


@pytest.fixture(autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Wait for the tests of other workers where all of them share one server."""
    if not {"POSTGRES_URL", "MARIADB_URL"} & set(os.environ):
        yield
        return
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (shared / "fresh.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def repository(
    sqlite: Database,
    tmp_path: Path,
    migrations: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Checkout:
    """Give a repository with a migration, in which the commands of this process run."""
    checkout = Checkout(tmp_path, migrations({"0001_books.sql": BOOKS}))
    (tmp_path / ".gitignore").write_text("tmp/\n*.sqlite3\n*.jsonl\n")
    checkout.commit({})
    monkeypatch.chdir(tmp_path)
    return checkout


@pytest.fixture
def shop_class() -> type[Shop]:
    """Name the kind of shop that the fixtures give; a module may have its own."""
    return Shop


@pytest.fixture
def shop(
    shop_class: type[Shop], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """Give a project on each vendor, with a release v1."""
    return shop_class.of(database, tmp_path, monkeypatch)


@pytest.fixture
def small(
    shop_class: type[Shop], sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """Give a project on SQLite, with a release v1."""
    return shop_class.of(sqlite, tmp_path, monkeypatch)


@pytest.fixture
def big(
    shop_class: type[Shop], postgres: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """Give a project on PostgreSQL, with a release v1."""
    return shop_class.of(postgres, tmp_path, monkeypatch)
