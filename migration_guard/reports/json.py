"""Results as JSON for a program. The schemas in ``schemas/`` are part of the interface."""

import json
from dataclasses import asdict
from typing import Any

from migration_guard.exceptions import GuardError, Refused
from migration_guard.planning.names import number_of
from migration_guard.planning.new_migration import NewMigration
from migration_guard.planning.one_order import DjangoStep
from migration_guard.planning.plan import Planned
from migration_guard.problems import Problem, Severity
from migration_guard.reports.escaping import escape_json, mask_values
from migration_guard.results import (
    Adoption,
    Assertion,
    Cell,
    Checked,
    FreshDatabase,
    Matrix,
    Outcome,
    Readiness,
    Repaired,
    Replay,
    TakenOver,
    Upgrade,
    UsageScope,
    Verdict,
)


def run(outcome: Outcome) -> str:
    """Return what ``runsqlmigrations --format json`` prints."""
    problems = [problem_fields(problem) for problem in outcome.problems]
    error = outcome.error
    if error and all(problem.message != error.message for problem in outcome.problems):
        problems.append(error_fields(error))
    fields: dict[str, Any] = {
        "database": outcome.database,
        "vendor": outcome.vendor,
        "environment": outcome.environment,
        "migrations": [_migration(migration) for migration in outcome.plan.migrations],
        "applied": list(outcome.applied),
        "problems": problems,
    }
    if outcome.steps is not None:
        fields["steps"] = [
            {"kind": "django" if isinstance(step, DjangoStep) else "sql", "names": step.names}
            for step in outcome.steps
        ]
    if outcome.adoptions:
        fields["adoptions"] = [_adoption(adoption) for adoption in outcome.adoptions]
    if outcome.impact is not None:
        fields["impact"] = outcome.impact.fields
    return dump(fields)


def _adoption(adoption: Adoption) -> dict[str, Any]:
    return {
        "tool": adoption.tool,
        "table": adoption.table,
        "recorded": list(adoption.ids),
        "known": list(adoption.known),
        "pending": list(adoption.pending),
        "believed": dict(adoption.believed),
        "accepted": list(adoption.accepted),
    }


def readiness(result: Readiness) -> str:
    """Return what ``runsqlmigrations --check --wait --format json`` prints."""
    return dump(
        {
            "database": result.alias,
            "ready": result.is_ready,
            "missing": list(result.missing),
            "reason": result.reason,
        }
    )


def repair(repaired: Repaired) -> str:
    """Return what ``repairsqlmigrations --format json`` prints."""
    return dump(
        {
            "database": repaired.database,
            "vendor": repaired.vendor,
            "action": str(repaired.action),
            "migrations": [change.id for change in repaired.changes],
            "environment": repaired.environment,
            "problems": [] if repaired.error is None else [error_fields(repaired.error)],
        }
    )


def schema_check(checked: Checked) -> str:
    """Return what ``checkschema --format json`` prints.

    It has the key ``error`` only if nothing was checked.
    """
    plan = checked.migrations
    fields: dict[str, Any] = {
        "database": checked.database,
        "vendor": checked.vendor,
        "ok": checked.returncode == 0,
        "checked": checked.count_assertions(*Verdict),
        "violations": [asdict(violation) for violation in checked.violations],
        "unknown": [_unknown(assertion) for assertion in checked.unknown],
        "warnings": [_warning(assertion) for assertion in checked.warnings],
        "migrations": [] if plan is None else list(map(_migration, plan.migrations)),
    }
    if checked.fresh is not None:
        fields["fresh"] = _fresh(checked.fresh, checked.error)
    if checked.upgrade is not None:
        fields["upgrade"] = _upgrade(checked.upgrade)
    if checked.replay is not None:
        fields["replay"] = _replay(checked.replay)
    if checked.impact is not None:
        fields["impact"] = checked.impact.fields
    if checked.matrix is not None:
        fields["matrix"] = _matrix(checked.matrix)
    if checked.usage is not None:
        fields["usage"] = _usage(checked.usage)
    if checked.error is not None:
        fields["error"] = {"message": checked.error.message, "hint": checked.error.hint}
    return dump(fields)


def new_migration(result: NewMigration | GuardError) -> str:
    """Return what ``makesqlmigration --format json`` prints, also after an error."""
    if isinstance(result, GuardError):
        problems = [error_fields(result)]
        return dump({"path": None, "id": None, "number": None, "problems": problems})
    return dump(
        {
            "path": str(result.path),
            "id": result.id,
            "number": result.number,
            "problems": [problem_fields(problem) for problem in result.problems],
        }
    )


def takeover(taken: TakenOver) -> str:
    """Return what ``makesqlmigration --from --format json`` prints."""
    last = taken.paths[-1] if taken.paths else None
    problems = (
        [Problem("not-built", taken.not_built.message, taken.not_built.hint, Severity.WARNING)]
        if taken.not_built is not None
        else []
    )
    return dump(
        {
            "path": str(last) if last is not None else None,
            "id": last.stem if last is not None else None,
            "number": number_of(last.stem) if last is not None else None,
            "problems": [problem_fields(problem) for problem in problems],
            "files": [str(path) for path in taken.paths],
            "down_parts": taken.down_parts,
        }
    )


def problem_fields(problem: Problem) -> dict[str, Any]:
    """Return a problem as a JSON object."""
    return {
        "rule": problem.rule,
        "severity": str(problem.severity),
        "path": str(problem.path) if problem.path is not None else None,
        "line": problem.line,
        "message": problem.message,
        "hint": problem.hint,
        "detail": problem.detail,
    }


def error_fields(error: GuardError) -> dict[str, Any]:
    """Return the error of a command as a problem."""
    rule = "cannot-tell" if error.returncode == 2 else "refused"  # noqa: PLR2004
    return problem_fields(Problem(rule, error.message, error.hint))


def dump(value: Any) -> str:
    """Return ``value`` as JSON text with indentation, its secrets masked, all lines harmless."""
    return escape_json(json.dumps(mask_values(value), indent=2, ensure_ascii=False))


def _fresh(fresh: FreshDatabase, error: GuardError | None) -> dict[str, Any]:
    problems = [*fresh.problems, *(error.problems if isinstance(error, Refused) else ())]
    fields: dict[str, Any] = {
        "environment": fresh.environment,
        "template": fresh.template or None,
        "seconds": round(fresh.seconds, 3),
        "django": list(fresh.django),
        "applied": [
            {
                "id": row.id,
                "number": row.number,
                "applied_at": row.applied_at.isoformat(timespec="microseconds"),
                "duration_ms": row.duration_ms,
            }
            for row in fresh.rows
        ],
        "problems": [problem_fields(problem) for problem in problems],
    }
    if fresh.timeline is not None:
        fields["timeline"] = [chapter._asdict() for chapter in fresh.timeline]
    return fields


def _upgrade(upgrade: Upgrade) -> dict[str, Any]:
    return {
        "from": upgrade.ref,
        "commit": upgrade.commit,
        "rows": upgrade.planted or None,
        "applied": list(upgrade.applied),
        "removed": [{"app": app.app, "tables": list(app.tables)} for app in upgrade.removed],
        "problems": [problem_fields(problem) for problem in upgrade.problems],
    }


def _replay(replay: Replay) -> dict[str, Any]:
    return {
        "seconds": round(replay.seconds, 3),
        "order": list(replay.order),
        "out_of_order": [
            {"id": late.migration, "after": list(late.after), "why": list(late.why)}
            for late in replay.late
        ],
        "doubts": [{"id": doubt.migration, "why": doubt.why} for doubt in replay.doubts],
    }


def _matrix(matrix: Matrix) -> dict[str, Any]:
    return {
        "from": matrix.ref,
        "commit": matrix.commit,
        "deploy": matrix.deploy,
        "cells": [_cell(cell) for cell in matrix.cells],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    counts = cell.counts
    return {
        "code": cell.code,
        "schema": cell.schema,
        "moment": cell.moment,
        "fails": cell.is_lived,
        "kept": counts[Verdict.KEPT],
        "broken": counts[Verdict.VIOLATED],
        "unknown": counts[Verdict.UNKNOWN],
        "not_checked": cell.left_out,
        "violations": [asdict(violation) for violation in cell.violations],
    }


def _usage(scope: UsageScope) -> dict[str, Any]:
    left_out = [{"reason": reason, "statements": number} for reason, number in scope.left_out]
    return {**scope._asdict(), "left_out": left_out}


def _unknown(assertion: Assertion) -> dict[str, Any]:
    return {**_place(assertion), "reason": assertion.unknown}


def _warning(assertion: Assertion) -> dict[str, Any]:
    return {
        **_place(assertion),
        "rule": assertion.warning_rule,
        "owner": assertion.owner,
        "message": assertion.warning,
    }


def _place(assertion: Assertion) -> dict[str, Any]:
    return {
        "id": assertion.id,
        "table": assertion.table,
        "object": assertion.object,
        "source": assertion.source,
    }


def _migration(migration: Planned) -> dict[str, Any]:
    row, file = migration.row, migration.file
    return {
        "id": migration.id,
        "number": migration.number,
        "state": str(migration.state),
        "path": str(file.path) if file is not None else None,
        "checksum": file.checksum if file is not None else row.checksum if row else None,
        "applied_at": row.applied_at.isoformat(timespec="microseconds") if row else None,
        "duration_ms": row.duration_ms if row else None,
    }
