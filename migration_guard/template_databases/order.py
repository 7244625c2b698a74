"""The one order in which a test database is built, with a key for each beginning of it.

A key is a digest of all that the database depends on up to there. So two databases of one key were
built of the same, and a changed byte changes its key and all later ones.
"""

from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from migration_guard import conf
from migration_guard.planning import files as planning_files
from migration_guard.planning import one_order
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.one_order import Key
from migration_guard.problems import errors
from migration_guard.running.django_graph import full_plan, key_of, make_project, needs_of
from migration_guard.running.django_loading import loading
from migration_guard.template_databases import django_code
from migration_guard.template_databases.losses import find_loss
from migration_guard.template_databases.recipe import Recipe
from migration_guard.template_databases.shelf import Obstacle
from migration_guard.template_databases.sources import Sources
from migration_guard.template_databases.surroundings import read_surroundings

_OF_MIGRATE: Final = (django_code.find_own_migrate, django_code.find_plan_reader)


class Order(NamedTuple):
    """Django's migrations, their end with the signals of ``migrate``, and the SQL migrations.

    ``keys`` has the key of each beginning, that of nothing first. Where a migration of Django
    requires an SQL one, the kinds are mixed: the steps are not told apart, and ``migrate`` comes
    after all of them. ``changed_at`` is when a source of the project was changed last.
    """

    keys: Sequence[str]
    django: Sequence[Key] = ()
    files: Sequence[MigrationFile] = ()
    is_mixed: bool = False
    changed_at: float = 0

    @property
    def size(self) -> int:
        """The number of steps."""
        return len(self.keys) - 1

    @property
    def signals(self) -> int:
        """The length of the beginning that ends with ``migrate`` and its signals."""
        return self.size + 1 if self.is_mixed else len(self.django) + 1

    def migrations(self, length: int | None = None) -> int:
        """Return the number of migrations in a beginning, or in all: the signals are none."""
        length = self.size if length is None else length
        return length - (length >= self.signals)

    def last_number(self, length: int) -> int | None:
        """Return the number up to which SQL migrations make up a beginning, None if none does."""
        place = length - self.signals
        if not 0 < place < len(self.files):
            return None
        last, following = self.files[place - 1 : place + 1]
        return last.number if last.number != following.number else None


def read_order(recipe: Recipe) -> Order:
    """Return the order. Raises Obstacle."""
    files = _read_files(recipe.alias)
    with loading():
        executor = MigrationExecutor(None)
    migrations = full_plan(executor) if recipe.has_migrations else []
    _refuse(migrations, recipe)
    sources = Sources()
    contents: dict[Any, bytes] = {
        key_of(migration): django_code.migration_bytes(migration, sources)
        for migration in migrations
    }
    django = list(contents)
    for file in files:
        contents[file.key] = f"{file.id}:{file.checksum}".encode()
    migrated = executor.loader.migrated_apps if recipe.has_migrations else set()
    unmigrated = [config for config in apps.get_app_configs() if config.label not in migrated]
    signals = django_code.signal_code(sources)
    start = read_surroundings(recipe, unmigrated, sources)
    requires = any(needs_of(migration.operations) for migration in migrations)
    if requires or not recipe.is_test:
        names = (key for file in files for key in file.directives.requires)
        items = one_order.order(make_project(migrations, executor.loader, files, names))
        steps = [contents[item.key] for item in items]
        # Only a test database is kept before ``migrate`` sends its signals.
        start += b"" if recipe.is_test else signals
        return Order(_chain(start, steps), is_mixed=True, changed_at=sources.changed_at)
    end = [b"signals" + signals, *(contents[file.key] for file in files)]
    steps = [*(contents[key] for key in django), *end]
    return Order(_chain(start, steps), django, files, changed_at=sources.changed_at)


def _read_files(alias: str) -> Sequence[MigrationFile]:
    vendor, settings = connections[alias].vendor, conf.load()
    file_set = planning_files.read(settings.folders(alias), vendor, settings.environments)
    if errors(file_set.problems):
        raise Obstacle("a file has a problem")
    for file in file_set.files:
        if (loss := find_loss(file.text, vendor)) is not None:
            raise Obstacle(f"{file.id} names what no copy has ({loss})")
    return file_set.files


def _chain(start: bytes, steps: Sequence[bytes]) -> list[str]:
    """Return the key of each beginning."""
    digests = accumulate(steps, lambda before, step: sha256(before + step).digest(), initial=start)
    return [digest.hex() for digest in digests]


def _refuse(migrations: Sequence[Migration], recipe: Recipe) -> None:
    connection = connections[recipe.alias]
    obstacles = [
        *(django_code.find_lost(migration, connection.vendor) for migration in migrations),
        *(
            (django_code.find_session_change(m, connection.vendor) for m in migrations)
            if recipe.is_test
            else ()
        ),
        *((find() for find in _OF_MIGRATE) if recipe.is_test else ()),
        None if recipe.runs_code else django_code.find_own_code(migrations, connection),
    ]
    if obstacle := next(filter(None, obstacles), None):
        raise Obstacle(obstacle)
