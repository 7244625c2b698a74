"""Check a fresh database, or compare it with the configured one: ``--fresh`` and ``--drift``.

A throwaway database is built from the files and dropped at the end. The configured database is
only read, and only for its drift and the replay of its history.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from time import perf_counter

from django.apps import apps
from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder

from migration_guard import conf, schema_check
from migration_guard.contracts import Contract
from migration_guard.contracts.causes import Background, DjangoMigrations
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.fresh import building, diagnosis, template
from migration_guard.fresh.building import BuildFailed, BuildOptions
from migration_guard.fresh.drift import drift
from migration_guard.fresh.host import Host
from migration_guard.fresh.matrix import MatrixCheck, RollingDeploy
from migration_guard.fresh.replay.check import Sides, check_replay
from migration_guard.fresh.replay.databases import Recipe
from migration_guard.fresh.throwaway import open_host, throwaway
from migration_guard.fresh.timeline import Timeline
from migration_guard.planning.evidence import Evidence
from migration_guard.planning.plan import Plan
from migration_guard.results import Assertion, Checked, Examination, FreshDatabase
from migration_guard.running import connecting, events
from migration_guard.running.recorded import Recorded, read_recorded
from migration_guard.running.tracer import TraceRequest
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import Snapshot
from migration_guard.usage.check import UsageCheck


@dataclass(frozen=True, slots=True)
class FreshCheck:
    """What to check: the fresh database's ``contract``, the configured one's ``drift`` or history.

    ``contract`` is called while the alias leads to the fresh database; None checks no contract.
    ``environment`` is that of the fresh database. None stands for the setting; for drift, for the
    stamp of the configured database. ``ignore`` has patterns of names that may differ. With
    ``only_applied``, what is pending in the configured database is left out of the fresh one.
    ``usage`` are statements that the fresh database must not break, None for none. ``trace`` says
    which migrations to trace while it is built. ``matrix`` is the release that a rolling deploy
    replaces.
    """

    alias: str
    contract: Callable[[], Contract] | None = None
    drift: bool = False
    replay: bool = False
    timeline: bool = False
    template: bool = False
    environment: str | None = None
    ignore: tuple[str, ...] = ()
    allow_unknown: bool = False
    only_applied: bool = False
    usage: UsageCheck | None = None
    trace: TraceRequest | None = None
    matrix: MatrixCheck | None = None


@dataclass(frozen=True, slots=True)
class _Actual:
    """The configured database as it is now; ``applied`` where only that is built, else None."""

    snapshot: Snapshot
    plan: Plan | None
    stamp: str | None
    evidence: Evidence
    django: DjangoMigrations
    recorded: Recorded | None
    applied: frozenset[str] | None


def check_fresh(request: FreshCheck, observe: events.Observer = lambda _event: None) -> Checked:
    """Build, check, compare and drop. Raises nothing. ``observe`` gets the runner's events."""
    checked = Checked(request.alias, allow_unknown=request.allow_unknown, drift=request.drift)
    try:
        return _check(request, checked, observe)
    except BuildFailed as error:
        fresh = FreshDatabase(_environment(request, None), error.django, error.rows)
        return checked._replace(error=error, fresh=fresh)
    except GuardError as error:
        return checked._replace(error=error)
    except DatabaseError as error:
        return checked._replace(error=server_failed(error))
    except KeyboardInterrupt:
        return checked._replace(error=INTERRUPTED)


def _check(request: FreshCheck, checked: Checked, observe: events.Observer) -> Checked:
    started = perf_counter()
    checked = checked._replace(vendor=connecting.supported_connection(request.alias).vendor)
    actual = _read(request) if request.drift or request.replay else None
    environment = _environment(request, actual)
    deploy = RollingDeploy(request.alias, request.matrix) if request.matrix is not None else None
    with open_host(request.alias) as host:
        assertions: list[Assertion] = []
        only = actual.applied if actual is not None else None
        with _fresh_database(request, host, environment, observe, only) as fresh:
            checked = checked._replace(fresh=fresh._replace(seconds=perf_counter() - started))
            if request.contract is not None:
                contract_check = _check_contract(request, request.contract(), environment)
                if contract_check.error is not None:
                    return checked._replace(error=contract_check.error)
                assertions += contract_check.assertions
                checked = checked._replace(migrations=contract_check.migrations)
            if request.usage is not None:
                planned = Checked(request.alias, migrations=checked.migrations)
                usage_check = schema_check.check_usage(planned, request.usage, environment)
                if usage_check.error is not None:
                    return checked._replace(error=usage_check.error)
                checked = checked._replace(usage=usage_check.usage)
                assertions += usage_check.assertions
            if deploy is not None:
                deploy.look_at_today()
            if actual is not None:
                checked = checked._replace(migrations=actual.plan)
                snapshot = schema_check.read_schema(request.alias)
                assertions += _drift(request, actual, snapshot) if request.drift else ()
        if actual is not None and actual.recorded is not None and actual.plan is not None:
            replay, differences = check_replay(
                Recipe(request.alias, actual.recorded, environment, host, observe),
                Sides(snapshot, actual.snapshot, actual.plan, apps_by_table(), request.ignore),
            )
            checked = checked._replace(replay=replay)
            assertions += differences
        if deploy is not None:
            matrix = deploy.compare(host, environment, observe)
            checked = checked._replace(matrix=matrix)
            assertions += [a for cell in matrix.lived for a in cell.assertions]
    seconds = perf_counter() - started
    examination = Examination(request.alias, checked.vendor, tuple(assertions), seconds)
    return checked._replace(examination=examination)


# -- the fresh database


@contextmanager
def _fresh_database(
    request: FreshCheck,
    host: Host,
    environment: str,
    observe: events.Observer,
    only: frozenset[str] | None,
) -> Iterator[FreshDatabase]:
    """Let the alias be a finished database, which is built now or copied from a template."""
    if not request.template:
        with throwaway(request.alias, host):
            yield _build(request, host, environment, observe, only)
        return

    def build() -> FreshDatabase:
        return _build(request, host, environment, observe, only)

    with template.copied(request.alias, host, environment, build) as name:
        outcome = schema_check.read_plan(request.alias, environment)
        yield FreshDatabase(environment, rows=outcome.rows, template=name)


def _build(
    request: FreshCheck,
    host: Host,
    environment: str,
    observe: events.Observer,
    only: frozenset[str] | None,
) -> FreshDatabase:
    options = BuildOptions(
        request.alias, environment, observe=observe, only=only, trace=request.trace
    )
    try:
        if not request.timeline:
            django, rows = building.build(options)
            return FreshDatabase(environment, django, rows)
        with closing(Timeline(request.alias)) as timeline:
            django, rows = building.build(replace(options, watch=timeline.after))
            return FreshDatabase(
                environment, django, rows, tuple(timeline.chapters), tuple(timeline.problems)
            )
    except BuildFailed as error:
        raise diagnosis.explain(error, request.alias, host) from error


def _environment(request: FreshCheck, actual: _Actual | None) -> str:
    settings = conf.load()
    stamp = actual.stamp if actual is not None else None
    return conf.environment(
        request.environment or stamp or settings.environment, settings.environments
    )


# -- the contract and the drift


def _check_contract(request: FreshCheck, contract: Contract, environment: str) -> Checked:
    if contract.is_empty:  # then it is enough that the database can be built
        return Checked(request.alias)
    return schema_check.check(contract, request.alias, allow_unknown=True, environment=environment)


def _read(request: FreshCheck) -> _Actual:
    """Read the configured database."""
    alias = request.alias
    outcome = schema_check.read_plan(alias)
    if request.replay and outcome.error is not None:
        raise outcome.error
    # Read again after the schema, so that a run in between is noticed.
    recorded = read_recorded(alias) if request.replay else None
    with schema_check.open_for_reading(alias) as connection:
        snapshot = read_database(connection)
        # Now, since the alias leads to the throwaway database later.
        django = DjangoMigrations(connection).load()
        keys = MigrationRecorder(connection).applied_migrations() if request.only_applied else ()
    plan = outcome.plan if outcome.error is None else None
    if recorded is not None and not read_recorded(alias).has_rows_of(recorded):
        raise CannotTell(
            "A run changed the history while the database was read; nothing was changed by this "
            "check.",
            "Run it again when no migration runs.",
        )
    acts = schema_check.read_acts(alias, plan)
    names = frozenset((*(row.id for row in outcome.rows), *map(".".join, keys)))
    applied = names if request.only_applied else None
    return _Actual(snapshot, plan, outcome.stamp, acts, django, recorded, applied)


def _drift(request: FreshCheck, actual: _Actual, fresh: Snapshot) -> tuple[Assertion, ...]:
    background = Background(lambda: actual.evidence, actual.django.explain, request.alias)
    return drift(
        fresh,
        actual.snapshot,
        actual.plan,
        apps=apps_by_table(),
        ignore=request.ignore,
        background=background,
    )


def apps_by_table() -> dict[str, str]:
    """Return the app of each table that Django's migrations make; "" for their own."""
    models = apps.get_models(include_auto_created=True)
    managed = {
        model._meta.db_table: model._meta.app_label for model in models if model._meta.managed
    }
    return {MigrationRecorder.Migration._meta.db_table: "", **managed}


INTERRUPTED = Refused(
    "Interrupted: the throwaway database is dropped, and nothing else was touched.",
    "Run it again.",
)


def server_failed(error: DatabaseError) -> CannotTell:
    """Return what to say of a server that failed while throwaway databases were in use."""
    return CannotTell(
        f"The server failed: {str(error).strip()}",
        "Nothing but a throwaway database was written to; one that could not be dropped now is "
        "dropped by the next run.",
    )
