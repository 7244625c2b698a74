from types import SimpleNamespace

import pytest

from migration_guard.problems import Problem, Severity
from migration_guard.reports.check import check_report, tally
from migration_guard.reports.text import problems
from migration_guard.reports.verdict import verdict
from tests.reports.examples import ALL_KEPT, ALLOWED, BROKEN, FAILED, NOT_TOLD, checked

REPORT = """\
user_profiles
  [missing-column] relationship_type: expected varchar(40), found no such column
    stated by schema_contract.toml:12
    recommendations relies on it: the nightly export joins on it, 100%
    0027_preferences adds it and is pending.
    Run manage.py runsqlmigrations.
  [wrong-type] bio: expected text, found varchar(10)
    stated by project.UserProfile.bio
secrets
  [unknown] secrets::exists: permission denied
5 assertions about default (postgresql) in 0.12 s: 1 kept, 3 violated, 1 unknown, 2 violations \
in all."""


def test_text_when_something_is_violated_groups_by_table_and_counts():
    assert check_report(BROKEN) == REPORT


def test_problem_when_it_has_no_remedy_is_one_line():
    problem = Problem("not-simulated", "its effect is not known", "", Severity.INFO)

    assert problems([problem]) == "info[not-simulated] its effect is not known"


def test_text_when_everything_is_kept_is_one_line():
    assert check_report(ALL_KEPT) == ("1 assertion about default (postgresql) in 0.12 s: 1 kept.")


def test_text_when_asked_for_kept_tables_lists_them():
    assert check_report(ALL_KEPT, kept=True).startswith("users\n  1 assertion kept\n")


def test_text_when_it_has_a_style_paints_rules_and_summary():
    paint = SimpleNamespace(
        MIGRATE_HEADING="<{}>".format, ERROR="!{}!".format, WARNING="?{}?".format, SUCCESS=str
    )

    report = check_report(BROKEN, paint)

    assert "<user_profiles>" in report
    assert "![missing-column]!" in report
    assert "?[unknown]?" in report


@pytest.mark.parametrize(
    ("checked", "returncode", "said"),
    [
        (ALL_KEPT, 0, ""),
        (ALLOWED, 0, ""),
        (BROKEN, 1, "2 violations"),
        (NOT_TOLD, 2, "--allow-unknown"),
        (FAILED, 2, "Start the server."),
    ],
)
def test_verdict_when_a_check_ends_names_the_remedy_and_the_exit_code(checked, returncode, said):
    assert checked.returncode == returncode
    assert said in verdict(checked)
    assert bool(verdict(checked)) == bool(returncode)


def test_tally_when_nothing_is_stated_says_so():
    assert tally(checked()).endswith(": there is no contract, and no model.")
