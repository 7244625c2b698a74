"""Prove a clean install, and that the configured database is the same: what ``--fresh`` does.

A throwaway database is built from the files, checked by the contract or compared with the
configured database, and dropped. The configured database is only read, and only for its drift.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from time import perf_counter

from django.apps import apps
from django.db import DatabaseError, connections

from migration_guard import conf, schema_check
from migration_guard.contracts import Contract
from migration_guard.exceptions import CannotTell, GuardError, Refused
from migration_guard.fresh import building, diagnosis, template
from migration_guard.fresh.building import BuildFailed, BuildOptions
from migration_guard.fresh.drift import drift
from migration_guard.fresh.host import Host
from migration_guard.fresh.throwaway import open_host, throwaway
from migration_guard.fresh.timeline import Timeline
from migration_guard.planning.plan import Plan
from migration_guard.results import Assertion, Checked, Examination, FreshDatabase
from migration_guard.running import connecting, events
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import Snapshot


@dataclass(frozen=True, slots=True)
class FreshCheck:
    """What to prove: a ``contract`` on a fresh database (None: not), and no ``drift`` from it.

    The contract is asked for when the fresh database stands for the alias. ``environment`` is that
    of the fresh database; None is the setting, or for drift the stamp of the configured database.
    ``ignore`` are patterns of what may drift.
    """

    alias: str
    contract: Callable[[], Contract] | None = None
    drift: bool = False
    timeline: bool = False
    template: bool = False
    environment: str | None = None
    ignore: tuple[str, ...] = ()
    allow_unknown: bool = False


@dataclass(frozen=True, slots=True)
class _Actual:
    """The configured database as it is."""

    snapshot: Snapshot
    plan: Plan | None
    stamp: str | None


def check_fresh(proof: FreshCheck, observe: events.Observer = lambda _event: None) -> Checked:
    """Build, check, compare, drop; raise nothing. ``observe`` hears of the SQL migrations."""
    checked = Checked(proof.alias, allow_unknown=proof.allow_unknown, drift=proof.drift)
    try:
        return _prove(proof, checked, observe)
    except BuildFailed as error:
        environment = _environment(proof, None)
        built = FreshDatabase(environment, error.django, error.rows)
        return checked._replace(error=error, fresh=built)
    except GuardError as error:
        return checked._replace(error=error)
    except DatabaseError as error:
        return checked._replace(error=_lost(error))
    except KeyboardInterrupt:
        return checked._replace(error=_INTERRUPTED)


def _prove(proof: FreshCheck, checked: Checked, observe: events.Observer) -> Checked:
    started = perf_counter()
    checked = checked._replace(vendor=connecting.supported_connection(proof.alias).vendor)
    actual = _read(proof.alias) if proof.drift else None
    environment = _environment(proof, actual)
    with open_host(proof.alias) as host, _built(proof, host, environment, observe) as built:
        checked = checked._replace(fresh=built._replace(seconds=perf_counter() - started))
        found: list[Assertion] = []
        if proof.contract is not None:
            examined = _examine(proof, proof.contract(), environment)
            if examined.error is not None:
                return checked._replace(error=examined.error)
            found += examined.assertions
            checked = checked._replace(migrations=examined.migrations)
        if actual is not None:
            found += _drift(proof, actual)
            checked = checked._replace(migrations=actual.plan)
    seconds = perf_counter() - started
    examination = Examination(proof.alias, checked.vendor, tuple(found), seconds)
    return checked._replace(examination=examination)


# -- the fresh database


@contextmanager
def _built(
    proof: FreshCheck, host: Host, environment: str, observe: events.Observer
) -> Iterator[FreshDatabase]:
    """Let a finished database stand for the alias: built now, or copied from a template."""
    if not proof.template:
        with throwaway(proof.alias, host):
            yield _build(proof, environment, observe)
        return
    templates = template.required(host)
    family, name = template.names(proof.alias, templates, environment)
    if not templates.exists(name):
        with throwaway(proof.alias, host) as made:
            _build(proof, environment, observe)
            connections[proof.alias].close()
            templates.become_template(made, name, family)
    with throwaway(proof.alias, host, name):
        outcome = schema_check.read_plan(proof.alias, environment)
        yield FreshDatabase(environment, rows=outcome.rows, template=name)


def _build(proof: FreshCheck, environment: str, observe: events.Observer) -> FreshDatabase:
    plain = BuildOptions(proof.alias, environment, observe=observe)
    try:
        if not proof.timeline:
            django, rows = building.build(plain)
            return FreshDatabase(environment, django, rows)
        with closing(Timeline(proof.alias)) as timeline:
            django, rows = building.build(replace(plain, watch=timeline.after))
            return FreshDatabase(
                environment, django, rows, tuple(timeline.chapters), tuple(timeline.problems)
            )
    except BuildFailed as error:
        raise diagnosis.explain(error, proof.alias) from error


def _environment(proof: FreshCheck, actual: _Actual | None) -> str:
    settings = conf.load()
    stamp = actual.stamp if actual is not None else None
    return conf.environment(
        proof.environment or stamp or settings.environment, settings.environments
    )


# -- what is asked of it


def _examine(proof: FreshCheck, contract: Contract, environment: str) -> Checked:
    if contract.is_empty:  # that it can be built is proof enough
        return Checked(proof.alias)
    return schema_check.check(contract, proof.alias, allow_unknown=True, environment=environment)


def _read(alias: str) -> _Actual:
    """Read the configured database."""
    outcome = schema_check.read_plan(alias)
    with schema_check.open_for_reading(alias) as connection:
        found = read_database(connection)
    plan = outcome.plan if outcome.error is None else None
    return _Actual(found, plan, outcome.stamp)


def _drift(proof: FreshCheck, actual: _Actual) -> tuple[Assertion, ...]:
    with schema_check.open_for_reading(proof.alias) as connection:
        fresh = read_database(connection)
    models = apps.get_models(include_auto_created=True)
    by_table = {model._meta.db_table: model._meta.app_label for model in models}
    return drift(fresh, actual.snapshot, actual.plan, apps=by_table, ignore=proof.ignore)


_INTERRUPTED = Refused(
    "Interrupted: the throwaway database is dropped, and nothing else was touched.",
    "Run it again.",
)


def _lost(error: DatabaseError) -> CannotTell:
    return CannotTell(
        f"The server failed: {str(error).strip()}",
        "Nothing but a throwaway database was written to; one that could not be dropped now is "
        "dropped by the next run.",
    )
