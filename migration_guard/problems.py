"""What a guard found, or where a contract is broken: one value per finding, for every report.

Invariants: a message states the fact, a hint states the remedy; neither ever holds a password.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path


class Severity(StrEnum):
    """How a problem counts: an error makes the exit code 1, the others do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding about a migration file or its history.

    ``rule`` is the slug a file can name in ``-- guard: allow = <slug>, <reason>``; ``line`` counts
    from 1 and is None where the problem concerns the file as a whole; ``detail`` is text of several
    lines, such as a diff; ``column`` counts characters of the line from 1.
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
        """``path:line`` as editors and terminals link it, or an empty string."""
        return place(self.path, self.line) if self.path is not None else ""


@dataclass(frozen=True, slots=True)
class Violation:
    """Where a database breaks a contract.

    ``object`` is the column, key, index or constraint, empty for the table itself; ``expected`` and
    ``actual`` are short texts. ``source`` is the place that says so: ``path:line`` of a contract
    file, or ``app.Model.field``. ``owner`` relies on it, for ``reason``.
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
        """``table.object``, or the table."""
        return ".".join(filter(None, (self.table, self.object)))

    @property
    def message(self) -> str:
        """The fact in one line."""
        return f"expected {self.expected}, found {self.actual}"

    @property
    def relied_on(self) -> str:
        """Who breaks and why, or an empty string."""
        who = f"{self.owner} relies on it" if self.owner else "code relies on it"
        return f"{who}: {self.reason}" if self.reason else who if self.owner else ""

    @property
    def explanation(self) -> str:
        """What is broken, who relies on it, and the remedy, on lines of their own."""
        lines = (f"{self.subject}: {self.message}", self.relied_on, self.hint)
        return "\n".join(filter(None, lines))


def place(path: Path, line: int | None = None) -> str:
    """Return ``path:line``, the path relative to the working directory where it lies below it."""
    shown = _shown(path, os.getcwd())  # noqa: PTH109 - a string, for speed
    return f"{shown}:{line}" if line is not None else shown


@lru_cache
def _shown(path: Path, here: str) -> str:
    # A contract has thousands of lines in one file.
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def split_place(text: str) -> tuple[Path, int] | None:
    """Return path and line of ``path:line``; None for any other source, such as a model's field."""
    path, _, line = text.rpartition(":")
    return (Path(path), int(line)) if path and line.isdecimal() else None


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Return those problems that make a guard say no."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]
