"""PostgreSQL's versions: what an older server does not have, a test leaves out and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers import Database


def major(postgres: Database) -> int:
    """Return the major version of a PostgreSQL server."""
    ((number,),) = postgres.execute("SHOW server_version_num")
    return int(number) // 10_000


def needs(postgres: Database, version: int, what: str) -> None:
    """Skip the test, with the reason, on a server that is older than what it is about."""
    if (here := major(postgres)) < version:
        pytest.skip(f"{what} is new in PostgreSQL {version}; this is {here}")
