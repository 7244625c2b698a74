"""The pytest plugin: test databases with SQL migrations, and a schema contract as tests.

With ``--schema-contract FILE`` or the ini option ``schema_contract = FILE``, each assertion of the
contract is a test. It runs against the test database that pytest-django makes::

    schema_contract.toml::user_profiles::relationship_type::exists

``--schema-contract`` alone means the files in ``MIGRATION_GUARD["CONTRACTS"]``. Where there are
none it means the models, with a test for each table: ``models::default::auth_user``. With the ini
option, a run that names only files or single tests leaves the contract out. Name its file, or a
part of an id (``schema_contract.toml::user_profiles``), to run it too.

An assertion that cannot be checked fails; with ``--schema-contract-allow-unknown`` it is skipped.
In a project without Django or without the app, the plugin imports neither of them.
"""

import sys
from collections.abc import Generator
from typing import Any, NoReturn

import pytest

from migration_guard.pytest_plugin import contracts, options, usage


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    options.add_options(parser)
    usage.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the tests of contracts, and the recording, if an option asks for them."""
    contracts.configure(config)
    usage.configure(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """Prepare for the test databases where Django was set up before this plugin was loaded.

    Where Django is set up later, the app sees this plugin and does the same.
    """
    django_apps = sys.modules.get("django.apps")
    if django_apps is None or not django_apps.apps.ready:
        return
    if django_apps.apps.is_installed("migration_guard"):
        from migration_guard import testing

        testing.install()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(request: Any) -> Generator[None, Any, Any]:
    """End the run with one message where the test database did not get its SQL migrations."""
    try:
        return (yield)
    except Exception as error:
        # Loaded where the app is installed.
        testing = sys.modules.get("migration_guard.testing")
        if testing is None or not isinstance(error, testing.NotMigrated):
            raise
        message, returncode = str(error), error.returncode
    _end_run(request, message, returncode)


def _end_run(request: Any, message: str, returncode: int) -> NoReturn:
    if hasattr(request.config, "workerinput"):
        # The exit of one worker of pytest-xdist would look like a crash.
        request.session.shouldfail = "the test database did not get its SQL migrations"
        pytest.fail(message, pytrace=False)
    pytest.exit(message, returncode=returncode)
