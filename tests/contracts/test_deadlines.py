"""Clauses with a day: nothing before the month, a warning in it, a violation after the day."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from migration_guard import schema_check
from migration_guard.contracts import Column, Contract, Table, compare, parse
from migration_guard.contracts.deadlines import first_day_of_warning
from migration_guard.exceptions import CannotTell
from migration_guard.results import Verdict
from migration_guard.schema import objects
from migration_guard.schema.objects import Snapshot

UNTIL = date(2027, 3, 31)
SNAPSHOT = Snapshot(
    "postgresql",
    (
        objects.Table(
            "public", "users", "users", "table", (objects.Column("note", "text"),), None, (), ()
        ),
    ),
    search_path=("public",),
)
EVERY_CLAUSE = """
[tables.users]
until = 2027-03-31
owner = "shop"
primary_key = { columns = ["id"], until = 2027-03-31 }
unique = [{ columns = ["a"], until = 2027-03-31 }]
indexes = [{ columns = ["a"], until = 2027-03-31 }]
checks = [{ name = "c", until = 2027-03-31 }]
foreign_keys = [{ columns = ["a"], references = "b", until = 2027-03-31 }]
exclusions = [{ name = "e", until = "2027-03-31" }]
columns = { note = { type = "text", until = "2027-03-31", owner = "export" } }
[views.v]
until = "2027-03-31"
[enums]
mood = { values = ["sad"], until = 2027-03-31 }
[extensions]
citext = { until = 2027-03-31 }
[absent]
tables = [{ name = "old", until = 2027-03-31 }]
columns = [{ name = "users.flag", until = 2027-03-31 }]
[migrations]
applied = [{ id = "0001-0003", until = 2027-03-31 }]
"""
IDS = [
    "users::until",
    "users::note::until",
    "users::unique(a)::until",
    "users::index(a)::until",
    "users::check(c)::until",
    "users::foreign_key(a)::until",
    "users::exclusion(e)::until",
    "users::primary_key(id)::until",
    "v::until",
    "enums::mood::until",
    "extensions::citext::until",
    "old::until",
    "users::flag::until",
    "migrations::0001-0003::until",
]


def deadlines(contract, today):
    assertions = compare(contract, SNAPSHOT, today=today)
    return [assertion for assertion in assertions if assertion.id.endswith("::until")]


@pytest.mark.parametrize(
    ("until", "first"),
    [
        (date(2027, 3, 31), date(2027, 2, 28)),
        (date(2028, 3, 30), date(2028, 2, 29)),
        (date(2027, 3, 15), date(2027, 2, 15)),
        (date(2027, 1, 31), date(2026, 12, 31)),
        (date(2027, 1, 1), date(2026, 12, 1)),
    ],
)
def test_warning_when_a_day_is_given_begins_a_month_before(until, first):
    assert first_day_of_warning(until) == first


@pytest.mark.parametrize(
    ("today", "verdict", "warning"),
    [
        (date(2026, 1, 1), Verdict.KEPT, ""),
        (date(2027, 2, 27), Verdict.KEPT, ""),
        (date(2027, 2, 28), Verdict.KEPT, "in 31 days"),
        (date(2027, 3, 30), Verdict.KEPT, "which is tomorrow"),
        (date(2027, 3, 31), Verdict.KEPT, "which is today"),
        (date(2027, 4, 1), Verdict.VIOLATED, ""),
        (date(2050, 1, 1), Verdict.VIOLATED, ""),
        (None, Verdict.UNKNOWN, ""),
    ],
)
def test_clause_when_its_day_comes_warns_and_then_is_a_violation(today, verdict, warning):
    contract = Contract([Table("users", [Column("note", "text", until=UNTIL, owner="export")])])

    (deadline,) = deadlines(contract, today)

    assert (deadline.id, deadline.verdict) == ("users::note::until", verdict)
    assert warning in deadline.warning
    assert bool(deadline.warning) is bool(warning)
    assert deadline.owner == "export"
    if verdict is Verdict.VIOLATED:
        assert deadline.violation.rule == "expired"
        assert deadline.violation.message == (
            f"expected the clause to be settled by 2027-03-31, found it still stated on {today} "
            "(UTC)"
        )
        assert "Remove the clause" in deadline.violation.hint


def test_clause_when_it_is_of_any_kind_may_have_a_day():
    contract = parse(EVERY_CLAUSE, Path("c.toml"))

    assertions = deadlines(contract, date(2027, 4, 1))

    assert sorted(assertion.id for assertion in assertions) == sorted(IDS)
    assert {assertion.verdict for assertion in assertions} == {Verdict.VIOLATED}
    owners = {assertion.id: assertion.owner for assertion in assertions}
    assert (owners["users::note::until"], owners["users::unique(a)::until"]) == ("export", "shop")
    assert all(assertion.source.startswith("c.toml:") for assertion in assertions)


def test_clause_when_its_day_is_far_is_checked_as_any_other():
    contract = Contract([Table("users", [Column("note", "uuid", until=UNTIL)])])

    (violation,) = [
        assertion.violation
        for assertion in compare(contract, SNAPSHOT, today=date(2026, 1, 1))
        if assertion.violation
    ]

    assert violation.rule == "wrong-type"


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ('"2027-02-29"', 'until = "2027-02-29" is no day: day'),
        ('"2027-13-01"', 'until = "2027-13-01" is no day: month'),
        ('"31.3.2027"', 'until = "31.3.2027" is wrong'),
        ('"20270331"', 'until = "20270331" is wrong'),
        ('"2027-W13-3"', 'until = "2027-W13-3" is wrong'),
        ('""', 'until = "" is wrong'),
        ("2027-03-31T00:00:00", "until = 2027-03-31 00:00:00 is wrong"),
        ("2027-03-31T00:00:00Z", "until = 2027-03-31 00:00:00+00:00 is wrong"),
        ("12:00:00", "until = 12:00:00 is wrong"),
        ("2027", "until = 2027 is wrong"),
        ("true", "until = true is wrong"),
        ("2027-02-29", "not valid TOML"),
    ],
)
def test_day_when_it_is_none_is_refused_with_its_line(day, message):
    for text in (f"[tables.t]\n\nuntil = {day}", f"[tables.t.columns]\n\na = {{ until = {day} }}"):
        with pytest.raises(CannotTell) as refused:
            parse(text, Path("c.toml"))

        assert refused.value.message.startswith("c.toml:3: ")
        assert message in refused.value.message
        assert refused.value.hint


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_day_when_the_project_has_another_time_zone_is_that_of_utc(sqlite, settings, zone):
    settings.TIME_ZONE = zone
    sqlite.execute("CREATE TABLE users (note text)")
    today = datetime.now(UTC).date()

    def code(until):
        columns = [Column("note", "text", until=until)]
        return schema_check.check(Contract([Table("users", columns)])).returncode

    assert [code(today + timedelta(days)) for days in (-1, 0, 1)] == [1, 0, 0]


FORMATS = {
    "text": "[expires] users::note::until: the clause is to be settled by",
    "json": '"message": "the clause is to be settled by',
    "junit": "<system-out>warning: the clause is to be settled by",
    "github": "::warning file=c.toml,line=2,title=expires::users::note::until",
    "sarif": '"ruleId": "expires"',
}


@pytest.mark.parametrize("report", FORMATS)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_report_when_a_clause_expires_soon_says_so(
    database, guard, migrations, tmp_path, monkeypatch, report
):
    monkeypatch.chdir(tmp_path)
    migrations({})
    database.execute("CREATE TABLE users (note text)")
    args = ("checkschema", "--no-models", "--contract", "c.toml", "--format", report)
    for days, code, text in ((3, 0, FORMATS[report]), (-3, 1, "expired")):
        until = datetime.now(UTC).date() + timedelta(days)
        line = f'note = {{ until = {until}, owner = "export" }}'
        Path("c.toml").write_text(f"[tables.users.columns]\n{line}\n", encoding="utf-8")

        result = guard(*args)

        assert result.code == code, result
        assert text in result.out
        assert "export" in result.out
        assert ("have expired: 1 violation" in result.err) is bool(code)
