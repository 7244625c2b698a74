"""Check a rolling deploy: the code of a release on today's schema, and the other way round.

One more throwaway database is migrated by the release's own code. Where a statement breaks, today's
migrations are applied to it one after the other, to see which of them makes the difference. What
none of them drops stays, as it does in production: the tables of an app that the branch removes.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from migration_guard import conf, schema_check
from migration_guard.contracts.causes.statements import split_text
from migration_guard.exceptions import GuardError
from migration_guard.fresh import building
from migration_guard.fresh.building import BuildOptions
from migration_guard.fresh.host import Host
from migration_guard.fresh.throwaway import throwaway
from migration_guard.fresh.upgrade import child, process
from migration_guard.fresh.upgrade.release import Release, find_release
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import place as place_of
from migration_guard.results import Cell, Matrix
from migration_guard.running import events
from migration_guard.sql.classify import mentions
from migration_guard.sql.dialects import dialect
from migration_guard.usage.cells import findings_of, subtract_own, with_findings, with_rules
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
from migration_guard.usage.tables import tables_of

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
            makers = _Makers(self._alias, self._request, answers)
            if makers.are_needed:
                makers.find(BuildOptions(self._alias, environment, observe=observe))
                answers = answers._replace(of_release=makers.subtract_kept(answers.of_release))
        deploy = conf.deploy_order()
        cells = _cells(answers, self._request, makers, name, deploy)
        return Matrix(name, self._release.commit, deploy, cells)

    def _ask(self) -> Answers:
        with schema_check.open_for_reading(self._alias) as connection:
            return Answers(
                judge(connection, self._request.of_release),
                judge(connection, self._request.of_today),
            )


class _Maker(NamedTuple):
    """A migration that makes a difference; ``file`` is None for one of Django's."""

    id: str
    file: MigrationFile | None

    def place(self, statement: Statement, finding: Finding, of_django: Mapping[str, Path]) -> str:
        """Return ``path:line`` of what the migration does to a statement, "" without a file."""
        if self.file is None:
            path = of_django.get(self.id)
            return place_of(path, 1) if path is not None else ""
        tables = tables_of(statement.sql, dialect(statement.vendor)).values()
        texts = split_text(self.file.text, statement.vendor)
        for names in (finding.name[-1:], tuple(tables)):
            for text, line in texts:
                if any(mentions(text, name, statement.vendor) for name in names):
                    return place_of(self.file.path, line)
        return place_of(self.file.path, texts[0][1] if texts else 1)


class _Makers:
    """Finds which of today's migrations changes what a schema does to a statement.

    The alias is the release's database, to which they are applied one after the other.
    """

    def __init__(self, alias: str, request: MatrixCheck, answers: Answers) -> None:
        self._alias = alias
        self._requests = [
            replace(check, statements=with_findings(of_code))
            for check, of_code in zip((request.of_release, request.of_today), answers, strict=True)
        ]
        self._ref = request.ref
        self._last: frozenset[tuple[str, Finding]] = frozenset()
        # By the finding itself, and by its rule: whether the statement breaks at all.
        self._makers: dict[tuple[str, Finding | str], _Maker] = {}
        self._is_upgraded = True

    @property
    def are_needed(self) -> bool:
        """True if a statement breaks."""
        return any(request.statements for request in self._requests)

    def find(self, options: BuildOptions) -> None:
        """Upgrade the database, and look at the statements after each migration."""
        self._last = self._findings()
        try:
            building.build(replace(options, watch=self._note))
        except GuardError:
            self._is_upgraded = False

    def subtract_kept(self, answers: list[Answer]) -> list[Answer]:
        """Return the answers without what the upgraded database does not do to a statement."""
        return with_rules(answers, _rules(self._last)) if self._is_upgraded else answers

    def explain(
        self, statement: Statement, finding: Finding, name: str, *, is_mended: bool
    ) -> tuple[str, str]:
        """Return which migration makes the difference, and its place; or why none is known.

        What several migrations mend is mended by the last of them.
        """
        maker = self._makers.get((statement.digest, finding.rule))
        if not is_mended:
            maker = self._makers.get((statement.digest, finding), maker)
        if maker is not None:
            source = maker.place(statement, finding, self._django_files)
            return f"{maker.id} makes the difference.", source
        option = f"--upgrade-from {shlex.quote(self._ref)}{conf.database_option(self._alias)}"
        command = f"manage.py checkschema {option}"
        if self._is_upgraded:
            return f"No migration since {name} makes the difference. Look at {command}.", ""
        return (
            "Which migration makes the difference is not known, since today's migrations cannot "
            f"upgrade a database of {name}. Look at {command}.",
            "",
        )

    @cached_property
    def _django_files(self) -> Mapping[str, Path]:
        return child.migration_files()

    def _note(self, migration: str, file: MigrationFile | None) -> None:
        findings = self._findings()
        changes: list[tuple[str, Finding | str]] = [*(self._last ^ findings)]
        changes += _rules(self._last) ^ _rules(findings)
        self._makers |= dict.fromkeys(changes, _Maker(migration, file))
        self._last = findings

    def _findings(self) -> frozenset[tuple[str, Finding]]:
        with schema_check.open_for_reading(self._alias) as connection:
            return frozenset(
                (answer.statement.digest, finding)
                for request in self._requests
                for answer in judge(connection, request)
                for finding in findings_of(answer)
            )


def _rules(findings: Iterable[tuple[str, Finding]]) -> set[tuple[str, str]]:
    return {(digest, finding.rule) for digest, finding in findings}


def _cells(
    answers: Answers, request: MatrixCheck, makers: _Makers, name: str, deploy: str
) -> tuple[Cell, Cell]:
    """Return both cells: first the release's code, which runs on while the schema changes."""
    is_schema_first = deploy == conf.SCHEMA_FIRST

    def place_here(caller: str) -> str:
        return place(caller, request.of_today.root)

    def explain_old(statement: Statement, finding: Finding) -> tuple[str, str]:
        cause, source = makers.explain(statement, finding, name, is_mended=False)
        return cause, source or caller_of(statement)

    def explain_new(statement: Statement, finding: Finding) -> tuple[str, str]:
        cause, _ = makers.explain(statement, finding, name, is_mended=True)
        return cause, place_here(caller_of(statement))

    # The lines of the release's code are not in this branch.
    old = Account("usage-of-release", _side(name, _HERE), WAY_OUT, str, explain_old)
    new = Account("usage-on-release", _side(_HERE, name), _MIGRATION_FIRST, place_here, explain_new)
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
