"""Let the server run a statement by the first algorithm that it accepts.

The outcome is that of the statement as it is written: a refused trial does nothing, and whatever
else goes wrong with a trial is left to the statement itself.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from migration_guard.impact.mysql.trials import Trial
from migration_guard.running.mysql.connection import error_code

Answer = TypeVar("Answer")
# ER_ALTER_OPERATION_NOT_SUPPORTED, without and with a reason (mysqld_error.h).
_REFUSED: Final = frozenset({1845, 1846})


def run_as_accepted(
    sql: str,
    candidates: Iterable[Trial],
    execute: Callable[[str], Answer],
    driver_error: type[Exception],
) -> tuple[Answer, Trial | None]:
    """Run a statement; return the answer and the accepted trial, None where none was."""
    for trial in candidates:
        try:
            return execute(trial.sql), trial
        except driver_error as error:
            if error_code(error) not in _REFUSED:
                break
    return execute(sql), None
