"""The one order in which a test database is built, with a key for each beginning of it.

A key is a digest of all that the database depends on up to there. So two databases of one key were
built of the same, and a changed byte changes its key and all later ones.
"""

from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple

from django.apps import apps
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from migration_guard import conf
from migration_guard.planning import files as planning_files
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.one_order import Key
from migration_guard.planning.regular_files import read_bytes
from migration_guard.running.django_graph import key_of, needs_of
from migration_guard.template_databases import django_code
from migration_guard.template_databases.losses import find_loss
from migration_guard.template_databases.shelf import Obstacle
from migration_guard.template_databases.sources import Sources
from migration_guard.template_databases.surroundings import read_surroundings


class Order(NamedTuple):
    """Django's migrations, their end with the signals of ``migrate``, and the SQL migrations.

    ``keys`` has the key of each beginning, that of nothing first.
    """

    django: Sequence[Key]
    files: Sequence[MigrationFile]
    keys: Sequence[str]

    @property
    def size(self) -> int:
        """The number of steps."""
        return len(self.keys) - 1

    @property
    def signals(self) -> int:
        """The length of the beginning that ends with the signals of ``migrate``."""
        return len(self.django) + 1

    def last_number(self, length: int) -> int | None:
        """Return the number up to which SQL migrations make up a beginning, None if none does."""
        place = length - self.signals
        if not 0 < place < len(self.files):
            return None
        last, following = self.files[place - 1 : place + 1]
        return last.number if last.number != following.number else None


def read_order(
    alias: str, environment: str, likeness: str, *, has_migrations: bool, runs_code: bool
) -> Order:
    """Return the order. Raises Obstacle; with ``runs_code`` not for code of the project."""
    connection = connections[alias]
    settings = conf.load()
    file_set = planning_files.read(
        settings.folders(alias), connection.vendor, settings.environments
    )
    if file_set.problems:
        raise Obstacle("a file has a problem")
    for file in file_set.files:
        if (loss := find_loss(file.text, connection.vendor)) is not None:
            raise Obstacle(f"{file.id} names what no copy has ({loss})")
    migrations, migrated = _read_migrations() if has_migrations else ([], set[str]())
    _refuse(migrations, alias, runs_code=runs_code)
    if any(needs_of(migration.operations) for migration in migrations):
        raise Obstacle("a migration requires an SQL one")
    sources = Sources()
    steps = [django_code.migration_bytes(migration, sources) for migration in migrations]
    steps.append(b"signals")
    steps += [b"%b:%b" % (file.id.encode(), read_bytes(file.name.file)) for file in file_set.files]
    unmigrated = _unmigrated(migrated)
    start = read_surroundings(alias, environment, likeness, unmigrated, sources)
    digests = accumulate(steps, _next_digest, initial=start)
    return Order(
        [key_of(migration) for migration in migrations],
        file_set.files,
        [digest.hex() for digest in digests],
    )


def _next_digest(before: bytes, step: bytes) -> bytes:
    return sha256(before + step).digest()


def _read_migrations() -> tuple[list[Migration], set[str]]:
    """Return the migrations in the order of ``migrate`` on an empty database, and their apps."""
    executor = MigrationExecutor(None)
    loader: MigrationLoader = executor.loader
    plan = executor.migration_plan(loader.graph.leaf_nodes(), clean_start=True)
    return [migration for migration, _backwards in plan], loader.migrated_apps


def _unmigrated(migrated: set[str]) -> list[str]:
    return [config.label for config in apps.get_app_configs() if config.label not in migrated]


def _refuse(migrations: Sequence[Migration], alias: str, *, runs_code: bool) -> None:
    connection = connections[alias]
    if django_code.is_migrate_own():
        raise Obstacle("another app has a command migrate")
    for migration in migrations:
        if obstacle := django_code.migration_obstacle(migration, connection.vendor):
            raise Obstacle(obstacle)
    if not runs_code and (code := django_code.own_code(migrations, connection)):
        raise Obstacle(code)
