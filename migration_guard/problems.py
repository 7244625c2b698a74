"""Problems of migrations and violations of contracts, as values for every report.

Invariants: a message states the fact, a hint states the remedy; neither contains a password.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

# The rule of the problem that a failed migration causes.
MIGRATION_FAILED: Final = "migration-failed"


class Severity(StrEnum):
    """The severity of a problem. Only an error makes the exit code 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a migration file or of its history.

    ``rule`` is the slug that a file can name in ``-- guard: allow = <slug>, <reason>``. ``line``
    counts from 1; it is None for a problem of the whole file. ``column`` counts the characters of
    the line from 1. ``detail`` may have several lines, such as a diff.
    """

    rule: str
    message: str
    hint: str
    severity: Severity = Severity.ERROR
    path: Path | None = None
    line: int | None = None
    detail: str = ""
    column: int | None = None

    @property
    def place(self) -> str:
        """``path:line``, which editors and terminals make a link, or an empty string."""
        return place(self.path, self.line) if self.path is not None else ""


@dataclass(frozen=True, slots=True)
class Violation:
    """One difference between a database and its contract.

    ``object`` is the column, key, index or constraint, empty for the table itself. ``source`` is
    the place that states the contract: ``path:line`` of a file, or ``app.Model.field``. ``owner``
    is who relies on it, and ``reason`` why.
    """

    rule: str
    table: str
    object: str
    expected: str
    actual: str
    source: str = ""
    hint: str = ""
    owner: str = ""
    reason: str = ""

    @property
    def subject(self) -> str:
        """``table.object``, or only the table."""
        return ".".join(filter(None, (self.table, self.object)))

    @property
    def message(self) -> str:
        """The fact, in one line."""
        return f"expected {self.expected}, found {self.actual}"

    @property
    def reliance(self) -> str:
        """Who relies on it and why, or an empty string."""
        who = f"{self.owner} relies on it" if self.owner else "code relies on it"
        return f"{who}: {self.reason}" if self.reason else who if self.owner else ""

    @property
    def explanation(self) -> str:
        """The fact, who relies on it, and the remedy, each on a line."""
        lines = (f"{self.subject}: {self.message}", self.reliance, self.hint)
        return "\n".join(filter(None, lines))


def place(path: Path, line: int | None = None) -> str:
    """Return ``path:line``. A path below the working directory becomes relative to it."""
    name = _relative(path, os.getcwd())  # noqa: PTH109 - a string, for speed
    return f"{name}:{line}" if line is not None else name


# Cached, because a contract has thousands of lines in one file.
@lru_cache
def _relative(path: Path, folder: str) -> str:
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def split_place(text: str) -> tuple[Path, int] | None:
    """Return path and line of ``path:line``; None for any other text, such as a model's field."""
    path, _, line = text.rpartition(":")
    return (Path(path), int(line)) if path and line.isdecimal() else None


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that make a guard say no."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]
