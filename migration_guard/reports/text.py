"""The words and lines that reports for a person share. Functions return text and print nothing."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from migration_guard.exceptions import GuardError
from migration_guard.problems import Problem
from migration_guard.results import Assertion

INDENT: Final = "    "


def moment(value: datetime) -> str:
    """Return a time in UTC with milliseconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def problems(problems: Iterable[Problem]) -> str:
    """Return each problem with its place, remedy and detail."""
    return "\n".join(map(_problem, problems))


def failure(error: GuardError, causes: Iterable[Problem]) -> str:
    """Return the message that a command ends with."""
    others = [problem for problem in causes if problem.message != error.message]
    return "\n".join(filter(None, (problems(others), str(error))))


def warning(assertion: Assertion) -> str:
    """Return what a kept assertion warns of, and who relies on it."""
    who = f" ({assertion.owner})" if assertion.owner else ""
    return f"{assertion.id}{who}: {assertion.warning}"


def _problem(problem: Problem) -> str:
    place = f"{problem.place}: " if problem.path is not None else ""
    lines = [f"{problem.severity}[{problem.rule}] {place}{problem.message}"]
    if problem.hint:
        lines.append(f"{INDENT}{problem.hint}")
    lines += [f"{INDENT}{line}" for line in problem.detail.splitlines()]
    return "\n".join(lines)
