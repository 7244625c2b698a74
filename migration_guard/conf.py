"""The setting ``MIGRATION_GUARD``, with types, defaults and checks.

Invariants: nothing is cached, so a test that changes the setting sees the change; reading it opens
no file and no database.
"""

import difflib
import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from migration_guard.exceptions import CannotTell

SETTING: Final = "MIGRATION_GUARD"
PRODUCTION: Final = "production"
BUILT_IN_ENVIRONMENTS: Final = (PRODUCTION, "staging", "test", "dev")
ENVIRONMENT_ALIASES: Final = {"prod": PRODUCTION, "live": PRODUCTION}
# What people call an environment, with the name that is built in: suggested, never accepted.
ENVIRONMENT_SYNONYMS: Final = {
    "development": "dev",
    "develop": "dev",
    "devel": "dev",
    "local": "dev",
    "localhost": "dev",
    "sandbox": "dev",
    "demo": "dev",
    "testing": "test",
    "tests": "test",
    "ci": "test",
    "qa": "test",
    "uat": "staging",
    "stage": "staging",
    "stg": "staging",
    "preprod": "staging",
    "preproduction": "staging",
    "nonprod": "",
    "nonproduction": "",
}
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

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "": 1.0}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(\w*)")
# PostgreSQL's units: 1 kB has 1,024 bytes.
_BYTES: Final = {"": 1, "B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


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
    values = {**DEFAULTS, **_setting()}
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
        lock_timeout=_limit("LOCK_TIMEOUT", values["LOCK_TIMEOUT"]),
        lock_retries=int(_number("LOCK_RETRIES", values["LOCK_RETRIES"])),
        statement_timeout=_limit("STATEMENT_TIMEOUT", values["STATEMENT_TIMEOUT"]),
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
    value = _setting().get("SEPARATE_SCHEMAS", DEFAULTS["SEPARATE_SCHEMAS"])
    if not isinstance(value, bool):
        raise CannotTell(
            f'{SETTING}["SEPARATE_SCHEMAS"] = {value!r} is neither True nor False.',
            'Write "SEPARATE_SCHEMAS": True.',
        )
    return value


def separate_histories() -> frozenset[str]:
    """Return the tables of other tools whose files are none of ours, in lower case."""
    key = "SEPARATE_HISTORIES"
    return frozenset(_names(key, _setting().get(key, DEFAULTS[key]), "schema_migrations"))


def deploy_order() -> str:
    """Return what a deploy brings first, ``schema-first`` or ``code-first``. Raises CannotTell."""
    value = _setting().get("DEPLOY", DEFAULTS["DEPLOY"])
    if value not in DEPLOY_ORDERS:
        raise CannotTell(
            f'{SETTING}["DEPLOY"] = {value!r} is none of {", ".join(DEPLOY_ORDERS)}.',
            'Write "DEPLOY": "schema-first" where migrations run before the new code starts, else '
            '"code-first".',
        )
    return str(value)


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
        return self.parent in _PATHS

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
    return _unknown("", _setting(), DEFAULTS)


def unknown_names() -> list[UnknownKey]:
    """Return these keys, those of IMPACT, and databases that the project does not have."""
    values = _setting()
    parents = [parent for parent in _PATHS if isinstance(values.get(parent), Mapping)]
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


def database_option(alias: str) -> str:
    """Return the option that makes a command work on ``alias``; empty for the default one."""
    return "" if alias == DEFAULT_DB_ALIAS else f" --database {shlex.quote(alias)}"


def environment(name: str, environments: Iterable[str]) -> str:
    """Return the environment that ``name`` means (``prod`` is ``production``).

    Raises CannotTell for a name that is not among ``environments``.
    """
    name = ENVIRONMENT_ALIASES.get(name.strip().lower(), name.strip().lower())
    names = sorted(environments)
    if name not in names:
        near = nearest_environment(name, names)
        meant = f'Did you mean "{near}"? ' if near else ""
        raise CannotTell(
            f'"{name}" is not an environment; known are {", ".join(names)}.',
            f'{meant}Correct {SETTING}["ENVIRONMENT"] (or --environment), '
            f'or add the name to {SETTING}["ENVIRONMENTS"].',
        )
    return name


def seconds(text: str) -> float | None:
    """Return the seconds of ``5s``, ``500ms``, ``2min``, ``1h`` or a plain number, else None."""
    match = _DURATION.fullmatch(text.strip())
    return float(match[1]) * _SECONDS[match[2]] if match else None


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate that is most similar to ``word`` without case, or an empty string."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    return next(
        (by_lower[near] for near in difflib.get_close_matches(word.lower(), by_lower, n=1)), ""
    )


def nearest_environment(name: str, environments: Iterable[str]) -> str:
    """Return the environment that ``name`` probably means, or an empty string.

    A name like "non-production" or "pre-release" never means production.
    """
    word = re.sub(r"[\W_]", "", name.lower())
    candidates = set(environments)
    if word in ENVIRONMENT_SYNONYMS:
        synonym = ENVIRONMENT_SYNONYMS[word]
        return synonym if synonym in candidates else ""
    if word == "prd":
        return PRODUCTION
    if word.startswith(("no", "pre")):
        candidates.discard(PRODUCTION)
    return nearest(name, candidates)


def _setting() -> Mapping[str, Any]:
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


def _limit(key: str, value: Any) -> float | None:
    if value is None:
        return None
    limit = seconds(str(value))
    if limit is None:
        raise CannotTell(
            f'{SETTING}["{key}"] = {value!r} is not a time.', 'Write "5s", "500ms" or "2min".'
        )
    return limit or None


def _impact(value: Any) -> ImpactLimits:
    if not isinstance(value, Mapping):
        raise CannotTell(
            f'{SETTING}["IMPACT"] = {value!r} is not a dict.',
            'Write "IMPACT": {"large": "1GB", "read": "1s", "write": "5s"}.',
        )
    limits = {**DEFAULTS["IMPACT"], **value}
    large = _read_limit("large", limits["large"], _Quantity("size", _BYTES, "GB"))
    read, write = (
        _read_limit(key, limits[key], _Quantity("time", _SECONDS, "s")) for key in ("read", "write")
    )
    return ImpactLimits(None if large is None else int(large), read, write)


class _Quantity(NamedTuple):
    """A kind of quantity: its units with their factors, and the one that is meant without any."""

    name: str
    units: Mapping[str, float]
    usual: str


def _read_limit(key: str, value: Any, quantity: _Quantity) -> float | None:
    """Return a limit of IMPACT, None for never; a unit that is unknown names the nearest."""
    if value is None:
        return None
    match = _QUANTITY.fullmatch(str(value).strip())
    factors = {unit.lower(): factor for unit, factor in quantity.units.items()}
    if match and match[2].lower() in factors:
        return float(match[1]) * factors[match[2].lower()]
    number, unit = (match[1], match[2]) if match else ("1", "")
    units = [unit for unit in quantity.units if unit]
    by_letter = (known for known in units if known[0].lower() == unit[:1].lower())
    near = nearest(unit, units) or next(by_letter, quantity.usual)
    raise CannotTell(
        f'{SETTING}["IMPACT"]["{key}"] = {value!r} is not a {quantity.name}.',
        f'Did you mean "{number}{near}"? The units are {", ".join(units)}.',
    )


def _number(key: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and math.isfinite(value) and value >= 0:
        return float(value)
    raise CannotTell(
        f'{SETTING}["{key}"] = {value!r} is not a number of at least 0.', f'Write "{key}": 10.'
    )
