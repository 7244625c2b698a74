"""Problems and violations as annotations of GitHub Actions: one workflow command on each line.

Source of the escaping: actions/toolkit, ``packages/core/src/command.ts``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from migration_guard.exceptions import GuardError, Refused
from migration_guard.problems import (
    MIGRATION_FAILED,
    Problem,
    Severity,
    Violation,
    split_place,
)
from migration_guard.reports.check import tally
from migration_guard.reports.escaping import escape_characters, escape_text
from migration_guard.reports.fresh import replay_report, upgrade_report
from migration_guard.reports.matrix import counts, exemption
from migration_guard.reports.places import in_repository
from migration_guard.reports.run import order
from migration_guard.reports.text import warning
from migration_guard.reports.usage import usage_scope
from migration_guard.results import Assertion, Checked, FreshDatabase, Matrix
from migration_guard.sql.masking import mask_text

_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_RULES: Final = {1: "refused", 2: "cannot-tell"}


def schema_check(checked: Checked) -> str:
    """Return an annotation for each violation, unknown assertion and warning, on its line.

    The last line has the counts; GitHub only logs it.
    """
    fresh = [_order(checked.fresh), problems(checked.fresh.problems)] if checked.fresh else []
    if checked.upgrade is not None:
        title = f"upgrade from {checked.upgrade.ref}"
        notice = _command("notice", title, upgrade_report(checked.upgrade._replace(problems=())))
        fresh += [notice, problems(checked.upgrade.problems)]
    if checked.replay is not None and (checked.replay.late or checked.replay.doubts):
        fresh.append(_command("notice", "replay", replay_report(checked.replay)))
    if checked.matrix is not None:
        fresh += _matrix(checked.matrix)
    command = "warning" if checked.allow_unknown else "error"
    lines = [
        *filter(None, fresh),
        *(_violation(violation) for violation in checked.violations),
        *(_unknown(assertion, command) for assertion in checked.unknown),
        *(_warning(assertion) for assertion in checked.warnings),
        escape_text(tally(checked)) if checked.error is None else _error(checked.error),
        *([escape_text(usage_scope(checked.usage))] if checked.usage is not None else []),
    ]
    return "\n".join(lines)


def problems(problems: Iterable[Problem], error: GuardError | None = None) -> str:
    """Return an annotation for each problem, on its line; ``error`` ended the run early."""
    lines = [
        _command(
            _COMMANDS[problem.severity],
            problem.rule,
            "\n".join(filter(None, (problem.message, problem.hint, problem.detail))),
            problem.path,
            problem.line,
        )
        for problem in problems
    ]
    return "\n".join(lines if error is None else [*lines, _error(error)])


def _order(fresh: FreshDatabase) -> str:
    """Return the order of all migrations as one notice."""
    return _command("notice", "fresh database", order(fresh.rows, None)) if fresh.rows else ""


def _error(error: GuardError) -> str:
    """Return each problem and the error; of a failed migration, on its line."""
    causes = error.problems if isinstance(error, Refused) else ()
    failed = next((problem for problem in causes if problem.rule == MIGRATION_FAILED), None)
    path, line = (failed.path, failed.line) if failed is not None else (None, None)
    rule = failed.rule if failed is not None else _RULES[error.returncode]
    others = problems(problem for problem in causes if problem is not failed)
    return "\n".join(filter(None, (others, _command("error", rule, str(error), path, line))))


def _matrix(matrix: Matrix) -> list[str]:
    """Return the counts as a notice, and a warning for what is broken and fails nothing."""
    broken = (violation for cell in matrix.spared for violation in cell.violations)
    title = f"rolling deploy from {matrix.ref}"
    return [
        _command("notice", title, counts(matrix)),
        *(_violation(violation, "warning", exemption(matrix)) for violation in broken),
    ]


def _violation(violation: Violation, command: str = "error", note: str = "") -> str:
    path, line = split_place(violation.source) or (None, None)
    source = "" if path is not None else violation.source
    message = "\n".join(filter(None, (violation.explanation, source, note)))
    return _command(command, violation.rule, message, path, line)


def _unknown(assertion: Assertion, command: str) -> str:
    path, line = split_place(assertion.source) or (None, None)
    message = f"{assertion.id} could not be checked: {assertion.unknown}"
    return _command(command, "unknown", message, path, line)


def _warning(assertion: Assertion) -> str:
    path, line = split_place(assertion.source) or (None, None)
    return _command("warning", assertion.warning_rule, warning(assertion), path, line)


def _command(
    name: str, title: str, message: str, path: Path | None = None, line: int | None = None
) -> str:
    values = {
        "file": in_repository(path).as_posix() if path is not None else "",
        "line": str(line) if line is not None else "",
        "title": title,
    }
    properties = ",".join(f"{key}={_property(value)}" for key, value in values.items() if value)
    return f"::{name} {properties}::{_data(message)}"


def _data(value: str) -> str:
    value = escape_characters(mask_text(value))
    return value.replace("%", "%25").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
