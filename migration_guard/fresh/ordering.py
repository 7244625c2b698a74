"""The one order of Django's migrations and the SQL migrations that builds an empty database.

Pure. SQL migrations keep the order of their numbers. Django's come as early as possible, as in a
deploy that runs ``migrate`` first. An SQL migration with ``-- guard: requires`` waits for Django's
migration; a Django migration with ``RequiresSQL`` waits for the SQL migration.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from migration_guard.exceptions import Refused
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem

# (app, name), as in Django's loader.
Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class DjangoMigration:
    """One of Django's migrations.

    ``after`` has the migrations that it depends on; ``needs`` has the number of each SQL migration
    that it requires, and the name that RequiresSQL gives.
    """

    key: Key
    after: frozenset[Key] = frozenset()
    needs: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        return ".".join(self.key)


@dataclass(frozen=True, slots=True)
class DjangoStep:
    """Django's migrations that run together."""

    migrations: tuple[DjangoMigration, ...]

    @property
    def targets(self) -> tuple[Key, ...]:
        """The migrations that no other one depends on. To migrate to them applies all."""
        inner = {key for migration in self.migrations for key in migration.after}
        return tuple(migration.key for migration in self.migrations if migration.key not in inner)


@dataclass(frozen=True, slots=True)
class SQLStep:
    """SQL migrations that run together."""

    files: tuple[MigrationFile, ...]


Step: TypeAlias = DjangoStep | SQLStep


def order(
    django: Sequence[DjangoMigration],
    files: Sequence[MigrationFile],
    replacements: Mapping[Key, Key] | None = None,
) -> tuple[Step, ...]:
    """Return the steps that apply ``django`` and ``files``, which are each in their own order.

    ``replacements`` maps a squashed migration to the one that replaces it. A name in ``requires``
    that is not in ``django`` has no effect, since the runner reports it. Raises Refused with a
    problem for each unknown SQL migration, or for a cycle.
    """
    if unknown := _unknown(django, files):
        raise Refused("A required SQL migration is not there.", "", unknown)
    keys = {migration.key for migration in django}
    replacements = replacements or {}
    required = {
        file.id: {replacements.get(key, key) for key in file.directives.requires} & keys
        for file in files
    }
    last_needed = {
        migration.key: max(_places(migration, files), default=-1) for migration in django
    }
    waiting, left, steps = list(django), list(files), list[Step]()
    while waiting or left:
        done = len(files) - len(left)
        ready = _ready(waiting, {key for key, last in last_needed.items() if last >= done})
        waiting = [migration for migration in waiting if migration not in ready]
        missing = {migration.key for migration in waiting}
        count = next(
            (place for place, file in enumerate(left) if required[file.id] & missing), len(left)
        )
        if not ready and not count:
            raise _cycle(waiting, files, done, required[left[0].id])
        steps += [DjangoStep(tuple(ready))] if ready else []
        steps += [SQLStep(tuple(left[:count]))] if count else []
        left = left[count:]
    return tuple(steps)


def _places(migration: DjangoMigration, files: Sequence[MigrationFile]) -> list[int]:
    """Return the places of the files that a migration needs. Files may share a number."""
    return [
        place
        for number, name in migration.needs
        for place, file in enumerate(files)
        if _is_named(file, number, name)
    ]


def _ready(waiting: Sequence[DjangoMigration], needing: Collection[Key]) -> list[DjangoMigration]:
    """Return the migrations that can run now; ``needing`` ones wait for an SQL migration."""
    blocked: set[Key] = set()
    ready = []
    for migration in waiting:  # each comes after its dependencies
        if migration.after & blocked or migration.key in needing:
            blocked.add(migration.key)
        else:
            ready.append(migration)
    return ready


def _unknown(django: Sequence[DjangoMigration], files: Sequence[MigrationFile]) -> list[Problem]:
    return [
        Problem(
            "unknown-requirement",
            f"{migration} requires the SQL migration {name}, which is not there",
            "Correct it in RequiresSQL, or add the file.",
        )
        for migration in django
        for number, name in migration.needs
        if not any(_is_named(file, number, name) for file in files)
    ]


def _is_named(file: MigrationFile, number: int, name: str) -> bool:
    """Return whether ``name`` is the number or the id of a file."""
    return file.number == number and (name.isdecimal() or name == file.id)


def _cycle(
    waiting: Sequence[DjangoMigration],
    files: Sequence[MigrationFile],
    done: int,
    required: Collection[Key],
) -> Refused:
    """Return the error, with the chain from the next file back to itself or to a later one."""
    file = files[done]
    by_key = {migration.key: migration for migration in waiting}
    chain = [migration for migration in waiting if migration.key in required][:1]
    while max(_places(chain[-1], files), default=-1) < done:
        chain.append(next(by_key[key] for key in sorted(chain[-1].after) if key in by_key))
    last = files[max(_places(chain[-1], files))]
    path = " needs ".join([file.id, *map(str, chain), f"the SQL migration {last.id}"])
    later = "" if last is file else f", which comes after {file.id}"
    problem = Problem(
        "requirement-cycle",
        f"{path}{later}",
        "Split one of them, so that what the other needs comes first.",
        path=file.path,
    )
    return Refused("The migrations wait for each other: there is no order.", "", [problem])
