"""What a run finds before it changes anything: files, history, plan and problems."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from migration_guard import conf
from migration_guard.adopting import record
from migration_guard.adopting.record import Source
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.history import History
from migration_guard.planning import files as planning_files
from migration_guard.planning.clock import find_clock_problems
from migration_guard.planning.edit_diff import edit_diff
from migration_guard.planning.files import FileSet, MigrationFile
from migration_guard.planning.history_rows import NOTHING_RECORDED, RecordedHistory
from migration_guard.planning.one_order import (
    DjangoStep,
    Item,
    Key,
    SQLStep,
    Step,
    pending_steps,
    steps_to_run,
    unmet_needs,
)
from migration_guard.planning.plan import HALF_DONE, Plan, Planned, make_plan
from migration_guard.planning.preflight import prepare
from migration_guard.planning.scripts import Script
from migration_guard.problems import Problem, errors
from migration_guard.results import Outcome
from migration_guard.running import (
    connecting,
    continuation,
    half_done,
    marking,
    own_tables,
    requirements,
    schema_of_history,
    stamping,
)
from migration_guard.running.adoption import guard, own_list
from migration_guard.running.connection import Connection
from migration_guard.running.django_graph import read_graph
from migration_guard.running.facts import Facts
from migration_guard.running.garbage_collection import no_collection
from migration_guard.running.options import Options
from migration_guard.running.statement_work import work_on
from migration_guard.running.stored_sql import unstorable_problems
from migration_guard.sql.classify import has_secret


class Survey:
    """The files and the history of one database, and what is to be applied.

    ``outcome`` grows with what is found; ``applied`` holds the ids that this run has applied.
    """

    conf: conf.Conf
    connection: Connection
    facts: Facts
    history: History
    recorded: RecordedHistory

    def __init__(self, alias: str, options: Options) -> None:
        self.alias = alias
        self.options = options
        self.outcome = Outcome(alias)
        self.files = FileSet((), ())
        self.applied: list[str] = []
        # What is worth knowing of files that run, by path; a plan made again has not lost it.
        self.notes: dict[Path | None, Problem] = {}
        # Names of Django migrations that a file may require, and that this run applies.
        self.coming: set[Key] = set()

    @no_collection()
    def read_files(self, *, read_only: bool = False) -> None:
        """Read the settings and the files; note their problems."""
        self.conf = conf.load()
        environment = self.options.environment or self.conf.environment
        environment = conf.environment(environment, self.conf.environments)
        vendor = connecting.supported_connection(self.alias, read_only=read_only).vendor
        self.set(vendor=vendor, environment=environment)
        self._refuse_mixture()
        if self.options.files is not None:
            self.files = FileSet(self.options.files, ())
            return
        folders = self.conf.folders(self.alias)
        self.files = planning_files.read(folders, vendor, self.conf.environments)
        self.set(problems=self.files.problems)
        if not self.files.problems:
            marking.check_number(self.files, self.options.target)
            marking.check_number(self.files, self.options.baseline)

    def _refuse_mixture(self) -> None:
        options = self.options
        if options.with_django and (options.marks or options.adopt):
            raise CannotTell(
                "--with-django runs migrations; --fake, --baseline and --adopt run none.",
                "Give one of them.",
            )
        is_for_run = options.marks or options.target is not None or options.allow_out_of_order
        if options.adopt and is_for_run:
            raise CannotTell(
                "--adopt records what another tool has applied, and runs nothing.",
                "Leave --target, --fake, --baseline and --allow-out-of-order for the next run.",
            )
        if bool(options.accept_edit) != bool(options.reason) or (
            options.reason and not options.adopt
        ):
            raise CannotTell(
                "--accept-edit ID and --reason TEXT go together, with --adopt.", "Give all three."
            )

    def open(self, connection: Connection, facts: Facts) -> None:
        """Take the connection of the run, and open the history."""
        self.connection, self.facts = connection, facts
        own_tables.refuse_hidden(connection, facts.schema)
        self.history = own_tables.open_history(connection, facts)

    @no_collection()
    def plan(self, *, present: bool) -> None:
        """Read the history, and make the plan; ``present``: the own tables are there."""
        with self.connection.failing():
            files = self.files.files
            self.recorded = self.history.read(files) if present else NOTHING_RECORDED
            if present and not self.recorded.rows:
                own_list.refuse_unfinished(self.connection, self.facts, self.history)
            schema_of_history.check(self.connection, self.facts, self.recorded, self.files.files)
        self._refuse_lost_files()
        outcome = self.outcome
        plan = make_plan(self.files.files, self.recorded, outcome.environment, outcome.vendor)
        problems = [self._with_diff(problem, plan) for problem in plan.problems]
        problems += self._find_problems_of_database()
        self.set(
            plan=plan,
            rows=tuple(self.recorded.rows.values()),
            stamp=self.recorded.environment,
            problems=(*self.files.problems, *problems),
        )

    def _find_problems_of_database(self) -> list[Problem]:
        """Return what is wrong with the stamp, and with the times of the history."""
        recorded, environment = self.recorded, self.outcome.environment
        with self.connection.failing():
            problems = stamping.find_problems(
                self.connection, self.facts, self.history, recorded, environment
            )
            if recorded.rows:
                problems += find_clock_problems(recorded, self.history.now())
        return problems

    def _refuse_lost_files(self) -> None:
        """Raise CannotTell if there is a history, and no file at all."""
        applied = list(self.recorded.rows or self.recorded.journal)
        if applied and not self.files.files and not self.files.problems:
            folders = ", ".join(map(str, self.conf.folders(self.alias)))
            more = f" and {len(applied) - 1} more" if len(applied) > 1 else ""
            raise CannotTell(
                f"There is no migration in {folders}, but the database has {applied[0]}{more}.",
                'Restore the files from version control, or correct MIGRATION_GUARD["DIRS"].',
            )

    def _with_diff(self, problem: Problem, plan: Plan) -> Problem:
        if problem.rule not in {"edited", "renamed-edited"}:
            return problem
        file, former = next(
            (migration.file, migration.former)
            for migration in plan.migrations
            if migration.file is not None and migration.file.path == problem.path
        )
        applied_as = former[0].id if problem.rule == "renamed-edited" else file.id
        applied = self.recorded.sql.get(applied_as)
        if applied is None:
            return replace(problem, detail=f"No diff: the history has no SQL of {applied_as}.")
        if has_secret(file.text, self.outcome.vendor):
            return problem
        return replace(problem, detail=edit_diff(file, applied))

    def to_run(self) -> list[Planned]:
        """Return what is to be applied, in order."""
        planned = self.outcome.plan.to_run(
            out_of_order=self.options.allow_out_of_order, target=self.options.target
        )
        return [migration for migration in planned if self.options.allows(migration.id)]

    def find_steps(self) -> tuple[Step, ...]:
        """Return what a run carries out, in order; with Django's migrations if it is asked to.

        Raises Refused where migrations of both kinds wait for each other.
        """
        if not self.options.with_django:
            return (SQLStep(tuple(self._files_to_run())),)
        graph = read_graph(self.connection, self.files.files)
        pending = self.outcome.plan.to_run(out_of_order=self.options.allow_out_of_order)
        ids = {planned.id for planned in pending if self.options.allows(planned.id)}

        def is_pending(item: Item) -> bool:
            if isinstance(item, MigrationFile):
                return item.id in ids
            return item.key not in graph.applied and self.options.allows(str(item))

        if self.options.steps is None:
            steps = steps_to_run(graph.project, is_pending, self.options.target)
        else:
            steps = pending_steps(self.options.steps, is_pending)
        keys = {
            migration.key
            for step in steps
            if isinstance(step, DjangoStep)
            for migration in step.migrations
        }
        stands_for = graph.project.stands_for
        there = graph.applied | keys
        self.coming = {name for name, found in stands_for.items() if found and there >= set(found)}
        applied = {p.id for p in self.outcome.plan.migrations if p.row is not None}
        unmet = unmet_needs(steps, graph.project.files, applied | ids)
        self.set(
            steps=steps if self.outcome.steps is None else self.outcome.steps,
            problems=(*self.outcome.problems, *unmet),
        )
        return steps

    def _files_to_run(self) -> list[MigrationFile]:
        return [planned.file for planned in self.to_run() if planned.file is not None]

    @no_collection()
    def prepare(self) -> dict[str, Script]:
        """Split all that will run, and note the problems that stand in its way."""
        files = self._files_to_run()
        connection = self.connection
        scripts, problems = prepare(
            files, connection.vendor, self.conf.environments, connection.string_setting
        )
        problems += requirements.unmet_requirements(connection, files, self.coming)
        problems += requirements.missing_session(connection, scripts.values())
        problems += requirements.too_long_statements(connection, scripts.values())
        self.notes |= {note.path: note for note in unstorable_problems(connection, files)}
        known = [self._with_outlook(problem, scripts) for problem in self.outcome.problems]
        self.set(problems=(*known, *problems))
        return scripts

    def _with_outlook(self, problem: Problem, scripts: Mapping[str, Script]) -> Problem:
        """Return the problem of a half-done migration with what a run will say of it."""
        script = next((s for s in scripts.values() if s.file.path == problem.path), None)
        if problem.rule != HALF_DONE or script is None:
            return problem
        entry = self.recorded.journal[script.file.id]
        refusal = half_done.find_changed_history(self.recorded)
        if refusal is not None and refusal.message.startswith(f"{entry.id} "):
            hint = refusal.hint.removeprefix("Next: ")
            return replace(problem, message=refusal.message, hint=hint)
        with self.connection.failing():
            outlook = continuation.foresee(work_on(self.connection, self.history), script, entry)
        message = "\n".join(filter(None, (problem.message, outlook.remains)))
        if outlook.obstacle is None:
            return replace(problem, message=message)
        message += f"\n{outlook.obstacle.reason}"
        remedy = outlook.obstacle.remedy
        return replace(problem, message=message, hint=remedy[0].upper() + remedy[1:])

    def read_sources(self) -> list[Source]:
        """Return what was taken over from other tools, as the files beside the migrations say."""
        return record.read(self.conf.folders(self.alias))

    def refuse_unadopted(self) -> None:
        """Raise CannotTell where another tool has run, or may have run, what would run now."""
        if to_run := self.to_run():
            sources = self.read_sources()
            guard.refuse_unadopted(self.connection, self.facts, sources, self.recorded, to_run)

    def add_growth(self) -> None:
        """Add a warning where another tool went on after its history was adopted."""
        growth = guard.find_growth(self.connection, self.facts, self.read_sources(), self.recorded)
        self.set(problems=(*self.outcome.problems, *growth))

    def stop_at(self, problems: Sequence[Problem]) -> None:
        """Raise Refused for what stops a run."""
        stopping = errors(problems)
        if self.options.allow_out_of_order:
            stopping = [problem for problem in stopping if problem.rule != "out-of-order"]
        if stopping:
            count = f"{len(stopping)} problem{'s' if len(stopping) > 1 else ''}"
            further = "further " if self.applied else ""
            raise Refused(f"{count}; no {further}migration was run.")

    def add_notes(self) -> None:
        """Add what is worth knowing of the files that run."""
        self.set(problems=(*self.outcome.problems, *self.notes.values()))

    def set(self, **values: Any) -> None:
        """Set parts of the outcome."""
        self.outcome = self.outcome._replace(**values)
