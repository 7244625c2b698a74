"""The result of a check as JUnit's XML, with a test case for each assertion."""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from migration_guard.problems import split_place
from migration_guard.reports.escaping import escape_text
from migration_guard.reports.text import verdict
from migration_guard.results import Assertion, Checked, FreshDatabase, Verdict

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
    if checked.error is not None or not by_owner:
        by_owner.setdefault("", [])
    root = ET.Element("testsuites")
    if checked.fresh is not None:
        root.append(_build(checked.database, checked.fresh))
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
    errors = int(checked.error is not None and not owner)
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
    if checked.error is not None and not owner:
        case = ET.SubElement(suite, "testcase", classname=_text(checked.database), name="check")
        _add(case, "error", checked.error.message, verdict(checked), "cannot-tell")
    for assertion in assertions:
        _add_case(suite, assertion, allow_unknown=checked.allow_unknown)
    return suite


def _build(database: str, fresh: FreshDatabase) -> ET.Element:
    """Return a suite with the migrations in the order in which they were applied."""
    suite = ET.Element(
        "testsuite",
        name=_text(f"fresh database of {database}"),
        tests=str(len(fresh.rows)),
        failures="0",
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
    for problem in fresh.problems:
        output = ET.SubElement(suite, "system-err")
        output.text = _text(f"{problem.place}: {problem.message}\n{problem.detail}")
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
