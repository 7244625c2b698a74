"""Running a one-off script that is no migration, once its row counts are confirmed.

Invariants: the script and its audit entry are committed together, or neither is; nothing is
committed whose numbers nobody confirmed; it runs under the run lock, so no migration runs
meanwhile; it creates no table and no file.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from django.db import DEFAULT_DB_ALIAS, DatabaseError

from migration_guard import conf
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.one_off import preparation, row_counts
from migration_guard.one_off.preparation import Request
from migration_guard.one_off.results import ScriptOutcome
from migration_guard.one_off.script import first_write, notes
from migration_guard.problems import Problem, place
from migration_guard.running import (
    connecting,
    events,
    failures,
    own_tables,
    schema_of_history,
)
from migration_guard.running.connection import Connection
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.facts import Facts
from migration_guard.running.failure_text import describe_failure
from migration_guard.running.limits import Limits
from migration_guard.running.lock_retries import retries_of
from migration_guard.running.locks import RunLock, hold, run_lock
from migration_guard.running.lost_session import await_end
from migration_guard.running.row_counter import counter_on
from migration_guard.sql.classify import mask_secrets
from migration_guard.sql.statements import Statement

ACTION: Final = "audited-sql"
# Seconds that a person has to confirm. The rows stay locked meanwhile, and the run lock too: this
# is less than the 300 s (WAIT) that a deploy waits for it.
PATIENCE: Final = 120.0
# How many statements an audit entry lists; all of them stand in its text.
MAX_LISTED: Final = 1000

_SAVEPOINT: Final = "migration_guard"
_NOT_RUN: Final = "Nothing was run."
_ROLLED_BACK: Final = "It was rolled back: nothing was changed, and the audit has no entry of it."
_LASTING: Final = (
    "It was rolled back, but for what it did to tables whose storage engine knows no transactions: "
    "that stays."
)
_IN_DOUBT: Final = "The script and its audit entry are both there, or neither is."
_LOOK: Final = (
    f"SELECT at, who, reason FROM migration_guard_audit WHERE action = '{ACTION}' "
    "ORDER BY id DESC shows whether it is there"
)
_FIRST: Final = {
    Kind.LOCKED: "end the blocking session or wait for it, and run it again",
    Kind.LOST: "check that the server is up, and run it again",
    Kind.READ_ONLY: "point DATABASES at a server that accepts writes, and run it again",
    Kind.ALONE: "a statement that no transaction can hold is for a migration, with "
    "-- guard: transaction = off",
}
# Called with what would be committed; returns why not, nothing to commit.
Confirm: TypeAlias = Callable[[ScriptOutcome], str]


class _RolledBack(Exception):
    """The script was run and must not be committed; ``fact`` says why, ``hint`` what to do."""

    def __init__(self, fact: str, hint: str) -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint


def run(
    request: Request,
    alias: str = DEFAULT_DB_ALIAS,
    confirm: Confirm | None = None,
    observe: events.Observer = lambda _event: None,
) -> ScriptOutcome:
    """Run the script, and commit it with its audit entry once its numbers are confirmed.

    ``confirm`` is asked unless a number was expected; None where there is nobody to ask. Nothing is
    raised: ``ScriptOutcome.error`` holds what stood in the way.
    """
    return _Run(request, alias, confirm, observe).run()


class _Run:
    """One script from its file to its audit entry."""

    def __init__(
        self, request: Request, alias: str, confirm: Confirm | None, observe: events.Observer
    ) -> None:
        self.request = request
        self.alias = alias
        self.confirm = confirm
        self.observe = observe
        self.outcome = ScriptOutcome(
            alias, preparation.display_name(request), expected=request.expected
        )
        self.state = _NOT_RUN
        self.is_committing = False

    def run(self) -> ScriptOutcome:
        try:
            self._run()
        except GuardError as error:
            self._fail(error)
        except StatementError as error:
            self._fail(failures.step_failure(self.connection, error))
        except KeyboardInterrupt:
            self._fail(self._interruption())
        return self.outcome

    def _fail(self, error: GuardError) -> None:
        """Note why it was not committed, unless it was."""
        if not self.outcome.committed:
            problems = error.problems if isinstance(error, Refused) else ()
            self._set(error=error, problems=problems)

    def _run(self) -> None:
        preparation.check_usage(self.request, can_ask=self.confirm is not None)
        self.conf = conf.load()
        vendor = connecting.supported_connection(self.alias).vendor
        self._set(vendor=vendor, environment=self.conf.environment)
        self.script = preparation.read_script(self.request, self.conf, vendor)
        remarks = tuple(notes(self.script, vendor))
        self._set(checksum=self.script.file.checksum, notes=remarks)
        # Looked at read-only first: a plain open would create a missing SQLite file.
        with connecting.open_connection(self.alias, read_only=True) as (connection, facts):
            _require_own_tables(connection, facts)
        with connecting.open_connection(self.alias) as (connection, facts):
            self._open(connection, facts)
            lock = run_lock(connection)
            with hold(lock, self.conf.wait, self.observe):
                self._run_locked(lock)

    def _open(self, connection: Connection, facts: Facts) -> None:
        connecting.refuse_standby(connection, facts)
        self.connection, self.facts = connection, facts
        own_tables.refuse_hidden(connection, facts.schema)
        self.history = own_tables.open_history(connection, facts)
        self.counter = counter_on(connection, self.history)
        self._set(place=connecting.describe(connection.wrapper), name=facts.name)

    # -- under the run lock

    def _run_locked(self, lock: RunLock) -> None:
        with self.connection.failing():
            recorded = self.history.read()
            self._set(stamp=recorded.environment)
            schema_of_history.refuse_another(
                self.connection, self.facts, recorded.stamp, recorded.schema
            )
            acts = self.history.audit.count(ACTION)
            self._refuse_tables_without_transactions()
        if self.outcome.stamp is not None:
            preparation.refuse_environment(
                self.script,
                self.outcome.stamp,
                "the database's own stamp" if recorded.stamp else "its stamp is missing",
            )
        self.observe(events.Started(self.script.file.id, 0, self.script.total))
        retries = retries_of(self.connection, lock, self.script.file, self.conf, self.observe)
        try:
            retries.run(lambda: self._work(retries.limits))
            self._decide()
            self._commit()
        except StatementError as error:
            self._roll_back()
            if error.committing and error.kind is Kind.LOST:
                self._find_out(acts)
            if not self.outcome.committed:
                raise self._failure(error) from error
        except _RolledBack as no:
            self._roll_back()
            raise Refused(f"{no.fact}\n{self.state}", no.hint) from no
        except BaseException:
            self._roll_back()
            self._look_if_committed(acts)
            raise
        # It is committed: what fails now can change nothing.
        with suppress(StatementError, self.connection.driver_error):
            self.connection.clean()

    def _refuse_tables_without_transactions(self) -> None:
        """Refuse what no rollback undoes, where the statements name the tables."""
        engines = self.counter.engines
        for table in engines.tables_without_transactions() if engines is not None else ():
            statement = first_write(self.script, table, self.connection.vendor)
            if statement is not None:
                raise Refused(
                    f"{place(self.script.file.path, statement.line)}: the table {table} is of a "
                    "storage engine without transactions, so what is done to it could not be "
                    "taken back; nothing was run.",
                    f"Convert it: ALTER TABLE {table} ENGINE = InnoDB; or leave it out.",
                )

    def _step(self, statement: Statement) -> None:
        number = self.script.number_of(statement)
        self.observe(events.Step(self.script.file.id, number, self.script.total))

    def _work(self, limits: Limits) -> None:
        """Run and record; the transaction stays open, unless a lock stood in the way."""
        connection, counter = self.connection, self.counter
        try:
            with connection.failing():
                counter.open(limits)
                connection.send(f"SAVEPOINT {_SAVEPOINT}")
                before = counter.own_tables_state()
            counts = row_counts.run(connection, counter, self.script, self._step)
            with connection.failing():
                self._check_transaction()
                if counter.own_tables_state() != before:
                    raise _RolledBack(
                        "It changed the migration history or what belongs to it.",
                        "Only manage.py repairsqlmigrations does that: take it out of the script "
                        "and of the code that it calls.",
                    )
                if counter.engines is not None and counter.engines.outlast_rollback():
                    raise _RolledBack(
                        "It used a table whose storage engine knows no transactions (not InnoDB), "
                        "so no confirmation could take back what it did there.",
                        "Look at the triggers of the tables that it names; convert the table: "
                        "ALTER TABLE … ENGINE = InnoDB.",
                    )
                self._set(
                    statements=counts.statements,
                    everything=counts.everything,
                    tables=counts.tables,
                    uncounted=counts.uncounted,
                )
                self.history.audit.write(ACTION, "", self.request.reason.strip(), self._details())
        except StatementError:
            self._roll_back()
            raise

    def _check_transaction(self) -> None:
        """Raise _RolledBack if the script ended the transaction, and with it the savepoint."""
        try:
            self.connection.send(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        except self.connection.driver_error as error:
            if self.connection.kind(error) is Kind.LOST:
                raise
            self.state = (
                "What the script did before that is committed, and the audit has no entry of it."
            )
            raise _RolledBack(
                "The script ended the transaction in which it ran.",
                "Find the statement that commits, and look what the script has done.",
            ) from error

    def _details(self) -> dict[str, Any]:
        outcome, vendor = self.outcome, self.connection.vendor
        return {
            "file": outcome.file,
            "checksum": outcome.checksum,
            # Without its passwords it can be kept.
            "sql": self.history.text_to_store(
                mask_secrets(self.script.file.text, vendor), as_json=True
            ),
            "rows": outcome.rows,
            "expected": outcome.expected,
            "everything": outcome.everything,
            "tables": [table._asdict() for table in outcome.tables],
            "uncounted": list(outcome.uncounted),
            "statements": [statement._asdict() for statement in outcome.statements[:MAX_LISTED]],
            "statement_count": len(outcome.statements),
            "environment": outcome.environment,
            "stamp": outcome.stamp,
        }

    # -- the decision

    def _decide(self) -> None:
        """Return if it is to be committed."""
        expected, outcome = self.request.expected, self.outcome
        if expected is None:
            self._ask()
        elif outcome.rows != expected:
            raise _RolledBack(
                f"--expect-rows {expected}, and the statements wrote {outcome.rows}.",
                f"Find out why. If {outcome.rows} is right, repeat the command with it.",
            )
        elif outcome.uncounted:
            raise _RolledBack(
                "A number of rows cannot vouch for what happened to "
                f"{', '.join(outcome.uncounted)}.",
                "Write DELETE instead of TRUNCATE and DROP; or run it on a terminal without "
                "--expect-rows, where a person confirms it.",
            )

    def _ask(self) -> None:
        with self.connection.failing():
            # The server ends what a frozen client holds.
            self.counter.idle_up_to(PATIENCE * 1.25)
        why = self.confirm(self.outcome) if self.confirm is not None else "Nobody was asked."
        if why:
            raise _RolledBack(why, "To run it again, repeat the command.")

    def _commit(self) -> None:
        self.is_committing = True
        with self.connection.committing():
            self.connection.commit()
        self._set(committed=True)
        self.is_committing = False

    def _find_out(self, acts: int) -> None:
        """Look over another connection what became of a COMMIT whose answer was lost."""
        connection = self.connection
        self.state = _IN_DOUBT
        with (
            suppress(StatementError, DatabaseError, connection.driver_error),
            connection.another() as other,
        ):
            has_ended = await_end(connection, other)
            if own_tables.open_history(other, self.facts).audit.count(ACTION) > acts:
                self._set(committed=True)
            elif has_ended:
                self.state = _ROLLED_BACK

    def _look_if_committed(self, acts: int) -> None:
        """After an interrupt, which may have come behind the COMMIT, look for one act more."""
        with suppress(StatementError, self.connection.driver_error):
            if self.is_committing and self.history.audit.count(ACTION) > acts:
                self._set(committed=True)

    def _roll_back(self) -> None:
        is_undone = True
        with suppress(Exception):
            is_undone = self.counter.rollback()
            self.connection.clean()
        if self.state in (_NOT_RUN, _ROLLED_BACK):
            self.state = _ROLLED_BACK if is_undone else _LASTING

    # -- what went wrong

    def _failure(self, error: StatementError) -> Refused:
        lines, line = describe_failure(self.connection, self.script, error)
        # Without a statement it is a step of ours, or what waited for the commit.
        cause = "remove the cause" if error.statement is None else f"correct {self.outcome.file}"
        first = _FIRST.get(error.kind, f"{cause}, and run it again")
        if self.state == _IN_DOUBT:
            first = _LOOK
        message, hint = "\n".join([*lines, self.state]), f"Next: {first}."
        path = self.script.file.path
        problem = Problem("script-failed", message, hint, path=path, line=line)
        return Refused(message, hint, [problem])

    def _interruption(self) -> Refused:
        if self.is_committing:
            return Refused(f"Interrupted during COMMIT.\n{_IN_DOUBT}", f"Next: {_LOOK}.")
        return Refused(f"Interrupted.\n{self.state}", "To run it again, repeat the command.")

    def _set(self, **values: Any) -> None:
        self.outcome = self.outcome._replace(**values)


def _require_own_tables(connection: Connection, facts: Facts) -> None:
    if not own_tables.are_present(connection, facts):
        raise CannotTell(
            f'The database "{connection.wrapper.alias}" has no migration history, so there is no '
            "audit that could hold an account of the script; nothing was run.",
            "manage.py runsqlmigrations creates it. If you expected one: check --database, and "
            "the search_path.",
        )
