"""Own statements of the runner under settings that a database or a role has for its application."""

import pytest

from tests.running.support import applied

FILES = {
    f"{number}_{name}.sql": f"CREATE TABLE {name} (id int)" for number, name in enumerate("abc")
}
# A schema that stands before pg_catalog, as tests that fake the time have it.
EVIL = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
    $$ SELECT timestamptz '2001-01-01' $$;
CREATE FUNCTION evil.transaction_timestamp() RETURNS timestamptz LANGUAGE sql AS
    $$ SELECT timestamptz '2001-01-01' $$;
CREATE FUNCTION evil.to_json(timestamptz) RETURNS json LANGUAGE sql AS $$ SELECT json '"never"' $$;
"""
SETTINGS = {
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "'sql_standard'",
    "TimeZone": "'Asia/Tokyo'",
    "search_path": "public, evil, pg_catalog",
    "standard_conforming_strings": "off",
    "bytea_output": "'escape'",
    "extra_float_digits": "-15",
    "row_security": "off",
    "transform_null_equals": "on",
    "default_transaction_isolation": "'serializable'",
    "default_transaction_deferrable": "on",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_run_when_the_database_has_another_setting_applies_and_records_as_ever(
    setting, postgres, migrations, guard
):
    postgres.execute(EVIL)
    name = postgres.settings["NAME"]
    postgres.execute(f'ALTER DATABASE "{name}" SET {setting} = {SETTINGS[setting]}')
    postgres.close()
    postgres.execute("SET search_path = public")

    for count in range(1, 4):
        migrations(dict(list(FILES.items())[:count]))
        result = guard("runsqlmigrations")
        assert result.code == 0, result.err
        assert "[clock]" not in result.err

    plan = guard("runsqlmigrations", "--plan")
    assert plan.code == 0, plan.err
    assert plan.out.count("applied  ") == 3
    assert "2001" not in plan.out
    assert applied(postgres) == ["0_a", "1_b", "2_c"]
    stamp = guard("repairsqlmigrations", "--stamp", "dev", "--confirm", name, "--reason", "x")
    assert stamp.code == 0, stamp.err
