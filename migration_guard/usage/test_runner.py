"""``manage.py test --record-usage FILE``: recording beside Django's own test runner.

It begins when a test database is made and ends before it is dropped. The processes of
``--parallel`` leave their statements in a folder, which the main process reads and removes.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from multiprocessing import util
from pathlib import Path
from typing import Any, Final
from unittest import TestResult

from django.db import connections
from django.db.backends.base.creation import BaseDatabaseCreation

from migration_guard.exceptions import CannotTell
from migration_guard.reports.files import save
from migration_guard.reports.text import count
from migration_guard.usage import FOLDER
from migration_guard.usage.merging import merge
from migration_guard.usage.recorder import Recorder
from migration_guard.usage.statement import Statement, dump, read
from migration_guard.vendors import VENDORS

_STOPPED: Final = "the run stopped before its last test"
_RERUN: Final = "Run the tests again."


class _Recording:
    """The recorders of one process, by alias; a worker leaves its statements in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = Path.cwd()
        self._recorders: dict[str, Recorder] = {}
        self.statements: list[Statement] = []
        self.has_begun = False  # a test
        self.is_stopped = False

    def start(self, alias: str) -> None:
        """Record the statements of an alias."""
        if connections[alias].vendor in VENDORS and alias not in self._recorders:
            self._recorders[alias] = Recorder(alias, self._root)
            self._recorders[alias].start()

    def finish(self, alias: str) -> None:
        """Take what was recorded, while the test database is there."""
        if recorder := self._recorders.pop(alias, None):
            self.statements += recorder.statements()

    def work(self) -> None:
        """Leave the statements of this process in the folder when it ends."""
        for alias in connections:
            self.start(alias)
        util.Finalize(None, self._leave, exitpriority=10)

    def gather(self) -> list[Statement]:
        """Return the statements of this process and of its workers."""
        parts = [read(path) for path in sorted(self._folder.glob("*.jsonl"))]
        return merge([*self.statements, *(statement for part in parts for statement in part)])

    def _leave(self) -> None:
        for alias in list(self._recorders):
            self.finish(alias)
        path = self._folder / f"{os.getpid()}.jsonl"
        path.write_text(dump(self.statements, most_callers=None), encoding="utf-8")


@contextmanager
def recording(path: Path, tell: Callable[[str], object]) -> Iterator[None]:
    """Record the test databases that this block makes, and write the file at its end.

    A run that stops before its last test leaves the file as it was, and raises CannotTell.
    """
    with tempfile.TemporaryDirectory() as folder:
        here = _Recording(Path(folder))
        util.register_after_fork(here, _Recording.work)
        os.environ[FOLDER] = folder
        creation: Any = BaseDatabaseCreation
        before = creation.create_test_db, creation.destroy_test_db
        start: Any = TestResult.startTest
        stop: Any = TestResult.stop
        creation.create_test_db = _starting(before[0], here)
        creation.destroy_test_db = _finishing(before[1], here)
        TestResult.startTest = _noting(start, here, "has_begun")  # type: ignore[method-assign]
        # By --failfast and by the first Ctrl-C, after which a run may pass.
        TestResult.stop = _noting(stop, here, "is_stopped")  # type: ignore[method-assign]
        try:
            yield
        except SystemExit:  # tests failed, which the exit code says
            try:
                _write(path, here, tell)
            except CannotTell as error:
                tell(str(error))
            raise
        except BaseException:
            tell(f"{path} was not written: {_STOPPED}. {_RERUN}")
            raise
        else:
            _write(path, here, tell)
        finally:
            creation.create_test_db, creation.destroy_test_db = before
            TestResult.startTest = start  # type: ignore[method-assign]
            TestResult.stop = stop  # type: ignore[method-assign]
            del os.environ[FOLDER]


def _write(path: Path, here: _Recording, tell: Callable[[str], object]) -> None:
    statements = here.gather()
    if here.is_stopped or not (here.has_begun or statements):
        raise CannotTell(
            f"{path} was not written: {_STOPPED if here.is_stopped else 'no test ran'}.", _RERUN
        )
    save(path, dump(statements))
    tell(f"Usage: {count(len(statements), 'statement')} in {path}.")


def _noting(method: Callable[..., None], here: _Recording, what: str) -> Callable[..., None]:
    @wraps(method)
    def note(result: TestResult, *args: Any) -> None:
        setattr(here, what, True)
        method(result, *args)

    return note


def join() -> None:
    """Record in a process that a recording test run has started, if it is one."""
    if folder := os.environ.get(FOLDER):
        _Recording(Path(folder)).work()


def _starting(create_test_db: Callable[..., str], here: _Recording) -> Callable[..., str]:
    @wraps(create_test_db)
    def create(creation: BaseDatabaseCreation, *args: Any, **kwargs: Any) -> str:
        name = create_test_db(creation, *args, **kwargs)
        here.start(creation.connection.alias)
        return name

    return create


def _finishing(destroy_test_db: Callable[..., None], here: _Recording) -> Callable[..., None]:
    @wraps(destroy_test_db)
    def destroy(creation: BaseDatabaseCreation, *args: Any, **kwargs: Any) -> None:
        here.finish(creation.connection.alias)
        destroy_test_db(creation, *args, **kwargs)

    return destroy
