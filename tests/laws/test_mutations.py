"""Every single change of a schema is told by drift, and by the written contract if it is about it.

The changes are made from the schema's text (`mutants`). One of which the server's own dump has no
trace is none; for SQLite, which keeps all texts, such changes are listed here.
"""

import re

import pytest

from tests.laws import asked, benches, schemas
from tests.laws.mutants import mutants
from tests.laws.sames import renamed, sames

# Changes that mean nothing, by vendor.
EQUIVALENT = {
    "postgresql": {
        r"CREATE TYPE citext": "a base type, which is written in C, is not read",
    },
    "mysql": {
        r"(int|tinyint|year)\(\[\d+ →|\[without item \d+\] in: .*": "the width of a number",
        r"\(\[6 → 7\]": "times have no seventh digit",
    },
    "sqlite": {
        r"\[without NOT NULL\] in: CREATE TABLE (log|facts)": "the key is never null",
        r"\[without DEFAULT \?\] in: CREATE TABLE facts": "DEFAULT NULL",
    },
}
# What a written contract is about, by the kind of the object that drift names.
IN_CONTRACTS = ("column", "primary key", "unique", "index", "foreign key", "check", "exclusion")
# Of those it leaves out what no code relies on: it needs no constraint to be weak, either.
NOT_IN_CONTRACTS = re.compile(
    r"COMMENT .*|.*\bINVALID\b.*|INCLUDE .*|WITH \(.*|CONSTRAINT .*|NO INHERIT|"
    r"(STATISTICS|COMPRESSION|STORAGE|CLUSTER)\b.*",
    re.IGNORECASE | re.DOTALL,
)
WEAK = ("NOT VALID", "NOT ENFORCED")
OF_VIEWS = ("column default", "column comment")
FEW = 12


@pytest.mark.parametrize("name", schemas.NAMES)
def test_change_when_a_schema_has_one_then_it_is_told(database, name, score):
    statements = schemas.statements(database, name)
    chosen = asked.choose(
        [one for one in mutants(statements, database.vendor) if not _means_nothing(database, one)],
        FEW,
    )
    told = list(benches.judge(database, statements, chosen))

    missed = [
        mutant
        for mutant, each in told
        if not each.drift and not benches.is_equivalent(database, statements, mutant)
    ]
    silent = [
        (mutant.what, [(one.object, one.violation) for one in each.drift])
        for mutant, each in told
        if _is_about_it(each) and not each.contract
    ]

    score(database.vendor, tried=len(told), missed=len(missed) + len(silent))
    assert [mutant.what for mutant in missed] == []
    assert not silent, "\n".join(map(str, silent))


def _means_nothing(database, mutant):
    return any(re.search(pattern, mutant.what) for pattern in EQUIVALENT[database.vendor])


def _is_about_it(told):
    """Return whether drift names something that a contract is about."""
    return any(
        difference.object.startswith(IN_CONTRACTS)
        and not difference.object.startswith(OF_VIEWS)
        and difference.violation is not None
        and not NOT_IN_CONTRACTS.fullmatch(difference.violation.expected)
        and not NOT_IN_CONTRACTS.fullmatch(difference.violation.actual)
        and difference.violation.expected not in WEAK
        and not _is_order_of_key(difference)
        for difference in told.drift
    )


def _is_order_of_key(difference):
    """Return whether a key sorts otherwise, which keeps out the same rows."""
    texts = difference.violation.expected, difference.violation.actual
    is_key = difference.object.startswith(("unique", "primary key"))
    return is_key and len({text.replace(" DESC", "") for text in texts}) == 1


@pytest.mark.parametrize("name", schemas.NAMES)
def test_change_when_it_means_the_same_then_nothing_is_told(database, name, score):
    statements = schemas.statements(database, name)
    chosen = asked.choose(list(sames(statements, database.vendor)), FEW)

    told = list(benches.judge(database, statements, chosen))

    alarms = [
        (mutant.what, [each.violation or each.unknown for each in (*found.drift, *found.contract)])
        for mutant, found in told
        if found.drift or found.contract
    ]
    score(database.vendor, quiet=len(told), alarms=len(alarms))
    assert not alarms, "\n".join(map(str, alarms))


@pytest.mark.parametrize("name", schemas.NAMES)
def test_contract_when_keys_have_other_names_or_forms_then_it_is_kept(database, name, score):
    statements = schemas.statements(database, name)
    chosen = asked.choose(list(renamed(statements, database.vendor)), FEW)

    told = list(benches.judge(database, statements, chosen))

    alarms = [
        (mutant.what, [each.violation or each.unknown for each in found.contract])
        for mutant, found in told
        if found.contract
    ]
    score(database.vendor, quiet=len(told), alarms=len(alarms))
    assert not alarms, "\n".join(map(str, alarms))
