"""A router of a project that has several databases."""


class NoSessions:
    """Keeps the tables of the app sessions from every database."""

    def allow_migrate(self, _db, app_label, **_hints):
        """Refuse that app."""
        return False if app_label == "sessions" else None
