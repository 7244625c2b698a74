"""The environments of a project: their names, and what people mean by others."""

import re
from collections.abc import Iterable
from typing import Final

from migration_guard.conf.misspellings import nearest
from migration_guard.exceptions import CannotTell

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
            f'{meant}Correct MIGRATION_GUARD["ENVIRONMENT"] (or --environment), '
            'or add the name to MIGRATION_GUARD["ENVIRONMENTS"].',
        )
    return name


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
