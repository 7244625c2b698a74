"""Which database a page shows. Every database with migrations has a history of its own.

Invariant: only the query parameter ``database`` names it; without that, it is the first. Nothing
here writes, or creates a missing SQLite file.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from migration_guard import conf
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.history import is_of_this_schema
from migration_guard.models import ReadOnlyModel

PARAM: Final = "database"


def aliases() -> tuple[str, ...]:
    """Return the aliases that have migrations, the default one first; never none."""
    try:
        dirs = conf.load().dirs
    # The status page says what is wrong with the setting.
    except (GuardError, TypeError, ValueError):
        return (DEFAULT_DB_ALIAS,)
    return tuple(sorted(dirs, key=lambda alias: alias != DEFAULT_DB_ALIAS)) or (DEFAULT_DB_ALIAS,)


def requested_alias(request: HttpRequest) -> str:
    """Return the alias that the request names; raise Http404 if it has no migrations."""
    choices = aliases()
    alias = request.GET.get(PARAM) or choices[0]
    if alias not in choices:
        raise Http404(_("There are no migrations for the database “%(alias)s”.") % {"alias": alias})
    return alias


def query(alias: str) -> str:
    """Return the query string that keeps ``alias``; empty for the first."""
    return "" if alias == aliases()[0] else f"?{urlencode({PARAM: alias})}"


@contextmanager
def reading(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Give a connection to read ``alias``; raise CannotTell where a read fails.

    In a transaction (``ATOMIC_REQUESTS``) the block has a savepoint, so that the transaction stays
    usable after a failure.
    """
    from migration_guard.running import connecting

    connection = connecting.supported_connection(alias, read_only=True)
    _refuse_missing_file(connection)
    try:
        with transaction.atomic(alias) if connection.in_atomic_block else nullcontext():
            yield connection
    except (Error, ImproperlyConfigured) as error:
        reason = str(error).strip().partition("\n")[0]
        raise CannotTell(
            _("%(database)s cannot be read: %(reason)s")
            % {"database": connecting.describe(connection), "reason": reason},
            _("The status page says what is there, and what to do next."),
        ) from error


def read_error(model: type[ReadOnlyModel], alias: str) -> GuardError | None:
    """Return why the rows of ``model`` cannot be read, or None. Reads one row at most."""
    from migration_guard.running import connecting, executor

    fields = [field.name for field in model._meta.concrete_fields if field.name != "sql"]
    try:
        if connecting.supported_connection(alias, read_only=True).connection is None:
            # With a short time limit; the project's own may be minutes where no server answers.
            with connecting.open_connection(alias, read_only=True):
                pass
        with reading(alias) as connection:
            connecting.refuse_hidden(connection)
            list(model.objects.using(alias).order_by().values_list(*fields)[:1])
            is_right = is_of_this_schema(connection)
        return None if is_right else executor.look(alias).error
    except GuardError as error:
        return error


def _refuse_missing_file(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor != "sqlite" or connection.is_in_memory_db():  # type: ignore[attr-defined]
        return
    name = str(connection.settings_dict["NAME"])
    if not name.startswith("file:") and not Path(name).exists():
        raise CannotTell(
            _("The file of the database “%(alias)s” does not exist.") % {"alias": connection.alias},
            _("The first run makes it: %(command)s")
            % {"command": f"manage.py runsqlmigrations{conf.database_option(connection.alias)}"},
        )
