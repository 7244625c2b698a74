"""What the options need of a project, each refused with the remedy."""

import pytest


def require_pytest_django(config: pytest.Config, option: str) -> None:
    """Raise UsageError where pytest-django, which makes the test database, is not there."""
    if not config.pluginmanager.hasplugin("django"):
        raise pytest.UsageError(
            f"{option} needs the test database of pytest-django: pip install pytest-django."
        )


def require_app(option: str) -> None:
    """Raise UsageError where Django is not set up, or the app is not installed."""
    from django.apps import apps
    from django.conf import settings

    if not settings.configured or not apps.ready:
        raise pytest.UsageError(
            f"{option} needs Django's settings: set DJANGO_SETTINGS_MODULE, in pytest's "
            "configuration or in the environment."
        )
    if not apps.is_installed("migration_guard"):
        raise pytest.UsageError(f'{option} needs "migration_guard" in INSTALLED_APPS.')
