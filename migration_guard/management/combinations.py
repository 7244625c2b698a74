"""Options that have no effect beside others: they are refused, not ignored."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from migration_guard.exceptions import CannotTell

# Where the name on the command line is not that of the value.
_VALUES: Final = {"TABLE": "tables", "--no-models": "models"}
# The value of an option that was not given, unless it is an empty one.
_DEFAULTS: Final = {"--format": "text"}


def find_given(options: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return those of the names, as a command line has them, that were given."""
    return [name for name in names if _is_given(options, name)]


def _is_given(options: Mapping[str, Any], name: str) -> bool:
    value = options[_VALUES.get(name, name.removeprefix("--").replace("-", "_"))]
    if name.startswith("--no-"):
        return not value
    # 0 is a number that was given.
    is_empty = value is None or value is False or value in ((), [], "")
    return not is_empty and value != _DEFAULTS.get(name)


def does_nothing(option: str, needed: str, hint: str = "") -> CannotTell:
    """Return the error for an option that has no effect without another."""
    return CannotTell(f"{option} does nothing without {needed}.", hint or f"Add {needed}.")
