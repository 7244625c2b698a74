"""The app, as Django registers it."""

import os
import sys

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _

from migration_guard import usage


class MigrationGuardConfig(AppConfig):
    """Registers the system checks. Outside of tests it changes nothing of Django."""

    name = "migration_guard"
    verbose_name = _("SQL migrations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks; in a process that runs tests, prepare for its test databases."""
        from migration_guard.checks import TAG, check

        checks.register(check, TAG)
        if _runs_tests():
            from migration_guard import testing

            testing.install()
            if usage.FOLDER in os.environ:
                from migration_guard.usage.test_runner import join

                join()


def _runs_tests() -> bool:
    """Return True in a pytest session with our plugin, and in a spawned worker of Django's runner.

    All others call ``testing.install`` themselves; a forked worker inherits what it did.
    """
    if "migration_guard.pytest_plugin" in sys.modules:
        return True
    # A spawned worker gets a function of this module first, and only then sets Django up.
    if "django.test.runner" not in sys.modules:
        return False
    from multiprocessing import parent_process

    return parent_process() is not None
