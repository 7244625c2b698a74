"""A test database that begins as a copy of a template, and of which templates are kept.

The steps are those that Django and the app take without templates, in the same order; those that
the copy has are left out. To keep one costs a copy, which pays only if it is copied later. So it is
kept where no template is alike, where the same is asked for again, and where somebody waits for it.
Where a change comes after another change at that place, what precedes it is kept.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any, Final

from django.core import management
from django.db import connections
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.migrations.executor import MigrationExecutor

from migration_guard import conf
from migration_guard.running.django_graph import key_of
from migration_guard.template_databases.order import Order, read_order
from migration_guard.template_databases.recipe import Recipe
from migration_guard.template_databases.shelf import (
    Obstacle,
    Shelf,
    Template,
    longest,
    longest_shared,
    open_shelf,
    replaced,
)

# A beginning that lacks no more than this part of the steps is as good as the whole.
_SMALL_PART: Final = 20


class Build:
    """The steps of one test database. This one has no templates, for a reason."""

    def __init__(self, reason: str = "") -> None:
        self._reason = reason

    def account(self, verbosity: int) -> str:
        """Return what to tell the user of templates, "" for nothing."""
        return f"No template is used: {self._reason}." if self._reason and verbosity > 1 else ""

    def run_sql(self, run: Callable[[int | None], object]) -> None:
        """Run the SQL migrations: ``run`` takes the highest number, None for all."""
        run(None)

    def run_mixed(self, run: Callable[[], object]) -> None:
        """Run migrations of both kinds in the order that ``RequiresSQL`` asks for."""
        run()


@contextmanager
def prepared(creation: BaseDatabaseCreation, environment: str) -> Iterator[Build]:
    """Let ``create_test_db`` copy inside this block what an earlier one has built."""
    with ExitStack() as stack:
        try:
            with ExitStack() as opening:
                build = _open(creation, environment, opening)
                stack.push(opening.pop_all())
        # Whatever it is, the plain way has a better message for it, or none to tell.
        except Exception as error:  # noqa: BLE001
            build = Build(str(error).strip().partition("\n")[0])
        yield build


def _open(creation: BaseDatabaseCreation, environment: str, stack: ExitStack) -> Build:
    mode = conf.load().templates_in_tests
    if mode is False:
        return Build()
    connection = creation.connection
    shelf = stack.enter_context(open_shelf(connection.alias, any_place=mode is True))

    def read() -> Order:
        recipe = Recipe(
            connection.alias,
            environment,
            shelf.likeness(),
            has_migrations=connection.settings_dict["TEST"]["MIGRATE"] is not False,
            runs_code=mode is True,
            is_test=True,
        )
        return read_order(recipe)

    build = _CopyingBuild(creation, shelf, read)
    build.open(stack)
    return build


@cache
def _process_start() -> float:
    """Return when this process began, in seconds since the epoch; the end of time if unknown."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        # Of the tick in which it began, the end: an editor may have saved just before.
        since_boot = (int(fields[19]) + 1) / os.sysconf("SC_CLK_TCK")
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot
    return float("inf")


def _import_runner() -> None:
    """Import what ``run_sql`` needs; who fails here fails there again, and is told."""
    with suppress(Exception):
        import_module("migration_guard.running.executor")


class _CopyingBuild(Build):
    """The steps of a test database that copies and keeps templates."""

    def __init__(
        self, creation: BaseDatabaseCreation, shelf: Shelf, read: Callable[[], Order]
    ) -> None:
        super().__init__()
        self._creation, self._shelf, self._read = creation, shelf, read
        self._order = read()
        if self._order.changed_at > _process_start():
            raise Obstacle("a source was changed after it may have been imported")
        self._length, self._change = 0, 0
        self._name, self._born = "", shelf.now()
        self._keeps_whole = False
        self._templates: list[Template] = []

    def open(self, stack: ExitStack) -> None:
        """Find a template; where much is to be built, wait for those who build the same."""
        template = self._find()
        if self._lacks_much(self._order.size):
            with ExitStack() as waiting:
                waiting.enter_context(self._shelf.lock(self._order.keys[-1]))
                template = self._find()
                if self._lacks_much(self._order.size):
                    self._decide()
                    stack.push(waiting.pop_all())
        if template is not None and self._length < self._order.size:
            # While the server copies, in which the processor has nothing else to do here.
            importing = Thread(target=_import_runner)
            importing.start()
            stack.callback(importing.join)
        self._database = stack.enter_context(self._shelf.creating(self._creation, template))
        stack.enter_context(replaced(management, "call_command", self._leaving_out_migrate()))
        stack.enter_context(replaced(MigrationExecutor, "apply_migration", self._watching_django()))

    def _find(self) -> Template | None:
        self._templates = self._shelf.list_usable()
        self._length, template = longest(self._order.keys, self._templates)
        if template is not None:
            self._name, self._born = template.name, template.born
        return template

    def _decide(self) -> None:
        """Decide what to keep, and note in the most similar templates what is built."""
        key = self._order.keys[-1]
        shared, alike = longest_shared(self._order.keys, self._templates)
        asked = {template.asked for template in alike} - {""}
        self._keeps_whole = not alike or key in asked
        if self._keeps_whole:
            return
        # Whoever changed the next step twice may change it again.
        self._change = shared if asked and self._lacks_much(shared) else 0
        for template in alike:
            with suppress(Exception):  # it was dropped just now, or another run notes its key
                self._shelf.note(template, key)

    def _lacks_much(self, length: int) -> bool:
        return length - self._length > self._order.size // _SMALL_PART

    def account(self, verbosity: int) -> str:
        """Return what was copied."""
        if not self._copied or not verbosity:
            return ""
        # The signals are a step, and no migration.
        count, size = self._order.migrations(self._copied), self._order.migrations()
        return f"Copied {count} of {size} migrations from the template {self._name}."

    @property
    def _copied(self) -> int:
        """The number of steps that were copied."""
        return self._length if self._database.is_copy else 0

    def run_sql(self, run: Callable[[int | None], object]) -> None:
        """Run the SQL migrations that were not copied, and keep the whole."""
        order = self._order
        if order.is_mixed:
            run(None)  # what ``migrate`` made possible, if anything
            return
        if self._copied == order.size:
            return
        number = order.last_number(self._change)
        if number is not None and self._change > self._copied:
            run(number)
            self._keep(self._change)
        run(None)
        self._keep_whole()

    def run_mixed(self, run: Callable[[], object]) -> None:
        """Run what was not copied, and keep the whole, to which ``migrate`` adds its signals."""
        if self._copied < self._order.size:
            run()
            self._keep_whole()

    def _leaving_out_migrate(self) -> Callable[..., Any]:
        """Return a ``call_command`` without the commands whose result was copied."""
        call = management.call_command
        alias = self._creation.connection.alias

        def call_command(name: Any, *args: Any, **options: Any) -> Any:
            is_copied = self._copied >= self._order.signals and options.get("database") == alias
            if is_copied and name in {"migrate", "createcachetable"}:
                return None
            return call(name, *args, **options)

        return call_command

    def _watching_django(self) -> Callable[..., Any]:
        """Return an ``apply_migration`` that keeps what precedes a change among Django's."""
        apply, django = MigrationExecutor.apply_migration, self._order.django
        last = django[self._change - 1] if 0 < self._change <= len(django) else None

        def apply_migration(
            executor: Any, state: Any, migration: Any, *args: Any, **kw: Any
        ) -> Any:
            result: Any = apply(executor, state, migration, *args, **kw)
            is_ours = executor.connection is connections[self._creation.connection.alias]
            if is_ours and key_of(migration) == last:
                self._keep(self._change)
            return result

        return apply_migration

    def _keep_whole(self) -> None:
        """Keep the finished database, if that will save time."""
        with suppress(Exception):
            if self._keeps_whole or self._shelf.is_awaited():
                self._keep(self._order.size)

    def _keep(self, length: int) -> None:
        """Keep the database as it is now, if it is what the key says."""
        if not self._database.is_new:
            return
        # The tests need no template, so no failure of one ends them.
        with suppress(Exception):
            keys = self._order.keys[: length + 1]
            # A file may have been saved after its bytes were read here, and before they ran.
            if self._read().keys[: length + 1] == keys:
                self._shelf.keep(self._creation.connection, keys, self._born)
