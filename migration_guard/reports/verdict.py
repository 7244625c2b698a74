"""Why a check failed as text, with the next command."""

from typing import Final

from migration_guard.exceptions import Refused
from migration_guard.problems import MIGRATION_FAILED
from migration_guard.reports.check import USAGE_RULES
from migration_guard.reports.text import count, failure
from migration_guard.results import Checked, Impact, Verdict

# The rule of a clause that is stated after its day.
EXPIRED: Final = "expired"
# The rules of differences that a replay shows begin so.
REPLAY_RULES: Final = "replay-"


def verdict(checked: Checked) -> str:
    """Return why a check failed, and the next command; empty for a success."""
    if checked.error is not None:
        causes = checked.error.problems if isinstance(checked.error, Refused) else ()
        # The message of the error tells already which migration failed.
        others = [problem for problem in causes if problem.rule != MIGRATION_FAILED]
        return failure(checked.error, others)
    if checked.returncode == 1:
        if checked.impact is not None and not checked.violations:
            return impact_verdict(checked.impact)
        return _broken_usage(checked) or _broken(checked)
    if checked.returncode:
        unknown = count(len(checked.unknown), "assertion")
        return (
            f"{unknown} about {checked.subject} could not be checked.\n"
            "Remove the cause that is named above, or accept it: --allow-unknown."
        )
    return ""


def impact_verdict(impact: Impact) -> str:
    """Return why a trace fails."""
    return (
        f"{count(impact.failing, 'problem')} of impact, from the limits of "
        'MIGRATION_GUARD["IMPACT"] on: each is named above, with what to do.'
    )


def _broken_usage(checked: Checked) -> str:
    """Return that statements fail, "" where there are other violations, or a rolling deploy."""
    rules = {violation.rule for violation in checked.violations}
    if checked.matrix is not None or not all(rule.startswith(USAGE_RULES) for rule in rules):
        return ""
    broken = count(len(checked.violations), "violation")
    return (
        f"Statements that the code sends fail on {checked.subject}: {broken}.\n"
        "Each is named above, with who sends it and the way out."
    )


def _broken(checked: Checked) -> str:
    """Return what the violations of a check are about, and the next command."""
    broken = count(len(checked.violations), "violation")
    if all(violation.rule == EXPIRED for violation in checked.violations):
        return (
            f'Clauses of the contract of "{checked.database}" have expired: {broken}.\n'
            "Remove each where the contract says so, or give it a later day."
        )
    if checked.drift:
        return (
            f'The database "{checked.database}" and what the files make differ: {broken}.\n'
            "Each is named above, with the migration that names it and what to do."
        )
    if checked.upgrade is not None:
        return (
            f"A database that upgrades from {checked.upgrade.ref} does not end where a fresh one "
            f"begins: {broken}.\n"
            "Each is named above, with what to do."
        )
    if any(violation.rule.startswith(REPLAY_RULES) for violation in checked.violations):
        return (
            f'The database "{checked.database}", its history and the files differ: {broken}.\n'
            "Each is named above, with what made it as far as that is known."
        )
    if checked.fresh is not None:
        return _broken_fresh(checked, broken)
    return (
        f'The database "{checked.database}" does not keep its contract: {broken}.\n'
        "Apply what is pending (manage.py runsqlmigrations), or write a migration that keeps it. "
        "If the contract is wrong, correct it at the place that is named above."
    )


def _broken_fresh(checked: Checked, broken: str) -> str:
    lived = checked.matrix.lived if checked.matrix is not None else ()
    statements = sum(cell.counts[Verdict.VIOLATED] for cell in lived)
    if checked.matrix is not None and statements:
        return (
            f"A rolling deploy from {checked.matrix.ref} breaks {count(statements, 'statement')}: "
            f"{broken} in all.\n"
            "Each is named above, with what makes the difference and the way out."
        )
    return (
        f"A database that is built from the files does not keep the contract: {broken}.\n"
        "Write a migration that keeps it (manage.py makesqlmigration). If the contract is wrong, "
        "correct it at the place that is named above."
    )
