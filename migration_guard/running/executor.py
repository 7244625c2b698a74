"""The runner, which applies and records the migrations of a plan.

Library first: ``run`` and ``look`` return an Outcome and print nothing; an observer hears what
happens on the way. A partial failure is a value: what was applied, and what failed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS

from migration_guard.exceptions import GuardError, Refused
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.one_order import DjangoStep, Step
from migration_guard.planning.plan import Planned, State
from migration_guard.planning.scripts import Script, is_journaled
from migration_guard.results import Outcome
from migration_guard.running import (
    acts,
    aftermath,
    connecting,
    events,
    failures,
    half_done,
    interrupts,
    journaled,
    own_tables,
    stamping,
    transactional,
)
from migration_guard.running.continuation import Outlook
from migration_guard.running.django_step import run_step
from migration_guard.running.errors import StatementError
from migration_guard.running.garbage_collection import freeze_objects
from migration_guard.running.lock_retries import retries_of
from migration_guard.running.locks import HeldLock, RunLock, hold, run_lock, wait_to_open
from migration_guard.running.options import Options
from migration_guard.running.progress import Progress
from migration_guard.running.survey import Survey
from migration_guard.running.task import AppliedByAnotherError, HistoryChangedError, Task
from migration_guard.running.tracer import Tracer, tracer_on


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
        self.options = options
        self.observe = observe
        self.survey = Survey(alias, options)
        self.last: datetime | None = None
        # The migration that is being applied, and the script where it is no single transaction.
        self.current = ""
        self.script: Script | None = None
        self.interrupted: tuple[Script | None, Outlook | None] = (None, None)
        self.lock: RunLock
        self.has_migrated = False
        self.tracer: Tracer | None = None

    def look(self) -> Outcome:
        return self._guard(self._look)

    def run(self) -> Outcome:
        return self._guard(self._run)

    def _guard(self, work: Callable[[Survey], None]) -> Outcome:
        survey = self.survey
        try:
            work(survey)
        except GuardError as error:
            problems = error.problems if isinstance(error, Refused) else ()
            survey.set(error=error, problems=(*survey.outcome.problems, *problems))
        except KeyboardInterrupt:
            survey.set(error=failures.interruption(survey.applied, *self.interrupted))
        except StatementError as error:
            survey.set(error=failures.step_failure(survey.connection, error))
        survey.set(applied=tuple(survey.applied))
        return survey.outcome

    def _look(self, survey: Survey) -> None:
        survey.read_files(read_only=True)
        with connecting.open_connection(survey.alias, read_only=True) as (connection, facts):
            survey.open(connection, facts)
            if self.options.adopt:
                acts.foresee_adoption(survey)
                return
            survey.plan(present=own_tables.are_present(connection, facts))
            survey.refuse_unadopted()
            survey.add_growth()
            survey.find_steps()
            survey.prepare()
            survey.add_notes()

    def _run(self, survey: Survey) -> None:
        survey.read_files()
        survey.stop_at(survey.files.problems)
        wait = survey.conf.wait if self.options.wait is None else self.options.wait
        wait_to_open(survey.alias, wait, self.observe)
        with connecting.open_connection(survey.alias) as (connection, facts):
            connecting.refuse_standby(connection, facts)
            survey.open(connection, facts)
            self.lock = run_lock(connection)
            with hold(self.lock, wait, self.observe) as held:
                try:
                    self._run_locked(survey, held)
                except (GuardError, StatementError, KeyboardInterrupt) as error:
                    aftermath.look_again(survey, self.current)
                    script = self.script if self.current not in survey.applied else None
                    if script is not None and interrupts.is_behind(error):
                        self.interrupted = script, aftermath.look_ahead(survey, script)
                    raise

    def _run_locked(self, survey: Survey, lock: HeldLock) -> None:
        if self._has_nothing_to_do(survey):
            return
        if self.options.adopt:
            acts.adopt(survey, self.observe)
            survey.plan(present=True)
            return
        own_tables.ensure(survey.connection, survey.facts, survey.files.files)
        if self.options.restamp:
            acts.restamp(survey)
        survey.plan(present=True)
        if not self.options.marks:
            survey.refuse_unadopted()
        acts.complete_stamp(survey)
        if not self.options.marks:
            refusal = half_done.find_changed_history(survey.recorded)
            if refusal is not None:
                raise refusal
        survey.stop_at([*filter(stamping.is_missing, survey.outcome.problems)])
        if survey.recorded.stamp is None:
            acts.stamp(survey, survey.recorded)
        if self.options.marks:
            acts.mark(survey, self.observe)
        else:
            self._apply_all(survey, lock)
        if survey.applied or survey.recorded.stamp is None:
            survey.plan(present=True)
            survey.add_notes()

    def _has_nothing_to_do(self, survey: Survey) -> bool:
        """Return True if there is no file and no history. Nothing is written to the database."""
        options = self.options
        if survey.files.files or options.adopt or options.fake or options.restamp:
            return False
        if options.with_django:
            return False
        survey.plan(present=own_tables.are_present(survey.connection, survey.facts))
        return not survey.recorded.rows and not survey.recorded.journal

    def _apply_all(self, survey: Survey, lock: HeldLock) -> None:
        """Apply in order; plan again where another run, or a migration, has changed the history.

        Every round gets further than the one before, so the rounds come to an end.
        """
        progress = Progress()
        self.tracer = tracer_on(survey.connection, self.options.trace)
        while True:
            survey.stop_at(survey.outcome.problems)
            steps = survey.find_steps()
            scripts = survey.prepare()
            survey.stop_at(survey.outcome.problems)
            with freeze_objects(), interrupts.keep_handlers():
                for item in self._items(survey, steps):
                    lock.check()
                    if isinstance(item, DjangoStep):
                        self._migrate(survey, item, lock)
                        continue
                    planned = item
                    progress.begin(planned, survey.applied)
                    if self._apply(survey, planned, scripts[planned.id]):
                        break
                else:
                    return
            lock.suspect()
            survey.plan(present=True)
            progress.check(planned, survey.recorded, survey.applied)

    def _items(self, survey: Survey, steps: Sequence[Step]) -> Iterator[DjangoStep | Planned]:
        """Yield each step of Django's as a whole, and each SQL migration."""
        planned = {planned.id: planned for planned in survey.to_run()}
        for step in steps:
            if isinstance(step, DjangoStep):
                yield step
            else:
                yield from (planned[file.id] for file in step.files)
        if self.options.with_django and not self.has_migrated:
            yield DjangoStep(())  # ``migrate`` sends its signals where nothing is pending, too

    def _migrate(self, survey: Survey, step: DjangoStep, lock: HeldLock) -> None:
        tracer = self.tracer

        def observe(name: str, is_applied: bool) -> None:
            if is_applied:
                survey.applied.append(name)
                self.observe(events.DjangoApplied(name))
                if tracer is not None:
                    tracer.end()
                    tracer.commit()
                self._tell_traces(name)
            else:
                lock.check()  # Django's migrations have no claim
                self.observe(events.DjangoStarted(name))
                self._start_trace(name, None)

        self.has_migrated = True
        survey.connection.renew()
        with tracer.watch_django() if tracer is not None else nullcontext():
            run_step(survey.connection, step, survey.conf.lock_timeout, survey.applied, observe)
        survey.connection.renew()

    def _apply(self, survey: Survey, planned: Planned, script: Script) -> bool:
        """Apply one migration; return whether the plan must be made again."""
        entry = planned.entry
        self.current = planned.id
        self.observe(events.Started(planned.id, entry.done if entry else 0, script.total))
        task = self._task(survey, planned, script)
        survey.connection.tracer = self._start_trace(planned.id, script)
        try:
            # An entry of the journal that an earlier run left must be closed.
            if entry is not None or is_journaled(script, survey.connection.vendor):
                self.script = script
                done = journaled.apply(task, entry)
            else:
                done = transactional.apply(task)
        except AppliedByAnotherError:
            self.observe(events.AppliedElsewhere(planned.id))
            return True
        except HistoryChangedError as error:
            refusal = aftermath.find_changed_history(survey)
            raise failures.history_change_failure(script, error, survey.applied, refusal) from error
        except StatementError as error:
            outlook = aftermath.look_ahead(survey, script, error)
            raise failures.migration_failure(
                survey.connection, script, error, outlook, survey.applied
            ) from error
        finally:
            survey.connection.tracer = None
        self.last = done.applied_at
        survey.applied.append(planned.id)
        self.observe(events.Applied(planned.id, done.applied_at, done.duration_ms, script.file))
        self._tell_traces(planned.id)
        acts.follow_move(survey, script)
        if done.cleared:
            self.observe(events.Cleared(planned.id, done.cleared))
        return bool(done.cleared)

    def _start_trace(self, name: str, script: Script | None) -> Tracer | None:
        """Watch a migration if that was asked for."""
        if self.tracer is None:
            return None
        if not self.tracer.request.covers(name):
            self.tracer.forget()
            return None
        self.tracer.start(name, script)
        return self.tracer

    def _tell_traces(self, name: str) -> None:
        if self.tracer is not None and self.tracer.request.covers(name):
            self.observe(events.Traced(name, self.tracer.take()))

    def _task(self, survey: Survey, planned: Planned, script: Script) -> Task:
        connection, total = survey.connection, len(script.source)
        return Task(
            connection=connection,
            history=survey.history,
            script=script,
            fingerprint=fingerprint(script.file.text, connection.vendor),
            environment=survey.outcome.environment,
            retries=retries_of(connection, self.lock, script.file, survey.conf, self.observe),
            after=self.last,
            out_of_order=planned.state is State.OUT_OF_ORDER,
            stepwise=self.options.stepwise,
            step=lambda statement: self.observe(
                events.Step(planned.id, script.number_of(statement), total)
            ),
        )
