"""What Django's own migrations, as one database has them applied, tell of a table's objects."""

from collections.abc import Iterable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from migration_guard.conf import database_option
from migration_guard.contracts.causes.django_states import (
    Key,
    Shape,
    Step,
    Subject,
    find_steps,
    read_shapes,
)
from migration_guard.contracts.causes.wording import NEW_MIGRATION, Cause, put_back
from migration_guard.exceptions import CannotTell
from migration_guard.schema.diff.compare import Change

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


class DjangoMigrations:
    """Django's migrations and those that a database has applied, loaded when first asked."""

    def __init__(self, wrapper: "BaseDatabaseWrapper", *, is_from_files: bool = False) -> None:
        """Take the connection of the database; ``is_from_files`` is that of ``Background``."""
        self._wrapper = wrapper
        self._shapes = cache(self._read_shapes)
        self._option = database_option(wrapper.alias)
        self._put_back = put_back(wrapper.vendor, self._option, is_from_files=is_from_files)

    def load(self) -> "DjangoMigrations":
        """Read now what is applied, and return itself."""
        _ = self._loader
        return self

    def explain(self, change: Change, app: str, subject: Subject) -> str:
        """Return why an object is missing, extra or different, and what to do; "" if unknown.

        ``app`` is the Django app that makes the table, "" if none is known to.
        """
        if self._loader is None:
            return ""
        if change is Change.EXTRA:
            return self._explain_extra(app, subject)
        if change is Change.MISSING and app not in self._loader.migrated_apps:
            return self._explain_without_migrations(app, subject)
        if change is Change.MISSING:
            return self._explain_missing(app, subject)
        return self._waiting(step for step in self._steps(app, subject) if step.after is not None)

    def last_change(self, subject: Subject, *, is_missing: bool) -> Cause:
        """Return which migration of any app made an object missing, or what it is."""
        apps = self._loader.migrated_apps if self._loader is not None else ()
        # The table of a model is named after its app, unless the model says otherwise.
        for app in sorted(apps, key=lambda app: (not subject.table.startswith(f"{app}_"), app)):
            steps = self._steps(app, subject)
            applied = [step for step in steps if self._is_applied(step.key)]
            is_gone = bool(applied) and applied[-1].after is None
            if is_missing and not is_gone and (waiting := self._waiting(steps)):
                return Cause(waiting, is_waiting=True)
            if applied and is_missing == is_gone:
                return Cause(f"Django's migration {_describe(applied[-1])} it and is applied.")
        return Cause()

    def _explain_missing(self, app: str, subject: Subject) -> str:
        steps = self._steps(app, subject)
        makers = [step.key for step in steps if step.before is None]
        if not makers or steps[-1].after is None:
            return (
                ""
                if subject.is_made
                else f"No migration of {app} makes it: manage.py makemigrations {app}, then "
                f"manage.py migrate {app}{self._option}."
            )
        waiting = self._waiting(step for step in steps if step.key == makers[-1])
        return waiting or (
            f"Django's migration {'.'.join(makers[-1])} makes it and is recorded as applied, yet "
            "it is not there; nothing shows what removed it. manage.py sqlmigrate "
            f"{' '.join(makers[-1])}{self._option} shows its SQL. "
            f"{self._put_back}"
        )

    def _explain_extra(self, app: str, subject: Subject) -> str:
        waiting_apps = {key[0] for key in self._loader.graph.nodes if not self._is_applied(key)}
        for other in [app] if app else sorted(waiting_apps):
            if other in waiting_apps:
                steps = self._steps(other, subject)
                if waiting := self._waiting(step for step in steps if step.after is None):
                    return waiting
        unknown = sorted(key for key in self._loader.applied_migrations if self._is_newer(key))
        ids = [
            ".".join(key)
            for key in unknown
            if key[0] == app or subject.table.startswith(f"{key[0]}_")
        ]
        if not ids:
            return ""
        return (
            f"This database has {ids[-1]} of Django's migrations applied, which this code does not "
            "have; it may have made it. Deploy the code that has it. Where that is gone for good, "
            f"drop it in a new migration (IF EXISTS): {NEW_MIGRATION}."
        )

    def _explain_without_migrations(self, app: str, subject: Subject) -> str:
        if subject.is_made or app not in self._loader.unmigrated_apps:
            return ""
        if not (subject.name or subject.kind):
            return (
                f"The app {app} has no migrations: manage.py migrate --run-syncdb{self._option} "
                "makes its tables."
            )
        return (
            f"The app {app} has no migrations, so Django does not alter its tables: write one with "
            f"{NEW_MIGRATION}."
        )

    def _waiting(self, steps: Iterable[Step]) -> str:
        """Return the last of these migrations that is not applied, and the command, or ""."""
        waiting = [step for step in steps if not self._is_applied(step.key)]
        if not waiting:
            return ""
        step = waiting[-1]
        return (
            f"Django's migration {_describe(step)} it and is not applied: manage.py "
            f"migrate {step.key[0]}{self._option}."
        )

    def _is_applied(self, key: Key) -> bool:
        return key in self._loader.applied_migrations

    def _is_newer(self, key: Key) -> bool:
        """Return whether a migration is applied and unknown, and none that was squashed."""
        if key in self._loader.disk_migrations:
            return False
        names = [name for app, name in self._loader.disk_migrations if app == key[0]]
        return key[1] > max(names, default="")

    def _steps(self, app: str, subject: Subject) -> list[Step]:
        return find_steps(self._shapes(app), subject)

    def _read_shapes(self, app: str) -> list[tuple[Key, Shape]]:
        return read_shapes(self._loader.graph, app, self._wrapper.ops.max_name_length())

    @cached_property
    def _loader(self) -> Any:
        """The loaded migrations; None where they cannot be loaded or read."""
        from django.db import DatabaseError
        from django.db.migrations.loader import MigrationLoader

        from migration_guard.running.django_loading import loading

        try:
            with loading():
                return MigrationLoader(self._wrapper)
        except (CannotTell, DatabaseError):
            return None


def _describe(step: Step) -> str:
    verb = "removes" if step.after is None else "makes" if step.before is None else "changes"
    return f"{'.'.join(step.key)} {verb}"
