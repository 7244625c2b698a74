from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from migration_guard.problems import Problem, Violation
from migration_guard.reports.junit import schema_check
from migration_guard.results import FreshDatabase, Verdict
from tests.reports.examples import (
    ALL_KEPT,
    ALLOWED,
    BROKEN,
    FAILED,
    KEPT,
    NOT_TOLD,
    VIOLATED,
    assertion,
    checked,
)


def parse(report):
    root = ET.fromstring(report)  # noqa: S314 -- it is ours
    assert root.tag == "testsuites"
    (suite,) = root
    return suite


def test_junit_when_something_is_violated_has_one_case_for_each_assertion():
    suite = parse(schema_check(BROKEN))

    cases = {f"{case.get('classname')}::{case.get('name')}": case for case in suite}
    assert list(cases) == [one.id for one in BROKEN.assertions]
    failure = cases["user_profiles::relationship_type::exists"].find("failure")
    assert failure.get("type") == "missing-column"
    assert failure.get("message") == "expected varchar(40), found no such column"
    assert "recommendations relies on it" in failure.text
    assert list(cases["users::exists"]) == []
    assert cases["users::exists"].get("file") == "schema_contract.toml"
    assert cases["users::exists"].get("line") == "3"


@pytest.mark.parametrize(
    ("report", "counts"),
    [
        (ALL_KEPT, ("1", "0", "0", "0")),
        (BROKEN, ("5", "3", "1", "0")),
        (NOT_TOLD, ("2", "0", "1", "0")),
        (ALLOWED, ("2", "0", "0", "1")),
        (FAILED, ("1", "0", "1", "0")),
    ],
)
def test_junit_when_it_counts_agrees_with_its_cases(report, counts):
    suite = parse(schema_check(report))

    names = ("tests", "failures", "errors", "skipped")
    assert tuple(suite.get(name) for name in names) == counts
    found = (len(suite), *(len(suite.findall(f"*/{tag}")) for tag in ("failure", "error")))
    assert tuple(map(str, found)) == counts[:3]


def test_junit_when_clauses_have_owners_has_a_suite_for_each_and_nobody_s_last():
    owned = [
        assertion("a::exists"),
        assertion("b::exists", Verdict.UNKNOWN, unknown="locked")._replace(owner="shop"),
        VIOLATED[0]._replace(owner="export"),
        assertion("c::exists")._replace(owner="shop"),
    ]

    suites = list(ET.fromstring(schema_check(checked(*owned))))  # noqa: S314 -- it is ours

    names = [suite.get("name").removeprefix("schema contract of ") for suite in suites]
    assert names == ["default: export", "default: shop", "default"]
    counts = ("tests", "failures", "errors", "skipped", "time")
    assert [tuple(suite.get(count) for count in counts) for suite in suites] == [
        ("1", "1", "0", "0", "0.125"),
        ("2", "0", "1", "0", "0.000"),
        ("1", "0", "0", "0", "0.000"),
    ]
    assert [case.get("classname") for case in suites[1]] == ["b", "c"]


def test_junit_when_every_clause_has_an_owner_has_no_suite_of_nobody():
    owned = assertion("a::exists")._replace(owner="shop")

    suite = parse(schema_check(checked(owned)))

    assert suite.get("name") == "schema contract of default: shop"


def test_junit_when_the_files_were_warned_of_says_so_beside_the_migrations():
    warning = Problem("changed-nothing", "it changed nothing", "", path=Path("0002_b.sql"), line=3)
    built = FreshDatabase("production", problems=(warning,))

    root = ET.fromstring(schema_check(checked(KEPT, fresh=built)))  # noqa: S314 -- it is ours

    assert "0002_b.sql:3: it changed nothing" in root.find(".//system-err").text


def test_junit_when_a_text_holds_what_xml_cannot_stays_well_formed():
    violation = Violation("wrong-default", "t", "c", "'\x00'", "<b>&\"'\x1b\ud800", "", "")

    suite = parse(schema_check(checked(assertion("t::c::default", Verdict.VIOLATED, violation))))

    assert "<b>&\"'" in suite[0].find("failure").get("message")
