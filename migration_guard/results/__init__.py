"""What the commands find or do, as values for every report."""

from migration_guard.results.builds import (
    Chapter,
    Doubt,
    FreshDatabase,
    Late,
    RemovedApp,
    Replay,
    Upgrade,
)
from migration_guard.results.check import Checked, UsageScope
from migration_guard.results.examination import Assertion, Examination, Verdict
from migration_guard.results.lint import Edit, Inspected, NotRun, RulePage
from migration_guard.results.matrix import Cell, Matrix
from migration_guard.results.repair import Action, Change, Repaired
from migration_guard.results.run import (
    EMPTY_PLAN,
    Adoption,
    Impact,
    Outcome,
    Readiness,
    Stamped,
    TakenOver,
)

__all__ = [
    "EMPTY_PLAN",
    "Action",
    "Adoption",
    "Assertion",
    "Cell",
    "Change",
    "Chapter",
    "Checked",
    "Doubt",
    "Edit",
    "Examination",
    "FreshDatabase",
    "Impact",
    "Inspected",
    "Late",
    "Matrix",
    "NotRun",
    "Outcome",
    "Readiness",
    "RemovedApp",
    "Repaired",
    "Replay",
    "RulePage",
    "Stamped",
    "TakenOver",
    "Upgrade",
    "UsageScope",
    "Verdict",
]
