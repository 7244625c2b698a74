from pathlib import Path

from migration_guard.problems import Problem, Severity
from migration_guard.reports.github import problems, schema_check
from tests.reports.examples import ALLOWED, BROKEN, FAILED


def test_github_when_something_is_violated_annotates_the_line_of_the_contract():
    lines = schema_check(BROKEN).splitlines()

    assert lines == [
        "::error file=schema_contract.toml,line=12,title=missing-column::"
        "user_profiles.relationship_type: expected varchar(40), found no such column%0A"
        "recommendations relies on it: the nightly export joins on it, 100%25%0A"
        "0027_preferences adds it and is pending.%0ARun manage.py runsqlmigrations.",
        "::error title=wrong-type::user_profiles.bio: expected text, found varchar(10)%0A"
        "project.UserProfile.bio",
        "::error file=schema_contract.toml,line=30,title=unknown::"
        "secrets::exists could not be checked: permission denied",
        lines[-1],
    ]
    assert lines[-1].startswith("5 assertions about default")


def test_github_when_unknown_is_allowed_only_warns():
    assert schema_check(ALLOWED).startswith("::warning file=schema_contract.toml,line=30,")


def test_github_when_nothing_was_checked_says_why():
    assert schema_check(FAILED) == "::error title=cannot-tell::No connection.%0AStart the server."


def test_github_when_a_path_has_commas_and_colons_escapes_them():
    problem = Problem(
        "bad-name", "a\r\nb", "rename: it", Severity.WARNING, Path("a,b:c 100%.sql"), 7
    )

    assert problems([problem]) == (
        "::warning file=a%2Cb%3Ac 100%25.sql,line=7,title=bad-name::a%0Ab%0Arename: it"
    )


def test_github_when_a_path_is_below_the_working_directory_is_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    report = problems([Problem("edited", "m", "h", path=tmp_path / "sql" / "0001_a.sql")])

    assert report == "::error file=sql/0001_a.sql,title=edited::m%0Ah"
