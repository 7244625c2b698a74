"""The schemas that the laws are held on, by vendor and name, each as a list of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fresh import programs
from tests.laws import exotic
from tests.schema import rich

if TYPE_CHECKING:
    from tests.servers import Database

NAMES = ("rich", "programs", "exotic")


def statements(database: Database, name: str) -> list[str]:
    """Return the statements of a schema."""
    if name == "rich":
        return rich.statements(database)
    return {"programs": programs, "exotic": exotic}[name].SCHEMAS[database.vendor]
