"""The app, as Django registers it."""

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class MigrationGuardConfig(AppConfig):
    """Registers the system checks; nothing else happens at start-up."""

    name = "migration_guard"
    verbose_name = _("SQL migrations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, which ask no database, so they run with every command."""
        from migration_guard.checks import TAG, check

        checks.register(check, TAG)
