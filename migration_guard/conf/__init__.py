"""The setting ``MIGRATION_GUARD``, and the words of which its values are made."""

from migration_guard.conf.environments import (
    BUILT_IN_ENVIRONMENTS,
    ENVIRONMENT_ALIASES,
    ENVIRONMENT_SYNONYMS,
    PRODUCTION,
    environment,
    nearest_environment,
)
from migration_guard.conf.misspellings import nearest
from migration_guard.conf.quantities import seconds
from migration_guard.conf.settings import (
    DEFAULTS,
    SCHEMA_FIRST,
    SETTING,
    Conf,
    ImpactLimits,
    database_option,
    deploy_order,
    load,
    separate_histories,
    uses_separate_schemas,
)
from migration_guard.conf.unknown import UnknownKey, unknown_keys, unknown_names

__all__ = [
    "BUILT_IN_ENVIRONMENTS",
    "DEFAULTS",
    "ENVIRONMENT_ALIASES",
    "ENVIRONMENT_SYNONYMS",
    "PRODUCTION",
    "SCHEMA_FIRST",
    "SETTING",
    "Conf",
    "ImpactLimits",
    "UnknownKey",
    "database_option",
    "deploy_order",
    "environment",
    "load",
    "nearest",
    "nearest_environment",
    "seconds",
    "separate_histories",
    "unknown_keys",
    "unknown_names",
    "uses_separate_schemas",
]
