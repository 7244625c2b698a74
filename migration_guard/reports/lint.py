"""What the static guard found, for a person and for a program: values -> text."""

from collections import Counter
from collections.abc import Iterable

from migration_guard.problems import Problem, Severity
from migration_guard.reports.json import dump, error_fields, problem_fields
from migration_guard.reports.text import problems as plain
from migration_guard.results import Inspected, NotRun

_INDENT = "    "
_WIDEST = 120


def text(found: Iterable[Problem]) -> str:
    """Return each problem with the line of its file and a caret below the place."""
    lines: dict[str, list[str]] = {}
    return "\n\n".join(_with_source(problem, lines) for problem in found)


def json(inspected: Inspected) -> str:
    """Return what ``checksqlmigrations --format json`` prints."""
    problems = [{**problem_fields(one), "column": one.column} for one in inspected.problems]
    if inspected.error is not None:
        problems.append({**error_fields(inspected.error), "column": None})
    return dump(
        {
            "database": inspected.database,
            "vendor": inspected.vendor,
            "ok": inspected.returncode == 0,
            "files": inspected.files,
            "problems": problems,
            "not_run": [
                {"rules": list(each.rules), "why": each.why, "remedy": each.remedy}
                for each in inspected.not_run
            ],
        }
    )


def summary(inspected: Inspected) -> str:
    """Return the counts on one line."""
    counts = Counter(problem.severity for problem in inspected.problems)
    said = [
        f"{counts[severity]} {word}{'' if counts[severity] == 1 else 's'}"
        for severity, word in _WORDS.items()
        if counts[severity]
    ]
    files = f"{inspected.files} migration{'' if inspected.files == 1 else 's'}"
    return f"{files} of {inspected.database} ({inspected.vendor}): {', '.join(said) or 'fine'}."


def not_run(skipped: Iterable[NotRun]) -> str:
    """Return the rules that did not run, why, and how to get them."""
    return "\n".join(
        f"Not run: {', '.join(each.rules)}; {each.why}."
        + (f" {each.remedy}" if each.remedy else "")
        for each in skipped
    )


_WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def _with_source(problem: Problem, lines: dict[str, list[str]]) -> str:
    message, *rest = plain([problem]).split("\n")
    return "\n".join([message, *_excerpt(problem, lines), *rest])


def _excerpt(problem: Problem, files: dict[str, list[str]]) -> list[str]:
    """Return the line that the problem is about, and the caret; nothing if there is none."""
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
    under = "".join(char if char == "\t" else " " for char in line[: column - 1])
    shown = line if len(line) <= _WIDEST else f"{line[:_WIDEST]}…"
    head = f"{problem.line:>6} | "
    return [f"{head}{shown}", f"{' ' * 6} | {under}^"]
