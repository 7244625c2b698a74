"""Results as JSON for a program; the shapes are part of the interface (see the design)."""

import json
from dataclasses import asdict
from typing import Any

from migration_guard.exceptions import GuardError, Refused
from migration_guard.planning.new_migration import NewMigration
from migration_guard.planning.plan import Planned
from migration_guard.problems import Problem
from migration_guard.results import Assertion, Checked, FreshDatabase, Outcome, Repaired


def run(outcome: Outcome) -> str:
    """Return what ``runsqlmigrations --format json`` prints."""
    found = [problem_fields(problem) for problem in outcome.problems]
    if outcome.error is not None and not any(
        problem["message"] == outcome.error.message for problem in found
    ):
        found.append(error_fields(outcome.error))
    return dump(
        {
            "database": outcome.database,
            "vendor": outcome.vendor,
            "environment": outcome.environment,
            "migrations": [_migration(migration) for migration in outcome.plan.migrations],
            "applied": list(outcome.applied),
            "problems": found,
        }
    )


def repair(done: Repaired) -> str:
    """Return what ``repairsqlmigrations --format json`` prints."""
    return dump(
        {
            "database": done.database,
            "vendor": done.vendor,
            "action": str(done.action),
            "migrations": [change.id for change in done.changes],
            "environment": done.environment,
            "problems": [] if done.error is None else [error_fields(done.error)],
        }
    )


def schema_check(checked: Checked) -> str:
    """Return what ``checkschema --format json`` prints; ``error`` only if nothing was checked."""
    plan = checked.migrations
    found: dict[str, Any] = {
        "database": checked.database,
        "vendor": checked.vendor,
        "ok": checked.returncode == 0,
        "checked": len(checked.assertions),
        "violations": [asdict(violation) for violation in checked.violations],
        "unknown": [_unknown(assertion) for assertion in checked.unknown],
        "migrations": [] if plan is None else [_migration(one) for one in plan.migrations],
    }
    if checked.fresh is not None:
        found["fresh"] = _built(checked.fresh, checked.error)
    if checked.error is not None:
        found["error"] = {"message": checked.error.message, "hint": checked.error.hint}
    return dump(found)


def new_migration(made: NewMigration | GuardError) -> str:
    """Return what ``makesqlmigration --format json`` prints, also where it made nothing."""
    if isinstance(made, GuardError):
        problems = [error_fields(made)]
        return dump({"path": None, "id": None, "number": None, "problems": problems})
    return dump(
        {
            "path": str(made.path),
            "id": made.id,
            "number": made.number,
            "problems": [problem_fields(problem) for problem in made.problems],
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
    """Return why a command could not go on, as a problem."""
    rule = "cannot-tell" if error.returncode == 2 else "refused"  # noqa: PLR2004
    return problem_fields(Problem(rule, error.message, error.hint))


def dump(value: Any) -> str:
    """Return ``value`` as JSON text, readable and stable."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _built(fresh: FreshDatabase, error: GuardError | None) -> dict[str, Any]:
    problems = [*fresh.problems, *(error.problems if isinstance(error, Refused) else ())]
    found: dict[str, Any] = {
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
        found["timeline"] = [chapter._asdict() for chapter in fresh.timeline]
    return found


def _unknown(assertion: Assertion) -> dict[str, Any]:
    return {
        "id": assertion.id,
        "table": assertion.table,
        "object": assertion.object,
        "source": assertion.source,
        "reason": assertion.unknown,
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
