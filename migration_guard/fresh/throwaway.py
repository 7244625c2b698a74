"""A throwaway database that stands for an alias while it lives, and is always dropped.

Invariants: the configured database is never written to; nothing else that the project's code might
reach through Django is either: other aliases refuse to connect meanwhile.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Never

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.exceptions import CannotTell, Refused
from migration_guard.fresh.host import PREFIX, Host, new_name
from migration_guard.running import connecting
from migration_guard.vendors import VENDORS, load


@contextmanager
def open_host(alias: str) -> Iterator[Host]:
    """Open the place where throwaway databases of ``alias`` are made, and clean it of leftovers.

    Raises CannotTell.
    """
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
    """Make a database that is ``alias`` inside this block, and drop it; yield its name.

    It is empty, or a copy of ``template``. Raises CannotTell where it may not be made.
    """
    name = new_name()
    place = ""
    try:
        with _undisturbed():
            place = host.create(name, template)
        with standing_in(alias, place):
            yield name
    finally:
        if place:
            with _undisturbed():
                host.drop(name)


@contextmanager
def standing_in(alias: str, name: str) -> Iterator[None]:
    """Let the database ``name`` be ``alias``, also for new threads; let other aliases refuse."""
    configured = connections.settings[alias]
    # Django keeps a pool by alias: one that is open already leads to the configured database.
    options = {key: value for key, value in configured["OPTIONS"].items() if key != "pool"}
    connections.settings[alias] = {**configured, "NAME": name, "OPTIONS": options}
    try:
        with ExitStack() as stack:
            stack.enter_context(_replaced(alias))
            _be_sure(connections[alias], name)
            for other in connections.settings:
                if other != alias:
                    _refuse(stack, other, alias)
            yield
    finally:
        connections.settings[alias] = configured


@contextmanager
def _replaced(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Give this thread a new connection of ``alias``, and the old one back."""
    before = connections[alias]
    connection = connections.create_connection(alias)
    connections[alias] = connection
    try:
        yield connection
    finally:
        connections[alias] = before
        connection.close()


def _be_sure(connection: BaseDatabaseWrapper, name: str) -> None:
    """Raise CannotTell unless the connection leads where it should: nothing else may be written."""
    questions = {"postgresql": "SELECT current_database()", "mysql": "SELECT DATABASE()"}
    with connection.cursor() as cursor:
        if connection.vendor in questions:
            cursor.execute(questions[connection.vendor])
            actual = str(cursor.fetchone()[0])
        else:
            actual = str(connection.settings_dict["NAME"])
    if actual != name:
        raise CannotTell(
            f'The throwaway database is "{name}", and its connection leads to "{actual}".',
            "Nothing was changed. Is there a pooler or a database backend that chooses the "
            "database by itself? Use the server's own address in DATABASES.",
        )


def _refuse(stack: ExitStack, other: str, alias: str) -> None:
    """Let the alias ``other`` refuse to connect until ``stack`` is closed."""
    with suppress(ImproperlyConfigured):  # without its driver nobody can connect anyway
        connection: Any = stack.enter_context(_replaced(other))
        connection.connect = _refusing(other, alias)


def _refusing(other: str, alias: str) -> Callable[[], Never]:
    def connect() -> Never:
        raise Refused(
            f'A migration reached for the database "{other}" while a throwaway database stood for '
            f'"{alias}": only that one is not real.',
            "Let a migration use the connection that it is given: schema_editor.connection.alias.",
        )

    return connect


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let neither Ctrl-C nor SIGTERM come in between: the database must go."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[Any] = []
    before = {
        number: signal.signal(number, lambda *args: came.append(args))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0][0])
