"""``RequiresSQL``: a Django migration that needs an SQL migration to be applied first.

from migration_guard.operations import RequiresSQL

class Migration(migrations.Migration):
    operations = [RequiresSQL("0027"), ...]

It runs nothing; ``state_operations`` tell Django which models the SQL made, as those of RunSQL do.
Where the SQL migration is not applied, ``migrate`` stops and names the command to type. Fresh
databases and test databases are built in the order it asks for.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from migration_guard import conf, history
from migration_guard.exceptions import CannotTell
from migration_guard.planning import files as planning_files
from migration_guard.planning.names import number_of
from migration_guard.planning.plan import make_plan


class RequiresSQL(Operation):
    """An operation that needs the SQL migration of this number or id (``"0027"``, ``"0027_x"``).

    It asks the database that is migrated, and does nothing where that has no ``DIRS``. Raises
    ValueError for text that is neither a number nor an id.
    """

    reversible = True
    reduces_to_sql = False

    def __init__(self, migration: str, state_operations: Sequence[Operation] = ()) -> None:
        self.migration = str(migration)
        self.state_operations = list(state_operations)
        number = int(migration) if self.migration.isdecimal() else number_of(self.migration)
        if number is None:
            raise ValueError(f'RequiresSQL takes a number ("0027") or an id, not {migration!r}.')
        self.number = number

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change the state as the SQL changed the database, as RunSQL does."""
        for operation in self.state_operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002
        to_state: ProjectState,  # noqa: ARG002
    ) -> None:
        """Raise CommandError unless the SQL migration is applied."""
        connection = schema_editor.connection
        if schema_editor.collect_sql or not conf.load().dirs.get(connection.alias):
            return
        if not (
            history.is_applied(connection, self.number, self.migration)
            or self._is_applied_otherwise(connection)
        ):
            database = conf.database_option(connection.alias)
            raise CommandError(
                f"A migration of {app_label} needs the SQL migration {self.migration}, which is "
                f'not applied to "{connection.alias}". That migration of {app_label} was not '
                f"applied; those before it stay.\n"
                f"Next: manage.py runsqlmigrations --with-django{database}"
            )

    def _is_applied_otherwise(self, connection: BaseDatabaseWrapper) -> bool:
        """Return whether files that were renamed, or that replace it, are applied."""
        settings = conf.load()
        with suppress(CannotTell):
            files = planning_files.read(
                settings.folders(connection.alias), connection.vendor, settings.environments
            ).files
            named = [file for file in files if file.is_named(self.number, self.migration)]
            ids = {name for file in named for name in (file.id, *file.former_ids)}
            rows = history.read_rows(connection, ids)
            plan = make_plan(named, rows, settings.environment, connection.vendor)
            return bool(named) and all(migration.row for migration in plan.migrations)
        return False

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Change nothing: the SQL migration stays applied."""

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return what Django writes into a migration file."""
        state = {"state_operations": self.state_operations} if self.state_operations else {}
        return self.__class__.__name__, [self.migration], state

    def describe(self) -> str:
        """Return the line for ``migrate --plan``."""
        return f"Requires the SQL migration {self.migration}"

    @property
    def migration_name_fragment(self) -> str:
        """Part of the name that ``makemigrations`` gives a file."""
        return f"requires_sql_{self.number}"
