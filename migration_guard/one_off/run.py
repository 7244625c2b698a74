"""A one-off script that is no migration: run, counted, confirmed, recorded.

Invariants: the script and its audit entry are committed together, or neither is; nothing is
committed whose numbers nobody confirmed; it runs under the run lock, so no migration runs
meanwhile; it creates no table and no file.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from migration_guard import conf
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.history import History, Identity, who
from migration_guard.one_off import preparation, row_counts
from migration_guard.one_off.preparation import Wanted
from migration_guard.one_off.script import first_write, notes
from migration_guard.problems import Problem, place
from migration_guard.results import Audited
from migration_guard.running import connecting, events, failures, own_tables
from migration_guard.running.locks import holding
from migration_guard.running.session import Facts, Kind, Session, StatementError
from migration_guard.running.transactional import Limits, Task, with_lock_retries
from migration_guard.sql.classify import mask_secrets

ACTION = "audited-sql"
# Seconds that a person has to confirm. The rows stay locked meanwhile, and the run lock too: this
# is less than the 300 s (WAIT) that a deploy waits for it.
PATIENCE = 120.0
# How many statements an audit entry lists; all of them stand in its text.
MAX_LISTED = 1000

_SAVEPOINT = "migration_guard"
_NOT_RUN = "Nothing was run."
_ROLLED_BACK = "It was rolled back: nothing was changed, and the audit has no entry of it."
_LASTING = (
    "It was rolled back, but for what it did to tables whose storage engine knows no transactions: "
    "that stays."
)
_IN_DOUBT = "The script and its audit entry are both there, or neither is."
_LOOK = (
    f"SELECT at, who, reason FROM migration_guard_audit WHERE action = '{ACTION}' "
    "ORDER BY id DESC shows whether it is there"
)
_FIRST = {
    Kind.LOCKED: "end the blocking session or wait for it, and run it again",
    Kind.LOST: "see that the server is up, and run it again",
    Kind.READ_ONLY: "point DATABASES at a server that accepts writes, and run it again",
    Kind.ALONE: "a statement that no transaction can hold is for a migration, with "
    "-- guard: transaction = off",
}
# Told what would be committed; returns why not, nothing to commit.
Confirm = Callable[[Audited], str]


class _RolledBack(Exception):
    """The script was run and must not be committed; ``fact`` says why, ``hint`` what to do."""

    def __init__(self, fact: str, hint: str) -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint


def run(
    wanted: Wanted,
    alias: str = DEFAULT_DB_ALIAS,
    confirm: Confirm | None = None,
    observe: events.Observer = lambda _event: None,
) -> Audited:
    """Run the script, and commit it with its audit entry once its numbers are confirmed.

    ``confirm`` is asked unless a number was expected; None where there is nobody to ask. Nothing is
    raised: ``Audited.error`` holds what stood in the way.
    """
    return _Run(wanted, alias, confirm, observe).run()


class _Run:
    """One script from its file to its audit entry."""

    def __init__(
        self, wanted: Wanted, alias: str, confirm: Confirm | None, observe: events.Observer
    ) -> None:
        self.wanted = wanted
        self.alias = alias
        self.confirm = confirm
        self.observe = observe
        self.outcome = Audited(alias, preparation.shown(wanted), expected=wanted.expected)
        self.state = _NOT_RUN
        self.committing = False

    def run(self) -> Audited:
        try:
            self._run()
        except GuardError as error:
            self._fail(error)
        except StatementError as error:
            self._fail(failures.step_failed(self.session, error))
        except KeyboardInterrupt:
            self._fail(self._interrupted())
        return self.outcome

    def _fail(self, error: GuardError) -> None:
        """Note why it was not committed; what comes after the COMMIT changes nothing."""
        if not self.outcome.committed:
            found = error.problems if isinstance(error, Refused) else ()
            self._set(error=error, problems=found)

    def _run(self) -> None:
        preparation.check_usage(self.wanted, can_ask=self.confirm is not None)
        self.conf = conf.load()
        vendor = connecting.configured(self.alias).vendor
        self._set(vendor=vendor, environment=self.conf.environment)
        self.script = preparation.read_script(self.wanted, self.conf, vendor)
        remarks = tuple(notes(self.script, vendor))
        self._set(checksum=self.script.file.checksum, notes=remarks)
        # Looked at read-only first: a plain open would create a missing SQLite file.
        with connecting.session(self.alias, read_only=True) as (session, _facts):
            _require_own_tables(session)
        with connecting.session(self.alias) as (session, facts):
            self._open(session, facts)
            with holding(session.run_lock(), self.conf.wait, self.observe):
                self._locked()

    def _open(self, session: Session, facts: Facts) -> None:
        connecting.refuse_standby(session, facts)
        self.session, self.facts = session, facts
        self.history = History(
            session.connection, session.own, facts.schema, Identity(who(), facts.user)
        )
        # A person is not to type the whole path of a file.
        name = Path(facts.database).name if session.vendor == "sqlite" else facts.database
        self._set(place=connecting.describe(session.connection), name=name)

    # -- under the run lock

    def _locked(self) -> None:
        with self.session.failing():
            self._set(stamp=self.history.stamp())
            acts = self.history.acts(ACTION)
            self._refuse_plain_tables()
        if self.outcome.stamp is not None:
            preparation.refuse_environment(
                self.script, self.outcome.stamp, "the database's own stamp"
            )
        task = self._task()
        self.observe(events.Started(task.script.file.id, 0, task.script.total))
        try:
            with_lock_retries(task, lambda: self._work(task))
            self._decide()
            self._commit()
        except StatementError as error:
            self._roll_back()
            raise self._failed(error) from error
        except _RolledBack as no:
            self._roll_back()
            raise Refused(f"{no.fact}\n{self.state}", no.hint) from no
        except BaseException:
            self._roll_back()
            self._look_if_committed(acts)
            raise
        # It is committed: what fails now can change nothing.
        with suppress(StatementError, self.session.driver_error):
            self.session.clean()

    def _refuse_plain_tables(self) -> None:
        """Refuse what no rollback undoes, where the tables that are named tell it."""
        for table in self.session.plain_tables():
            statement = first_write(self.script, table, self.session.vendor)
            if statement is not None:
                raise Refused(
                    f"{place(self.script.file.path, statement.line)}: the table {table} is of a "
                    "storage engine without transactions, so what is done to it could not be "
                    "taken back; nothing was run.",
                    f"Convert it: ALTER TABLE {table} ENGINE = InnoDB; or leave it out.",
                )

    def _task(self) -> Task:
        script = self.script
        return Task(
            session=self.session,
            history=self.history,
            script=script,
            fingerprint="",
            environment=self.outcome.environment,
            limits=Limits.of(script.file.directives, self.conf),
            after=None,
            out_of_order=False,
            stepwise=True,
            step=lambda number: self.observe(events.Step(script.file.id, number, script.total)),
            retrying=lambda attempt, delay, message: self.observe(
                events.Retrying(script.file.id, attempt, self.conf.lock_retries, delay, message)
            ),
        )

    def _work(self, task: Task) -> None:
        """Run and record; the transaction stays open, unless a lock stood in the way."""
        session, tables = self.session, self.history.tables
        try:
            with session.failing():
                session.begin_script(task.limits.lock_timeout, task.limits.statement_timeout)
                session.own(f"SAVEPOINT {_SAVEPOINT}")
                before = session.state_of(tables)
            counted = row_counts.run(session, task.script, task.step)
            with session.failing():
                self._check_transaction()
                if session.state_of(tables) != before:
                    raise _RolledBack(
                        "It changed the migration history or what belongs to it.",
                        "Only manage.py repairsqlmigrations does that: take it out of the script "
                        "and of the code that it calls.",
                    )
                if session.may_last():
                    raise _RolledBack(
                        "It used a table whose storage engine knows no transactions (not InnoDB), "
                        "so no confirmation could take back what it did there.",
                        "Look at the triggers of the tables that it names; convert the table: "
                        "ALTER TABLE … ENGINE = InnoDB.",
                    )
                self._set(
                    statements=counted.statements,
                    everything=counted.everything,
                    tables=counted.tables,
                    uncounted=counted.uncounted,
                )
                self.history.audit(ACTION, "", self.wanted.reason.strip(), self._details())
        except StatementError:
            self._roll_back()
            raise

    def _check_transaction(self) -> None:
        """Make sure that it is still the transaction that was begun: it has the savepoint."""
        try:
            self.session.own(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        except self.session.driver_error as error:
            if self.session.kind(error) is Kind.LOST:
                raise
            self.state = (
                "What the script did before that is committed, and the audit has no entry of it."
            )
            raise _RolledBack(
                "The script ended the transaction in which it ran.",
                "Find the statement that commits, and look what the script has done.",
            ) from error

    def _details(self) -> dict[str, Any]:
        outcome, vendor = self.outcome, self.session.vendor
        return {
            "file": outcome.file,
            "checksum": outcome.checksum,
            # Without its passwords it can be kept.
            "sql": self.history.storable(mask_secrets(self.script.file.text, vendor)),
            "rows": outcome.rows,
            "expected": outcome.expected,
            "everything": outcome.everything,
            "tables": [table._asdict() for table in outcome.tables],
            "uncounted": list(outcome.uncounted),
            "statements": [one._asdict() for one in outcome.statements[:MAX_LISTED]],
            "statement_count": len(outcome.statements),
            "environment": outcome.environment,
            "stamp": outcome.stamp,
        }

    # -- the decision

    def _decide(self) -> None:
        """Return if it is to be committed."""
        expected, outcome = self.wanted.expected, self.outcome
        if expected is None:
            self._ask()
        elif outcome.rows != expected:
            raise _RolledBack(
                f"--expect-rows {expected}, and the statements wrote {outcome.rows}.",
                f"Look why. If {outcome.rows} is right, that is the number to expect.",
            )
        elif outcome.uncounted:
            raise _RolledBack(
                "A number of rows cannot vouch for what happened to "
                f"{', '.join(outcome.uncounted)}.",
                "Write DELETE instead of TRUNCATE and DROP; or run it on a terminal without "
                "--expect-rows, where a person confirms it.",
            )

    def _ask(self) -> None:
        with self.session.failing():
            # The server ends what a frozen client holds.
            self.session.idle_up_to(PATIENCE * 1.25)
        why = self.confirm(self.outcome) if self.confirm is not None else "Nobody was asked."
        if why:
            raise _RolledBack(why, "To run it again, repeat the command.")

    def _commit(self) -> None:
        self.committing = True
        try:
            with self.session.failing():
                self.session.commit()
        except StatementError as error:
            error.committing = True
            raise
        self._set(committed=True)
        self.committing = False

    def _look_if_committed(self, acts: int) -> None:
        """After an interrupt, which may have come behind the COMMIT, look for one act more."""
        with suppress(StatementError, self.session.driver_error):
            if self.committing and self.history.acts(ACTION) > acts:
                self._set(committed=True)

    def _roll_back(self) -> None:
        undone = True
        with suppress(Exception):
            undone = self.session.roll_back_all()
            self.session.clean()
        if self.state in (_NOT_RUN, _ROLLED_BACK):
            self.state = _ROLLED_BACK if undone else _LASTING

    # -- what went wrong

    def _failed(self, error: StatementError) -> Refused:
        lines, line = failures.described(self.session, self.script, error)
        # Without a statement it is a step of ours, or what waited for the commit.
        cause = "remove the cause" if error.statement is None else f"correct {self.outcome.file}"
        first = _FIRST.get(error.kind, f"{cause}, and run it again")
        if error.committing and error.kind is Kind.LOST:
            self.state, first = _IN_DOUBT, _LOOK
        message, hint = "\n".join([*lines, self.state]), f"Next: {first}."
        path = self.script.file.path
        found = Problem("script-failed", message, hint, path=path, line=line)
        return Refused(message, hint, [found])

    def _interrupted(self) -> Refused:
        if self.committing:
            return Refused(f"Interrupted during COMMIT.\n{_IN_DOUBT}", f"Next: {_LOOK}.")
        return Refused(f"Interrupted.\n{self.state}", "To run it again, repeat the command.")

    def _set(self, **values: Any) -> None:
        self.outcome = self.outcome._replace(**values)


def _require_own_tables(session: Session) -> None:
    if not own_tables.present(session):
        raise CannotTell(
            f'The database "{session.connection.alias}" has no migration history, so there is no '
            "audit that could hold an account of the script; nothing was run.",
            "manage.py runsqlmigrations creates it. If you expected one: check --database.",
        )
