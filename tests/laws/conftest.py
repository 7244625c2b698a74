"""The score of a session: how many single changes were told, and what was told without one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from django.db import connections
from django.db.utils import ConnectionHandler

from tests.laws import asked
from tests.servers import forget_connection, sqlite_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import Database

SERVERS = {"postgresql": "postgres_server", "mysql": "mariadb_server"}
SCORE = "score of mutations"


@pytest.fixture
def second(
    database: Database, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Database]:
    """Give another empty database of the same server, as Django's alias `second`."""
    if database.vendor == "sqlite":
        opened = sqlite_database(tmp_path / "second.sqlite3")
    else:
        opened = request.getfixturevalue(SERVERS[database.vendor]).database()
    with opened as other:
        other.alias = "second"
        entries = {"default": {}, "second": other.settings}
        connections.settings["second"] = ConnectionHandler(entries).settings["second"]
        yield other
        forget_connection("second")


@pytest.fixture
def score(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Give `score(vendor, tried=0, missed=0, quiet=0, alarms=0)`, added up by vendor."""

    def add(vendor: str, **counts: int) -> None:
        record_property(SCORE, [vendor, counts])

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Close with the score of each vendor."""
    scores: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == SCORE and report.when == "teardown":
                    vendor, counts = value
                    scores.setdefault(vendor, Counter()).update(counts)
    if not scores:
        return
    how = asked.COUNT if asked.COUNT != "few" else "a few (MUTATIONS=full tries all)"
    terminalreporter.section(f"Mutations: {how}, seed {asked.SEED}")
    terminalreporter.write_line("| vendor | changes | told | no changes | false alarms |")
    terminalreporter.write_line("|---|--:|--:|--:|--:|")
    for vendor, row in sorted(scores.items()):
        cells = (row["tried"], row["tried"] - row["missed"], row["quiet"], row["alarms"])
        terminalreporter.write_line(f"| {vendor} | {' | '.join(map(str, cells))} |")
