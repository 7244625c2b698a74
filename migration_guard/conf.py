"""The setting ``MIGRATION_GUARD``, with types, defaults and checks.

Invariants: nothing is cached, so a test that changes the setting sees the change; reading it opens
no file and no database.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from migration_guard.exceptions import CannotTell

SETTING: Final = "MIGRATION_GUARD"
BUILT_IN_ENVIRONMENTS: Final = ("production", "staging", "test", "dev")
ENVIRONMENT_ALIASES: Final = {"prod": "production", "live": "production"}
DEFAULTS: Final[Mapping[str, Any]] = {
    "DIRS": {},
    "ENVIRONMENT": "production",
    "ENVIRONMENTS": (),
    "CONTRACTS": {},
    "LOCK_TIMEOUT": "5s",
    "LOCK_RETRIES": 10,
    "STATEMENT_TIMEOUT": None,
    "WAIT": 300,
    "APPLY_IN_TESTS": True,
}

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, None: 1.0}


@dataclass(frozen=True, slots=True)
class Conf:
    """The settings of the app. Times are in seconds; None is no limit."""

    dirs: Mapping[str, tuple[Path, ...]]
    environment: str
    environments: frozenset[str]
    lock_timeout: float | None
    lock_retries: int
    statement_timeout: float | None
    wait: float
    apply_in_tests: bool
    contracts: Mapping[str, tuple[Path, ...]]

    def folders(self, alias: str) -> tuple[Path, ...]:
        """Return the folders of a database alias. Raises CannotTell if none is set."""
        if not self.dirs.get(alias):
            raise CannotTell(
                f'{SETTING}["DIRS"] names no folder for the database "{alias}".',
                f'Add it: {SETTING} = {{"DIRS": {{"{alias}": [BASE_DIR / "sql_migrations"]}}}}.',
            )
        return self.dirs[alias]


def load() -> Conf:
    """Read and check the setting. Raises CannotTell, which names the wrong key."""
    values = {**DEFAULTS, **_setting()}
    environments = frozenset((*BUILT_IN_ENVIRONMENTS, *_names(values["ENVIRONMENTS"])))
    return Conf(
        dirs=_paths("DIRS", values["DIRS"]),
        environment=environment(str(values["ENVIRONMENT"] or "production"), environments),
        environments=environments,
        lock_timeout=_limit("LOCK_TIMEOUT", values["LOCK_TIMEOUT"]),
        lock_retries=int(_number("LOCK_RETRIES", values["LOCK_RETRIES"])),
        statement_timeout=_limit("STATEMENT_TIMEOUT", values["STATEMENT_TIMEOUT"]),
        wait=_number("WAIT", values["WAIT"]),
        apply_in_tests=bool(values["APPLY_IN_TESTS"]),
        contracts=_paths("CONTRACTS", values["CONTRACTS"]),
    )


def unknown_keys() -> dict[str, str]:
    """Return the keys that the app does not know, with the most similar valid key or ""."""
    return {key: nearest(key, DEFAULTS) for key in _setting() if key not in DEFAULTS}


def environment(name: str, environments: Iterable[str]) -> str:
    """Return the environment that ``name`` means (``prod`` is ``production``).

    Raises CannotTell for a name that is not among ``environments``.
    """
    name = ENVIRONMENT_ALIASES.get(name.strip().lower(), name.strip().lower())
    names = sorted(environments)
    if name not in names:
        raise CannotTell(
            f'"{name}" is not an environment; known are {", ".join(names)}.',
            f'Correct {SETTING}["ENVIRONMENT"] (or --environment), '
            f'or add the name to {SETTING}["ENVIRONMENTS"].',
        )
    return name


def seconds(text: str) -> float | None:
    """Return the seconds of ``5s``, ``500ms``, ``2min``, ``1h`` or a plain number, else None."""
    match = _DURATION.fullmatch(text.strip())
    return float(match[1]) * _SECONDS[match[2]] if match else None


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate that is most similar to ``word``, or an empty string."""
    return next(iter(difflib.get_close_matches(word, list(candidates), n=1)), "")


def _setting() -> Mapping[str, Any]:
    value = getattr(settings, SETTING, {})
    if not isinstance(value, Mapping):
        raise CannotTell(f"{SETTING} is not a dict.", f'Write {SETTING} = {{"DIRS": {{…}}}}.')
    return value


# What a path of each key names, and an example.
_PATHS: Final = {
    "DIRS": ("folder", '"DIRS": {"default": [BASE_DIR / "sql_migrations"]}'),
    "CONTRACTS": ("file", '"CONTRACTS": {"default": [BASE_DIR / "schema_contract.toml"]}'),
}


def _paths(key: str, value: Any) -> dict[str, tuple[Path, ...]]:
    what, example = _PATHS[key]
    if not isinstance(value, Mapping):
        raise CannotTell(
            f'{SETTING}["{key}"] is not a dict of database alias to {what}s.', f"Write {example}."
        )
    try:
        return {
            alias: (Path(paths),) if isinstance(paths, str | Path) else tuple(map(Path, paths))
            for alias, paths in value.items()
        }
    except TypeError as error:
        raise CannotTell(
            f'{SETTING}["{key}"] has a {what} that is not a path: {error}.', f"Write {example}."
        ) from error


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str | list | tuple | set | frozenset):
        raise CannotTell(
            f'{SETTING}["ENVIRONMENTS"] = {value!r} is not a list of names.',
            'Write "ENVIRONMENTS": ["qa"].',
        )
    names = (value,) if isinstance(value, str) else tuple(value)
    return tuple(str(name).strip().lower() for name in names)


def _limit(key: str, value: Any) -> float | None:
    if value is None:
        return None
    limit = seconds(str(value))
    if limit is None:
        raise CannotTell(
            f'{SETTING}["{key}"] = {value!r} is not a time.', 'Write "5s", "500ms" or "2min".'
        )
    return limit or None


def _number(key: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and math.isfinite(value) and value >= 0:
        return float(value)
    raise CannotTell(
        f'{SETTING}["{key}"] = {value!r} is not a number of at least 0.', f'Write "{key}": 10.'
    )
