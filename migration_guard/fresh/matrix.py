"""Check a rolling deploy: the code of a release on today's schema, and the other way round.

One more throwaway database is migrated by the release's own code. Where a statement breaks, today's
migrations are applied to it one after the other, to see which of them makes the difference. What
none of them drops stays, as it does in production: the tables of an app that the branch removes.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from migration_guard import conf, schema_check
from migration_guard.contracts.causes import Cause
from migration_guard.fresh.building import BuildOptions
from migration_guard.fresh.host import Host
from migration_guard.fresh.makers import Makers
from migration_guard.fresh.throwaway import throwaway
from migration_guard.fresh.upgrade import child, process
from migration_guard.fresh.upgrade.release import Release, find_release
from migration_guard.results import Cell, Matrix
from migration_guard.running import events
from migration_guard.usage.cells import subtract_own, with_findings, with_rules
from migration_guard.usage.check import (
    WAY_OUT,
    Account,
    Answer,
    UsageCheck,
    assertions_of,
    caller_of,
    judge,
)
from migration_guard.usage.places import place
from migration_guard.usage.servers import Finding
from migration_guard.usage.statement import Statement

OPTION: Final = "--matrix"
_HERE: Final = "this branch"
_MIGRATION_FIRST: Final = (
    "Deploy that migration in a release before this code, or let each deploy bring its schema "
    "first."
)


@dataclass(frozen=True, slots=True)
class MatrixCheck:
    """What to compare: the release ``ref``, and the statements of its code and of today's."""

    ref: str
    of_release: UsageCheck
    of_today: UsageCheck


class Answers(NamedTuple):
    """What one schema does to the statements of both codes."""

    of_release: list[Answer]
    of_today: list[Answer]


class RollingDeploy:
    """A deploy from a release, during which both codes and both schemas meet."""

    def __init__(self, alias: str, request: MatrixCheck) -> None:
        """Find the release. Raises CannotTell where git does not know it."""
        self._alias = alias
        self._request = request
        self._release: Release = find_release(request.ref, OPTION)
        self._today = Answers([], [])

    def look_at_today(self) -> None:
        """Ask the database that the alias is now, which has today's schema."""
        self._today = self._ask()

    def compare(self, host: Host, environment: str, observe: events.Observer) -> Matrix:
        """Let the release's code migrate a database, and ask that one. Raises CannotTell."""
        name = _short_name(self._release)
        with throwaway(self._alias, host):
            process.deploy(self._release, self._alias, host, environment)
            older = self._ask()
            answers = Answers(
                subtract_own(self._today.of_release, older.of_release, name),
                subtract_own(older.of_today, self._today.of_today, _HERE),
            )
            requests = self._request.of_release, self._request.of_today
            broken = [
                replace(request, statements=with_findings(of_code))
                for request, of_code in zip(requests, answers, strict=True)
            ]
            makers = Makers(self._alias, broken)
            if makers.are_needed:
                makers.apply(BuildOptions(self._alias, environment, observe=observe))
                if makers.is_complete:  # then what it does not break is kept
                    of_release = with_rules(answers.of_release, makers.rules)
                    answers = answers._replace(of_release=of_release)
        deploy = conf.deploy_order()
        explanation = _Explanation(self._alias, self._request.ref, name, makers)
        cells = _cells(answers, self._request, explanation, deploy)
        return Matrix(name, self._release.commit, deploy, cells)

    def _ask(self) -> Answers:
        with schema_check.open_for_reading(self._alias) as connection:
            return Answers(
                judge(connection, self._request.of_release),
                judge(connection, self._request.of_today),
            )


class _Explanation:
    """Says which of today's migrations makes the difference for a statement of a deploy."""

    def __init__(self, alias: str, ref: str, name: str, makers: Makers) -> None:
        self._option = f"--upgrade-from {shlex.quote(ref)}{conf.database_option(alias)}"
        self.name = name
        self._makers = makers

    def explain(
        self, statement: Statement, finding: Finding, *, is_mended: bool
    ) -> tuple[str, str]:
        """Return which migration makes the difference, and its place; or why none is known."""
        maker = self._makers.find(statement, finding, is_mended=is_mended)
        if maker is not None:
            source = maker.place(statement, finding, self._django_files)
            return f"{maker.id} makes the difference.", source
        command = f"manage.py checkschema {self._option}"
        if self._makers.is_complete:
            return f"No migration since {self.name} makes the difference. Look at {command}.", ""
        return (
            "Which migration makes the difference is not known, since today's migrations cannot "
            f"upgrade a database of {self.name}. Look at {command}.",
            "",
        )

    @cached_property
    def _django_files(self) -> Mapping[str, Path]:
        return child.migration_files()


def _cells(
    answers: Answers, request: MatrixCheck, explanation: _Explanation, deploy: str
) -> tuple[Cell, Cell]:
    """Return both cells: first the release's code, which runs on while the schema changes."""
    name, is_schema_first = explanation.name, deploy == conf.SCHEMA_FIRST

    def place_here(caller: str) -> str:
        return place(caller, request.of_today.root)

    def explain_old(statement: Statement, finding: Finding) -> tuple[Cause, str]:
        cause, source = explanation.explain(statement, finding, is_mended=False)
        return Cause(cause), source or caller_of(statement)

    def explain_new(statement: Statement, finding: Finding) -> tuple[Cause, str]:
        cause, _ = explanation.explain(statement, finding, is_mended=True)
        return Cause(cause), place_here(caller_of(statement))

    # The lines of the release's code are not in this branch.
    old = Account("usage-of-release", _side(name, _HERE), WAY_OUT, str, explain_old)
    new = Account(
        "usage-on-release",
        _side(_HERE, name),
        _MIGRATION_FIRST,
        place_here,
        explain_new,
    )
    return (
        Cell(
            code=name,
            schema=_HERE,
            moment="while pods roll" if is_schema_first else "if the schema goes first",
            is_lived=is_schema_first,
            assertions=tuple(assertions_of(answers.of_release, old)),
            left_out=len(request.of_release.statements) - len(answers.of_release),
        ),
        Cell(
            code=_HERE,
            schema=name,
            moment="if the code goes first" if is_schema_first else "until the schema follows",
            is_lived=not is_schema_first,
            assertions=tuple(assertions_of(answers.of_today, new)),
            left_out=len(request.of_today.statements) - len(answers.of_today),
        ),
    )


def _side(code: str, schema: str) -> str:
    return f" (code of {code}, schema of {schema})"


def _short_name(release: Release) -> str:
    is_commit = release.commit.startswith(release.ref)
    return release.commit[:10] if is_commit else release.ref
