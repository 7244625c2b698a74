"""The result of a check as JUnit's XML, with a test case for each assertion."""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from migration_guard.exceptions import Refused
from migration_guard.problems import Problem, errors, split_place
from migration_guard.reports.escaping import escape_text
from migration_guard.reports.fresh import replay_report, upgrade_report
from migration_guard.reports.matrix import counts, exemption
from migration_guard.reports.places import in_repository
from migration_guard.reports.usage import usage_scope
from migration_guard.reports.verdict import verdict
from migration_guard.results import Assertion, Checked, FreshDatabase, Matrix, Upgrade, Verdict

# Characters that XML 1.0 forbids, even as entities (https://www.w3.org/TR/xml/#charsets).
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def schema_check(checked: Checked) -> str:
    """Return the XML document; times are in seconds.

    Each owner has a suite; the last one is of what has no owner. A violation is a failure. An
    unknown assertion is an error, or skipped if it is allowed.
    """
    by_owner: dict[str, list[Assertion]] = {}
    for assertion in checked.assertions:
        by_owner.setdefault(assertion.owner, []).append(assertion)
    if _has_error(checked) or not by_owner:
        by_owner.setdefault("", [])
    root = ET.Element("testsuites")
    if checked.fresh is not None:
        root.append(_build(checked, checked.fresh, _failed_migration(checked)))
    if checked.upgrade is not None:
        root.append(_upgrade(checked.database, checked.upgrade))
    if checked.replay is not None:
        suite = _notice(f"replay of {checked.database}", replay_report(checked.replay))
        suite.set("time", f"{checked.replay.seconds:.3f}")
        root.append(suite)
    if checked.matrix is not None:
        root.append(_matrix(checked.database, checked.matrix))
    if checked.usage is not None:
        root.append(_notice(f"usage of {checked.database}", usage_scope(checked.usage)))
    # One look at the database serves all of them, so the first one has its time.
    seconds = checked.examination.seconds if checked.examination is not None else 0.0
    for owner in sorted(by_owner, key=lambda owner: (owner == "", owner)):
        root.append(_suite(checked, owner, by_owner[owner], seconds))
        seconds = 0.0
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _suite(
    checked: Checked, owner: str, assertions: Sequence[Assertion], seconds: float
) -> ET.Element:
    """Return the suite of an owner; that of nobody has the error of the check."""
    violated = sum(assertion.verdict is Verdict.VIOLATED for assertion in assertions)
    unknown = sum(assertion.verdict is Verdict.UNKNOWN for assertion in assertions)
    errors = int(_has_error(checked) and not owner)
    name = f"schema contract of {checked.database}"
    suite = ET.Element(
        "testsuite",
        name=_text(f"{name}: {owner}" if owner else name),
        tests=str(len(assertions) + errors),
        failures=str(violated),
        errors=str(errors + (0 if checked.allow_unknown else unknown)),
        skipped=str(unknown if checked.allow_unknown else 0),
        time=f"{seconds:.3f}",
    )
    if errors and checked.error is not None:
        case = ET.SubElement(suite, "testcase", classname=_text(checked.database), name="check")
        _add(case, "error", checked.error.message, verdict(checked), "cannot-tell")
    for assertion in assertions:
        _add_case(suite, assertion, allow_unknown=checked.allow_unknown)
    return suite


def _has_error(checked: Checked) -> bool:
    """Return True if the check itself ended early; a failed migration has a case of its own."""
    return checked.error is not None and _failed_migration(checked) is None


def _failed_migration(checked: Checked) -> Problem | None:
    """Return the problem of the migration at which a fresh build ended, None if none failed."""
    causes = checked.error.problems if isinstance(checked.error, Refused) else ()
    if checked.fresh is None:
        return None
    return next((problem for problem in causes if problem.path is not None), None)


def _build(checked: Checked, fresh: FreshDatabase, failed: Problem | None) -> ET.Element:
    """Return a suite with the migrations in the order of the run; the last one may have failed."""
    failures = [*errors(fresh.problems), *([failed] if failed is not None else [])]
    suite = ET.Element(
        "testsuite",
        name=_text(f"fresh database of {checked.database}"),
        tests=str(len(fresh.rows) + len(failures)),
        failures=str(len(failures)),
        errors="0",
        skipped="0",
        time=f"{fresh.seconds:.3f}",
    )
    for row in fresh.rows:
        seconds = (row.duration_ms or 0) / 1000
        case = ET.SubElement(
            suite, "testcase", classname="migrations", name=_text(row.id), time=f"{seconds:.3f}"
        )
        output = ET.SubElement(case, "system-out")
        output.text = f"applied at {row.applied_at.isoformat(timespec='milliseconds')}"
    for problem in failures:
        _add_problem(suite, problem, verdict(checked) if problem is failed else problem.hint)
    for problem in fresh.problems:
        output = ET.SubElement(suite, "system-err")
        output.text = _text(
            f"{problem.place}: {problem.message} [{problem.rule}]\n{problem.detail}"
        )
    return suite


def _add_problem(suite: ET.Element, problem: Problem, body: str) -> None:
    name = problem.path.stem if problem.path is not None else problem.rule
    case = ET.SubElement(suite, "testcase", classname="migrations", name=_text(name))
    if problem.path is not None:
        case.set("file", _text(str(in_repository(problem.path))))
    if problem.line is not None:
        case.set("line", str(problem.line))
    _add(case, "failure", problem.message, body, problem.rule)


def _upgrade(database: str, upgrade: Upgrade) -> ET.Element:
    """Return a suite with the migrations of an upgrade in order, and what was edited since."""
    cases = [
        ET.Element("testcase", classname="upgrade", name=_text(name)) for name in upgrade.applied
    ]
    return _notice(f"upgrade of {database} from {upgrade.ref}", upgrade_report(upgrade), cases)


def _matrix(database: str, matrix: Matrix) -> ET.Element:
    """Return a suite with what is broken and fails nothing: each is a case that is skipped."""
    broken = [violation for cell in matrix.spared for violation in cell.violations]
    suite = ET.Element("testsuite", name=_text(f"rolling deploy of {database} from {matrix.ref}"))
    suite.attrib |= dict.fromkeys(("failures", "errors"), "0")
    suite.attrib |= dict.fromkeys(("tests", "skipped"), str(len(broken)))
    for violation in broken:
        case = ET.SubElement(suite, "testcase", classname="matrix", name=_text(violation.subject))
        message = f"{violation.message}: {exemption(matrix)}"
        _add(case, "skipped", message, violation.explanation, violation.rule)
    ET.SubElement(suite, "system-out").text = _text(counts(matrix))
    return suite


def _notice(name: str, output: str, cases: Sequence[ET.Element] = ()) -> ET.Element:
    """Return a suite with a text, whose cases all pass."""
    suite = ET.Element("testsuite", name=_text(name), tests=str(len(cases)))
    suite.attrib |= dict.fromkeys(("failures", "errors", "skipped"), "0")
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _text(output)
    return suite


def _add_case(suite: ET.Element, assertion: Assertion, *, allow_unknown: bool) -> None:
    table, _, rest = assertion.id.partition("::")
    case = ET.SubElement(suite, "testcase", classname=_text(table), name=_text(rest or table))
    place = split_place(assertion.source)
    if place is not None:
        case.set("file", _text(str(place[0])))
        case.set("line", str(place[1]))
    if assertion.violation is not None:
        violation = assertion.violation
        body = "\n".join(filter(None, (violation.explanation, violation.source)))
        _add(case, "failure", violation.message, body, violation.rule)
    elif assertion.verdict is Verdict.UNKNOWN:
        tag = "skipped" if allow_unknown else "error"
        _add(case, tag, f"unknown: {assertion.unknown}", assertion.unknown, "unknown")
    elif assertion.warning:
        ET.SubElement(case, "system-out").text = _text(f"warning: {assertion.warning}")


def _add(case: ET.Element, tag: str, message: str, body: str, kind: str) -> None:
    element = ET.SubElement(case, tag, type=kind, message=_text(message))
    element.text = _text(body)


def _text(text: str) -> str:
    """Return the text escaped, without characters that XML forbids."""
    return _FORBIDDEN.sub("\ufffd", escape_text(text))
