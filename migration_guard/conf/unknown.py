"""Keys of the setting that nobody knows, with what was probably meant."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import connections

from migration_guard.conf.misspellings import nearest
from migration_guard.conf.settings import DEFAULTS, PATHS, SETTING, read_setting


class UnknownKey(NamedTuple):
    """A key that nobody knows: of the setting (``parent`` is ""), or of one of its dicts.

    ``nearest`` is the most similar key that is known, or "". ``is_database`` is True in a dict
    whose keys are databases.
    """

    parent: str
    key: str
    nearest: str
    known: tuple[str, ...]

    @property
    def is_database(self) -> bool:
        """Whether the key should name a database."""
        return self.parent in PATHS

    @property
    def fact(self) -> str:
        """What is wrong with the key."""
        if self.is_database:
            return (
                f'{SETTING}["{self.parent}"] names a database "{self.key}", '
                "which is not in DATABASES"
            )
        place = f'{SETTING}["{self.parent}"]' if self.parent else SETTING
        return f'{place} has a key "{self.key}", which the app does not know and would ignore'

    @property
    def hint(self) -> str:
        """The key that was probably meant, or all that are known."""
        known = f"Known are {', '.join(self.known)}."
        return f'Did you mean "{self.nearest}"?' if self.nearest else known


def unknown_keys() -> dict[str, UnknownKey]:
    """Return the keys of the setting that the app does not know."""
    return _unknown("", read_setting(), DEFAULTS)


def unknown_names() -> list[UnknownKey]:
    """Return these keys, those of IMPACT, and databases that the project does not have."""
    values = read_setting()
    parents = [parent for parent in PATHS if isinstance(values.get(parent), Mapping)]
    inner = [_unknown(parent, values[parent], sorted(connections)) for parent in parents]
    if isinstance(values.get("IMPACT"), Mapping):
        inner.append(_unknown("IMPACT", values["IMPACT"], DEFAULTS["IMPACT"]))
    return [*unknown_keys().values(), *(key for keys in inner for key in keys.values())]


def _unknown(parent: str, keys: Iterable[Any], known: Iterable[str]) -> dict[str, UnknownKey]:
    names = tuple(known)
    return {
        str(key): UnknownKey(parent, str(key), nearest(str(key), names), names)
        for key in keys
        if key not in names
    }
