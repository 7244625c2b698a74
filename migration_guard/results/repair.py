"""What a repair did."""

from enum import StrEnum
from typing import NamedTuple

from migration_guard.exceptions import GuardError
from migration_guard.planning.plan import State


class Action(StrEnum):
    """What a repair does. The value is the command's option and the action in the audit."""

    ACCEPT_EDIT = "accept-edit"
    MARK_APPLIED = "mark-applied"
    FORGET = "forget"
    STAMP = "stamp"


class Change(NamedTuple):
    """The state of a migration before and after a repair; None where nothing is left of it."""

    id: str
    before: State
    after: State | None


class Repaired(NamedTuple):
    """What a repair did; nothing if there is an ``error``.

    ``environment`` is the stamp that the database has now, or the setting where it has none.
    """

    database: str
    action: Action
    vendor: str = ""
    environment: str = ""
    previous_stamp: str | None = None
    changes: tuple[Change, ...] = ()
    error: GuardError | None = None
