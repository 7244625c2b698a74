"""The result of the static guard, as text for a person and as JSON for a program."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.core.management.color import no_style

from migration_guard.problems import Problem, Severity
from migration_guard.reports.escaping import escape_characters
from migration_guard.reports.json import dump, error_fields, problem_fields
from migration_guard.reports.text import count
from migration_guard.reports.text import problems as plain
from migration_guard.results import Edit, Inspected, NotRun
from migration_guard.sql.masking import mask_text

_WIDEST: Final = 120  # characters
_ROLES: Final = {
    Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.INFO: "HTTP_INFO",
}  # fmt: skip
_WORDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def text(problems: Iterable[Problem], style: Any = None) -> str:
    """Return each problem with the line of its file and a caret below the place.

    ``style`` is Django's (``BaseCommand.style``), None for no colour.
    """
    style = style or no_style()
    files: dict[str, list[str]] = {}
    blocks = []
    for problem in problems:
        paint = getattr(style, _ROLES[problem.severity])
        message, *rest = plain([problem]).split("\n")
        label, _, fact = message.partition(" ")
        excerpt = _excerpt(problem, files)
        if excerpt:
            excerpt[-1] = f"{excerpt[-1][:-1]}{paint('^')}"
        blocks.append("\n".join([f"{paint(label)} {fact}", *excerpt, *rest]))
    return "\n\n".join(blocks)


def json(inspected: Inspected) -> str:
    """Return what ``checksqlmigrations --format json`` prints."""
    problems = [
        {
            **problem_fields(problem),
            "column": problem.column,
            "fix": _edits(inspected.fixes.get(problem, ())),
        }
        for problem in inspected.problems
    ]
    if inspected.error is not None:
        problems.append({**error_fields(inspected.error), "column": None, "fix": []})
    return dump(
        {
            "database": inspected.database,
            "vendor": inspected.vendor,
            "ok": inspected.returncode == 0,
            "files": inspected.files,
            "problems": problems,
            "not_run": [
                {"rules": list(group.rules), "why": group.why, "remedy": group.remedy}
                for group in inspected.not_run
            ],
        }
    )


def _edits(edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """Return edits as JSON objects; none where a secret in them would be masked."""
    if any(mask_text(edit.text) != edit.text for edit in edits):
        return []
    return [
        {
            "path": str(edit.path),
            "start": edit.start,
            "end": edit.end,
            "text": edit.text,
            "new_path": str(edit.new_path) if edit.new_path is not None else None,
        }
        for edit in edits
    ]


def summary(inspected: Inspected) -> str:
    """Return the counts on one line."""
    counts = Counter(problem.severity for problem in inspected.problems)
    totals = [
        count(counts[severity], word) for severity, word in _WORDS.items() if counts[severity]
    ]
    if not inspected.files and not totals:
        return f"There is no migration of {inspected.database} yet, so nothing was checked."
    files = count(inspected.files, "migration")
    return f"{files} of {inspected.database} ({inspected.vendor}): {', '.join(totals) or 'fine'}."


def not_run(skipped: Iterable[NotRun]) -> str:
    """Return the rules that did not run, the reason, and what makes them run."""
    return "\n".join(
        f"Not run: {', '.join(group.rules)}; {group.why}."
        + (f" {group.remedy}" if group.remedy else "")
        for group in skipped
    )


def _excerpt(problem: Problem, files: dict[str, list[str]]) -> list[str]:
    """Return the line of the problem and a caret; nothing for a problem without a line.

    ``files`` keeps the lines of the files that were read.
    """
    if problem.path is None or problem.line is None:
        return []
    name = str(problem.path)
    if name not in files:
        try:
            files[name] = problem.path.read_text("utf-8-sig", errors="replace").split("\n")
        except OSError:
            files[name] = []
    if problem.line > len(files[name]):
        return []
    line = files[name][problem.line - 1].rstrip("\r")
    column = problem.column or len(line) - len(line.lstrip()) + 1
    if not line.strip() or column > _WIDEST:
        return []
    # Tabs stay tabs, so that the caret stands below its character.
    indent = "".join(
        char if char == "\t" else " " for char in escape_characters(line[: column - 1])
    )
    excerpt = escape_characters(line if len(line) <= _WIDEST else f"{line[:_WIDEST]}…")
    return [f"{problem.line:>6} | {excerpt}", f"{' ' * 6} | {indent}^"]
