"""Why an object is missing, extra or different, as far as files, history and audit show it."""

from migration_guard.contracts.causes.django_migrations import DjangoMigrations
from migration_guard.contracts.causes.django_states import Subject
from migration_guard.contracts.causes.explaining import PLAN_ALONE, Background, Causes, Explanation
from migration_guard.contracts.causes.wording import Cause, describe_with_command

__all__ = [
    "PLAN_ALONE",
    "Background",
    "Cause",
    "Causes",
    "DjangoMigrations",
    "Explanation",
    "Subject",
    "describe_with_command",
]
