"""Findings as annotations of GitHub Actions: workflow commands, one a line.

The escaping is that of the runner (actions/toolkit, ``packages/core/src/command.ts``).
"""

from collections.abc import Iterable
from pathlib import Path

from migration_guard.exceptions import GuardError, Refused
from migration_guard.problems import Problem, Severity, Violation, place, split_place
from migration_guard.reports.text import order, tally
from migration_guard.results import Assertion, Checked, FreshDatabase

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_RULES = {1: "refused", 2: "cannot-tell"}


def schema_check(checked: Checked) -> str:
    """Return an annotation for each violation, on the contract's line, and for what is unknown.

    A plain line with the counts, which GitHub only logs, ends it.
    """
    lines = [_violation(violation) for violation in checked.violations]
    built = [_built(checked.fresh), problems(checked.fresh.problems)] if checked.fresh else []
    lines = [*filter(None, built), *lines]
    command = "warning" if checked.allow_unknown else "error"
    lines += [_unknown(assertion, command) for assertion in checked.unknown]
    if checked.error is not None:
        return "\n".join([*lines, _error(checked.error)])
    return "\n".join([*lines, tally(checked)])


def problems(found: Iterable[Problem], error: GuardError | None = None) -> str:
    """Return an annotation for each problem, on its line; ``error``: why there is no more."""
    lines = [
        _command(
            _COMMANDS[problem.severity],
            problem.rule,
            "\n".join(filter(None, (problem.message, problem.hint, problem.detail))),
            problem.path,
            problem.line,
        )
        for problem in found
    ]
    return "\n".join(lines if error is None else [*lines, _error(error)])


def _built(fresh: FreshDatabase) -> str:
    """Return the order as a notice: one a run, however many migrations."""
    return _command("notice", "fresh database", order(fresh.rows, None)) if fresh.rows else ""


def _error(error: GuardError) -> str:
    """Return each problem, and what ended the run: where a migration failed, on its line."""
    found = error.problems if isinstance(error, Refused) else ()
    failed = next((one for one in found if one.rule == "migration-failed"), None)
    path, line = (failed.path, failed.line) if failed is not None else (None, None)
    rule = failed.rule if failed is not None else _RULES[error.returncode]
    told = _command("error", rule, str(error), path, line)
    return "\n".join(filter(None, (problems(one for one in found if one is not failed), told)))


def _violation(violation: Violation) -> str:
    path, line = split_place(violation.source) or (None, None)
    source = "" if path is not None else violation.source
    message = "\n".join(filter(None, (violation.explanation, source)))
    return _command("error", violation.rule, message, path, line)


def _unknown(assertion: Assertion, command: str) -> str:
    path, line = split_place(assertion.source) or (None, None)
    message = f"{assertion.id} could not be checked: {assertion.unknown}"
    return _command(command, "unknown", message, path, line)


def _command(
    name: str, title: str, message: str, path: Path | None = None, line: int | None = None
) -> str:
    values = {
        "file": place(path).replace("\\", "/") if path is not None else "",
        "line": str(line) if line is not None else "",
        "title": title,
    }
    listed = ",".join(f"{key}={_property(value)}" for key, value in values.items() if value)
    return f"::{name} {listed}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
