"""The setting ``MIGRATION_GUARD``, with types, defaults and checks.

Invariants: nothing is cached, so a test that changes the setting sees the change; reading it opens
no file and no database.
"""

import difflib
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from migration_guard.conf.environments import BUILT_IN_ENVIRONMENTS, PRODUCTION, environment
from migration_guard.conf.misspellings import nearest
from migration_guard.conf.quantities import SIZE, TIME, Quantity
from migration_guard.exceptions import CannotTell

SETTING: Final = "MIGRATION_GUARD"
SCHEMA_FIRST: Final = "schema-first"
DEPLOY_ORDERS: Final = (SCHEMA_FIRST, "code-first")
# Where a template is used by itself: see the page of test databases.
AUTO: Final = "auto"
DEFAULTS: Final[Mapping[str, Any]] = {
    "DIRS": {},
    "ENVIRONMENT": PRODUCTION,
    "ENVIRONMENTS": (),
    "CONTRACTS": {},
    "LOCK_TIMEOUT": "5s",
    "LOCK_RETRIES": 10,
    "STATEMENT_TIMEOUT": None,
    "WAIT": 300,
    "APPLY_IN_TESTS": True,
    "TEMPLATES_IN_TESTS": AUTO,
    "SEPARATE_SCHEMAS": False,
    "SEPARATE_HISTORIES": (),
    "IMPACT": {"large": "1GB", "read": "1s", "write": "5s"},
    "DEPLOY": SCHEMA_FIRST,
}
# What a path of each key names, and an example.
PATHS: Final = {
    "DIRS": ("folder", '"DIRS": {"default": [BASE_DIR / "sql_migrations"]}'),
    "CONTRACTS": ("file", '"CONTRACTS": {"default": [BASE_DIR / "schema_contract.toml"]}'),
}


class ImpactLimits(NamedTuple):
    """From where on it is an error that a table shuts others out; None is never.

    ``large`` is the size in bytes of the tables that are read or rewritten meanwhile. ``read`` and
    ``write`` are the seconds that readers, and writers, were measured to wait.
    """

    large: int | None
    read: float | None
    write: float | None


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
    templates_in_tests: bool | str
    contracts: Mapping[str, tuple[Path, ...]]
    impact: ImpactLimits

    def folders(self, alias: str) -> tuple[Path, ...]:
        """Return the folders of a database alias. Raises CannotTell if none is set."""
        if not self.dirs.get(alias):
            near = nearest(alias, self.dirs)
            meant = f'Did you mean "{near}"? ' if near else ""
            raise CannotTell(
                f'{SETTING}["DIRS"] names no folder for the database "{alias}".',
                f"{meant}Add it: "
                f'{SETTING} = {{"DIRS": {{"{alias}": [BASE_DIR / "sql_migrations"]}}}}.',
            )
        return self.dirs[alias]


def load() -> Conf:
    """Read and check the setting. Raises CannotTell, which names the wrong key."""
    values = {**DEFAULTS, **read_setting()}
    uses_separate_schemas()  # whose value is refused here too
    separate_histories()
    deploy_order()
    environments = frozenset(
        (*BUILT_IN_ENVIRONMENTS, *_names("ENVIRONMENTS", values["ENVIRONMENTS"], "qa"))
    )
    return Conf(
        dirs=_paths("DIRS", values["DIRS"]),
        environment=environment(str(values["ENVIRONMENT"] or PRODUCTION), environments),
        environments=environments,
        lock_timeout=_read_quantity(values["LOCK_TIMEOUT"], TIME, "LOCK_TIMEOUT") or None,
        lock_retries=int(_number("LOCK_RETRIES", values["LOCK_RETRIES"])),
        statement_timeout=_read_quantity(values["STATEMENT_TIMEOUT"], TIME, "STATEMENT_TIMEOUT")
        or None,
        wait=_number("WAIT", values["WAIT"]),
        apply_in_tests=bool(values["APPLY_IN_TESTS"]),
        templates_in_tests=_templates(values["TEMPLATES_IN_TESTS"]),
        contracts=_paths("CONTRACTS", values["CONTRACTS"]),
        impact=_impact(values["IMPACT"]),
    )


def uses_separate_schemas() -> bool:
    """Return whether each schema of a database has tables and a history of its own.

    Raises CannotTell for a value that is neither True nor False.
    """
    value = read_setting().get("SEPARATE_SCHEMAS", DEFAULTS["SEPARATE_SCHEMAS"])
    if not isinstance(value, bool):
        raise CannotTell(
            f'{SETTING}["SEPARATE_SCHEMAS"] = {value!r} is neither True nor False.',
            'Write "SEPARATE_SCHEMAS": True.',
        )
    return value


def separate_histories() -> frozenset[str]:
    """Return the tables of other tools whose files are none of ours, in lower case."""
    key = "SEPARATE_HISTORIES"
    return frozenset(_names(key, read_setting().get(key, DEFAULTS[key]), "schema_migrations"))


def deploy_order() -> str:
    """Return what a deploy brings first, ``schema-first`` or ``code-first``. Raises CannotTell."""
    value = read_setting().get("DEPLOY", DEFAULTS["DEPLOY"])
    if value not in DEPLOY_ORDERS:
        raise CannotTell(
            f'{SETTING}["DEPLOY"] = {value!r} is none of {", ".join(DEPLOY_ORDERS)}.',
            'Write "DEPLOY": "schema-first" where migrations run before the new code starts, else '
            '"code-first".',
        )
    return str(value)


def database_option(alias: str) -> str:
    """Return the option that makes a command work on ``alias``; empty for the default one."""
    return "" if alias == DEFAULT_DB_ALIAS else f" --database {shlex.quote(alias)}"


def read_setting() -> Mapping[str, Any]:
    """Return the setting as it is written, {} where there is none. Raises CannotTell."""
    if not hasattr(settings, SETTING):
        _refuse_misspelt_name()
    value = getattr(settings, SETTING, {})
    if not isinstance(value, Mapping):
        raise CannotTell(f"{SETTING} is not a dict.", f'Write {SETTING} = {{"DIRS": {{…}}}}.')
    return value


def _refuse_misspelt_name() -> None:
    """Raise CannotTell for a setting of a similar name that holds keys of ours."""
    for name in difflib.get_close_matches(SETTING, dir(settings)):
        value = getattr(settings, name, None)
        if isinstance(value, Mapping) and value.keys() & DEFAULTS.keys():
            raise CannotTell(
                f"There is no setting {SETTING}, and there is {name}.", f'Rename it "{SETTING}".'
            )


def _paths(key: str, value: Any) -> dict[str, tuple[Path, ...]]:
    what, example = PATHS[key]
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


def _names(key: str, value: Any, example: str) -> tuple[str, ...]:
    if not isinstance(value, str | list | tuple | set | frozenset):
        raise CannotTell(
            f'{SETTING}["{key}"] = {value!r} is not a list of names.',
            f'Write "{key}": ["{example}"].',
        )
    names = (value,) if isinstance(value, str) else tuple(value)
    return tuple(str(name).strip().lower() for name in names)


def _templates(value: Any) -> bool | str:
    if value == AUTO or isinstance(value, bool):
        return AUTO if value == AUTO else bool(value)
    raise CannotTell(
        f'{SETTING}["TEMPLATES_IN_TESTS"] = {value!r} is neither "{AUTO}" nor True or False.',
        f'Write "TEMPLATES_IN_TESTS": "{AUTO}".',
    )


def _read_quantity(value: Any, quantity: Quantity, *keys: str) -> float | None:
    """Return the value of the key at which ``keys`` end; None is no limit."""
    number = None if value is None else quantity.parse(str(value))
    if value is not None and number is None:
        place = "".join(f'["{key}"]' for key in keys)
        raise CannotTell(
            f"{SETTING}{place} = {value!r} is not a {quantity.name}.", quantity.hint(str(value))
        )
    return number


def _impact(value: Any) -> ImpactLimits:
    if not isinstance(value, Mapping):
        raise CannotTell(
            f'{SETTING}["IMPACT"] = {value!r} is not a dict.',
            'Write "IMPACT": {"large": "1GB", "read": "1s", "write": "5s"}.',
        )
    limits = {**DEFAULTS["IMPACT"], **value}
    large = _read_quantity(limits["large"], SIZE, "IMPACT", "large")
    read, write = (_read_quantity(limits[key], TIME, "IMPACT", key) for key in ("read", "write"))
    return ImpactLimits(None if large is None else int(large), read, write)


def _number(key: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and math.isfinite(value) and value >= 0:
        return float(value)
    raise CannotTell(
        f'{SETTING}["{key}"] = {value!r} is not a number of at least 0.', f'Write "{key}": 10.'
    )
