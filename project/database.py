"""`DATABASE_URL` as an entry of Django's `DATABASES`."""

from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

HINT = (
    "DATABASE_URL is expected to look like postgresql://user:password@host:5432/name, "
    "postgresql:///name?host=/socket/directory, sqlite:///path/to/file or "
    "mysql://user:password@host:3306/name (mariadb:// is the same); "
    "special characters in it are percent-encoded."
)

dj_database_url.register("mariadb", "django.db.backends.mysql")


def database_from_url(url: str) -> dict[str, Any]:
    """Return the entry for a URL; raise `ImproperlyConfigured`, without the URL's password."""
    try:
        entry: dict[str, Any] = {**dj_database_url.parse(url)}
    except ValueError:
        raise ImproperlyConfigured(f"This is not the URL of a database. {HINT}") from None
    options = entry.get("OPTIONS", {})
    # Drivers would take the host from the options too, but dbshell only looks at HOST.
    entry["HOST"] = options.pop("host", entry.get("HOST", ""))
    if not entry["NAME"] and "service" not in options:
        raise ImproperlyConfigured(f"The URL names no database. {HINT}")
    return entry
