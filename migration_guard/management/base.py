"""The base of all commands: options, output, signals and exit codes."""

import signal
import threading
from abc import abstractmethod
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import dropwhile
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Final

from django.apps import apps
from django.core.management import find_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from migration_guard.exceptions import GuardError

APP: Final = "migration_guard"


class GuardCommand(BaseCommand):
    """A command whose exit code is its answer: 0 fine, 1 refused, 2 it could not be checked.

    A subclass implements ``answer`` and prints with ``say`` and ``tell``.
    """

    # The checks of other apps must not keep a deploy from running its migrations.
    requires_system_checks = ()
    formats: ClassVar[Sequence[str]] = ("text", "json")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options that all commands have."""
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            metavar="ALIAS",
            help='Which entry of DATABASES to work on (default: "%(default)s").',
        )
        parser.add_argument(
            "--format",
            choices=self.formats,
            default="text",
            help="How to report (default: %(default)s); json goes to standard output, alone.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Call ``answer``, and end with its exit code."""
        try:
            with _sigterm_as_interrupt():
                returncode, message = self.answer(options)
        except GuardError as error:
            returncode, message = error.returncode, str(error)
        except KeyboardInterrupt:
            returncode, message = 1, "Interrupted."
        if returncode:
            raise CommandError(message, returncode=returncode)

    @abstractmethod
    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Do the work; return the exit code and, unless it is 0, the message that explains it."""

    def say(self, text: str) -> None:
        """Print a result to standard output."""
        self.stdout.write(text)

    def tell(self, text: str) -> None:
        """Print progress or a warning to standard error."""
        if text:
            self.stderr.write(text, style_func=str)


def command_behind(name: str) -> Any:
    """Return the class of the command that ours of the same name stands in front of.

    It is that of the next app in INSTALLED_APPS that has one, else Django's own.
    """
    _, *below = dropwhile(lambda config: config.name != APP, apps.get_app_configs())
    packages = (
        config.name
        for config in below
        if name in find_commands(str(Path(config.path, "management")))
    )
    package = next(packages, "django.core")
    return import_module(f"{package}.management.commands.{name}").Command


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM, which ends a pod, as Ctrl-C: roll back, release the lock, report."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
