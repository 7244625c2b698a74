"""checks-off: triggers, foreign keys or constraints are switched off while rows are written."""

from collections.abc import Iterator

from migration_guard.linter.danger.switches import WORDS, Switch, read_switches, touches_rows
from migration_guard.linter.danger.walk import Step
from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "checks-off"
SEVERITY = Severity.WARNING
NEEDS = NOTHING


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each check that stays off, or is off while old rows are touched."""
    off: dict[tuple[str, str], tuple[Switch, Problem]] = {}
    touched: set[tuple[str, str]] = set()
    file_id, does_more = "", False
    for step in source.walk.steps(WORDS):
        if step.file.id != file_id:
            yield from _left(off, touched, does_more=does_more)
            file_id, does_more = step.file.id, False
        switches = list(read_switches(step))
        does_more = does_more or not switches
        for switch in switches:
            if switch.table is not None and step.tables.is_fresh(switch.table):
                continue
            if switch.is_off:
                off[switch.key] = (switch, _problem(source, step, switch))
            elif switch.key in off and not (switch.checks_rows and switch.key in touched):
                del off[switch.key]
            elif switch.key in off:
                off[switch.key] = (switch._replace(stays=False), off[switch.key][1])
        if touches_rows(step):
            touched |= set(off)
    yield from _left(off, touched, does_more=does_more)


def _left(
    off: dict[tuple[str, str], tuple[Switch, Problem]],
    touched: set[tuple[str, str]],
    *,
    does_more: bool,
) -> Iterator[Problem]:
    """Yield the problems of a file, and forget them.

    A file that does nothing else believes that the switch lasts.
    """
    for key, (switch, problem) in off.items():
        if switch.stays or key in touched or not does_more:
            yield problem
    off.clear()
    touched.clear()


def _problem(source: Source, step: Step, switch: Switch) -> Problem:
    return source.problem(
        SLUG,
        SEVERITY,
        step.file,
        step.part.offset,
        f"{step.excerpt}: {switch.fault}, and nothing checks the rows that were written meanwhile"
        if switch.checks_rows
        else f"{step.excerpt}: {switch.fault}",
        "Write the rows with the checks on, or switch them on again in this file and prove the "
        "rows. If you mean it: -- guard: allow = checks-off, <reason>.",
    )
