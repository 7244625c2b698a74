"""What a run is asked to do."""

from dataclasses import dataclass

from migration_guard.planning.files import MigrationFile
from migration_guard.planning.one_order import Step
from migration_guard.running.tracer import TraceRequest


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do; the names are those of the command's options.

    ``wait`` in seconds, None for the setting; ``environment`` None for the setting. ``restamp``
    stamps the database with that environment whatever its stamp was: for a test database.
    ``stepwise`` waits for each statement, so that the observer hears of each one as it starts;
    else the statements of a small file are sent together. ``with_django`` carries out the one order
    over both kinds of migrations. ``files`` run in place of those of the folders, and ``steps`` in
    place of the one order. ``accept_edit`` are ids whose text may differ from what the
    other tool ran, for a ``reason``. With ``only``, nothing else runs: ids, and ``app.name``.
    With ``trace``, the observer gets what the statements of migrations did to tables.
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
    with_django: bool = False
    files: tuple[MigrationFile, ...] | None = None
    steps: tuple[Step, ...] | None = None
    accept_edit: tuple[str, ...] = ()
    reason: str = ""
    only: frozenset[str] | None = None
    trace: TraceRequest | None = None

    @property
    def marks(self) -> bool:
        """Whether migrations are marked as applied, and none is run."""
        return bool(self.fake) or self.baseline is not None

    def allows(self, name: str) -> bool:
        """Return whether a migration of either kind may run."""
        return self.only is None or name in self.only
