"""Options that may be given only once: argparse lets the last value win, and drops the first."""

from argparse import Action, ArgumentError, ArgumentParser, BooleanOptionalAction, Namespace
from argparse import _StoreAction as StoreAction
from collections.abc import Sequence
from typing import Any


def require_once(parser: ArgumentParser) -> None:
    """Let the options that are added from now on refuse a second value."""
    for name in (None, "store"):
        parser.register("action", name, SingleValue)


class _Single(Action):
    """Refuses to be called twice in one command line."""

    _seen_in: Namespace | None = None

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if option_string is not None and self._seen_in is namespace:
            raise ArgumentError(self, "it is given twice, and only one could count; give it once")
        self._seen_in = namespace
        super().__call__(parser, namespace, values, option_string)


class SingleValue(_Single, StoreAction):
    """An option with a value."""


class SingleSwitch(_Single, BooleanOptionalAction):
    """An option ``--name`` or ``--no-name``, of which one is given."""
