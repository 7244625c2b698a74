"""The environment stamp: what the rows that a database carries mean.

Pure. A stamp that cannot be understood stops every command but the one that writes it anew.
"""

import shlex
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from migration_guard import conf
from migration_guard.exceptions import CannotTell

STAMP_ID: Final = 1


class StampRow(NamedTuple):
    """A row of the table of the stamp; ``schema`` is the one in which migrations make tables."""

    id: int
    environment: str
    schema: str | None = None


def parse_stamp(rows: Sequence[StampRow], environments: Collection[str]) -> str | None:
    """Return the environment of the one row, None without a row.

    Raises CannotTell for several rows, a row in another place, and an unknown name.
    """
    if not rows:
        return None
    if [row.id for row in rows] != [STAMP_ID]:
        raise CannotTell(
            f"The database must carry one environment stamp with the id {STAMP_ID}, and carries "
            f"{describe_stamp(rows)}, which no command of this app writes to the table "
            "migration_guard_environment."
        )
    name = rows[0].environment
    try:
        return conf.environment(name, environments)
    except CannotTell as error:
        near = conf.nearest_environment(name, environments)
        meant = f'Did you mean "{near}"? ' if near else ""
        raise CannotTell(
            f"The database is stamped {name!r}, which is not an environment of this project; known "
            f"are {', '.join(sorted(environments))}.",
            f'{meant}If the name is right, add it to {conf.SETTING}["ENVIRONMENTS"].',
        ) from error


def describe_stamp(rows: Sequence[StampRow]) -> str | None:
    """Return what the rows say, None without a row."""
    if [row.id for row in rows] == [STAMP_ID]:
        return rows[0].environment
    return ", ".join(f"{row.environment!r} with the id {row.id}" for row in rows) or None


def stamp_command(environment: str, database: str, alias: str) -> str:
    """Return the command that stamps a database as ``environment``, whatever it carries."""
    confirm = f" --confirm {shlex.quote(database)}" if environment != conf.PRODUCTION else ""
    option = conf.database_option(alias)
    return f"manage.py repairsqlmigrations --stamp {environment}{confirm} --reason TEXT{option}"
