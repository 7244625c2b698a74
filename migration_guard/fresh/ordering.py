"""In which order Django's migrations and the SQL ones build an empty database.

Pure. SQL migrations keep the order of their numbers. Django's come as early as they may: that is
what a deploy does, which runs ``migrate`` first. ``-- guard: requires`` holds an SQL migration back
until Django's is applied, ``RequiresSQL`` the other way round.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from migration_guard.exceptions import Refused
from migration_guard.planning.files import MigrationFile
from migration_guard.problems import Problem

# (app, name), as Django's loader has it.
Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class DjangoMigration:
    """One of Django's migrations.

    ``after`` are those that it depends on; ``needs`` are SQL migrations, by their number and as
    they were named.
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
        """Those that no other of them depends on: to migrate to these is to apply all."""
        inner = {key for one in self.migrations for key in one.after}
        return tuple(one.key for one in self.migrations if one.key not in inner)


@dataclass(frozen=True, slots=True)
class SQLStep:
    """SQL migrations that run together."""

    files: tuple[MigrationFile, ...]


Step: TypeAlias = DjangoStep | SQLStep


def order(
    django: Sequence[DjangoMigration],
    files: Sequence[MigrationFile],
    stands_for: Mapping[Key, Key] | None = None,
) -> tuple[Step, ...]:
    """Return the steps; ``django`` and ``files`` hold what is to be applied, each in its order.

    ``stands_for`` maps a squashed migration to the one that replaces it. A name in ``requires``
    that is no migration to be applied holds nothing back: the runner reports it. Raises Refused
    with a problem for each unknown SQL migration, or for a cycle.
    """
    if unknown := _unknown(django, files):
        raise Refused("A required SQL migration is not there.", "", unknown)
    known = {one.key for one in django}
    stands_for = stands_for or {}
    required = {
        file.id: {stands_for.get(key, key) for key in file.directives.requires} & known
        for file in files
    }
    last_needed = {one.key: max(_places(one, files), default=-1) for one in django}
    waiting, left, steps = list(django), list(files), list[Step]()
    while waiting or left:
        done = len(files) - len(left)
        ready = _ready(waiting, {key for key, last in last_needed.items() if last >= done})
        waiting = [one for one in waiting if one not in ready]
        missing = {one.key for one in waiting}
        count = next(
            (place for place, file in enumerate(left) if required[file.id] & missing), len(left)
        )
        if not ready and not count:
            raise _cycle(waiting, files, done, required[left[0].id])
        steps += [DjangoStep(tuple(ready))] if ready else []
        steps += [SQLStep(tuple(left[:count]))] if count else []
        left = left[count:]
    return tuple(steps)


def _places(one: DjangoMigration, files: Sequence[MigrationFile]) -> list[int]:
    """Return where the files stand that it needs; a number may be that of several."""
    return [
        place
        for number, needed in one.needs
        for place, file in enumerate(files)
        if _is(file, number, needed)
    ]


def _ready(waiting: Sequence[DjangoMigration], needing: Collection[Key]) -> list[DjangoMigration]:
    """Return what can run now; ``needing`` are those that need an SQL migration to come."""
    blocked: set[Key] = set()
    ready = []
    for one in waiting:  # in an order in which each stands behind what it depends on
        if one.after & blocked or one.key in needing:
            blocked.add(one.key)
        else:
            ready.append(one)
    return ready


def _unknown(django: Sequence[DjangoMigration], files: Sequence[MigrationFile]) -> list[Problem]:
    return [
        Problem(
            "unknown-requirement",
            f"{one} requires the SQL migration {needed}, which is not there",
            "Correct it in RequiresSQL, or add the file.",
        )
        for one in django
        for number, needed in one.needs
        if not any(_is(file, number, needed) for file in files)
    ]


def _is(file: MigrationFile, number: int, needed: str) -> bool:
    """Tell whether a migration is the one that was named, by its number or by its id."""
    return file.number == number and (needed.isdecimal() or needed == file.id)


def _cycle(
    waiting: Sequence[DjangoMigration],
    files: Sequence[MigrationFile],
    done: int,
    required: Collection[Key],
) -> Refused:
    """Follow what each waits for, from the next file back to it or to one behind it."""
    file = files[done]
    by_key = {one.key: one for one in waiting}
    chain = [one for one in waiting if one.key in required][:1]
    while max(_places(chain[-1], files), default=-1) < done:
        chain.append(next(by_key[key] for key in sorted(chain[-1].after) if key in by_key))
    last = files[max(_places(chain[-1], files))]
    path = " needs ".join([file.id, *map(str, chain), f"the SQL migration {last.id}"])
    behind = "" if last is file else f", which comes after {file.id}"
    problem = Problem(
        "requirement-cycle",
        f"{path}{behind}",
        "Split one of them, so that what the other needs comes first.",
        path=file.path,
    )
    return Refused("The migrations wait for each other: there is no order.", "", [problem])
