"""The files of one database as the rules see them: read, split and parsed.

No database is queried. Everything here is computed at most once in a run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from django.apps import apps

from migration_guard.adopting import record
from migration_guard.exceptions import CannotTell
from migration_guard.linter import grammar
from migration_guard.linter.danger.walk import Walk
from migration_guard.linter.grammar import ParsedStatement
from migration_guard.linter.merge_base import MergeBase
from migration_guard.linter.order.findings import Findings
from migration_guard.linter.order.search_path import SearchPath
from migration_guard.linter.order.simulate import Run, simulate
from migration_guard.planning import files as planning_files
from migration_guard.planning import foreign_formats, near_misses, no_effect
from migration_guard.planning.digests import fingerprint, is_fingerprint
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HISTORY_TABLE
from migration_guard.planning.names import FileName, scan
from migration_guard.planning.preflight import prepare
from migration_guard.planning.regular_files import read_bytes
from migration_guard.planning.scripts import Script, in_one_transaction
from migration_guard.problems import Problem, Severity
from migration_guard.sql.statements import SQLError, Statement, split

BASELINE: Final = "_baseline.sql"
_NOT_JUDGED_AGAIN: Final = {foreign_formats.RULE, near_misses.SLUG, no_effect.SLUG}


@dataclass(frozen=True)
class Context:
    """What the rules know besides the files.

    ``merge_base`` is None where nothing is merged, or where nobody asked: then ``knows_new`` is
    False. ``search_path`` is that of the project's connection, None if it is not known.
    ``lock_timeout`` is True if the runner sets one by itself.
    """

    vendor: str
    environments: frozenset[str]
    merge_base: MergeBase | None = None
    search_path: SearchPath = ("public",)
    lock_timeout: bool = True
    server_version: str = ""
    knows_new: bool = False


@dataclass(frozen=True)
class Source:
    """The migrations of one database in order; ``problems`` were found while they were read."""

    context: Context
    folders: tuple[Path, ...]
    names: tuple[FileName, ...]
    files: tuple[MigrationFile, ...]
    scripts: Mapping[str, Script]
    problems: tuple[Problem, ...]

    @property
    def merge_base(self) -> MergeBase:
        """What ``--base`` compares with. Only rules that need a base may use it."""
        assert self.context.merge_base is not None  # noqa: S101 - such rules do not run without it
        return self.context.merge_base

    @property
    def vendor(self) -> str:
        """Django's name of the database vendor."""
        return self.context.vendor

    @cached_property
    def by_path(self) -> dict[Path, MigrationFile]:
        """The files by their path."""
        return {file.path: file for file in self.files}

    @cached_property
    def replaced(self) -> dict[str, str]:
        """The squash of each file that stands beside one and is not read, by id."""
        squashes = {
            migration_id: file.id
            for file in self.files
            for ids in file.directives.replaces
            for migration_id in ids
        }
        here = {name.id for name in self.names} - {file.id for file in self.files}
        return {migration_id: squashes[migration_id] for migration_id in here & squashes.keys()}

    @property
    def read_names(self) -> list[FileName]:
        """The names, without those that a squash replaces."""
        return [name for name in self.names if name.id not in self.replaced]

    @cached_property
    def parse_trees(self) -> dict[str, tuple[ParsedStatement, ...]]:
        """The parse trees by migration id. A file that could not be split has none."""
        return {
            migration_id: tuple(_parse_all(script.statements))
            for migration_id, script in self.scripts.items()
        }

    @cached_property
    def baseline(self) -> Sequence[Statement]:
        """The statements of the schema from before the migrations."""
        return _read_baseline(self.folders, self.vendor)

    @cached_property
    def owned(self) -> frozenset[str]:
        """The tables that Django's own migrations make."""
        return _tables_of_django()

    @cached_property
    def simulations(self) -> tuple[Findings, ...]:
        """The findings of the order rules, once for each set of files that environments run."""
        baseline = tuple(_parse_all(self.baseline))
        return tuple(
            simulate(
                Run(
                    [(file, self.parse_trees.get(file.id)) for file in files],
                    baseline,
                    self.owned,
                    self.context.search_path,
                )
            )
            for files in self._file_sets()
        )

    @cached_property
    def new_files(self) -> frozenset[str]:
        """The ids of the migrations that are not merged, or whose SQL this branch edited.

        What was taken over from another tool is history, as long as it is the text of then.
        """
        base = self.context.merge_base
        files = [file for file in self.files if not self._is_adopted(file)]
        if base is None:
            return frozenset(file.id for file in files)
        return frozenset(file.id for file in files if self._is_new(file, base))

    @cached_property
    def _adopted(self) -> dict[str, tuple[str, str]]:
        """The fingerprints of what was taken over, with the vendor of each, by id."""
        return {
            migration.id: (migration.fingerprint, source.vendor)
            for source in record.read(self.folders)
            for migration in source.migrations
        }

    def _is_adopted(self, file: MigrationFile) -> bool:
        known = self._adopted.get(file.id)
        return known is not None and is_fingerprint(known[0], file.text, known[1])

    @cached_property
    def walk(self) -> Walk:
        """The statements of all files with the tables before each, for the rules of danger."""
        path = self.context.search_path
        return Walk(
            self.vendor,
            [(file, self.statements(file)) for file in self.files],
            self.new_files,
            self._release,
            self.baseline,
            self.owned,
            path[0] if path else "",
            has_base=self.context.merge_base is not None,
        )

    def statements(self, file: MigrationFile) -> list[Statement]:
        """Return the statements of a file, none if it could not be split."""
        script = self.scripts.get(file.id)
        return script.statements if script is not None else []

    def transaction(self, file: MigrationFile, statement: Statement) -> tuple[str, int] | None:
        """Return which transaction runs a statement, None for one that commits by itself."""
        script = self.scripts.get(file.id)
        units = script.units if script is not None else ()
        if in_one_transaction(file, self.vendor):
            return file.id, 0
        for unit in units:
            if unit.first != unit.last and statement in unit.statements:
                return file.id, unit.first
        return None

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

    def _is_new(self, file: MigrationFile, base: MergeBase) -> bool:
        if not base.merged_ids.isdisjoint(file.former_ids):
            return False  # another rule compares its SQL
        merged = base.merged.get(file.path)
        if merged is None or merged.text is None:
            return merged is None
        return fingerprint(merged.text, self.vendor) != fingerprint(file.text, self.vendor)

    def _release(self, file: MigrationFile) -> str:
        """Return what a file is released with: all new files go together where a base is known."""
        base = self.context.merge_base
        return file.id if base is None or file.path in base.merged else "new"

    def _file_sets(self) -> Iterable[tuple[MigrationFile, ...]]:
        """Return the different sets of files that the environments run."""
        if not any(file.directives.environments for file in self.files):
            return [self.files]
        file_sets = (
            tuple(file for file in self.files if file.directives.runs_in(environment))
            for environment in sorted(self.context.environments)
        )
        return {tuple(file.id for file in files): files for files in file_sets}.values()


def read(folders: Sequence[Path], context: Context) -> Source:
    """Read, split and check all migrations in ``folders``. Raises CannotTell as planning does."""
    names, _ = scan(folders)
    file_set = planning_files.read(folders, context.vendor, context.environments)
    scripts, problems = prepare(file_set.files, context.vendor, context.environments)
    return Source(
        context,
        tuple(folders),
        tuple(names),
        file_set.files,
        scripts,
        (*file_set.problems, *_drop_those_of_merged_files(problems, file_set.files, context)),
    )


def _drop_those_of_merged_files(
    problems: Sequence[Problem], files: Sequence[MigrationFile], context: Context
) -> list[Problem]:
    """Drop what is not judged again in merged files, since these may be applied."""
    if context.merge_base is None:
        return list(problems)
    own = {file.path for file in context.merge_base.own_files(files)}
    return [
        problem
        for problem in problems
        if problem.rule not in _NOT_JUDGED_AGAIN or problem.path in own
    ]


def _parse_all(statements: Sequence[Statement]) -> list[ParsedStatement]:
    return [
        parsed
        for statement in statements
        if not statement.meta
        for parsed in grammar.parse(statement)
    ]


def _read_baseline(folders: Sequence[Path], vendor: str) -> list[Statement]:
    """Return the statements of the dumps of what was there before the first migration."""
    statements: list[Statement] = []
    for folder in folders:
        path = folder / BASELINE
        try:
            statements += split(read_bytes(str(path)).decode("utf-8-sig"), vendor)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, SQLError) as error:
            raise CannotTell(
                f"{path} cannot be read: {error}.",
                "It must be the output of pg_dump --schema-only; or remove it.",
            ) from error
    return statements


def _tables_of_django() -> frozenset[str]:
    """Return the tables that Django's own migrations make, those of this app among them."""
    tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed or model._meta.app_label == "migration_guard"
    }
    return frozenset({*tables, "django_migrations", HISTORY_TABLE})
