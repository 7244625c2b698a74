"""The runner, which applies and records the migrations of a plan.

Library first: ``run`` and ``look`` return an Outcome and print nothing; an observer hears what
happens on the way. A partial failure is a value: what was applied, and what failed.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError

from migration_guard import conf
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.history import How
from migration_guard.planning import files as planning_files
from migration_guard.planning.clock import find_clock_problems
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.edit_diff import edit_diff
from migration_guard.planning.files import FileSet
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.plan import HALF_DONE, Plan, Planned, State, make_plan
from migration_guard.planning.preflight import prepare
from migration_guard.planning.scripts import Script, is_journaled
from migration_guard.planning.stamp import describe_stamp
from migration_guard.problems import Problem, errors
from migration_guard.results import Outcome, Stamped
from migration_guard.running import (
    adopting,
    connecting,
    continuation,
    events,
    failures,
    half_done,
    interrupts,
    journaled,
    marking,
    own_tables,
    requirements,
    schema_of_history,
    stamping,
    transactional,
)
from migration_guard.running.connection import Connection
from migration_guard.running.continuation import Outlook
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.facts import Facts
from migration_guard.running.garbage_collection import freeze_objects, no_collection
from migration_guard.running.limits import Limits
from migration_guard.running.lock_retries import LockRetries
from migration_guard.running.locks import HeldLock, RunLock, hold, run_lock
from migration_guard.running.lost_session import await_end
from migration_guard.running.progress import Progress
from migration_guard.running.statement_work import work_on
from migration_guard.running.stored_sql import unstorable_problems
from migration_guard.running.task import AppliedByAnotherError, HistoryChangedError, Task
from migration_guard.sql.classify import has_secret


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do; the names are those of the command's options.

    ``wait`` in seconds, None for the setting; ``environment`` None for the setting. ``restamp``
    stamps the database with that environment whatever its stamp was: for a test database.
    ``stepwise`` waits for each statement, so that the observer hears of each one as it starts;
    else the statements of a small file are sent together.
    """

    target: int | None = None
    fake: tuple[str, ...] = ()
    baseline: int | None = None
    allow_out_of_order: bool = False
    wait: float | None = None
    environment: str | None = None
    adopt: bool = False
    restamp: bool = False
    stepwise: bool = False


def look(alias: str = DEFAULT_DB_ALIAS, options: Options = Options()) -> Outcome:
    """Return the plan without writing anything or taking a lock."""
    return _Run(alias, options, lambda _event: None).look()


def run(
    alias: str = DEFAULT_DB_ALIAS,
    options: Options = Options(),
    observe: events.Observer = lambda _event: None,
) -> Outcome:
    """Apply what is pending, in numeric order, each exactly once.

    Nothing is raised: ``Outcome.error`` holds what ended the run.
    """
    return _Run(alias, options, observe).run()


class _Run:
    """One run, or look, from its first file to its outcome."""

    def __init__(self, alias: str, options: Options, observe: events.Observer) -> None:
        self.alias = alias
        self.options = options
        self.observe = observe
        self.outcome = Outcome(alias)
        self.files = FileSet((), ())
        self.applied: list[str] = []
        self.last: datetime | None = None
        # What is worth knowing of files that run, by path; a plan made again has not lost it.
        self.notes: dict[Path | None, Problem] = {}
        # The migration that is being applied, and the script where it is no single transaction.
        self.current = ""
        self.script: Script | None = None
        self.interrupted: tuple[Script | None, Outlook | None] = (None, None)
        self.lock: RunLock

    def look(self) -> Outcome:
        return self._guard(self._look)

    def run(self) -> Outcome:
        return self._guard(self._run)

    def _guard(self, work: Callable[[], None]) -> Outcome:
        try:
            work()
        except GuardError as error:
            problems = error.problems if isinstance(error, Refused) else ()
            self._set(error=error, problems=(*self.outcome.problems, *problems))
        except KeyboardInterrupt:
            self._set(error=failures.interruption(self.applied, *self.interrupted))
        except StatementError as error:
            self._set(error=failures.step_failure(self.connection, error))
        self._set(applied=tuple(self.applied))
        return self.outcome

    def _look(self) -> None:
        self._read_files(read_only=True)
        with connecting.open_connection(self.alias, read_only=True) as (connection, facts):
            self._open(connection, facts)
            self._plan(present=own_tables.are_present(connection, facts))
            self._prepare()
            self._add_notes()

    def _run(self) -> None:
        self._read_files()
        self._stop_at(self.files.problems)
        with connecting.open_connection(self.alias) as (connection, facts):
            connecting.refuse_standby(connection, facts)
            self._open(connection, facts)
            wait = self.conf.wait if self.options.wait is None else self.options.wait
            self.lock = run_lock(connection)
            with hold(self.lock, wait, self.observe) as held:
                try:
                    self._run_locked(held)
                except (GuardError, StatementError, KeyboardInterrupt) as error:
                    self._look_again()
                    script = self.script if self.current not in self.applied else None
                    if script is not None and interrupts.is_behind(error):
                        self.interrupted = script, self._look_ahead(script)
                    raise

    def _run_locked(self, lock: HeldLock) -> None:
        if self._has_nothing_to_do():
            return
        if self.options.adopt:
            self._adopt()
        own_tables.ensure(self.connection, self.facts, self.files.files)
        if self.options.restamp:
            self._restamp()
        self._plan(present=True)
        self._complete_stamp()
        if not (self.options.fake or self.options.baseline is not None):
            refusal = half_done.find_changed_history(self.recorded)
            if refusal is not None:
                raise refusal
        self._stop_at([*filter(stamping.is_missing, self.outcome.problems)])
        if self.recorded.stamp is None:
            self._stamp(self.recorded)
        if self.options.fake or self.options.baseline is not None:
            self._mark()
        else:
            self._apply_all(lock)
        if self.applied or self.recorded.stamp is None:
            self._plan(present=True)
            self._add_notes()

    def _has_nothing_to_do(self) -> bool:
        """Return True if there is no file and no history. Nothing is written to the database."""
        options = self.options
        if self.files.files or options.adopt or options.fake or options.restamp:
            return False
        self._plan(present=own_tables.are_present(self.connection, self.facts))
        return not self.recorded.rows and not self.recorded.journal

    # -- files and plan

    @no_collection()
    def _read_files(self, *, read_only: bool = False) -> None:
        self.conf = conf.load()
        environment = self.options.environment or self.conf.environment
        environment = conf.environment(environment, self.conf.environments)
        vendor = connecting.supported_connection(self.alias, read_only=read_only).vendor
        self._set(vendor=vendor, environment=environment)
        folders = self.conf.folders(self.alias)
        self.files = planning_files.read(folders, vendor, self.conf.environments)
        self._set(problems=self.files.problems)
        if not self.files.problems:
            marking.check_number(self.files, self.options.target)
            marking.check_number(self.files, self.options.baseline)

    def _open(self, connection: Connection, facts: Facts) -> None:
        self.connection, self.facts = connection, facts
        own_tables.refuse_hidden(connection, facts.schema)
        self.history = own_tables.open_history(connection, facts)

    @no_collection()
    def _plan(self, *, present: bool) -> None:
        with self.connection.failing():
            files = self.files.files
            self.recorded = self.history.read(files) if present else RecordedHistory({}, {})
            if present and not self.recorded.rows:
                adopting.refuse_unfinished(self.connection, self.facts, self.history)
            schema_of_history.check(self.connection, self.facts, self.recorded, self.files.files)
        self._refuse_lost_files()
        outcome = self.outcome
        plan = make_plan(self.files.files, self.recorded, outcome.environment, outcome.vendor)
        problems = [self._with_diff(problem, plan) for problem in plan.problems]
        problems += self._find_problems_of_database()
        self._set(
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

    def _look_again(self) -> None:
        """Read the history after a failure: an interrupt may have come behind a COMMIT.

        Without an answer, only what is surely applied is reported as applied.
        """
        if not self.outcome.plan.migrations:
            return
        for opening in self._openings():
            with suppress(*self._errors_of_reaching()), opening as connection:
                connection.rollback()
                recorded = own_tables.open_history(connection, self.facts).read(self.files.files)
                outcome = self.outcome
                plan = make_plan(self.files.files, recorded, outcome.environment, outcome.vendor)
                self._set(plan=plan, rows=tuple(recorded.rows.values()))
                if self.current in recorded.rows and self.current not in self.applied:
                    self.applied.append(self.current)
                return

    def _with_diff(self, problem: Problem, plan: Plan) -> Problem:
        if problem.rule != "edited":
            return problem
        files = [migration.file for migration in plan.migrations if migration.file is not None]
        file = next(file for file in files if file.path == problem.path)
        applied = self.recorded.sql.get(file.id)
        if applied is None:
            return replace(problem, detail=f"No diff: the history has no SQL of {file.id}.")
        if has_secret(file.text, self.outcome.vendor):
            return problem
        return replace(problem, detail=edit_diff(file, applied))

    def _to_run(self) -> list[Planned]:
        return self.outcome.plan.to_run(
            out_of_order=self.options.allow_out_of_order, target=self.options.target
        )

    @no_collection()
    def _prepare(self) -> dict[str, Script]:
        """Split all that will run, and note the problems that stand in its way."""
        files = [planned.file for planned in self._to_run() if planned.file is not None]
        connection = self.connection
        scripts, problems = prepare(
            files, connection.vendor, self.conf.environments, connection.string_setting
        )
        problems += requirements.unmet_requirements(self.connection, files)
        problems += requirements.missing_session(self.connection, scripts.values())
        problems += requirements.too_long_statements(self.connection, scripts.values())
        self.notes |= {note.path: note for note in unstorable_problems(self.connection, files)}
        known = [self._with_outlook(problem, scripts) for problem in self.outcome.problems]
        self._set(problems=(*known, *problems))
        return scripts

    def _with_outlook(self, problem: Problem, scripts: Mapping[str, Script]) -> Problem:
        """Return the problem of a half-done migration with what a run will say of it."""
        script = next((s for s in scripts.values() if s.file.path == problem.path), None)
        if problem.rule != HALF_DONE or script is None:
            return problem
        entry = self.recorded.journal[script.file.id]
        with self.connection.failing():
            outlook = continuation.foresee(work_on(self.connection, self.history), script, entry)
        message = "\n".join(filter(None, (problem.message, outlook.remains)))
        if outlook.obstacle is None:
            return replace(problem, message=message)
        message += f"\n{outlook.obstacle.reason}"
        remedy = outlook.obstacle.remedy
        return replace(problem, message=message, hint=remedy[0].upper() + remedy[1:])

    def _stop_at(self, problems: Sequence[Problem]) -> None:
        stopping = errors(problems)
        if self.options.allow_out_of_order:
            stopping = [problem for problem in stopping if problem.rule != "out-of-order"]
        if stopping:
            count = f"{len(stopping)} problem{'s' if len(stopping) > 1 else ''}"
            further = "further " if self.applied else ""
            raise Refused(f"{count}; no {further}migration was run.")

    # -- acts that run no migration

    def _adopt(self) -> None:
        environment, limit = self.outcome.environment, self.conf.lock_timeout
        adopted, is_stamped = adopting.adopt(
            self.connection, self.facts, self.history, self.files, environment, limit
        )
        if is_stamped:
            self._set(stamped=Stamped(environment, again=False))
        for migration_id in adopted:
            self.observe(events.Recorded(migration_id, How.ADOPTED))

    def _restamp(self) -> None:
        """Stamp a test database, before a stamp that means nothing here stops the reading."""
        with self.connection.failing():
            rows = self.history.stamp.rows()
        if describe_stamp(rows) != self.outcome.environment:
            self._stamp(None)

    def _stamp(self, recorded: RecordedHistory | None) -> None:
        limit, environment = self.conf.lock_timeout, self.outcome.environment
        stamped = stamping.stamp(self.connection, self.history, recorded, environment, limit)
        self._set(stamped=stamped)

    def _complete_stamp(self) -> None:
        if schema_of_history.is_to_record(self.facts, self.recorded):
            self._add_schema_to_stamp()

    def _follow_move(self, script: Script) -> None:
        """Let the stamp record the schema that a migration has put first in the search path."""
        stamp = self.recorded.stamp or self.outcome.environment
        moved = schema_of_history.follow_move(self.connection, self.facts, stamp, script.file)
        if moved != self.facts:
            self.facts, self.history = moved, own_tables.open_history(self.connection, moved)
            self._add_schema_to_stamp()

    def _add_schema_to_stamp(self) -> None:
        with self.connection.transaction(self.conf.lock_timeout):
            self.history.stamp.add_schema()

    def _mark(self) -> None:
        plan = self.outcome.plan
        if self.options.baseline is not None:
            how, chosen = How.BASELINE, marking.choose_baseline(plan, self.options.baseline)
            reason = f"--baseline {self.options.baseline}"
        else:
            how, chosen = How.FAKE, marking.choose_fakes(plan, self.options.fake)
            reason = "--fake"
        environment, limit = self.outcome.environment, self.conf.lock_timeout
        marking.mark(self.connection, self.history, chosen, how, environment, reason, limit)
        self.applied += [planned.id for planned in chosen]
        for planned in chosen:
            self.observe(events.Recorded(planned.id, how))

    # -- migrations

    def _apply_all(self, lock: HeldLock) -> None:
        """Apply in order; plan again where another run, or a migration, has changed the history.

        Every round gets further than the one before, so the rounds come to an end.
        """
        progress = Progress()
        while True:
            self._stop_at(self.outcome.problems)
            scripts = self._prepare()
            self._stop_at(self.outcome.problems)
            with freeze_objects(), interrupts.keep_handlers():
                for planned in self._to_run():
                    lock.check()
                    progress.begin(planned, self.applied)
                    if self._apply(planned, scripts[planned.id]):
                        break
                else:
                    return
            lock.suspect()
            self._plan(present=True)
            progress.check(planned, self.recorded, self.applied)

    def _apply(self, planned: Planned, script: Script) -> bool:
        """Apply one migration; return whether the plan must be made again."""
        entry = planned.entry
        self.current = planned.id
        self.observe(events.Started(planned.id, entry.done if entry else 0, script.total))
        task = self._task(planned, script)
        try:
            # An entry of the journal that an earlier run left must be closed.
            if entry is not None or is_journaled(script, self.connection.vendor):
                self.script = script
                done = journaled.apply(task, entry)
            else:
                done = transactional.apply(task)
        except AppliedByAnotherError:
            self.observe(events.AppliedElsewhere(planned.id))
            return True
        except HistoryChangedError as error:
            refusal = None
            with suppress(*self._errors_of_reaching()):
                refusal = half_done.find_changed_history(self.history.read())
            raise failures.history_change_failure(script, error, self.applied, refusal) from error
        except StatementError as error:
            raise self._failure(script, error) from error
        self.last = done.applied_at
        self.applied.append(planned.id)
        self.observe(events.Applied(planned.id, done.applied_at, done.duration_ms))
        self._follow_move(script)
        if done.cleared:
            self.observe(events.Cleared(planned.id, done.cleared))
        return bool(done.cleared)

    def _task(self, planned: Planned, script: Script) -> Task:
        total = len(script.source)
        return Task(
            connection=self.connection,
            history=self.history,
            script=script,
            fingerprint=fingerprint(script.file.text, self.connection.vendor),
            environment=self.outcome.environment,
            retries=self._retries(script),
            after=self.last,
            out_of_order=planned.state is State.OUT_OF_ORDER,
            stepwise=self.options.stepwise,
            step=lambda statement: self.observe(
                events.Step(planned.id, script.number_of(statement), total)
            ),
        )

    def _retries(self, script: Script) -> LockRetries:
        retries = self.conf.lock_retries
        return LockRetries(
            self.connection,
            self.lock,
            Limits.of(script.file.directives, self.conf),
            retries,
            lambda attempt, delay, message: self.observe(
                events.Retrying(script.file.id, attempt, retries, delay, message)
            ),
        )

    def _failure(self, script: Script, error: StatementError) -> GuardError:
        outlook = self._look_ahead(script, error)
        return failures.migration_failure(self.connection, script, error, outlook, self.applied)

    def _look_ahead(self, script: Script, error: StatementError | None = None) -> Outlook | None:
        """Return what the next run will find of a migration, where what was sent may have stayed.

        That is so for what the journal claims, and for a COMMIT whose answer was lost. None for
        others, and where the database gives no answer.
        """
        is_lost = error is not None and error.kind is Kind.LOST
        is_open = is_lost and error is not None and error.committing
        is_claimed = script.file.id in self.recorded.journal
        if not (is_open or is_claimed or is_journaled(script, self.connection.vendor)):
            return None
        for opening in self._openings():
            with suppress(*self._errors_of_reaching()), opening as connection:
                is_settled = not is_lost or await_end(self.connection, connection)
                connection.rollback()
                history = own_tables.open_history(connection, self.facts)
                outlook = continuation.look_ahead(connection, history, script)
                return outlook._replace(is_settled=is_settled)
        return None

    def _openings(self) -> Sequence[AbstractContextManager[Connection]]:
        """Return ways to a connection: the one of this run may be lost."""
        return nullcontext(self.connection), self.connection.another()

    def _errors_of_reaching(self) -> tuple[type[Exception], ...]:
        return StatementError, DatabaseError, self.connection.driver_error

    def _add_notes(self) -> None:
        self._set(problems=(*self.outcome.problems, *self.notes.values()))

    def _set(self, **values: Any) -> None:
        self.outcome = self.outcome._replace(**values)
