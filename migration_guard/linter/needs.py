"""What a rule needs besides the files."""

from enum import Enum
from typing import Final


class Need(Enum):
    """A condition without which a rule cannot run."""

    POSTGRESQL = "a PostgreSQL database"
    GRAMMAR = "PostgreSQL's grammar"
    BASE = "a branch to compare with"
    SQUAWK = "squawk"


NOTHING: Final[frozenset[Need]] = frozenset()
POSTGRESQL: Final = frozenset({Need.POSTGRESQL})
GRAMMAR: Final = frozenset({Need.POSTGRESQL, Need.GRAMMAR})
BASE: Final = frozenset({Need.BASE})
