"""What is asked of a repair, and the database that it is done on."""

from dataclasses import dataclass
from typing import Any, Final

from migration_guard.conf import Conf
from migration_guard.history import History
from migration_guard.planning.files import FileSet
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.plan import Planned, make_plan
from migration_guard.results import Action
from migration_guard.running.connection import Connection
from migration_guard.running.facts import Facts

UNCHANGED: Final = "nothing was changed"
SHOW_STATES: Final = "manage.py runsqlmigrations --plan shows the state of each migration."


@dataclass(frozen=True, slots=True)
class Repair:
    """One act on the migrations ``ids``, or on the stamp (``environment``, ``confirm``).

    ``confirm`` is the database's name, typed by the person who says that it is not production.
    """

    action: Action
    reason: str
    ids: tuple[str, ...] = ()
    environment: str = ""
    confirm: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The database that is repaired, with its files, under the lock and in a transaction."""

    connection: Connection
    facts: Facts
    history: History
    conf: Conf
    files: FileSet

    def plan(self, recorded: RecordedHistory) -> dict[str, Planned]:
        """Return the plan by ids."""
        plan = make_plan(self.files.files, recorded, self.conf.environment, self.connection.vendor)
        return {planned.id: planned for planned in plan.migrations}

    def audit(self, request: Repair, migration_id: str, details: dict[str, Any]) -> None:
        """Write down what the act changes of a migration, "" for the database."""
        self.history.audit.write(request.action, migration_id, request.reason.strip(), details)
