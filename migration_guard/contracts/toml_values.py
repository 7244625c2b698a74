"""Typed values of a contract file; a wrong one is refused with its line.

Invariant: ``path`` is always the path of keys to the value.
"""

import re
from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path
from typing import Any, Final

from migration_guard.conf import nearest
from migration_guard.contracts.toml_lines import KeyPath, Lines
from migration_guard.exceptions import CannotTell
from migration_guard.problems import place

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Values:
    """Checks the types of values, and raises CannotTell with the place of the wrong one."""

    def __init__(self, file: Path | None, lines: Lines) -> None:
        # A contract has thousands of places, so the part of the file is made once.
        self._prefix = place_prefix(file)
        self.lines = lines

    def table(
        self, path: KeyPath, value: Any, keys: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Return a table; ``keys`` are those that it may have, None for any."""
        if not isinstance(value, dict):
            raise self.wrong_type(path, value, "a table")
        if keys is not None:
            for key in value:
                if key not in keys:
                    raise self._unknown_key((*path, key), keys)
        return value

    def text(self, path: KeyPath, value: Any) -> str:
        """Return a text that is not blank."""
        if not isinstance(value, str) or not value.strip():
            raise self.wrong_type(path, value, "a text")
        return value

    def name(self, path: KeyPath, value: Any) -> str:
        """Return a text with at least one character, which may be a blank."""
        return self.text(path, value) if value == "" else self.any_text(path, value)

    def any_text(self, path: KeyPath, value: Any) -> str:
        """Return a text."""
        if not isinstance(value, str):
            raise self.wrong_type(path, value, "a text")
        return value

    def day(self, path: KeyPath, value: Any) -> date:
        """Return a day, which is a date of TOML or a text."""
        # A date with a time is a date of Python, too.
        if type(value) is date:
            return value
        if isinstance(value, str) and _DAY.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError as error:
                raise self.error(
                    path, f'until = "{value}" is no day: {error}', "Write a day of the calendar."
                ) from error
        raise self.wrong_type(path, value, 'a day, such as "2027-03-31"')

    def flag(self, path: KeyPath, value: Any) -> bool:
        """Return true or false."""
        if not isinstance(value, bool):
            raise self.wrong_type(path, value, "true or false")
        return value

    def text_or_flag(self, path: KeyPath, value: Any) -> str | bool:
        """Return SQL, or whether there is any."""
        if not isinstance(value, str | bool):
            raise self.wrong_type(path, value, "SQL in quotes, true (any) or false (none)")
        return value

    def names(self, path: KeyPath, value: Any) -> list[str]:
        """Return a list of names."""
        return self._list(path, value, self.name)

    def texts(self, path: KeyPath, value: Any) -> list[str]:
        """Return a list of texts, which may be empty: operator classes, labels of an enum."""
        return self._list(path, value, self.any_text)

    def columns(self, path: KeyPath, value: Any) -> list[str]:
        """Return a list of names that is not empty."""
        names = self.names(path, value)
        if not names:
            raise self.wrong_type(path, value, "at least one column")
        return names

    def place(self, path: KeyPath) -> str:
        """Return the place of a value."""
        return f"{self._prefix}{self.lines.of(path)}"

    def error(self, path: KeyPath, message: str, hint: str) -> CannotTell:
        """Return the error about a value."""
        return CannotTell(f"{self.place(path)}: {message}.", hint)

    def wrong_type(self, path: KeyPath, value: Any, expected: str) -> CannotTell:
        """Return the error about a value of a wrong type."""
        key = next((f"{key} = " for key in reversed(path) if isinstance(key, str)), "")
        return self.error(path, f"{key}{_toml(value)} is wrong", f"Write {expected}.")

    def _list(self, path: KeyPath, value: Any, element: Callable[[KeyPath, Any], str]) -> list[str]:
        if not isinstance(value, list):
            raise self.wrong_type(path, value, 'a list of names, such as ["a", "b"]')
        return [element((*path, number), item) for number, item in enumerate(value)]

    def _unknown_key(self, path: KeyPath, keys: Collection[str]) -> CannotTell:
        suggestion = nearest(str(path[-1]), keys)
        kind = "key" if len(path) > 1 else "section"
        where = f" of [{'.'.join(map(str, path[:-1]))}]" if len(path) > 1 else ""
        return self.error(
            path,
            f'"{path[-1]}" is not a known {kind}{where}',
            f'Did you mean "{suggestion}"?' if suggestion else f"Known are {', '.join(keys)}.",
        )


def place_prefix(file: Path | None) -> str:
    """Return the part of a place before its line number."""
    return "line " if file is None else f"{place(file)}:"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
