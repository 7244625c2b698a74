"""The configured database as it is now, which a fresh one is compared with."""

from dataclasses import dataclass

from django.apps import apps
from django.db.migrations.recorder import MigrationRecorder

from migration_guard import schema_check
from migration_guard.contracts.causes import Background, DjangoMigrations
from migration_guard.exceptions import CannotTell
from migration_guard.fresh.drift import drift
from migration_guard.planning.evidence import Evidence
from migration_guard.planning.plan import Plan
from migration_guard.results import Assertion
from migration_guard.running.recorded import Recorded, read_recorded
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import Snapshot


@dataclass(frozen=True, slots=True)
class Configured:
    """What the database holds; ``applied`` where only that is built, else None."""

    alias: str
    snapshot: Snapshot
    plan: Plan | None
    stamp: str | None
    evidence: Evidence
    django: DjangoMigrations
    recorded: Recorded | None
    applied: frozenset[str] | None

    def find_drift(self, fresh: Snapshot, ignore: tuple[str, ...]) -> tuple[Assertion, ...]:
        """Compare it with a fresh database; ``ignore`` has patterns of names that may differ."""
        background = Background(lambda: self.evidence, self.django.explain, self.alias)
        return drift(
            fresh,
            self.snapshot,
            self.plan,
            apps=apps_by_table(),
            ignore=ignore,
            background=background,
        )


def read_configured(alias: str, *, replay: bool, only_applied: bool) -> Configured:
    """Read the configured database, and for a replay its history. Raises GuardError."""
    outcome = schema_check.read_plan(alias)
    if replay and outcome.error is not None:
        raise outcome.error
    # Read again after the schema, so that a run in between is noticed.
    recorded = read_recorded(alias) if replay else None
    with schema_check.open_for_reading(alias) as connection:
        snapshot = read_database(connection)
        # Now, since the alias leads to the throwaway database later.
        django = DjangoMigrations(connection).load()
        keys = MigrationRecorder(connection).applied_migrations() if only_applied else ()
    plan = outcome.plan if outcome.error is None else None
    if recorded is not None and not read_recorded(alias).has_rows_of(recorded):
        raise CannotTell(
            "A run changed the history while the database was read; nothing was changed by this "
            "check.",
            "Run it again when no migration runs.",
        )
    acts = schema_check.read_acts(alias, plan)
    names = frozenset((*(row.id for row in outcome.rows), *map(".".join, keys)))
    applied = names if only_applied else None
    return Configured(alias, snapshot, plan, outcome.stamp, acts, django, recorded, applied)


def apps_by_table() -> dict[str, str]:
    """Return the app of each table that Django's migrations make; "" for their own."""
    models = apps.get_models(include_auto_created=True)
    managed = {
        model._meta.db_table: model._meta.app_label for model in models if model._meta.managed
    }
    return {MigrationRecorder.Migration._meta.db_table: "", **managed}
