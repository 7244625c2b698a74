"""Finds the migration that makes a difference for a statement, by applying one after the other.

It needs no reading of migrations: after each of them the server is asked again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from migration_guard import schema_check
from migration_guard.contracts.causes.statements import split_text
from migration_guard.exceptions import GuardError
from migration_guard.fresh import building
from migration_guard.fresh.building import BuildOptions
from migration_guard.fresh.host import Host
from migration_guard.fresh.throwaway import throwaway
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import place as place_of
from migration_guard.sql.classify import mentions
from migration_guard.sql.dialects import dialect
from migration_guard.usage.cells import findings_of
from migration_guard.usage.check import Answer, UsageCheck, judge
from migration_guard.usage.servers import Finding
from migration_guard.usage.statement import Statement
from migration_guard.usage.tables import tables_of


class Maker(NamedTuple):
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


class Makers:
    """The migrations that change what a schema does to statements.

    The alias is a database to which they are applied one after the other.
    """

    def __init__(self, alias: str, requests: Iterable[UsageCheck]) -> None:
        self._alias = alias
        self._requests = [request for request in requests if request.statements]
        self._last: frozenset[tuple[str, Finding]] = frozenset()
        # By the finding itself, and by its rule: whether the statement breaks at all.
        self._makers: dict[tuple[str, Finding | str], Maker] = {}
        self._kept: set[str] = set()
        self.is_complete = True

    @property
    def are_needed(self) -> bool:
        """True if a statement breaks."""
        return bool(self._requests)

    @property
    def rules(self) -> frozenset[tuple[str, str]]:
        """The digests of statements with the rules that the upgraded database breaks."""
        return frozenset(_rules(self._last))

    def apply(self, options: BuildOptions) -> None:
        """Upgrade the database, and look at the statements after each migration."""
        self._last = _findings(self._ask())
        try:
            building.build(replace(options, watch=self._note))
        except GuardError:
            self.is_complete = False

    def find(
        self, statement: Statement, finding: Finding, *, is_mended: bool = False
    ) -> Maker | None:
        """Return the migration that makes a finding, or the last that mends its statement."""
        maker = self._makers.get((statement.digest, finding.rule))
        return maker if is_mended else self._makers.get((statement.digest, finding), maker)

    def find_breaker(self, statement: Statement, finding: Finding) -> Maker | None:
        """Return the migration that makes a finding of a statement that was kept before it."""
        return self.find(statement, finding) if statement.digest in self._kept else None

    def _note(self, migration: str, file: MigrationFile | None) -> None:
        answers = self._ask()
        findings = _findings(answers)
        changes: list[tuple[str, Finding | str]] = [*(self._last ^ findings)]
        changes += _rules(self._last) ^ _rules(findings)
        self._makers |= dict.fromkeys(changes, Maker(migration, file))
        self._last = findings
        self._kept.update(answer.statement.digest for answer in answers if not answer.result)

    def _ask(self) -> list[Answer]:
        with schema_check.open_for_reading(self._alias) as connection:
            return [answer for check in self._requests for answer in judge(connection, check)]


def find_breakers(
    broken: UsageCheck, host: Host, options: BuildOptions
) -> Callable[[Statement, Finding], str]:
    """Build one more database, and return what names the migration that breaks a statement.

    It returns "" for a statement that nothing ever kept.
    """
    makers = Makers(options.alias, [broken])
    with throwaway(options.alias, host):
        makers.apply(options)

    def name(statement: Statement, finding: Finding) -> str:
        maker = makers.find_breaker(statement, finding)
        return f"{maker.id} makes the difference." if maker is not None else ""

    return name


def _findings(answers: Iterable[Answer]) -> frozenset[tuple[str, Finding]]:
    return frozenset(
        (answer.statement.digest, finding) for answer in answers for finding in findings_of(answer)
    )


def _rules(findings: Iterable[tuple[str, Finding]]) -> set[tuple[str, str]]:
    return {(digest, finding.rule) for digest, finding in findings}
