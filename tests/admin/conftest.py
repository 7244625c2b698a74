"""Fixtures: the admin of a database that was migrated, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from tests import site_settings
from tests.admin import site as sites
from tests.conftest import apps_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpResponse

    from tests.servers import Database

# Django lets the admin's pages be imported only where the admin is installed.
with apps_installed(*site_settings.INSTALLED_APPS):
    import migration_guard.admin  # noqa: F401

HISTORY = "/admin/migration_guard/appliedmigration/"
JOURNAL = "/admin/migration_guard/journalentry/"
AUDIT = "/admin/migration_guard/auditentry/"


@dataclass
class Admin:
    """The admin as one person sees it; paths are relative to the history's list."""

    client: Client

    def get(self, path: str = "", **options: Any) -> HttpResponse:
        """Ask for a page."""
        return self.client.get(path if path.startswith("/") else HISTORY + path, **options)

    def text(self, path: str = "") -> str:
        """Return a page that must be there."""
        response = self.get(path)
        assert response.status_code == 200, response.status_code
        return response.content.decode()


@pytest.fixture
def admin(
    guard: Callable[..., Any],
    migrations: Callable[..., Any],
    migrate_site: Callable[[], None],
) -> Callable[..., Admin]:
    """Give `admin(files, **guard_settings)`: apply the files, and log an administrator in.

    The test asks for its database first; without `files`, nothing is applied.
    """

    def enter(files: dict[str, str] | None = None, **guard_settings: Any) -> Admin:
        from django.contrib.auth.models import User

        migrate_site()
        if files is not None:
            migrations(files, **guard_settings)
            result = guard("runsqlmigrations")
            assert result.code == 0, result.err
        client = Client()
        client.force_login(User.objects.create_superuser("ada"))
        return Admin(client)

    return enter


@pytest.fixture
def staff() -> Callable[..., Admin]:
    """Give `staff("view_appliedmigration", …)`: log in a member of staff with permissions."""

    def enter(*codenames: str) -> Admin:
        from django.contrib.auth.models import Permission, User

        user = User.objects.create_user("eve", is_staff=True)
        permissions = Permission.objects.filter(codename__in=codenames)
        assert len(permissions) == len(codenames)
        user.user_permissions.set(permissions)
        client = Client()
        client.force_login(user)
        return Admin(client)

    return enter


def many(database: Database, rows: int) -> None:
    """Put `rows` applied migrations into the history, each with a kilobyte of SQL."""
    numbers = {
        "postgresql": f"(SELECT generate_series(1, {rows}) AS n) AS numbers",
        "mysql": f"(SELECT seq AS n FROM seq_1_to_{rows}) AS numbers",
        "sqlite": f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows})"
        " SELECT n FROM s) AS numbers",
    }[database.vendor]
    padded = {
        "postgresql": "lpad(n::text, {0}, '0')",
        "mysql": "lpad(n, {0}, '0')",
        "sqlite": "printf('%0{0}d', n)",
    }[database.vendor]
    at = {
        "postgresql": "timestamptz '2020-01-01' + n * interval '1 hour'",
        "mysql": "timestamp('2020-01-01') + interval n hour",
        "sqlite": "datetime('2020-01-01', n || ' hours')",
    }[database.vendor]
    quoted = "`sql`" if database.vendor == "mysql" else "sql"
    name = f"concat({padded.format(5)}, '_m')".replace(
        "concat(printf('%05d', n), '_m')", "printf('%05d_m', n)"
    )
    database.execute(
        "INSERT INTO applied_migrations (id, number, checksum, fingerprint, "
        f"{quoted}, how, applied_at, duration_ms, database_user, environment) "
        f"SELECT {name}, {padded.format(40)}, NULL, NULL, '{'x' * 1000}', 'run', {at}, "
        f"CASE WHEN n % 500 = 0 THEN 60000 + n ELSE n % 90 END, 'app', 'production' FROM {numbers}"
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the browser; skip the test where there is none."""
    if reason := sites.missing():
        pytest.skip(f"Browser: {reason}")
    with sites.browser() as started:
        yield started
