"""The runner: from a plan to migrations that are applied and recorded.

Library first: ``run`` and ``look`` return an Outcome and print nothing; what happens on the way
is told to an observer. A partial failure is a value: what was applied, and what failed.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError

from migration_guard import conf
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.history import History, How, Identity, who
from migration_guard.planning import files as planning_files
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import FileSet
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.plan import Plan, Planned, State, edit_diff, make_plan
from migration_guard.planning.preflight import Script, in_one_transaction, prepare
from migration_guard.problems import Problem, Severity, errors
from migration_guard.results import Outcome
from migration_guard.running import (
    adopting,
    connecting,
    events,
    failures,
    interrupts,
    journaled,
    marking,
    own_tables,
    requirements,
    transactional,
)
from migration_guard.running.garbage_collection import no_collection, passing_over
from migration_guard.running.locks import Held, holding
from migration_guard.running.session import Facts, Kind, Session, StatementError
from migration_guard.running.transactional import (
    AppliedByAnotherError,
    HistoryChangedError,
    Limits,
    Task,
)
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
    """Return the plan; write nothing, and take no lock."""
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
    """One run (or look) from its first file to its outcome; holds what an outcome is made of."""

    def __init__(self, alias: str, options: Options, observe: events.Observer) -> None:
        self.alias = alias
        self.options = options
        self.observe = observe
        self.outcome = Outcome(alias)
        self.files = FileSet((), ())
        self.applied: list[str] = []
        self.last: datetime | None = None
        # The migration that is being applied.
        self.current = ""

    def look(self) -> Outcome:
        return self._guarded(self._look)

    def run(self) -> Outcome:
        return self._guarded(self._run)

    def _guarded(self, work: Callable[[], None]) -> Outcome:
        try:
            work()
        except GuardError as error:
            found = error.problems if isinstance(error, Refused) else ()
            self._set(error=error, problems=(*self.outcome.problems, *found))
        except KeyboardInterrupt:
            self._set(error=failures.interrupted(self.applied))
        except StatementError as error:
            self._set(error=failures.step_failed(self.session, error))
        self._set(applied=tuple(self.applied))
        return self.outcome

    def _look(self) -> None:
        self._read_files(read_only=True)
        with connecting.session(self.alias, read_only=True) as (session, facts):
            self._open(session, facts)
            self._plan(present=own_tables.present(session))
            self._prepare()

    def _run(self) -> None:
        self._read_files()
        self._stop_at(self.files.problems)
        with connecting.session(self.alias) as (session, facts):
            connecting.refuse_standby(session, facts)
            self._open(session, facts)
            wait = self.conf.wait if self.options.wait is None else self.options.wait
            with holding(session.run_lock(), wait, self.observe) as lock:
                try:
                    self._locked(lock)
                except (GuardError, StatementError, KeyboardInterrupt):
                    self._look_again()
                    raise

    def _locked(self, lock: Held) -> None:
        if self.options.adopt:
            self._adopt()
        own_tables.ensure(self.session, self.facts)
        self._plan(present=True)
        if self.recorded.stamp is None:
            self._stamp()
        elif self.options.restamp and self.recorded.stamp != self.outcome.environment:
            self._stamp()
            self._plan(present=True)
        if self.options.fake or self.options.baseline is not None:
            self._mark()
        else:
            self._apply_all(lock)
        if self.applied or self.recorded.stamp is None:
            self._plan(present=True)

    # -- files and plan

    @no_collection()
    def _read_files(self, *, read_only: bool = False) -> None:
        self.conf = conf.load()
        environment = self.options.environment or self.conf.environment
        environment = conf.environment(environment, self.conf.environments)
        vendor = connecting.configured(self.alias, read_only=read_only).vendor
        self._set(vendor=vendor, environment=environment)
        folders = self.conf.folders(self.alias)
        self.files = planning_files.read(folders, vendor, self.conf.environments)
        self._set(problems=self.files.problems)
        if not self.files.files and not self.files.problems:
            listed = ", ".join(str(folder) for folder in folders)
            raise CannotTell(
                f"There is no migration in {listed}.",
                "Make the first one: manage.py makesqlmigration NAME; or correct "
                'MIGRATION_GUARD["DIRS"].',
            )
        if not self.files.problems:
            marking.check_number(self.files, self.options.target)
            marking.check_number(self.files, self.options.baseline)

    def _open(self, session: Session, facts: Facts) -> None:
        self.session, self.facts = session, facts
        self.history = self._history(session)

    def _history(self, session: Session) -> History:
        identity = Identity(who(), self.facts.user)
        return History(session.connection, session.own, self.facts.schema, identity)

    @no_collection()
    def _plan(self, *, present: bool) -> None:
        with self.session.failing():
            self.recorded = self.history.recorded() if present else RecordedHistory({}, {})
            if present and not self.recorded.rows:
                adopting.refuse_unfinished(self.session, self.facts, self.history)
        outcome = self.outcome
        plan = make_plan(self.files.files, self.recorded, outcome.environment, outcome.vendor)
        problems = [self._with_diff(problem, plan) for problem in plan.problems]
        if self.recorded.stamp not in (None, outcome.environment):
            problems.append(_mismatch(str(self.recorded.stamp), outcome.environment))
        self._set(
            plan=plan,
            rows=tuple(self.recorded.rows.values()),
            stamp=self.recorded.stamp,
            problems=(*self.files.problems, *problems),
        )

    def _look_again(self) -> None:
        """See what the database has after a failure, and whether an interrupt came behind a COMMIT.

        Without an answer, what is not known to be applied is not said to be.
        """
        if not self.outcome.plan.migrations:
            return
        unreached = (StatementError, DatabaseError, self.session.driver_error)
        for reached in (nullcontext(self.session), self.session.another()):
            with suppress(*unreached), reached as session:
                session.rollback()
                recorded = self._history(session).recorded()
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
        applied = self.history.applied_sql(file.id)
        if applied is None or has_secret(file.text, self.outcome.vendor):
            return problem
        return replace(problem, detail=edit_diff(file, applied))

    def _to_run(self) -> list[Planned]:
        return self.outcome.plan.to_run(
            out_of_order=self.options.allow_out_of_order, target=self.options.target
        )

    @no_collection()
    def _prepare(self) -> dict[str, Script]:
        """Split all that will run, and look whether it may; raise nothing, note problems."""
        files = [planned.file for planned in self._to_run() if planned.file is not None]
        scripts, problems = prepare(files, self.session.vendor)
        problems += requirements.unmet(self.session, files) + self.session.unfit(files)
        self._set(problems=(*self.outcome.problems, *problems))
        return scripts

    def _stop_at(self, problems: Sequence[Problem]) -> None:
        found = errors(problems)
        if self.options.allow_out_of_order:
            found = [problem for problem in found if problem.rule != "out-of-order"]
        if found:
            count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
            further = "further " if self.applied else ""
            raise Refused(f"{count}; no {further}migration was run.")

    # -- acts that run no migration

    def _adopt(self) -> None:
        environment, limit = self.outcome.environment, self.conf.lock_timeout
        session, facts, history = self.session, self.facts, self.history
        adopted = adopting.adopt(session, facts, history, self.files, environment, limit)
        for migration_id in adopted:
            self.observe(events.Recorded(migration_id, How.ADOPTED))

    def _stamp(self) -> None:
        with self.session.transaction(self.conf.lock_timeout):
            self.history.write_stamp(self.outcome.environment)

    def _mark(self) -> None:
        plan = self.outcome.plan
        if self.options.baseline is not None:
            how, chosen = How.BASELINE, marking.choose_baseline(plan, self.options.baseline)
            reason = f"--baseline {self.options.baseline}"
        else:
            how, chosen = How.FAKE, marking.choose_fakes(plan, self.options.fake)
            reason = "--fake"
        environment, limit = self.outcome.environment, self.conf.lock_timeout
        marking.mark(self.session, self.history, chosen, how, environment, reason, limit)
        self.applied += [planned.id for planned in chosen]
        for planned in chosen:
            self.observe(events.Recorded(planned.id, how))

    # -- migrations

    def _apply_all(self, lock: Held) -> None:
        """Apply in order; where the history moved on under us, plan again."""
        while True:
            self._stop_at(self.outcome.problems)
            scripts = self._prepare()
            self._stop_at(self.outcome.problems)
            with passing_over(), interrupts.standing():
                for planned in self._to_run():
                    lock.check()
                    if self._apply(planned, scripts[planned.id]):
                        break
                else:
                    return
            lock.suspect()
            self._plan(present=True)

    def _apply(self, planned: Planned, script: Script) -> bool:
        """Apply one migration; return whether the plan must be made again."""
        entry = planned.entry
        self.current = planned.id
        self.observe(events.Started(planned.id, entry.done if entry else 0, script.total))
        task = self._task(planned, script)
        try:
            if in_one_transaction(script.file, self.session.vendor):
                done = transactional.apply(task)
            else:
                done = journaled.apply(task, entry)
        except AppliedByAnotherError:
            self.observe(events.AppliedElsewhere(planned.id))
            return True
        except HistoryChangedError as error:
            raise failures.history_changed(script, error, self.applied) from error
        except StatementError as error:
            raise self._failed(script, error) from error
        self.last = done.applied_at
        self.applied.append(planned.id)
        self.observe(events.Applied(planned.id, done.applied_at, done.duration_ms))
        if done.cleared:
            self.observe(events.Cleared(planned.id, done.cleared))
        return bool(done.cleared)

    def _task(self, planned: Planned, script: Script) -> Task:
        total = len(script.statements)
        return Task(
            session=self.session,
            history=self.history,
            script=script,
            fingerprint=fingerprint(script.file.text, self.session.vendor),
            environment=self.outcome.environment,
            limits=Limits.of(script.file.directives, self.conf),
            after=self.last,
            out_of_order=planned.state is State.OUT_OF_ORDER,
            stepwise=self.options.stepwise,
            step=lambda number: self.observe(events.Step(planned.id, number, total)),
            retrying=lambda attempt, delay, message: self.observe(
                events.Retrying(planned.id, attempt, self.conf.lock_retries, delay, message)
            ),
        )

    def _failed(self, script: Script, error: StatementError) -> GuardError:
        entry = None
        if not in_one_transaction(script.file, self.session.vendor):
            with suppress(self.session.driver_error):
                if error.kind is Kind.LOST:
                    self.session.fresh()
                entry = self.history.journal().get(script.file.id)
        return failures.migration_failed(self.session, script, error, entry, self.applied)

    def _set(self, **values: Any) -> None:
        self.outcome = self.outcome._replace(**values)


def _mismatch(stamp: str, environment: str) -> Problem:
    return Problem(
        "environment-mismatch",
        f"the database is stamped {stamp}, and this run says {environment}: a migration with "
        "environments runs only where both allow it",
        f"Set the environment to {stamp}; or, if the stamp is wrong (a restored dump): "
        f"manage.py repairsqlmigrations --stamp {environment} --reason TEXT.",
        Severity.WARNING,
    )
