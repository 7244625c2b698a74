"""Readiness: whether the database has the migrations that this image ships.

from migration_guard import health

health.ready("default").is_ready

A pod is ready once the ids of its files, those for its environment and the database's stamp, are in
the history. A database that is ahead is ready, so an older image stays ready after a rollback; what
another release's run is doing, or has failed at, takes no pod out.
"""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from migration_guard import conf
from migration_guard.exceptions import GuardError
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.history_rows import RecordedHistory, edited_ids
from migration_guard.planning.plan import State, make_plan
from migration_guard.results import Readiness
from migration_guard.running import connecting, own_tables
from migration_guard.running.connection import Connection
from migration_guard.running.django_loading import LOADER_ERRORS
from migration_guard.running.facts import Facts
from migration_guard.running.limits import Limits
from migration_guard.running.own_tables import APP
from migration_guard.sql.masking import mask_text

# Seconds in which a database must answer; a probe waits no longer.
PATIENCE: Final = 2.0
# Seconds between two questions of one that waits.
PAUSE: Final = 1.0
_LACKING: Final = (State.PENDING, State.OUT_OF_ORDER, State.RUNNING, State.FAILED)

_log = logging.getLogger(__name__)


class _Question(NamedTuple):
    """What is asked; an answer that was yes stays so for this process."""

    alias: str
    django: bool
    environment: str | None


class _NoAnswerError(Exception):
    """The database could not be asked."""


_answered: set[_Question] = set()
# What is being asked now, so that probes that come together ask once.
_asked: dict[_Question, Future[tuple[str, ...]]] = {}
_lock = threading.Lock()


def ready(
    alias: str = DEFAULT_DB_ALIAS, *, django: bool = False, environment: str | None = None
) -> Readiness:
    """Return whether the database ``alias`` has what this image ships; raise nothing.

    With ``django``, Django's migrations count too; ``environment`` None stands for the setting. It
    takes no lock and writes nothing: one short query a table over a connection of its own until it
    was ready once, and an answer after 2 s at most.
    """
    question = _Question(alias, django, environment)
    if question in _answered:
        return Readiness(alias)
    try:
        missing = _ask(question)
    # A setting may be of any shape, and a module of a migration may raise anything.
    except Exception as error:  # noqa: BLE001
        return Readiness(alias, reason=_reason(alias, error))
    return Readiness(alias, missing)


def await_ready(
    alias: str = DEFAULT_DB_ALIAS,
    seconds: float = 0.0,
    *,
    django: bool = False,
    environment: str | None = None,
) -> Readiness:
    """Ask until the database is ready or the time is over; return the last answer.

    Where the last one is that it cannot be told, an earlier one that named what is missing counts.
    """
    end = time.monotonic() + seconds
    reached: Readiness | None = None
    while True:
        found = ready(alias, django=django, environment=environment)
        reached = reached if found.reason else found
        if found.is_ready or time.monotonic() >= end:
            return reached or found
        time.sleep(min(PAUSE, max(0.0, end - time.monotonic())))


def aliases() -> list[str]:
    """Return the databases that have SQL migrations."""
    return sorted(conf.load().dirs)


def forget() -> None:
    """Ask again, also where it was ready; for tests that make a database anew."""
    _answered.clear()


def _ask(question: _Question) -> tuple[str, ...]:
    """Return what is missing, asked by a thread whose connections are its own.

    A driver that waits in a network hears of no limit. The thread ends when it has its answer, and
    meanwhile nobody asks the same again. An in-memory SQLite database belongs to this thread.
    """
    if connecting.is_in_memory(connecting.supported_connection(question.alias, read_only=True)):
        return _find_missing(question)
    with _lock:
        future = _asked.get(question)
        if future is None:
            future = _asked[question] = Future()
            threading.Thread(target=_answer, args=(question, future), daemon=True).start()
    try:
        return future.result(PATIENCE)
    except TimeoutError as error:
        raise _NoAnswerError(f"no answer for {PATIENCE:g} s") from error


def _answer(question: _Question, future: Future[tuple[str, ...]]) -> None:
    try:
        future.set_result(_find_missing(question))
    except BaseException as error:  # noqa: BLE001
        future.set_exception(error)
    finally:
        with _lock:
            del _asked[question]
        connections.close_all()


def _find_missing(question: _Question) -> tuple[str, ...]:
    alias, django, environment = question
    settings = conf.load()
    environment = conf.environment(environment or settings.environment, settings.environments)
    vendor = connecting.supported_connection(alias, read_only=True).vendor
    files = planning_files.read(settings.folders(alias), vendor, settings.environments)
    if files.problems:
        raise GuardError("the files of the migrations have problems: manage.py checksqlmigrations")
    try:
        with connecting.open_connection(alias, read_only=True) as (connection, facts):
            recorded = _read_history(connection, facts, files.files)
            pending = _pending_of_django(connection) if django else ()
    except LOADER_ERRORS:
        raise
    except Exception as error:
        raise _NoAnswerError(str(error)) from error
    plan = make_plan(files.files, recorded, environment, vendor)
    lacking = [planned.id for planned in plan.migrations if planned.state in _LACKING]
    if not (lacking or pending):
        _answered.add(question)
    return (*lacking, *pending)


def _read_history(
    connection: Connection, facts: Facts, files: Sequence[MigrationFile]
) -> RecordedHistory:
    with connection.failing():
        if connection.keeps_session:
            connection.limit(Limits(PATIENCE, PATIENCE))
        if not own_tables.are_present(connection, facts):
            return RecordedHistory({}, {})
        history = own_tables.open_history(connection, facts)
        rows = history.rows()
        # Whether a renamed file is applied depends on its text, and that of others does not.
        renamed = [file for file in files if file.directives.formerly]
        sql = history.applied_sql(edited_ids(renamed, rows))
        return RecordedHistory(rows, {}, stamp=history.stamp.environment(), sql=sql)


def _pending_of_django(connection: Connection) -> Sequence[str]:
    executor: Any = MigrationExecutor(connection.wrapper)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [
        f"{migration.app_label}.{migration.name}"
        for migration, _backwards in plan
        if migration.app_label != APP
    ]


def _reason(alias: str, error: Exception) -> str:
    """Return what may be shown to anybody; the log has the rest."""
    _log.warning('The readiness of "%s" is not known: %s', alias, mask_text(str(error)))
    if isinstance(error, _NoAnswerError):
        return "the database gives no answer"
    return "the settings or the files of the migrations cannot be read"
