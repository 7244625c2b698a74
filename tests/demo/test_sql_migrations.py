"""What holds for the demo's migrations by their text alone; no server, nothing of the app."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "sql_migrations"
FILES = sorted(FOLDER.glob("*.sql"))
DEV_ONLY = {33, 34}
ORDER_HEALED = range(27, 31)


def number(path):
    return int(path.stem.split("_")[0])


def stem(path):
    return path.stem


def header(path):
    """Return the leading comment block."""
    return re.match(r"(?:--[^\n]*\n)*", path.read_text(encoding="utf-8"))[0]


def statements(path):
    """Return the SQL without comments, and without the bodies of functions and DO blocks."""
    text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
    return re.sub(r"(\$\w*\$).*?\1", "", text, flags=re.DOTALL)


def made_by(path):
    return set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", statements(path)))


def used_by(path):
    sql = statements(path)
    return set(
        re.findall(r"(?:REFERENCES|ALTER TABLE|INSERT INTO|DELETE FROM|JOIN) (\w+)", sql)
        + re.findall(r"^UPDATE (\w+)\n", sql, re.MULTILINE)
        + re.findall(r"CREATE (?:UNIQUE )?INDEX [^;]*?\bON (\w+)", sql)
        + re.findall(r"CREATE TRIGGER [^;]*?\bON (\w+)", sql)
    ) - {"LATERAL"}


each_file = pytest.mark.parametrize("path", FILES, ids=stem)


def test_the_numbers_are_1_to_34_without_a_gap():
    assert [number(path) for path in FILES] == list(range(1, 35))
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", path.name) for path in FILES)


def test_the_names_that_others_rely_on():
    stems = {path.stem for path in FILES}

    assert stems >= {
        "0001_initial_schema",
        "0002_add_users_and_conversation_ownership",
        "0027_preferences_and_profiles",
        "0028_multidimensional_memory",
        "0029_preference_audit_log",
        "0030_user_identity_map",
    }


@each_file
def test_a_file_begins_with_what_it_does_and_why(path):
    assert 1 <= len(header(path).splitlines()) <= 6


@each_file
def test_a_file_controls_no_transaction_and_no_session(path):
    sql = statements(path)

    assert not re.search(r"\b(BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\b", sql, re.IGNORECASE)
    assert not re.search(r"(\A|;)\s*(SET|RESET|DISCARD)\b", sql, re.IGNORECASE)
    assert not re.search(r"^\\", sql, re.MULTILINE)


@each_file
def test_a_file_uses_only_tables_of_its_own_and_of_lower_numbers(path):
    known = {"applied_migrations"} if number(path) in DEV_ONLY else set()
    for other in FILES[: number(path)]:
        known |= made_by(other)

    assert used_by(path) <= known


@each_file
def test_a_file_is_for_dev_and_test_only_if_it_is_0033_or_0034(path):
    said = re.search(r"DEV/TEST ONLY|guard: environments = dev, test$", header(path), re.MULTILINE)

    assert bool(said) == (number(path) in DEV_ONLY)


@each_file
def test_a_concurrent_build_is_alone_in_its_file_and_in_no_transaction(path):
    concurrent = "CONCURRENTLY" in statements(path)
    off = "-- guard: transaction = off" in header(path).splitlines()

    assert concurrent == off
    if concurrent:
        assert statements(path).count(";") == 1


@pytest.mark.parametrize("path", [p for p in FILES if number(p) in ORDER_HEALED], ids=stem)
def test_what_0034_applies_again_is_safe_to_apply_again(path):
    sql = statements(path)

    assert not re.search(r"CREATE (TABLE|(UNIQUE )?INDEX) (?!IF NOT EXISTS)", sql)
    assert not re.search(r"ADD COLUMN (?!IF NOT EXISTS)", sql)
    assert not re.search(r"CREATE FUNCTION", sql)
    assert not re.search(r"ADD CONSTRAINT", sql)
    for trigger in re.findall(r"CREATE TRIGGER (\w+)", sql):
        assert f"DROP TRIGGER IF EXISTS {trigger} " in sql


def test_0034_clears_the_four_markers_and_excepts_its_own():
    last = FILES[-1]
    four = [path.stem for path in FILES if number(path) in ORDER_HEALED]

    assert re.findall(r"'(00\d\d_\w+)'", statements(last)) == [*four, *four, last.stem]
