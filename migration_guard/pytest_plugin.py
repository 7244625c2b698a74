"""The pytest plugin: test databases with SQL migrations, and a schema contract as tests.

With ``--schema-contract FILE`` or the ini option ``schema_contract = FILE``, each assertion of the
contract is a test. It runs against the test database that pytest-django makes::

    schema_contract.toml::user_profiles::relationship_type::exists

``--schema-contract`` alone means the files in ``MIGRATION_GUARD["CONTRACTS"]``. Where there are
none it means the models, with a test for each table: ``models::default::auth_user``. With the ini
option, a run that names only files or single tests leaves the contract out. Name its file, or a
part of an id (``schema_contract.toml::user_profiles``), to run it too.

An assertion that cannot be checked fails; with ``--schema-contract-allow-unknown`` it is skipped.
In a project without Django or without the app, the plugin imports neither of them.
"""

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from migration_guard import pytest_usage

if TYPE_CHECKING:
    from migration_guard.contracts import Contract
    from migration_guard.planning.plan import Plan
    from migration_guard.results import Assertion, Checked

OPTION: Final = "--schema-contract"
INI: Final = "schema_contract"
# The value of the option where none is given: it means the files in the setting.
FROM_SETTING: Final = ""
# The property of a report that names a clause in the last month before its day.
EXPIRES: Final = "schema_contract_expires"
# Django's engine where DATABASES has none.
DUMMY: Final = "django.db.backends.dummy"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("migration_guard", "schema contracts")
    group.addoption(
        OPTION,
        action="append",
        nargs="?",
        const=FROM_SETTING,
        default=[],
        dest=INI,
        metavar="FILE",
        help="Test the schema contract FILE, each assertion a test; without FILE, those in "
        'MIGRATION_GUARD["CONTRACTS"], or else the models, each table a test.',
    )
    group.addoption(
        f"{OPTION}-allow-unknown",
        action="store_true",
        help="Skip, rather than fail, what a schema contract says and nobody can find out.",
    )
    pytest_usage.add_option(parser)
    parser.addini(INI, "Schema contracts to test, as with --schema-contract.", "paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Register the tests of contracts, and the recording, if an option asks for them."""
    pytest_usage.configure(config)
    if not config.getoption(INI) and not config.getini(INI):
        return
    if not config.pluginmanager.hasplugin("django"):
        raise pytest.UsageError(
            f"{OPTION} needs the test database of pytest-django: pip install pytest-django."
        )
    config.pluginmanager.register(SchemaContracts(config), "migration_guard_contracts")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """Prepare for the test databases where Django was set up before this plugin was loaded.

    Where Django is set up later, the app sees this plugin and does the same.
    """
    django_apps = sys.modules.get("django.apps")
    if django_apps is None or not django_apps.apps.ready:
        return
    if django_apps.apps.is_installed("migration_guard"):
        from migration_guard import testing

        testing.install()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(request: Any) -> Generator[None, Any, Any]:
    """End the run with one message where the test database did not get its SQL migrations."""
    try:
        return (yield)
    except Exception as error:
        # Loaded where the app is installed.
        testing = sys.modules.get("migration_guard.testing")
        if testing is None or not isinstance(error, testing.NotMigrated):
            raise
        message, returncode = str(error), error.returncode
    _end_run(request, message, returncode)


def _end_run(request: Any, message: str, returncode: int) -> NoReturn:
    if hasattr(request.config, "workerinput"):
        # The exit of one worker of pytest-xdist would look like a crash.
        request.session.shouldfail = "the test database did not get its SQL migrations"
        pytest.fail(message, pytrace=False)
    pytest.exit(message, returncode=returncode)


class SchemaContracts:
    """The hooks of a run that tests contracts."""

    def __init__(self, config: pytest.Config) -> None:
        self.allow_unknown: bool = config.getoption("schema_contract_allow_unknown")
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
        _require_django()
        always = [self._resolve(value) for value in self.option_values if value != FROM_SETTING]
        if FROM_SETTING in self.option_values:
            always += (of_setting := _paths_in_setting())
            self.models = {} if of_setting else _tables_of_models()
        self.paths = list(dict.fromkeys((*always, *(path.resolve() for path in self.ini_paths))))
        for path in self.paths:
            _require_file(path)
            is_named = any(self._is_in(argument, path) for argument in config.args)
            if not is_named and (path in always or not self._has_only_single_tests(config)):
                config.args.append(str(path))

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> "ContractFile | None":
        """Return the collector of a contract, None for other files."""
        if file_path not in self.paths:
            return None
        collector: ContractFile = ContractFile.from_parent(parent, path=file_path)
        return collector

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Add the tests of models, which have no file that pytest could collect."""
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


@pytest.fixture(scope="session")
def checked_schema_contracts(
    request: pytest.FixtureRequest,
    django_db_setup: None,  # noqa: ARG001
    django_db_blocker: Any,
) -> "dict[ContractFile, Checked]":
    """Check all contracts once, before the fixtures of a test open a transaction."""
    tests = (item for item in request.session.items if isinstance(item, ContractTest))
    with django_db_blocker.unblock():
        return {file: file.check() for file in dict.fromkeys(test.contract_file for test in tests)}


class ContractFile(pytest.Module):
    """Collects a contract file: a test for each assertion, found without a database.

    It is a module without Python in it, as pytest's text doctests are: fixtures with the scope of a
    module need one.
    """

    obj = None

    contract: "Contract"
    alias: str

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Read the contract and return its tests."""
        from migration_guard import contracts
        from migration_guard.exceptions import GuardError

        try:
            self.contract = contracts.load(self.path)
            self.alias = _alias(self.path)
            ids = _assertion_ids(self.contract, self.alias)
        except GuardError as error:
            raise self.CollectError(_escape(str(error))) from error
        if not ids:
            raise self.CollectError(f"{self.path.name} states nothing. State a table in it.")
        return _nodes(self, [(id_, id_.split("::")) for id_ in ids])

    def check(self) -> "Checked":
        """Compare the test database with the contract."""
        from migration_guard import schema_check, testing

        return schema_check.check(self.contract, self.alias, environment=testing.ENVIRONMENT)


class ModelContract(ContractFile):
    """The models of one database as a contract, with a test for each table.

    What they state depends on the server, so it is read when the test database is there.
    """

    def __init__(self, *, alias: str, **more: Any) -> None:
        super().__init__(**more)
        self.alias = alias

    def tests(self, tables: Iterable[str]) -> "list[ModelTest]":
        """Return the tests of these tables."""
        of_alias: ContractPart = ContractPart.from_parent(self, name=self.alias, ids=())
        return [
            ModelTest.from_parent(
                of_alias,
                name=_escape(table),
                callobj=_test_assertion,
                assertion_id=table,
                contract_file=self,
            )
            for table in tables
        ]

    def check(self) -> "Checked":
        """Compare the test database with the models."""
        from migration_guard import schema_check
        from migration_guard.exceptions import GuardError
        from migration_guard.results import Checked

        try:
            self.contract = schema_check.complete_contract(self.alias)
        except GuardError as error:
            return Checked(self.alias, error=error)
        return super().check()


class ContractPart(pytest.Collector):
    """Collects the assertions about one table, or about one column."""

    def __init__(self, *, ids: "Sequence[tuple[str, list[str]]]", **more: Any) -> None:
        super().__init__(**more)
        self.ids = ids

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Return its tests and its smaller parts."""
        return _nodes(self, self.ids)


class ContractTest(pytest.Function):
    """Tests one assertion; ``assertion_id`` is its id in the contract, without the file."""

    def __init__(self, *, assertion_id: str, contract_file: ContractFile, **more: Any) -> None:
        super().__init__(**more)
        self.assertion_id, self.contract_file = assertion_id, contract_file
        self.add_marker(pytest.mark.django_db(databases=_with_mirrored(contract_file.alias)))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the place for reports: the contract and the assertion, not this module."""
        return self.path, None, _escape(self.assertion_id)

    def choose(self, checked: "Checked") -> "list[Assertion]":
        """Return what this test is about."""
        return [assertion for assertion in checked.assertions if assertion.id == self.assertion_id]

    def judge(self, checked: "Checked", *, allow_unknown: bool) -> None:
        """Pass, fail or skip by the result of the check."""
        if checked.error is not None:
            pytest.fail(_escape(str(checked.error)), pytrace=False)
        assertions = self.choose(checked)
        self.user_properties += [
            (EXPIRES, _escape(f"{assertion.id}: {assertion.warning}"))
            for assertion in assertions
            if assertion.warning
        ]
        violations = dict.fromkeys(
            assertion.violation for assertion in assertions if assertion.violation is not None
        )
        if violations:
            messages = (
                f"[{violation.rule}] {violation.explanation}\n{violation.source}"
                for violation in violations
            )
            pytest.fail(_escape("\n".join(messages)), pytrace=False)
        causes = [assertion.unknown for assertion in assertions if assertion.unknown]
        if causes or not assertions:
            cause = ", ".join(causes) or "the contract no longer has it"
            message = _escape(f"{self.assertion_id} could not be checked: {cause}")
            if allow_unknown:
                pytest.skip(message)
            remedy = f"Remove the cause, or accept it: {OPTION}-allow-unknown."
            pytest.fail(f"{message}\n{remedy}", pytrace=False)


class ModelTest(ContractTest):
    """Tests all assertions about the table of a model; ``assertion_id`` is its name."""

    def choose(self, checked: "Checked") -> "list[Assertion]":
        """Return what the models state of the table."""
        assertions = [
            assertion for assertion in checked.assertions if assertion.table == self.assertion_id
        ]
        if checked.examination is not None and not assertions:
            pytest.skip(f"no model has the table {_escape(self.assertion_id)} on this server")
        return assertions


def _test_assertion(
    request: pytest.FixtureRequest, checked_schema_contracts: "dict[ContractFile, Checked]"
) -> None:
    """Run one ContractTest."""
    test = request.node
    allow = request.config.getoption("schema_contract_allow_unknown")
    test.judge(checked_schema_contracts[test.contract_file], allow_unknown=allow)


def _escape(text: str) -> str:
    """Return text of the contract and the database so that no terminal or CI runner obeys it."""
    from migration_guard.reports.escaping import escape_text

    return escape_text(text)


def _nodes(
    parent: ContractFile | ContractPart, ids: "Sequence[tuple[str, list[str]]]"
) -> Iterator[pytest.Item | pytest.Collector]:
    """Yield a test for each id that ends here, and a part for each first name that ids share."""
    parts: dict[str, list[tuple[str, list[str]]]] = {}
    for id_, (name, *rest) in ids:
        if rest:
            parts.setdefault(name, []).append((id_, rest))
        else:
            file = parent.getparent(ContractFile)
            yield ContractTest.from_parent(
                parent,
                name=_escape(name),
                callobj=_test_assertion,
                assertion_id=id_,
                contract_file=file,
            )
    for name, ids_of_part in parts.items():
        yield ContractPart.from_parent(parent, name=_escape(name), ids=ids_of_part)


def _assertion_ids(contract: "Contract", alias: str) -> list[str]:
    """Return the ids of all assertions. They are the same for an empty database."""
    from django.db import connections

    from migration_guard import contracts
    from migration_guard.schema.objects import Snapshot

    vendor = connections[alias].vendor
    plan = _plan_from_nothing(alias, vendor)
    assertions = contracts.compare(contract, Snapshot(vendor, ()), plan)
    return list(dict.fromkeys(assertion.id for assertion in assertions))


def _plan_from_nothing(alias: str, vendor: str) -> "Plan | None":
    """Return the plan of a database without migrations; None where it has no folders."""
    from migration_guard import conf, testing
    from migration_guard.planning import files
    from migration_guard.planning.history_rows import RecordedHistory
    from migration_guard.planning.plan import make_plan

    settings = conf.load()
    if not settings.dirs.get(alias):
        return None
    file_set = files.read(settings.dirs[alias], vendor, settings.environments)
    return make_plan(file_set.files, RecordedHistory({}, {}), testing.ENVIRONMENT, vendor)


def _alias(path: Path) -> str:
    """Return the alias that the setting gives the file to, else the default one."""
    from migration_guard import conf

    for alias, paths in conf.load().contracts.items():
        if path in (contract.resolve() for contract in paths):
            return alias
    return "default"


def _with_mirrored(alias: str) -> list[str]:
    """Return the alias, and the one that its test database is: Django makes only that one."""
    from django.db import connections

    mirrored = connections[alias].settings_dict["TEST"].get("MIRROR")
    return [alias, mirrored] if mirrored else [alias]


def _paths_in_setting() -> list[Path]:
    from migration_guard import conf
    from migration_guard.exceptions import GuardError

    try:
        paths = [path.resolve() for of_alias in conf.load().contracts.values() for path in of_alias]
    except GuardError as error:
        raise pytest.UsageError(_escape(str(error))) from error
    return paths


def _tables_of_models() -> dict[str, list[str]]:
    """Return the tables of the models by alias, without databases that stand for another one."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    from migration_guard import contracts

    by_alias = {}
    has_models = False
    for alias in connections:
        try:
            settings = connections[alias].settings_dict
        except ImproperlyConfigured as error:  # its driver is missing
            raise pytest.UsageError(_escape(f"{OPTION}: {error}")) from error
        if settings["TEST"].get("MIRROR") or settings["ENGINE"] == DUMMY:
            continue
        tables = contracts.tables_of_models(alias)
        by_alias[alias] = list(tables)
        has_models |= any(
            model._meta.app_label != "migration_guard"
            for models in tables.values()
            for model in models
        )
    if not has_models:
        raise pytest.UsageError(
            f'{OPTION} without FILE tests the files in MIGRATION_GUARD["CONTRACTS"], or else the '
            "models, and this project has neither. Write a contract of the database as it is "
            "(manage.py checkschema --write schema_contract.toml), and then "
            f"{OPTION}=schema_contract.toml."
        )
    return by_alias


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise pytest.UsageError(
            f"{OPTION}: there is no contract file {path}. Correct the name, or make it: "
            "manage.py checkschema --write FILE. (The option takes the word that follows it: "
            f"write {OPTION}=FILE, or put it last.)"
        )


def _require_django() -> None:
    from django.apps import apps
    from django.conf import settings

    if not settings.configured or not apps.ready:
        raise pytest.UsageError(
            f"{OPTION} needs Django's settings: set DJANGO_SETTINGS_MODULE, in pytest's "
            "configuration or in the environment."
        )
    if not apps.is_installed("migration_guard"):
        raise pytest.UsageError(f'{OPTION} needs "migration_guard" in INSTALLED_APPS.')
