"""Check a fresh database, or compare it with the configured one: ``--fresh`` and ``--drift``.

A throwaway database is built from the files and dropped at the end. The configured database is
only read, and only for its drift and the replay of its history.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

from django.db import DatabaseError

from migration_guard import conf, schema_check
from migration_guard.contracts import Contract
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.fresh import building, diagnosis, template
from migration_guard.fresh.building import BuildFailed, BuildOptions
from migration_guard.fresh.configured import Configured, apps_by_table, read_configured
from migration_guard.fresh.host import Host
from migration_guard.fresh.makers import find_breakers
from migration_guard.fresh.matrix import MatrixCheck, RollingDeploy
from migration_guard.fresh.replay.check import Sides, check_replay
from migration_guard.fresh.replay.databases import Recipe
from migration_guard.fresh.throwaway import open_host, throwaway
from migration_guard.fresh.timeline import Timeline
from migration_guard.results import Assertion, Checked, Examination, FreshDatabase
from migration_guard.running import connecting, events
from migration_guard.running.tracer import TraceRequest
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


def check_fresh(request: FreshCheck, observe: events.Observer = lambda _event: None) -> Checked:
    """Build, check, compare and drop. Raises nothing. ``observe`` gets the runner's events."""
    checked = Checked(request.alias, allow_unknown=request.allow_unknown, drift=request.drift)
    run = _Run(request, observe, checked)
    try:
        run.check()
    except BuildFailed as error:
        fresh = FreshDatabase(run.environment, error.django, error.rows)
        return checked._replace(error=error, fresh=fresh)
    except GuardError as error:
        return checked._replace(error=error)
    except DatabaseError as error:
        return checked._replace(error=server_failed(error))
    except KeyboardInterrupt:
        return checked._replace(error=INTERRUPTED)
    return run.checked


@dataclass(slots=True)
class _Run:
    """One check, with what it has found so far."""

    request: FreshCheck
    observe: events.Observer
    checked: Checked
    environment: str = ""
    assertions: list[Assertion] = field(default_factory=list)

    def check(self) -> None:
        """Do all of it; the result is ``checked``."""
        request, started = self.request, perf_counter()
        alias = request.alias
        vendor = connecting.supported_connection(alias).vendor
        self.checked = self.checked._replace(vendor=vendor)
        configured = None
        if request.drift or request.replay:
            configured = read_configured(
                alias, replay=request.replay, only_applied=request.only_applied
            )
        self.environment = _environment(request, configured)
        deploy = RollingDeploy(alias, request.matrix) if request.matrix is not None else None
        with open_host(alias) as host:
            only = configured.applied if configured is not None else None
            with self._fresh_database(host, only) as fresh:
                seconds = perf_counter() - started
                self.checked = self.checked._replace(fresh=fresh._replace(seconds=seconds))
                self._check_contract()
                if self.checked.error is None:
                    self._check_usage(host, only)
                if self.checked.error is not None:
                    return
                if deploy is not None:
                    deploy.look_at_today()
                snapshot = self._compare(configured) if configured is not None else None
            if configured is not None and snapshot is not None:
                self._replay(host, configured, snapshot)
            if deploy is not None:
                matrix = deploy.compare(host, self.environment, self.observe)
                self.checked = self.checked._replace(matrix=matrix)
                self.assertions += [a for cell in matrix.lived for a in cell.assertions]
        seconds = perf_counter() - started
        examination = Examination(alias, vendor, tuple(self.assertions), seconds)
        self.checked = self.checked._replace(examination=examination)

    # -- the fresh database

    @contextmanager
    def _fresh_database(self, host: Host, only: frozenset[str] | None) -> Iterator[FreshDatabase]:
        """Let the alias be a finished database, which is built now or copied from a template."""
        alias, environment = self.request.alias, self.environment
        if not self.request.template:
            with throwaway(alias, host):
                yield self._build(host, only)
            return

        def build() -> FreshDatabase:
            return self._build(host, only)

        with template.copied(alias, host, environment, build) as name:
            outcome = schema_check.read_plan(alias, environment)
            yield FreshDatabase(environment, rows=outcome.rows, template=name)

    def _build(self, host: Host, only: frozenset[str] | None) -> FreshDatabase:
        alias, environment = self.request.alias, self.environment
        options = BuildOptions(
            alias, environment, observe=self.observe, only=only, trace=self.request.trace
        )
        try:
            if not self.request.timeline:
                django, rows = building.build(options)
                return FreshDatabase(environment, django, rows)
            with closing(Timeline(alias)) as timeline:
                django, rows = building.build(replace(options, watch=timeline.after))
                return FreshDatabase(
                    environment, django, rows, tuple(timeline.chapters), tuple(timeline.problems)
                )
        except BuildFailed as error:
            raise diagnosis.explain(error, alias, host) from error

    # -- what is checked of it

    def _check_contract(self) -> None:
        request = self.request
        contract = request.contract() if request.contract is not None else None
        if contract is None or contract.is_empty:  # then it is enough that it can be built
            return
        done = schema_check.check(
            contract,
            request.alias,
            allow_unknown=True,
            environment=self.environment,
            is_from_files=True,
        )
        if done.error is not None:
            self.checked = self.checked._replace(error=done.error)
            return
        self.checked = self.checked._replace(migrations=done.migrations)
        self.assertions += done.assertions

    def _check_usage(self, host: Host, only: frozenset[str] | None) -> None:
        if self.request.usage is None:
            return
        planned = Checked(self.request.alias, migrations=self.checked.migrations)
        options = BuildOptions(self.request.alias, self.environment, only=only)
        done = schema_check.check_usage(
            planned,
            self.request.usage,
            self.environment,
            lambda broken: find_breakers(broken, host, options),
        )
        if done.error is not None:
            self.checked = self.checked._replace(error=done.error)
            return
        self.checked = self.checked._replace(usage=done.usage)
        self.assertions += done.assertions

    def _compare(self, configured: Configured) -> Snapshot:
        """Return the schema of the fresh database; find the drift if that was asked for."""
        self.checked = self.checked._replace(migrations=configured.plan)
        snapshot = schema_check.read_schema(self.request.alias)
        if self.request.drift:
            self.assertions += configured.find_drift(snapshot, self.request.ignore)
        return snapshot

    def _replay(self, host: Host, configured: Configured, fresh: Snapshot) -> None:
        """Compare both with a replay of the history, if that was read for it."""
        request = self.request
        if configured.recorded is None or configured.plan is None:
            return
        replay, differences = check_replay(
            Recipe(request.alias, configured.recorded, self.environment, host, self.observe),
            Sides(fresh, configured.snapshot, configured.plan, apps_by_table(), request.ignore),
        )
        self.checked = self.checked._replace(replay=replay)
        self.assertions += differences


def _environment(request: FreshCheck, configured: Configured | None) -> str:
    settings = conf.load()
    stamp = configured.stamp if configured is not None else None
    return conf.environment(
        request.environment or stamp or settings.environment, settings.environments
    )


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
