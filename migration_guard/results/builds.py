"""How the databases came about that a check compares with."""

from typing import NamedTuple

from migration_guard.planning.history_rows import HistoryRow
from migration_guard.problems import Problem


class Chapter(NamedTuple):
    """The database objects that one migration made, changed and removed."""

    migration: str
    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class FreshDatabase(NamedTuple):
    """A throwaway database that was built from the files, or built until an error.

    ``django`` holds Django's migrations as ``app.name``, ``rows`` the history of the SQL ones, both
    in the order in which they ran. ``timeline`` is None if it was not asked for. ``template`` is
    the database that was copied, "" if there is none. ``seconds`` is the time for all of it.
    """

    environment: str
    django: tuple[str, ...] = ()
    rows: tuple[HistoryRow, ...] = ()
    timeline: tuple[Chapter, ...] | None = None
    problems: tuple[Problem, ...] = ()
    template: str = ""
    seconds: float = 0.0


class RemovedApp(NamedTuple):
    """An app of an older release that is not installed any more, and the tables that it left."""

    app: str
    tables: tuple[str, ...]


class Upgrade(NamedTuple):
    """A throwaway database that a release migrated, and today's code upgraded, maybe in part.

    ``ref`` is what the release was called, ``planted`` the file that planted rows, "" without one.
    ``applied`` is what ran since, in order: ids, and Django's migrations as ``app.name``.
    """

    ref: str
    commit: str
    planted: str = ""
    applied: tuple[str, ...] = ()
    removed: tuple[RemovedApp, ...] = ()
    problems: tuple[Problem, ...] = ()


class Doubt(NamedTuple):
    """Why a migration leaves open what made a difference.

    ``files``: between replay and fresh database; ``live``: between replay and live database.
    """

    migration: str
    why: str
    files: bool = True
    live: bool = True


class Late(NamedTuple):
    """A migration recorded after those of higher numbers, and what the audit says of it."""

    migration: str
    after: tuple[str, ...]
    why: tuple[str, ...] = ()


class Replay(NamedTuple):
    """How a database was built again from the order and the SQL of a history.

    ``order`` names all migrations, Django's as ``app.name``.
    """

    order: tuple[str, ...] = ()
    late: tuple[Late, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    seconds: float = 0.0
