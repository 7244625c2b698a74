"""The order in which a database got its migrations of both kinds, as its own rows tell it.

Pure. Django's rows follow their ids; SQL rows and Django's are merged by time. What a migration is
known to need stands before it, whatever the times say. Where the order of two cannot be told, that
is a doubt.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

from migration_guard.planning.files import MigrationFile
from migration_guard.planning.one_order import (
    DjangoMigration,
    DjangoStep,
    Item,
    Key,
    Project,
    SQLStep,
    Step,
    needed_places,
    required_keys,
)

# The key of one of Django's migrations, or the id of an SQL one.
Name: TypeAlias = Key | str
_Name = TypeVar("_Name", Key, str)

# The history has times of the server, ``django_migrations`` those of a host. By so much clocks may
# differ; what is declared tells the order then.
_APART: Final = timedelta(seconds=10)


class RecordedRow(NamedTuple, Generic[_Name]):
    """One migration that a database has, and when its row was written."""

    name: _Name
    at: datetime


class RecordedOrder(NamedTuple):
    """The steps in the recorded order.

    ``doubts`` maps a migration to why its place is not certain. ``ties`` has pairs whose order
    nothing tells.
    """

    steps: tuple[Step, ...]
    doubts: Mapping[str, str]
    ties: tuple[tuple[str, str], ...]


class _Placed(NamedTuple):
    item: Item
    at: datetime

    @property
    def name(self) -> Name:
        return self.item.id if isinstance(self.item, MigrationFile) else self.item.key


def recorded_order(
    project: Project, django: Sequence[RecordedRow[Key]], sql: Sequence[RecordedRow[str]]
) -> RecordedOrder:
    """Return the order of the rows, those of ``django`` in the order of their ids.

    ``project`` has Django's graph on an empty database, and the file of each SQL row.
    ``project.stands_for`` knows the keys of all rows of ``django``.
    """
    doubts: dict[str, str] = {}
    django_items = _stand_ins(project, django, sql, doubts)
    files = {file.id: file for file in project.files}
    # Rows of one time stay in their order: by number.
    sql_items = [_Placed(files[row.name], row.at) for row in sql]
    needs = _needs(project, [*django_items, *sql_items])
    by_time = _merge(django_items, sorted(sql_items, key=lambda placed: placed.at))
    order = [*_needed_first(by_time, needs, doubts)]
    steps = tuple(_steps(project, [placed.item for placed in order]))
    return RecordedOrder(steps, doubts, tuple(_ties(order, needs)))


def _stand_ins(
    project: Project,
    rows: Sequence[RecordedRow[Key]],
    sql: Sequence[RecordedRow[str]],
    doubts: dict[str, str],
) -> list[_Placed]:
    """Return the migrations of the graph that stand for rows, in order; each at its first row."""
    graph = {migration.key: migration for migration in project.django}
    places = {key: place for place, key in enumerate(graph)}
    recorded = {row.name for row in rows}
    times: dict[Key, list[datetime]] = {}
    latest: datetime | None = None
    for row in rows:
        name = ".".join(row.name)
        keys = sorted(project.stands_for.get(row.name, ()), key=places.__getitem__)
        if not keys:
            doubts[name] = "django_migrations has it, and the code of today does not"
        if latest is not None and row.at < latest:
            doubts[name] = "the times in django_migrations do not follow its ids here"
        # By ids, since a clock may go back.
        latest = row.at if latest is None else max(latest, row.at)
        for key in keys:
            is_squash_itself = key == row.name and graph[key].replaces & recorded
            if not is_squash_itself:
                times.setdefault(key, []).append(latest)
    for key, moments in times.items():
        if doubt := _doubt_about_squash(graph[key], moments, recorded, sql):
            doubts[str(graph[key])] = doubt
    return [_Placed(graph[key], moments[0]) for key, moments in times.items()]


def _doubt_about_squash(
    migration: DjangoMigration,
    moments: Sequence[datetime],
    recorded: Collection[Key],
    sql: Sequence[RecordedRow[str]],
) -> str:
    missing = sorted(migration.replaces - {*recorded})
    if missing and migration.key not in recorded:
        names = ", ".join(map(".".join, missing))
        return f"it is a squash, and of what it replaces {names} is not recorded"
    between = [row for row in sql if moments[0] < row.at < moments[-1]]
    if between:
        return f"it is a squash, and {between[0].name} ran between what it replaces"
    return ""


def _merge(firsts: Sequence[_Placed], seconds: Sequence[_Placed]) -> list[_Placed]:
    """Merge two lists by time without changing the order within one."""
    merged, rest = [], list(reversed(seconds))
    for placed in firsts:
        while rest and rest[-1].at < placed.at:
            merged.append(rest.pop())
        merged.append(placed)
    return [*merged, *reversed(rest)]


def _needs(project: Project, recorded: Sequence[_Placed]) -> dict[Name, list[Name]]:
    """Return what each recorded migration is known to need, as far as it is recorded too."""
    names = {placed.name for placed in recorded}
    keys = {name for name in names if isinstance(name, tuple)}
    needs: dict[Name, list[Name]] = {}
    for placed in recorded:
        item = placed.item
        if isinstance(item, MigrationFile):
            needs[item.id] = sorted(required_keys(item, project, keys))
        else:
            ids = [project.files[place].id for place in needed_places(item, project.files)]
            needs[item.key] = [*sorted(item.after & keys), *(id_ for id_ in ids if id_ in names)]
    return needs


def _ties(order: Sequence[_Placed], needs: Mapping[Name, list[Name]]) -> Iterator[tuple[str, str]]:
    """Yield the neighbours that might as well stand the other way round."""
    # What is needed stands before: between neighbours is nothing that one needs by way of another.
    for first, second in pairwise(order):
        are_django = isinstance(first.name, tuple) and isinstance(second.name, tuple)
        if (
            not are_django  # then the ids tell
            and _is_same_time(first.at, second.at)
            and first.name not in needs[second.name]
        ):
            yield _text(first.name), _text(second.name)


def _is_same_time(first: datetime, second: datetime) -> bool:
    """Return whether two times are equal, as far as both are exact: some columns hold seconds."""
    if not (first.microsecond and second.microsecond):
        return first.replace(microsecond=0) == second.replace(microsecond=0)
    return first == second


def _needed_first(
    by_time: Sequence[_Placed], needs: Mapping[Name, list[Name]], doubts: dict[str, str]
) -> Iterator[_Placed]:
    """Yield in order of time, and before each what it needs."""
    by_name = {placed.name: placed for placed in by_time}
    done: set[Name] = set()
    for placed in by_time:
        ahead = [placed.name] if placed.name not in done else []
        while ahead:
            name = ahead[-1]
            later = next(
                (need for need in needs[name] if need not in done and need not in ahead), None
            )
            if later is None:
                yield by_name[ahead.pop()]
                done.add(name)
                continue
            between = by_name[later].at - by_name[name].at
            if between > _APART and not (isinstance(name, tuple) and isinstance(later, tuple)):
                doubts[_text(name)] = f"by its time it ran before {_text(later)}, which it needs"
            ahead.append(later)


def _steps(project: Project, items: Sequence[Item]) -> Iterator[Step]:
    """Yield neighbours of one kind as one step, Django's as far as they follow its own order."""
    places = {migration.key: place for place, migration in enumerate(project.django)}
    run, last = 0, -1
    runs: list[tuple[int, Item]] = []
    for item in items:
        place = places[item.key] if isinstance(item, DjangoMigration) else -1
        # ``migrate`` runs a step in Django's order.
        if (place < 0) != (last < 0) or (place >= 0 and place < last):
            run += 1
        last = place
        runs.append((run, item))
    for _, group in groupby(runs, lambda pair: pair[0]):
        migrations = [item for _, item in group]
        if isinstance(migrations[0], MigrationFile):
            yield SQLStep(tuple(migrations))  # type: ignore[arg-type]
        else:
            yield DjangoStep(tuple(migrations))  # type: ignore[arg-type]


def _text(name: Name) -> str:
    return name if isinstance(name, str) else ".".join(name)
