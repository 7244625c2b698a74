"""Build a database by the runner itself, in the one order over both kinds of migrations.

The database is that of the alias (see ``throwaway``). What is applied already stays, so the same
steps bring a kept test database up to date.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from migration_guard.exceptions import GuardError, Refused
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import HistoryRow
from migration_guard.planning.one_order import Step
from migration_guard.problems import errors
from migration_guard.results import Outcome
from migration_guard.running import events, executor
from migration_guard.running.django_failures import DjangoFailed
from migration_guard.running.failures import Interrupted, MigrationFailed
from migration_guard.running.options import Options
from migration_guard.running.tracer import TraceRequest

# It is called after each migration with the name, and with the file of an SQL migration.
Watch: TypeAlias = Callable[[str, MigrationFile | None], None]


class BuildFailed(Refused):
    """The database could not be built.

    ``django`` and ``rows`` are the migrations of Django and the SQL ones that were applied before.
    """

    def __init__(
        self,
        error: GuardError,
        django: tuple[str, ...] = (),
        rows: tuple[HistoryRow, ...] = (),
        hint: str | None = None,
    ) -> None:
        problems = error.problems if isinstance(error, Refused) else ()
        super().__init__(error.message, error.hint if hint is None else hint, problems)
        self.returncode = error.returncode
        self.django = django
        self.rows = rows


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build a database; the environment None stands for the setting.

    ``files`` and ``steps`` are those of ``running.options``: another order, or other SQL.
    With ``only``, no other migration runs: ids, and Django's as ``app.name``.
    ``target`` leaves out the SQL migrations above that number, and what needs them. ``trace`` is
    that of ``running.options``.
    """

    alias: str
    environment: str | None = None
    restamp: bool = False
    observe: events.Observer = lambda _event: None
    watch: Watch = lambda _name, _file: None
    files: tuple[MigrationFile, ...] | None = None
    steps: tuple[Step, ...] | None = None
    only: frozenset[str] | None = None
    target: int | None = None
    trace: TraceRequest | None = None


def build(options: BuildOptions) -> tuple[tuple[str, ...], tuple[HistoryRow, ...]]:
    """Apply all pending migrations. Return those of Django in order, and the SQL history.

    Raises BuildFailed, which names the migration, and CannotTell.
    """
    django: list[str] = []

    def observe(event: events.Event) -> None:
        options.observe(event)
        if isinstance(event, events.DjangoApplied):
            django.append(event.id)
            options.watch(event.id, None)
        elif isinstance(event, events.Applied):
            options.watch(event.id, event.file)

    run_options = Options(
        environment=options.environment,
        restamp=options.restamp,
        with_django=True,
        # A file that was given may be one that ran late.
        allow_out_of_order=options.files is not None,
        files=options.files,
        steps=options.steps,
        only=options.only,
        target=options.target,
        trace=options.trace,
    )
    outcome = executor.run(options.alias, run_options, observe)
    if isinstance(outcome.error, Interrupted):
        raise KeyboardInterrupt
    if outcome.error is not None:
        error = _cause(outcome, outcome.error)
        raise BuildFailed(error, tuple(django), outcome.rows) from outcome.error
    return tuple(django), outcome.rows


def _cause(outcome: Outcome, error: GuardError) -> GuardError:
    """Return the error without the runner's next steps, since this database is dropped."""
    if isinstance(error, DjangoFailed):
        return Refused(
            error.account,
            "Correct that migration; if it needs what an SQL migration makes, add the operation "
            'migration_guard.operations.RequiresSQL("NUMBER") to it.',
        )
    if isinstance(error, MigrationFailed):
        return Refused(error.account, "", error.problems)
    if isinstance(error, Refused):
        return Refused(error.message, error.hint, errors(outcome.problems))
    return error
