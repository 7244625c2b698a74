"""The tests of contracts as nodes of pytest: a file collects parts, and parts collect tests."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from migration_guard import conf, contracts, schema_check, testing
from migration_guard.contracts import Contract
from migration_guard.exceptions import GuardError
from migration_guard.planning import files
from migration_guard.planning.history_rows import RecordedHistory
from migration_guard.planning.plan import Plan, make_plan
from migration_guard.pytest_plugin.options import ALLOW_UNKNOWN, EXPIRES
from migration_guard.pytest_plugin.selection import alias_of
from migration_guard.reports.escaping import escape_text
from migration_guard.results import Assertion, Checked
from migration_guard.schema.objects import Snapshot


class ContractFile(pytest.Module):
    """Collects a contract file: a test for each assertion, found without a database.

    It is a module without Python in it, as pytest's text doctests are: fixtures with the scope of a
    module need one.
    """

    obj = None

    contract: Contract
    alias: str

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Read the contract and return its tests."""
        try:
            self.contract = contracts.load(self.path)
            self.alias = alias_of(self.path)
            ids = _assertion_ids(self.contract, self.alias)
        except GuardError as error:
            raise self.CollectError(escape_text(str(error))) from error
        if not ids:
            raise self.CollectError(f"{self.path.name} states nothing. State a table in it.")
        return _nodes(self, [(id_, id_.split("::")) for id_ in ids])

    def check(self) -> Checked:
        """Compare the test database with the contract."""
        return schema_check.check(
            self.contract, self.alias, environment=testing.ENVIRONMENT, is_from_files=True
        )


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
                name=escape_text(table),
                callobj=_test_assertion,
                assertion_id=table,
                contract_file=self,
            )
            for table in tables
        ]

    def check(self) -> Checked:
        """Compare the test database with the models."""
        try:
            self.contract = schema_check.complete_contract(self.alias)
        except GuardError as error:
            return Checked(self.alias, error=error)
        return super().check()


class ContractPart(pytest.Collector):
    """Collects the assertions about one table, or about one column."""

    def __init__(self, *, ids: Sequence[tuple[str, list[str]]], **more: Any) -> None:
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
        return self.path, None, escape_text(self.assertion_id)

    def choose(self, checked: Checked) -> list[Assertion]:
        """Return what this test is about."""
        return [assertion for assertion in checked.assertions if assertion.id == self.assertion_id]

    def judge(self, checked: Checked, *, allow_unknown: bool) -> None:
        """Pass, fail or skip by the result of the check."""
        if checked.error is not None:
            pytest.fail(escape_text(str(checked.error)), pytrace=False)
        assertions = self.choose(checked)
        self.user_properties += [
            (EXPIRES, escape_text(f"{assertion.id}: {assertion.warning}"))
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
            pytest.fail(escape_text("\n".join(messages)), pytrace=False)
        causes = [assertion.unknown for assertion in assertions if assertion.unknown]
        if causes or not assertions:
            cause = ", ".join(causes) or "the contract no longer has it"
            message = escape_text(f"{self.assertion_id} could not be checked: {cause}")
            if allow_unknown:
                pytest.skip(message)
            remedy = f"Remove the cause, or accept it: {ALLOW_UNKNOWN}."
            pytest.fail(f"{message}\n{remedy}", pytrace=False)


class ModelTest(ContractTest):
    """Tests all assertions about the table of a model; ``assertion_id`` is its name."""

    def choose(self, checked: Checked) -> list[Assertion]:
        """Return what the models state of the table."""
        assertions = [
            assertion for assertion in checked.assertions if assertion.table == self.assertion_id
        ]
        if checked.examination is not None and not assertions:
            pytest.skip(f"no model has the table {escape_text(self.assertion_id)} on this server")
        return assertions


@pytest.fixture(scope="session")
def checked_schema_contracts(
    request: pytest.FixtureRequest,
    django_db_setup: None,  # noqa: ARG001
    django_db_blocker: Any,
) -> dict[ContractFile, Checked]:
    """Check all contracts once, before the fixtures of a test open a transaction."""
    tests = (item for item in request.session.items if isinstance(item, ContractTest))
    with django_db_blocker.unblock():
        return {file: file.check() for file in dict.fromkeys(test.contract_file for test in tests)}


def _test_assertion(
    request: pytest.FixtureRequest, checked_schema_contracts: dict[ContractFile, Checked]
) -> None:
    """Run one ContractTest."""
    test = request.node
    allow = request.config.getoption(ALLOW_UNKNOWN)
    test.judge(checked_schema_contracts[test.contract_file], allow_unknown=allow)


def _nodes(
    parent: ContractFile | ContractPart, ids: Sequence[tuple[str, list[str]]]
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
                name=escape_text(name),
                callobj=_test_assertion,
                assertion_id=id_,
                contract_file=file,
            )
    for name, ids_of_part in parts.items():
        yield ContractPart.from_parent(parent, name=escape_text(name), ids=ids_of_part)


def _assertion_ids(contract: Contract, alias: str) -> list[str]:
    """Return the ids of all assertions. They are the same for an empty database."""
    vendor = connections[alias].vendor
    plan = _plan_from_nothing(alias, vendor)
    assertions = contracts.compare(contract, Snapshot(vendor, ()), plan)
    return list(dict.fromkeys(assertion.id for assertion in assertions))


def _plan_from_nothing(alias: str, vendor: str) -> Plan | None:
    """Return the plan of a database without migrations; None where it has no folders."""
    settings = conf.load()
    if not settings.dirs.get(alias):
        return None
    file_set = files.read(settings.dirs[alias], vendor, settings.environments)
    return make_plan(file_set.files, RecordedHistory({}, {}), testing.ENVIRONMENT, vendor)


def _with_mirrored(alias: str) -> list[str]:
    """Return the alias, and the one that its test database is: Django makes only that one."""
    mirrored = connections[alias].settings_dict["TEST"].get("MIRROR")
    return [alias, mirrored] if mirrored else [alias]
