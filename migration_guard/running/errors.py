"""What a driver's error means for the runner."""

from enum import Enum, auto

from migration_guard.sql.statements import Statement


class Kind(Enum):
    """What a driver's error means for the runner."""

    LOCKED = auto()  # rolled back, may be tried again
    DUPLICATE = auto()  # a unique key is taken
    ALONE = auto()  # cannot run inside a transaction; nothing happened
    READ_ONLY = auto()  # the target accepts no writes
    LOST = auto()  # the connection is gone
    FULL = auto()  # there is no room for what the statement writes
    OTHER = auto()


class StatementError(Exception):
    """A driver refused one statement; ``statement`` is None for a step of the runner's own.

    ``committing`` says that it was the COMMIT, so a lost connection leaves the outcome open.
    ``blockers`` describes the sessions that held the lock, ``remains`` what a statement that
    commits by itself has left, as sentences.
    """

    def __init__(self, error: Exception, kind: Kind, statement: Statement | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.kind = kind
        self.statement = statement
        self.committing = False
        self.blockers = ""
        self.remains = ""


class NotDoneError(Exception):
    """A statement ended without an error, and yet must not count as done."""
