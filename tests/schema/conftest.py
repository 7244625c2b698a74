"""Fixtures: each version of PostgreSQL that is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import servers
from tests.conftest import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.plugin import DjangoDbBlocker


@pytest.fixture(scope="session")
def older_postgres_server() -> Iterator[servers.PostgresServer]:
    """Start the older of the embedded servers when the first test asks for it."""
    with servers.postgres_server(version=16) as server:
        yield server


@pytest.fixture(params=["postgres_server", "older_postgres_server"])
def each_server(request: pytest.FixtureRequest) -> servers.PostgresServer:
    """Give the server of all tests, then the older embedded one."""
    server: servers.PostgresServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def each_postgres(
    each_server: servers.PostgresServer, django_db_blocker: DjangoDbBlocker
) -> Iterator[servers.Database]:
    """Give an empty database of each server as Django's `default`."""
    with each_server.database() as database, installed(database, django_db_blocker):
        yield database
