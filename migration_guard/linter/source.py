"""What the rules look at: the files of one database, read, split and parsed once.

No database is asked. Invariant: everything here is computed at most once in a run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from django.apps import apps

from migration_guard.exceptions import CannotTell
from migration_guard.linter import grammar
from migration_guard.linter.grammar import Parsed
from migration_guard.linter.merge_base import Past
from migration_guard.linter.order.search_path import Setting
from migration_guard.linter.order.simulate import Run, simulate
from migration_guard.linter.order.simulation import Findings
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HISTORY_TABLE
from migration_guard.planning.names import FileName, scan
from migration_guard.planning.preflight import Script, prepare
from migration_guard.problems import Problem, Severity
from migration_guard.sql.statements import SQLError, Statement, split

BASELINE = "_baseline.sql"


@dataclass(frozen=True)
class Context:
    """What is known besides the files.

    ``past`` is None without ``--base``; ``uncommitted`` are the files that differ from the last
    commit, None outside git. ``search_path`` is that of the project's connection, None if it is
    not known. ``lock_timeout`` tells whether the runner sets one by itself.
    """

    vendor: str
    environments: frozenset[str]
    past: Past | None = None
    uncommitted: frozenset[Path] | None = None
    search_path: Setting = ("public",)
    lock_timeout: bool = True
    server_version: str = ""


@dataclass(frozen=True)
class Source:
    """The migrations of one database in order, and what reading them found."""

    context: Context
    folders: tuple[Path, ...]
    names: tuple[FileName, ...]
    files: tuple[MigrationFile, ...]
    scripts: Mapping[str, Script]
    found: tuple[Problem, ...]

    @property
    def past(self) -> Past:
        """What the branch of ``--base`` has, for the rules that need it."""
        assert self.context.past is not None  # noqa: S101 - those do not run without it
        return self.context.past

    @property
    def vendor(self) -> str:
        """Django's name of the database vendor."""
        return self.context.vendor

    @cached_property
    def by_path(self) -> dict[Path, MigrationFile]:
        """The files by their path."""
        return {file.path: file for file in self.files}

    @cached_property
    def parsed(self) -> dict[str, tuple[Parsed, ...]]:
        """The parse trees of each file that could be split, by id."""
        return {
            migration_id: tuple(_parse_all(script.statements))
            for migration_id, script in self.scripts.items()
        }

    @cached_property
    def simulations(self) -> tuple[Findings, ...]:
        """The order rule's findings, once for each set of environments that run the same files."""
        baseline = tuple(_parse_all(_baseline(self.folders, self.vendor)))
        owned = _owned_by_others()
        return tuple(
            simulate(
                Run(
                    [(file, self.parsed.get(file.id)) for file in files],
                    baseline,
                    owned,
                    self.context.search_path,
                )
            )
            for files in self._runs()
        )

    def statements(self, file: MigrationFile) -> list[Statement]:
        """Return the statements of a file; none where it could not be split."""
        script = self.scripts.get(file.id)
        return script.statements if script is not None else []

    def problem(
        self,
        rule: str,
        severity: Severity,
        file: MigrationFile | None,
        offset: int | None,
        message: str,
        hint: str,
    ) -> Problem:
        """Return a problem at an offset, in characters, of a file."""
        if file is None or offset is None:
            return Problem(rule, message, hint, severity, file.path if file else None)
        line = file.text.count("\n", 0, offset) + 1
        column = offset - (file.text.rfind("\n", 0, offset) + 1) + 1
        return Problem(rule, message, hint, severity, file.path, line, column=column)

    def _runs(self) -> Iterable[tuple[MigrationFile, ...]]:
        if not any(file.directives.environments for file in self.files):
            return [self.files]
        runs = (
            tuple(file for file in self.files if file.directives.runs_in(environment))
            for environment in sorted(self.context.environments)
        )
        return {tuple(file.id for file in files): files for files in runs}.values()


def read(folders: Sequence[Path], context: Context) -> Source:
    """Read, split and check all migrations in ``folders``; raise CannotTell as planning does."""
    names, _ = scan(folders)
    read_files = planning_files.read(folders, context.vendor, context.environments)
    scripts, found = prepare(read_files.files, context.vendor)
    return Source(
        context,
        tuple(folders),
        tuple(names),
        read_files.files,
        scripts,
        (*read_files.problems, *found),
    )


def _parse_all(statements: Sequence[Statement]) -> list[Parsed]:
    return [one for each in statements if not each.meta for one in grammar.parse(each)]


def _baseline(folders: Sequence[Path], vendor: str) -> list[Statement]:
    """Return what the database had before its first migration, where a dump says so."""
    found: list[Statement] = []
    for folder in folders:
        path = folder / BASELINE
        try:
            found += split(path.read_text(encoding="utf-8-sig"), vendor)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, SQLError) as error:
            raise CannotTell(
                f"{path} cannot be read: {error}.",
                "It must be the output of pg_dump --schema-only; or remove it.",
            ) from error
    return found


def _owned_by_others() -> frozenset[str]:
    """Return the tables that Django's own migrations make, those of this app among them."""
    own = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed or model._meta.app_label == "migration_guard"
    }
    return frozenset({*own, "django_migrations", HISTORY_TABLE})
