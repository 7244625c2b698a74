"""The one order of Django's migrations and the SQL migrations.

Pure. It is the order in which an empty database is built, one migration at a time: a migration of
Django as soon as what it needs stands before it, else the next SQL migration. So an SQL migration
that is added at the end moves nothing that stood before it. What is applied is left out afterwards.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import groupby
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
    that it requires, and the name that RequiresSQL gives; a squash ``replaces`` others.
    """

    key: Key
    after: frozenset[Key] = frozenset()
    needs: tuple[tuple[int, str], ...] = ()
    replaces: frozenset[Key] = frozenset()

    def __str__(self) -> str:
        return ".".join(self.key)


Item: TypeAlias = DjangoMigration | MigrationFile


@dataclass(frozen=True, slots=True)
class DjangoStep:
    """Django's migrations that run together."""

    migrations: tuple[DjangoMigration, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The migrations as ``app.name``."""
        return tuple(map(str, self.migrations))


@dataclass(frozen=True, slots=True)
class SQLStep:
    """SQL migrations that run together."""

    files: tuple[MigrationFile, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of the migrations."""
        return tuple(file.id for file in self.files)


Step: TypeAlias = DjangoStep | SQLStep


@dataclass(frozen=True, slots=True)
class Project:
    """All migrations of both kinds, each kind in its own order.

    ``stands_for`` maps a name that a file may require, and that Django's graph does not hold, to
    the migrations that stand for it there: a squash, or those that it replaces.
    """

    django: Sequence[DjangoMigration]
    files: Sequence[MigrationFile]
    stands_for: Mapping[Key, Collection[Key]] = field(default_factory=dict)


def steps_to_run(
    project: Project,
    is_pending: Callable[[Item], bool],
    target: int | None = None,
) -> tuple[Step, ...]:
    """Return what is pending in the one order, neighbours of one kind together.

    ``target`` leaves out the SQL migrations above that number, and what needs them. Raises Refused
    with a problem for each unknown SQL migration, and for a circle among what is pending.
    """
    try:
        items = order(project)
    except Refused:
        # What is applied has found its way through the circle.
        items = order(
            Project(
                [migration for migration in project.django if is_pending(migration)],
                project.files,
                project.stands_for,
            ),
            lambda file: not is_pending(file),
        )
    kept = {id(item) for item in _up_to(target, filter(is_pending, items))}
    # Grouped before what is applied is left out: so Django's keep their place among the files.
    return tuple(
        DjangoStep(tuple(group)) if is_django else SQLStep(tuple(group))  # type: ignore[arg-type]
        for is_django, whole in groupby(items, lambda item: isinstance(item, DjangoMigration))
        if (group := [item for item in whole if id(item) in kept])
    )


def pending_steps(steps: Iterable[Step], is_pending: Callable[[Item], bool]) -> tuple[Step, ...]:
    """Return what is pending of each step."""
    left: list[Step] = []
    for step in steps:
        if isinstance(step, DjangoStep):
            left.append(DjangoStep(tuple(filter(is_pending, step.migrations))))
        else:
            left.append(SQLStep(tuple(filter(is_pending, step.files))))
    return tuple(step for step in left if step.names)


def order(
    project: Project, is_applied: Callable[[MigrationFile], bool] = lambda _file: False
) -> tuple[Item, ...]:
    """Return all migrations in the one order.

    A name in ``requires`` that Django's graph does not know has no effect, since the runner reports
    it; nor have the requirements of a file that is applied. Raises Refused as ``steps_to_run``.
    """
    django, files = project.django, project.files
    if unknown := _unknown(django, files):
        raise Refused("A required SQL migration is not there.", "", unknown)
    queue = _Queue(django, files)
    required = [
        set() if is_applied(file) else required_keys(file, project, queue.keys) for file in files
    ]
    items: list[Item] = []
    for place, file in enumerate(files):
        items += queue.ready()
        if missing := required[place] - queue.done:
            raise _circle(queue.waiting(), files, place, missing)
        items.append(file)
        queue.pass_file(place)
    items += queue.ready()
    return tuple(items)


def unmet_needs(
    steps: Sequence[Step], files: Sequence[MigrationFile], ids: Collection[str]
) -> list[Problem]:
    """Return a problem for each Django migration in ``steps`` whose SQL migration never comes.

    ``ids`` are those that are applied or run; a file may be for other environments.
    """
    return [
        Problem(
            "unmet-requirement",
            f"{migration} requires the SQL migration {files[place].id}, which does not run here",
            "Let it run here too (-- guard: environments), or let RequiresSQL name another one.",
            path=files[place].path,
        )
        for step in steps
        if isinstance(step, DjangoStep)
        for migration in step.migrations
        for place in needed_places(migration, files)
        if files[place].id not in ids
    ]


class _Queue:
    """Django's migrations that wait, each for its dependencies and for SQL migrations."""

    def __init__(self, django: Sequence[DjangoMigration], files: Sequence[MigrationFile]) -> None:
        self._django = django
        self._places = {migration.key: place for place, migration in enumerate(django)}
        self._behind: dict[Key | int, list[int]] = {}
        self._count = [0] * len(django)
        self._heap: list[int] = []
        self.done: set[Key] = set()
        for place, migration in enumerate(django):
            last = max(needed_places(migration, files), default=None)
            needed: list[Key | int] = [key for key in migration.after if key in self.keys]
            needed += [] if last is None else [last]
            self._count[place] = len(needed)
            for other in needed:
                self._behind.setdefault(other, []).append(place)
            if not needed:
                heappush(self._heap, place)

    @property
    def keys(self) -> Collection[Key]:
        return self._places.keys()

    def ready(self) -> Iterator[DjangoMigration]:
        """Take out, in Django's order, what waits for nothing any more."""
        while self._heap:
            migration = self._django[heappop(self._heap)]
            self.done.add(migration.key)
            self._release(migration.key)
            yield migration

    def pass_file(self, place: int) -> None:
        """Let those go on that waited for the file at ``place``."""
        self._release(place)

    def waiting(self) -> list[DjangoMigration]:
        return [migration for migration in self._django if migration.key not in self.done]

    def _release(self, what: Key | int) -> None:
        for place in self._behind.get(what, ()):
            self._count[place] -= 1
            if not self._count[place]:
                heappush(self._heap, place)


def required_keys(file: MigrationFile, project: Project, keys: Collection[Key]) -> set[Key]:
    """Return the migrations of Django's graph that a file waits for."""
    return {
        key
        for name in file.directives.requires
        for key in project.stands_for.get(name, [name])
        if key in keys
    }


def _up_to(target: int | None, items: Iterable[Item]) -> Iterator[Item]:
    """Leave out the files above ``target`` and all that needs them."""
    left_out: set[Key] = set()
    files: list[MigrationFile] = []
    for item in items:
        if isinstance(item, MigrationFile):
            if target is None or item.number <= target:
                yield item
            else:
                files.append(item)
        elif item.after & left_out or needed_places(item, files):
            left_out.add(item.key)
        else:
            yield item


def needed_places(migration: DjangoMigration, files: Sequence[MigrationFile]) -> list[int]:
    """Return the places of the files that a migration needs. Files may share a number."""
    return [
        place
        for number, name in migration.needs
        for place, file in enumerate(files)
        if file.is_named(number, name)
    ]


def _unknown(django: Sequence[DjangoMigration], files: Sequence[MigrationFile]) -> list[Problem]:
    return [
        Problem(
            "unknown-requirement",
            f"{migration} requires the SQL migration {name}, which is not there",
            "Correct it in RequiresSQL, or add the file.",
        )
        for migration in django
        for number, name in migration.needs
        if not any(file.is_named(number, name) for file in files)
    ]


def _circle(
    waiting: Sequence[DjangoMigration],
    files: Sequence[MigrationFile],
    done: int,
    required: Collection[Key],
) -> Refused:
    """Return the error, with the chain from the next file back to itself or to a later one."""
    file = files[done]
    by_key = {migration.key: migration for migration in waiting}
    chain = [migration for migration in waiting if migration.key in required][:1]
    while max(needed_places(chain[-1], files), default=-1) < done:
        chain.append(next(by_key[key] for key in sorted(chain[-1].after) if key in by_key))
    last = files[max(needed_places(chain[-1], files))]
    path = " needs ".join([file.id, *map(str, chain), f"the SQL migration {last.id}"])
    later = "" if last is file else f", which comes after {file.id}"
    problem = Problem(
        "requirement-cycle",
        f"{path}{later}",
        "Split one of them, so that what the other needs comes first.",
        path=file.path,
    )
    return Refused("The migrations wait for each other: there is no order.", "", [problem])
