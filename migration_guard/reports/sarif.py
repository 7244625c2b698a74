"""Problems and violations as SARIF 2.1.0, which code scanning reads.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from migration_guard.exceptions import GuardError, Refused
from migration_guard.problems import Problem, Severity, Violation, split_place
from migration_guard.reports.fresh import replay_report
from migration_guard.reports.json import dump
from migration_guard.reports.matrix import counts, exemption
from migration_guard.reports.places import in_repository
from migration_guard.reports.text import moment, warning
from migration_guard.reports.usage import usage_scope
from migration_guard.results import Assertion, Checked, RulePage

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
DISTRIBUTION: Final = "django-migration-guard"
UNKNOWN: Final = "unknown"
EXPIRES: Final = "expires"

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def schema_check(checked: Checked, rules: Mapping[str, str]) -> str:
    """Return the log of a check; ``rules`` maps each rule to a sentence."""
    results = [_violation(violation) for violation in checked.violations]
    level = "warning" if checked.allow_unknown else "error"
    results += [_unknown(assertion, level) for assertion in checked.unknown]
    results += [_warning(assertion) for assertion in checked.warnings]
    sentences = {
        **rules,
        UNKNOWN: "What the contract says could not be checked.",
        EXPIRES: "The day until which a clause is to be settled is less than a month away.",
    }
    properties: dict[str, Any] = {}
    if checked.upgrade is not None:
        results += map(_problem, checked.upgrade.problems)
    if checked.fresh is not None or checked.upgrade is not None:
        failed = checked.error.problems if isinstance(checked.error, Refused) else ()
        results += map(_problem, failed)
    if checked.fresh is not None:
        results += map(_problem, checked.fresh.problems)
        order = [f"{row.id} @ {moment(row.applied_at)}" for row in checked.fresh.rows]
        properties["appliedMigrations"] = order
    if checked.replay is not None:
        properties["replay"] = replay_report(checked.replay).splitlines()
    if checked.matrix is not None:
        properties["matrix"] = counts(checked.matrix).splitlines()
        broken = (violation for cell in checked.matrix.spared for violation in cell.violations)
        results += [_violation(v, "note", exemption(checked.matrix)) for v in broken]
    if checked.usage is not None:
        properties["usage"] = usage_scope(checked.usage)
    return _log(results, sentences, checked.error, properties)


def problems(
    problems: Iterable[Problem],
    rules: Mapping[str, str],
    error: GuardError | None = None,
    pages: Mapping[str, RulePage] = MappingProxyType({}),
) -> str:
    """Return the log of problems; ``error`` ended the run early, ``pages`` explain the rules."""
    return _log([_problem(problem) for problem in problems], rules, error, pages=pages)


def _log(
    results: list[dict[str, Any]],
    rules: Mapping[str, str],
    error: GuardError | None,
    properties: Mapping[str, Any] = MappingProxyType({}),
    pages: Mapping[str, RulePage] = MappingProxyType({}),
) -> str:
    rule_ids = sorted({result["ruleId"] for result in results})
    index = {rule: place for place, rule in enumerate(rule_ids)}
    invocation: dict[str, Any] = {"executionSuccessful": error is None}
    if error is not None:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": str(error)}}
        ]
    run: dict[str, Any] = {
        "tool": {"driver": _driver({rule: rules.get(rule, rule) for rule in rule_ids}, pages)},
        "invocations": [invocation],
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [{**result, "ruleIndex": index[result["ruleId"]]} for result in results],
    }
    if properties:
        run["properties"] = {**properties}
    return dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver(sentences: Mapping[str, str], pages: Mapping[str, RulePage]) -> dict[str, Any]:
    rules = [_rule(rule, sentence, pages.get(rule)) for rule, sentence in sentences.items()]
    driver: dict[str, Any] = {"name": "migration_guard", "rules": rules}
    with suppress(PackageNotFoundError):  # a checkout that is not installed
        driver["version"] = version(DISTRIBUTION)
    return driver


def _rule(rule: str, sentence: str, page: RulePage | None) -> dict[str, Any]:
    descriptor: dict[str, Any] = {"id": rule, "shortDescription": {"text": sentence}}
    if page is not None and page.text:
        descriptor["help"] = {"text": page.text, "markdown": page.text}
    if page is not None and page.uri:
        descriptor["helpUri"] = page.uri
    return descriptor


def _violation(violation: Violation, level: str = "error", note: str = "") -> dict[str, Any]:
    locations = _locations(violation.source, violation.table, violation.object)
    fingerprint = f"{violation.rule}:{violation.subject}:{violation.expected}"
    text = "\n".join(filter(None, (violation.explanation, note)))
    return _result(violation.rule, level, text, locations, fingerprint)


def _unknown(assertion: Assertion, level: str) -> dict[str, Any]:
    text = f"{assertion.id} could not be checked: {assertion.unknown}"
    locations = _locations(assertion.source, assertion.table, assertion.object)
    return _result(UNKNOWN, level, text, locations, f"{UNKNOWN}:{assertion.id}")


def _warning(assertion: Assertion) -> dict[str, Any]:
    locations = _locations(assertion.source, assertion.table, assertion.object)
    message = warning(assertion)
    rule = assertion.warning_rule
    return _result(rule, "warning", message, locations, f"{rule}:{assertion.id}")


def _problem(problem: Problem) -> dict[str, Any]:
    text = "\n".join(filter(None, (problem.message, problem.hint, problem.detail)))
    locations = [] if problem.path is None else [_file_location(problem.path, problem.line)]
    name = problem.path.name if problem.path is not None else ""
    fingerprint = f"{problem.rule}:{name}:{problem.message}"
    return _result(problem.rule, _LEVELS[problem.severity], text, locations, fingerprint)


def _result(
    rule: str, level: str, text: str, locations: list[dict[str, Any]], fingerprint: str
) -> dict[str, Any]:
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": locations,
        # It stays the same when lines move, so that code scanning recognizes the result.
        "partialFingerprints": {"finding/v1": fingerprint},
    }


def _locations(source: str, table: str, object_: str) -> list[dict[str, Any]]:
    names = [{"fullyQualifiedName": ".".join(filter(None, (table, object_))), "kind": "resource"}]
    place = split_place(source)
    if place is None:
        if source:
            names.append({"fullyQualifiedName": source, "kind": "member"})
        return [{"logicalLocations": names}]
    return [{**_file_location(*place), "logicalLocations": names}]


def _file_location(path: Path, line: int | None) -> dict[str, Any]:
    relative = in_repository(path)
    if relative.is_absolute():
        artifact = {"uri": relative.as_uri()}
    else:
        artifact = {"uri": quote(relative.as_posix()), "uriBaseId": "SRCROOT"}
    location: dict[str, Any] = {"artifactLocation": artifact}
    if line is not None:
        location["region"] = {"startLine": line}
    return {"physicalLocation": location}
