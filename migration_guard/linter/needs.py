"""What a rule needs besides the files."""

from enum import Enum


class Need(Enum):
    """A thing without which a rule cannot run."""

    POSTGRESQL = "a PostgreSQL database"
    GRAMMAR = "PostgreSQL's grammar"
    BASE = "a branch to compare with"
    SQUAWK = "squawk"


NOTHING: frozenset[Need] = frozenset()
POSTGRESQL = frozenset({Need.POSTGRESQL})
GRAMMAR = frozenset({Need.POSTGRESQL, Need.GRAMMAR})
PAST = frozenset({Need.BASE})
