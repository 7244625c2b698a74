"""Which contracts a run tests: those that an option or the setting names, else the models."""

from pathlib import Path
from typing import Final

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from migration_guard import conf, contracts
from migration_guard.exceptions import GuardError
from migration_guard.pytest_plugin.options import OPTION
from migration_guard.reports.escaping import escape_text

# Django's engine where DATABASES has none.
DUMMY: Final = "django.db.backends.dummy"


def require_file(path: Path) -> None:
    """Raise UsageError where the contract does not exist."""
    if not path.is_file():
        raise pytest.UsageError(
            f"{OPTION}: there is no contract file {path}. Correct the name, or make it: "
            "manage.py checkschema --write FILE. (The option takes the word that follows it: "
            f"write {OPTION}=FILE, or put it last.)"
        )


def paths_in_setting() -> list[Path]:
    """Return the contracts that the setting names. Raises UsageError if it cannot be read."""
    try:
        return [path.resolve() for paths in conf.load().contracts.values() for path in paths]
    except GuardError as error:
        raise pytest.UsageError(escape_text(str(error))) from error


def alias_of(path: Path) -> str:
    """Return the alias that the setting gives the file to, else the default one."""
    for alias, paths in conf.load().contracts.items():
        if path in (contract.resolve() for contract in paths):
            return alias
    return "default"


def tables_of_models() -> dict[str, list[str]]:
    """Return the tables of the models by alias, without databases that stand for another one."""
    by_alias = {}
    has_models = False
    for alias in connections:
        try:
            settings = connections[alias].settings_dict
        except ImproperlyConfigured as error:  # its driver is missing
            raise pytest.UsageError(escape_text(f"{OPTION}: {error}")) from error
        if settings["TEST"].get("MIRROR") or settings["ENGINE"] == DUMMY:
            continue
        tables = contracts.tables_of_models(alias)
        by_alias[alias] = list(tables)
        has_models |= any(
            model._meta.app_label != "migration_guard"
            for models in tables.values()
            for model in models
        )
    if not has_models:
        raise pytest.UsageError(
            f'{OPTION} without FILE tests the files in MIGRATION_GUARD["CONTRACTS"], or else the '
            "models, and this project has neither. Write a contract of the database as it is "
            "(manage.py checkschema --write schema_contract.toml), and then "
            f"{OPTION}=schema_contract.toml."
        )
    return by_alias
