"""The app, as Django registers it."""

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class MigrationGuardConfig(AppConfig):
    """Registers the system checks and wraps the creation of test databases; asks no database."""

    name = "migration_guard"
    verbose_name = _("SQL migrations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, which run with every command; wrap what only a test run calls."""
        from migration_guard import testing
        from migration_guard.checks import TAG, check

        checks.register(check, TAG)
        testing.install()
