"""``pytest --record-usage=FILE``: writes down the statements that the tested code sends.

It begins when the test database is ready and ends before it is dropped. Each worker of
pytest-xdist hands its statements over, and the main process writes the file.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from migration_guard.pytest_plugin.requirements import require_pytest_django

OPTION: Final = "--record-usage"
_OUTPUT: Final = "migration_guard_usage"
_STOPPED: Final = frozenset({pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR})


def add_option(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("migration_guard").addoption(
        OPTION,
        type=Path,
        metavar="FILE",
        help="Write the statements that the tested code sends, for checkschema --usage FILE.",
    )


def configure(config: pytest.Config) -> None:
    """Register the recording if the option asks for it."""
    path = config.getoption(OPTION)
    if path is None or config.option.collectonly:  # which sends nothing
        return
    require_pytest_django(config, OPTION)
    path = config.invocation_params.dir / path
    if not path.parent.is_dir():
        raise pytest.UsageError(f"{OPTION}: there is no folder {path.parent}.")
    if _is_taken_for_tests(config, path):
        raise pytest.UsageError(
            f"{OPTION} {path}: pytest takes this file for one of tests, and looks for the project "
            f"beside it. Write {OPTION}={path}."
        )
    from migration_guard.exceptions import CannotTell
    from migration_guard.reports.files import require_writable

    try:
        # A long run must not end with a recording that has no place.
        require_writable(path)
    except CannotTell as error:
        raise pytest.UsageError(f"{OPTION}: {error.message}") from error
    config.pluginmanager.register(UsageRecording(config, path), "migration_guard_usage")


def _is_taken_for_tests(config: pytest.Config, path: Path) -> bool:
    """Return True if the file, an argument of its own, has led pytest to another project.

    Source: pytest's reference, "Initialization: determining rootdir and configfile".
    """
    folder = config.invocation_params.dir
    arguments = {str(argument) for argument in config.invocation_params.args}
    is_file = os.path.isfile(path)  # noqa: PTH113 - a name may be too long for Path
    is_argument = is_file and any((folder / name) == path for name in arguments)
    is_here = config.inipath is not None and folder.is_relative_to(config.inipath.parent)
    return is_argument and not is_here and not path.is_relative_to(folder)


class UsageRecording:
    """The hooks of a run that records."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._recorders: list[Any] = []
        self._statements: list[Any] = []
        self._tests: frozenset[Path] = frozenset()
        self._is_worker = hasattr(config, "workerinput")
        # Why the file is not written: a part of a recording would pass for all of it.
        self._missing = ""
        self._have_failed = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the files of the tests, which may have any name."""
        self._tests = frozenset(item.path.resolve() for item in session.items)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: Any
    ) -> Generator[None, Any, Any]:
        """Record from the moment at which the test databases are there until they go."""
        value = yield
        if fixturedef.argname == "django_db_setup":
            blocker = request.getfixturevalue("django_db_blocker")
            self._start()
            # Finalizers run in reverse order, so the databases are still there.
            fixturedef.addfinalizer(lambda: self._stop(blocker))
        return value

    @pytest.hookimpl(optionalhook=True)  # of pytest-xdist
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker recorded."""
        from migration_guard.usage.statement import parse

        text = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if text:
            self._statements += parse(text)
        else:
            self._missing = f"the worker {node.gateway.id} crashed, with what it recorded"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the file, or hand the statements to the main process."""
        from migration_guard.usage.merging import merge
        from migration_guard.usage.statement import dump

        self._statements = merge(self._statements)
        if self._is_worker:
            text = dump(self._statements, most_callers=None)
            self._config.workeroutput[_OUTPUT] = text  # type: ignore[attr-defined]
            return
        self._have_failed = exitstatus == pytest.ExitCode.TESTS_FAILED
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            self._missing = "no test ran"
        if exitstatus in _STOPPED or session.shouldstop or session.shouldfail:
            self._missing = self._missing or "the run stopped before its last test"
        if not self._missing:
            self._write(session)

    def _write(self, session: pytest.Session) -> None:
        from migration_guard.exceptions import CannotTell
        from migration_guard.reports.files import save
        from migration_guard.usage.statement import dump

        try:
            save(self._path, dump(self._statements))
        except CannotTell as error:
            self._missing = error.message.rstrip(".")
            session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was recorded, and which functions send what cannot be checked."""
        terminalreporter.section("usage")
        if self._missing:
            terminalreporter.write_line(
                f"{self._path} was not written: {self._missing}. Run the tests again.", red=True
            )
            return
        if self._have_failed:
            terminalreporter.write_line(
                "Tests failed, so the file may lack what their code sends.", yellow=True
            )
        unchecked = [statement for statement in self._statements if statement.unchecked]
        terminalreporter.write_line(
            f"{len(self._statements)} statements in {self._path}; {len(unchecked)} of them cannot "
            "be checked."
        )
        for statement in unchecked:
            callers = ", ".join(statement.callers)
            terminalreporter.write_line(f"  {callers}: {statement.unchecked}", yellow=True)

    def _start(self) -> None:
        from django.db import connections

        from migration_guard.usage.recorder import Recorder
        from migration_guard.vendors import VENDORS

        for alias in connections:
            connection = connections[alias]
            is_mirror = connection.settings_dict["TEST"].get("MIRROR")
            if connection.vendor in VENDORS and not is_mirror:
                self._recorders.append(Recorder(alias, self._config.rootpath, self._tests))
        for recorder in self._recorders:
            recorder.start()

    def _stop(self, blocker: Any) -> None:
        with blocker.unblock():
            for recorder in self._recorders:
                self._statements += recorder.statements()
        self._recorders.clear()
