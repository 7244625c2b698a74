"""The base of all commands: options, output, signals and exit codes."""

import re
import signal
import threading
from abc import abstractmethod
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import dropwhile
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Final

from django.apps import apps
from django.core.management import find_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from migration_guard import conf
from migration_guard.exceptions import GuardError
from migration_guard.management import single_options
from migration_guard.reports.command_lines import for_database
from migration_guard.reports.escaping import escape_text

APP: Final = "migration_guard"


class GuardCommand(BaseCommand):
    """A command whose exit code is its answer: 0 fine, 1 refused, 2 it could not be checked.

    A subclass implements ``answer`` and prints with ``say`` and ``tell``.
    """

    # The checks of other apps must not keep a deploy from running its migrations.
    requires_system_checks = ()
    formats: ClassVar[Sequence[str]] = ("text", "json")
    # A rule of the static guard reports what is wrong with the setting.
    reports_settings: ClassVar = False
    # How the command was called: what the commands in its messages need, too.
    _alias = DEFAULT_DB_ALIAS
    _repeated = ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options that all commands have."""
        single_options.require_once(parser)
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
        self._alias, self._repeated = options["database"], self.repeated_options(options)
        try:
            with _sigterm_as_interrupt():
                if options["verbosity"] > 0 and not self.reports_settings:
                    self._tell_unknown_settings()
                returncode, message = self.answer(options)
        except GuardError as error:
            returncode, message = error.returncode, str(error)
        except KeyboardInterrupt:
            returncode, message = 1, "Interrupted."
        if returncode:
            raise CommandError(escape_text(self._complete(message)), returncode=returncode)

    def repeated_options(self, options: dict[str, Any]) -> str:  # noqa: ARG002
        """Return the options that another run of runsqlmigrations would need to be this one."""
        return ""

    def _complete(self, message: str) -> str:
        return for_database(message, self._alias, self._repeated)

    def _tell_unknown_settings(self) -> None:
        with suppress(GuardError):  # which the command itself reports
            for key in conf.unknown_names():
                self.tell(f"Warning: {key.fact}. {key.hint}")

    @abstractmethod
    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Do the work; return the exit code and, unless it is 0, the message that explains it."""

    def say(self, text: str, palette: "Palette | None" = None) -> None:
        """Print a result to standard output, escaped; ``palette`` paints the pieces it marked."""
        text = self._complete(text)
        self.stdout.write(palette.paint(text) if palette is not None else escape_text(text))
        self.stdout.flush()  # so that a log of both streams has them in order

    def say_document(self, document: str) -> None:
        """Print JSON, XML or GitHub's commands to standard output; such a report escapes itself."""
        self.stdout.write(document)

    def tell(self, text: str) -> None:
        """Print progress or a warning to standard error."""
        if text:
            self.stderr.write(escape_text(self._complete(text)), style_func=str)


class Palette:
    """Django's colours for a report that is escaped later: as ``style`` it only marks pieces.

    ``paint`` then escapes the report and colours these pieces. An ESC in the text of others stays
    escaped, and a mark in it can name only a piece of the same report.
    """

    def __init__(self, style: Any) -> None:
        self._style = style
        self._pieces: list[str] = []

    def __getattr__(self, role: str) -> Callable[[str], str]:
        def mark(text: str) -> str:
            self._pieces.append(getattr(self._style, role)(escape_text(text)))
            return f"\0{len(self._pieces) - 1}\0"

        return mark

    def paint(self, text: str) -> str:
        """Return the report escaped, its marked pieces coloured."""
        parts = re.split(r"\0([0-9]{1,9})\0", text)
        parts[::2] = map(escape_text, parts[::2])
        parts[1::2] = ("".join(self._pieces[int(index) :][:1]) for index in parts[1::2])
        return "".join(parts)


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
