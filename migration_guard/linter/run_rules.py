"""Run all rules over the files of one database."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from migration_guard.linter import grammar
from migration_guard.linter.needs import Need
from migration_guard.linter.registry import Rule, rules
from migration_guard.linter.rules import squawk
from migration_guard.linter.source import Source
from migration_guard.planning.renumbering import id_and_number
from migration_guard.problems import Problem
from migration_guard.results import NotRun

_INSTALL: Final = 'pip install "django-migration-guard[lint]"'


def check(source: Source) -> tuple[tuple[Problem, ...], tuple[NotRun, ...]]:
    """Return all problems in order, and the rules that could not run with the reason.

    A file's ``allow`` silences a rule here. Problems of reading have heeded it already.
    """
    problems = list(source.problems)
    not_met: dict[tuple[str, str], list[str]] = defaultdict(list)
    for rule in rules().values():
        if rule.check is None:
            continue
        reason = _unmet_need(rule, source)
        if reason is not None:
            not_met[reason].append(rule.slug)
        else:
            problems += _drop_allowed(rule.check(source), source)
    not_run = [NotRun(tuple(slugs), *reason) for reason, slugs in not_met.items()]
    return tuple(sorted(problems, key=_sort_key)), tuple(not_run)


def _drop_allowed(problems: Iterator[Problem], source: Source) -> Iterator[Problem]:
    for problem in problems:
        file = source.by_path.get(problem.path) if problem.path is not None else None
        if file is None or problem.rule not in file.directives.allow:
            yield problem


def _unmet_need(rule: Rule, source: Source) -> tuple[str, str] | None:
    """Return why a rule cannot run and the remedy, None if it can run."""
    if Need.POSTGRESQL in rule.needs and source.vendor != "postgresql":
        return f"they know PostgreSQL's SQL, and this database is {source.vendor}", ""
    if Need.GRAMMAR in rule.needs and not grammar.is_installed():
        return "PostgreSQL's grammar is not installed", _INSTALL
    if Need.SQUAWK in rule.needs and squawk.executable() is None:
        return "squawk is not installed", _INSTALL
    if Need.BASE in rule.needs and source.context.merge_base is None:
        return "they compare with a branch", "--base origin/main"
    if Need.SQUAWK in rule.needs and not source.context.knows_new:
        return "it is not known which files are new", "--base GITREF"
    return None


def _sort_key(problem: Problem) -> tuple[int, str, int, str, str]:
    name = problem.path.name if problem.path is not None else ""
    _, number = id_and_number(name) or ("", -1)
    return number, name, problem.line or 0, problem.rule, problem.message
