"""Findings as SARIF 2.1.0, which code scanning reads.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from migration_guard.exceptions import GuardError, Refused
from migration_guard.problems import Problem, Severity, Violation, split_place
from migration_guard.reports.json import dump
from migration_guard.reports.text import moment
from migration_guard.results import Assertion, Checked

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
DISTRIBUTION = "django-migration-guard"
UNKNOWN = "unknown"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def schema_check(checked: Checked, rules: Mapping[str, str]) -> str:
    """Return the log of a checked contract; ``rules`` says in one sentence what each rule means."""
    results = [_violation(violation) for violation in checked.violations]
    level = "warning" if checked.allow_unknown else "error"
    results += [_unknown(assertion, level) for assertion in checked.unknown]
    known = {**rules, UNKNOWN: "What the contract says could not be checked."}
    order = None
    if checked.fresh is not None:
        failed = checked.error.problems if isinstance(checked.error, Refused) else ()
        results += [_problem(problem) for problem in (*checked.fresh.problems, *failed)]
        order = [f"{row.id} @ {moment(row.applied_at)}" for row in checked.fresh.rows]
    return _log(results, known, checked.error, order)


def problems(
    found: Iterable[Problem], rules: Mapping[str, str], error: GuardError | None = None
) -> str:
    """Return the log of problems; ``error`` is why the run ended early."""
    return _log([_problem(problem) for problem in found], rules, error)


def _log(
    results: list[dict[str, Any]],
    rules: Mapping[str, str],
    error: GuardError | None,
    applied: list[str] | None = None,
) -> str:
    named = sorted({result["ruleId"] for result in results})
    index = {rule: place for place, rule in enumerate(named)}
    invocation: dict[str, Any] = {"executionSuccessful": error is None}
    if error is not None:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": str(error)}}
        ]
    run: dict[str, Any] = {
        "tool": {"driver": _driver([_rule(rule, rules.get(rule, rule)) for rule in named])},
        "invocations": [invocation],
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The working directory."}}},
        "columnKind": "unicodeCodePoints",
        "results": [{**result, "ruleIndex": index[result["ruleId"]]} for result in results],
    }
    if applied is not None:
        run["properties"] = {"appliedMigrations": applied}
    return dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver(rules: list[dict[str, Any]]) -> dict[str, Any]:
    driver: dict[str, Any] = {"name": "migration_guard", "rules": rules}
    with suppress(PackageNotFoundError):  # a checkout that is not installed
        driver["version"] = version(DISTRIBUTION)
    return driver


def _rule(rule: str, sentence: str) -> dict[str, Any]:
    return {"id": rule, "shortDescription": {"text": sentence}}


def _violation(violation: Violation) -> dict[str, Any]:
    located = _located(violation.source, violation.table, violation.object)
    print_ = f"{violation.rule}:{violation.subject}:{violation.expected}"
    return _result(violation.rule, "error", violation.explanation, located, print_)


def _unknown(assertion: Assertion, level: str) -> dict[str, Any]:
    text = f"{assertion.id} could not be checked: {assertion.unknown}"
    located = _located(assertion.source, assertion.table, assertion.object)
    return _result(UNKNOWN, level, text, located, f"{UNKNOWN}:{assertion.id}")


def _problem(problem: Problem) -> dict[str, Any]:
    text = "\n".join(filter(None, (problem.message, problem.hint, problem.detail)))
    location = [] if problem.path is None else [_physical(problem.path, problem.line)]
    name = problem.path.name if problem.path is not None else ""
    print_ = f"{problem.rule}:{name}:{problem.message}"
    return _result(problem.rule, _LEVELS[problem.severity], text, location, print_)


def _result(
    rule: str, level: str, text: str, locations: list[dict[str, Any]], fingerprint: str
) -> dict[str, Any]:
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": locations,
        # What stays the same when lines move, so that code scanning knows a finding again.
        "partialFingerprints": {"finding/v1": fingerprint},
    }


def _located(source: str, table: str, object_: str) -> list[dict[str, Any]]:
    names = [{"fullyQualifiedName": ".".join(filter(None, (table, object_))), "kind": "resource"}]
    place = split_place(source)
    if place is None:
        if source:
            names.append({"fullyQualifiedName": source, "kind": "member"})
        return [{"logicalLocations": names}]
    return [{**_physical(*place), "logicalLocations": names}]


def _physical(path: Path, line: int | None) -> dict[str, Any]:
    here = Path.cwd()
    if path.is_absolute() and not path.is_relative_to(here):
        artifact = {"uri": path.as_uri()}
    else:
        relative = path.relative_to(here) if path.is_absolute() else path
        artifact = {"uri": quote(relative.as_posix()), "uriBaseId": "SRCROOT"}
    location: dict[str, Any] = {"artifactLocation": artifact}
    if line is not None:
        location["region"] = {"startLine": line}
    return {"physicalLocation": location}
