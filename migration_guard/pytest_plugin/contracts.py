"""The hooks of a run that tests contracts: they collect contracts and report on their tests."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migration_guard.pytest_plugin.options import EXPIRES, FROM_SETTING, INI, OPTION
from migration_guard.pytest_plugin.requirements import require_app, require_pytest_django

# At run time they are imported late: they need the app, whose setup may come after this.
if TYPE_CHECKING:
    from migration_guard.pytest_plugin.nodes import ContractFile


def configure(config: pytest.Config) -> None:
    """Register the tests of contracts if an option asks for them."""
    if config.getoption(INI) or config.getini(INI):
        require_pytest_django(config, OPTION)
        config.pluginmanager.register(SchemaContracts(config), "migration_guard_contracts")


class SchemaContracts:
    """The hooks."""

    def __init__(self, config: pytest.Config) -> None:
        self.option_values, self.ini_paths = config.getoption(INI), config.getini(INI)
        self.paths: list[Path] = []
        self.models: dict[str, list[str]] = {}
        self.invocation = config.invocation_params.dir

    def pytest_report_header(self) -> str:
        """Return the line that names the contracts of this run."""
        setting = 'MIGRATION_GUARD["CONTRACTS"], or the models'
        names = [str(value) or setting for value in self.option_values]
        names += [str(path) for path in self.ini_paths]
        return f"schema contract: {', '.join(names)}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Add the contracts to the paths that pytest collects."""
        # Not earlier: Django's settings may be set in any pytest_configure.
        config = session.config
        require_app(OPTION)
        from migration_guard.pytest_plugin import nodes, selection

        config.pluginmanager.register(nodes)  # for its fixture
        always = [self._resolve(value) for value in self.option_values if value != FROM_SETTING]
        if FROM_SETTING in self.option_values:
            always += (of_setting := selection.paths_in_setting())
            self.models = {} if of_setting else selection.tables_of_models()
        self.paths = list(dict.fromkeys((*always, *(path.resolve() for path in self.ini_paths))))
        for path in self.paths:
            selection.require_file(path)
            is_named = any(self._is_in(argument, path) for argument in config.args)
            if not is_named and (path in always or not self._has_only_single_tests(config)):
                config.args.append(str(path))

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> "ContractFile | None":
        """Return the collector of a contract, None for other files."""
        if file_path not in self.paths:
            return None
        from migration_guard.pytest_plugin.nodes import ContractFile

        collector: ContractFile = ContractFile.from_parent(parent, path=file_path)
        return collector

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Add the tests of models, which have no file that pytest could collect."""
        from migration_guard.pytest_plugin.nodes import ModelContract

        for alias, tables in self.models.items():
            path = session.config.rootpath / "models"
            models: ModelContract = ModelContract.from_parent(session, path=path, alias=alias)
            tests = models.tests(tables)
            # So that pytest counts them.
            report = pytest.CollectReport(models.nodeid, "passed", None, list(tests))
            session.ihook.pytest_collectreport(report=report)
            items += tests

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say at the end which clauses expire soon; the reports bring it from other processes."""
        lines = [
            str(value)
            for reports in terminalreporter.stats.values()
            for report in reports
            for name, value in getattr(report, "user_properties", ())
            if name == EXPIRES and report.when == "call"
        ]
        if lines:
            terminalreporter.section("schema contract: clauses that expire", yellow=True)
            for line in dict.fromkeys(lines):
                terminalreporter.write_line(line, yellow=True)

    def _resolve(self, value: str) -> Path:
        return (self.invocation / value).resolve()

    def _is_in(self, argument: str, path: Path) -> bool:
        """Tell whether a command-line argument names the file, or a part of it."""
        return self._resolve(argument.partition("::")[0]) == path

    def _has_only_single_tests(self, config: pytest.Config) -> bool:
        """Tell whether the command line names only files and single tests, no folder."""
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            return False
        return all(
            "::" in argument or self._resolve(argument).is_file() for argument in config.args
        )
