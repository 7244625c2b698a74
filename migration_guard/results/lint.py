"""What the static guard found."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from migration_guard.exceptions import GuardError
from migration_guard.problems import Problem, Severity


class NotRun(NamedTuple):
    """Rules that could not run, the reason, and what makes them run."""

    rules: tuple[str, ...]
    why: str
    remedy: str = ""


class RulePage(NamedTuple):
    """The page of a rule: Markdown, and its address where it has one."""

    text: str
    uri: str = ""


class Edit(NamedTuple):
    """A replacement in one file; ``start`` and ``end`` count the characters of its text.

    A file that does not exist has no text. ``new_path`` is the name that the file gets, if any.
    """

    path: Path
    start: int
    end: int
    text: str
    new_path: Path | None = None


class Inspected(NamedTuple):
    """The problems that the static guard found in the files of one database.

    ``files`` is the number of files. ``strict`` makes warnings fail. ``meanings`` has a sentence
    for each rule, ``pages`` its page.
    ``fixes`` has the edits of each problem whose fix is certain. ``error`` is the reason why
    nothing was read.
    """

    database: str
    vendor: str = ""
    files: int = 0
    problems: tuple[Problem, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    strict: bool = False
    meanings: Mapping[str, str] = MappingProxyType({})
    pages: Mapping[str, RulePage] = MappingProxyType({})
    fixes: Mapping[Problem, tuple[Edit, ...]] = MappingProxyType({})
    error: GuardError | None = None

    @property
    def failing(self) -> list[Problem]:
        """The problems that make the guard say no."""
        severities = {Severity.ERROR, Severity.WARNING} if self.strict else {Severity.ERROR}
        return [problem for problem in self.problems if problem.severity in severities]

    @property
    def returncode(self) -> int:
        """The exit code: 0 for success, 1 if the guard says no, 2 if it could not find out."""
        if self.error is not None:
            return self.error.returncode
        return 1 if self.failing else 0
