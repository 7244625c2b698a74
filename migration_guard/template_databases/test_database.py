"""A test database that begins as a copy of a template, and of which templates are kept.

The steps are those that Django and the app take without templates, in the same order; those that
the copy has are left out. A template is kept before the signals of ``migrate``, which are sent
once, and at the end.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import Any, Final

from django.core import management
from django.db import DatabaseError, connections
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.migrations.executor import MigrationExecutor

from migration_guard import conf
from migration_guard.running.django_graph import key_of
from migration_guard.template_databases.order import Order, read_order
from migration_guard.template_databases.shelf import Copying, Shelf
from migration_guard.vendors import VENDORS, load

# A beginning that lacks no more than this part of the steps is as good as the whole,
_SMALL_PART: Final = 20
# unless the rest took as many seconds.
_LONG: Final = 1.0


class Build:
    """The steps of one test database. This one has no templates."""

    def run_sql(self, run: Callable[[int | None], None]) -> None:
        """Run the SQL migrations: ``run`` takes the highest number, None for all."""
        run(None)


@contextmanager
def prepared(creation: BaseDatabaseCreation, environment: str) -> Iterator[Build]:
    """Let ``create_test_db`` copy inside this block what an earlier one has built."""
    with ExitStack() as stack:
        build = Build()
        # Whatever it is, the plain way has a better message for it, or none to tell.
        with suppress(Exception), ExitStack() as opening:
            build = _open(creation, environment, opening)
            stack.push(opening.pop_all())
        yield build


def _open(creation: BaseDatabaseCreation, environment: str, stack: ExitStack) -> Build:
    connection = creation.connection
    mode = conf.load().templates_in_tests
    vendor = VENDORS.get(connection.vendor)
    if mode is False or vendor is None or not vendor.shelf:
        return Build()
    shelf: Shelf = load(vendor.shelf)(connection.alias)
    stack.callback(shelf.close)
    shelf.refuse(any_place=mode is True)
    order = read_order(
        connection.alias,
        environment,
        shelf.likeness(),
        has_migrations=connection.settings_dict["TEST"]["MIGRATE"] is not False,
        runs_code=mode is True,
    )
    build = _CopyingBuild(creation, shelf, order)
    build.open(stack)
    return build


class _CopyingBuild(Build):
    """The steps of a test database that copies and keeps templates."""

    def __init__(self, creation: BaseDatabaseCreation, shelf: Shelf, order: Order) -> None:
        self._creation, self._shelf, self._order = creation, shelf, order
        self._length, self._born = 0, shelf.now()
        self._copying = Copying()
        self._is_alone = False
        self._started = monotonic()

    @property
    def _copied(self) -> int:
        """The number of steps that were copied."""
        return self._length if self._copying.is_done else 0

    def open(self, stack: ExitStack) -> None:
        """Find a template; where much is to be built, wait for those who build the same."""
        order, shelf = self._order, self._shelf
        found = shelf.find(order.keys)
        if order.size - (found[0] if found else 0) > order.size // _SMALL_PART:
            stack.enter_context(shelf.lock(order.keys[-1]))
            found = shelf.find(order.keys)
            self._is_alone = found is None or found[0] < order.size
        if found is not None:
            self._length, template = found
            self._born = template.born
            self._copying = stack.enter_context(shelf.copying(self._creation, template))
        stack.enter_context(self._leaving_out_migrate())
        stack.enter_context(self._watching_django())

    def run_sql(self, run: Callable[[int | None], None]) -> None:
        """Run the SQL migrations that were not copied, and keep the whole."""
        if self._copied < self._order.size:
            run(None)
            self._keep(self._order.size, always=self._is_alone)

    @contextmanager
    def _leaving_out_migrate(self) -> Iterator[None]:
        """Let ``create_test_db`` call no command whose result was copied, signals included."""
        call = management.call_command

        def call_command(name: Any, *args: Any, **options: Any) -> Any:
            is_copied = self._copied >= self._order.signals
            if is_copied and name in {"migrate", "createcachetable"}:
                return None
            return call(name, *args, **options)

        management.call_command = call_command
        try:
            yield
        finally:
            management.call_command = call

    @contextmanager
    def _watching_django(self) -> Iterator[None]:
        """Keep a template when the last of Django's migrations was applied."""
        executor: Any = MigrationExecutor
        apply = executor.apply_migration
        django = self._order.django

        def apply_migration(
            executor: Any, state: Any, migration: Any, *args: Any, **kw: Any
        ) -> Any:
            result = apply(executor, state, migration, *args, **kw)
            is_last = bool(django) and key_of(migration) == django[-1]
            if is_last and executor.connection is connections[self._creation.connection.alias]:
                self._keep(len(django), always=False)
            return result

        executor.apply_migration = apply_migration
        try:
            yield
        finally:
            executor.apply_migration = apply

    def _keep(self, length: int, *, always: bool) -> None:
        """Keep the database as it is now, if that will save time."""
        if not always and monotonic() - self._started < _LONG:
            return
        with suppress(DatabaseError, OSError):
            self._shelf.keep(self._creation.connection, self._order.keys[length], self._born)
        self._started = monotonic()
