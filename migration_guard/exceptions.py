"""The errors of the app. Each has one message, its remedy and the exit code of a command.

Exit code 1: a guard said no. Exit code 2: the guard could not find out.
"""

from collections.abc import Sequence

from migration_guard.problems import Problem


class GuardError(Exception):
    """Base of all errors that a command shows as one message.

    ``hint`` is the remedy. ``returncode`` is the exit code of the command.
    """

    returncode = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class CannotTell(GuardError):
    """The command could not find out: usage, settings, connection or privilege. Exit code 2."""

    returncode = 2


class Refused(GuardError):
    """A guard said no: the state is certain and not acceptable. Exit code 1.

    ``problems`` holds the single problems, if there are several.
    """

    returncode = 1

    def __init__(self, message: str, hint: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)
