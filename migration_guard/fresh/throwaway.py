"""A throwaway database that takes the place of an alias for some time, and is always dropped.

Invariant: nothing is written to the configured database, nor to another database of the project.
So the other aliases refuse to connect in that time.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Never

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell, Refused
from migration_guard.fresh.folders import ThrowawayFolders
from migration_guard.fresh.host import PREFIX, Host, new_name
from migration_guard.running import connecting
from migration_guard.vendors import VENDORS, load


@contextmanager
def open_host(alias: str) -> Iterator[Host]:
    """Open the host for throwaway databases of ``alias``, and drop leftovers. Raises CannotTell."""
    settings = connecting.supported_connection(alias).settings_dict
    configured = {str(connections.settings[other]["NAME"]) for other in connections.settings}
    if PREFIX in str(settings["NAME"]):
        raise CannotTell(
            f'The database "{settings["NAME"]}" is named like a throwaway one, which would be '
            "dropped.",
            f'Give it a name without "{PREFIX}".',
        )
    host: Host = load(VENDORS[connections[alias].vendor].host)(alias)
    try:
        host.sweep(configured)
        yield host
    finally:
        host.close()


@contextmanager
def throwaway(alias: str, host: Host, template: str = "") -> Iterator[str]:
    """Make a database that is ``alias`` inside this block, yield its name, and drop it.

    It is empty, or a copy of ``template``. Raises CannotTell if the server does not allow it.
    """
    name = new_name()
    setting = ""
    try:
        with _deferred_signals():
            setting = host.create(name, template)
        with _replaced_database(host, alias, setting):
            yield name
    finally:
        if setting:
            with _deferred_signals():
                host.drop(name)


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """Make an empty folder for temporary files, yield it, and delete it; drop leftovers."""
    folders, name = ThrowawayFolders(), new_name()
    folders.sweep({str(connections.settings[alias]["NAME"]) for alias in connections.settings})
    try:
        with _deferred_signals():
            folder = folders.create(name)
        yield folder
    finally:
        with _deferred_signals():
            folders.drop(name)


@contextmanager
def _replaced_database(host: Host, alias: str, name: str) -> Iterator[None]:
    """Let ``alias`` be the database ``name``, also in new threads; other aliases refuse."""
    configured = connections.settings[alias]
    # Django keeps a pool for each alias, and an open one leads to the configured database.
    options = {key: value for key, value in configured["OPTIONS"].items() if key != "pool"}
    connections.settings[alias] = {**configured, "NAME": name, "OPTIONS": options}
    try:
        with ExitStack() as stack:
            connection = stack.enter_context(_replaced_connection(alias))
            _require_database(host.database_of(connection), name)
            for other in connections.settings:
                if other != alias:
                    _block(stack, other, alias)
            yield
    finally:
        connections.settings[alias] = configured


@contextmanager
def _replaced_connection(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Give this thread a new connection of ``alias`` inside this block."""
    before = connections[alias]
    connection = connections.create_connection(alias)
    connections[alias] = connection
    try:
        yield connection
    finally:
        connections[alias] = before
        connection.close()


def _require_database(actual: str, name: str) -> None:
    """Raise CannotTell if a connection leads to another database than ``name``."""
    if actual != name:
        raise CannotTell(
            f'The throwaway database is "{name}", and its connection leads to "{actual}".',
            "Nothing was changed. Is there a pooler or a database backend that chooses the "
            "database by itself? Use the server's own address in DATABASES.",
        )


def _block(stack: ExitStack, other: str, alias: str) -> None:
    """Let the alias ``other`` refuse to connect until ``stack`` is closed."""

    def connect() -> Never:
        raise Refused(
            f'A migration reached for the database "{other}" while a throwaway database stood for '
            f'"{alias}": only that one is not real.',
            "Let a migration use the connection that it is given: schema_editor.connection.alias.",
        )

    with suppress(ImproperlyConfigured):  # without its driver nobody can connect anyway
        connection: Any = stack.enter_context(_replaced_connection(other))
        connection.connect = connect


@contextmanager
def _deferred_signals() -> Iterator[None]:
    """Defer Ctrl-C and SIGTERM to the end of this block, so that no database is left over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[Any] = []
    before = {
        number: signal.signal(number, lambda *args: received.append(args))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0][0])
