"""Dropping all templates of a user: ``checkschema --clear-templates``."""

from typing import NamedTuple

from django.db import DatabaseError

from migration_guard.exceptions import CannotTell
from migration_guard.template_databases.shelf import Obstacle, Template, open_shelf


class Cleared(NamedTuple):
    """What was dropped, and what was not since somebody copied it just then."""

    dropped: list[Template]
    used: list[Template]
    unfinished: list[str]


def clear(alias: str) -> Cleared:
    """Drop the templates beside the databases of an alias. Raises CannotTell."""
    cleared = Cleared([], [], [])
    try:
        with open_shelf(alias, any_place=True) as shelf:
            cleared.unfinished.extend(shelf.sweep())
            for template in shelf.read_all():
                (cleared.dropped if shelf.drop(template) else cleared.used).append(template)
    except Obstacle as error:
        raise CannotTell(f"No template can be dropped: {error}.") from error
    except (DatabaseError, OSError) as error:
        raise CannotTell(
            f"A template cannot be dropped: {str(error).strip()}",
            "Remove the cause, and run it again.",
        ) from error
    return cleared
