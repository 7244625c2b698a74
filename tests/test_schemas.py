"""The JSON Schemas that the wheel carries: what they say is what the commands print and read.

They are strict (no other keys, none missing), so that a key that is added and not described fails.
The fixture ``guard`` holds every report of every test against them; the tests here see to it that
each command is asked for each outcome.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import load_command_class
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import ValidationError

import migration_guard
from migration_guard.contracts import from_toml
from migration_guard.planning.plan import State
from migration_guard.problems import Severity, Violation
from migration_guard.reports.json import schema_check
from migration_guard.results import Action
from tests.contracts.test_from_toml import REFUSED
from tests.reporting import SCHEMAS, validate, validate_sarif
from tests.reports.examples import EVERY

ROOT = Path(migration_guard.__file__).parent
CONTRACT = SCHEMAS["contract"]
COMMANDS = sorted(
    path.stem
    for path in (ROOT / "management/commands").glob("*.py")
    if path.stem not in {"__init__", "test", "testserver"}  # Django's own, extended
)
BIN = str(Path(sys.executable).parent)
CREATE = "CREATE TABLE users (id integer PRIMARY KEY);\n"


def validate_contract(text: str) -> None:
    # A date of TOML is a text for a schema.
    document = json.loads(json.dumps(tomllib.loads(text), default=str))
    Draft7Validator(CONTRACT).validate(document)


# What the commands print


def test_schemas_when_read_are_schemas_and_each_command_that_speaks_json_has_one():
    for name, schema in SCHEMAS.items():
        (Draft7Validator if name == "contract" else Draft202012Validator).check_schema(schema)

    speaking = {
        name for name in COMMANDS if "json" in load_command_class("migration_guard", name).formats
    }
    assert set(SCHEMAS) == {*speaking, "common", "contract", "readiness", "sizes"}


def test_schemas_when_they_list_names_list_those_of_the_code():
    common = SCHEMAS["common"]["$defs"]
    violation = common["violation"]

    assert set(common["migration"]["properties"]["state"]["enum"]) == set(State)
    assert set(common["problem"]["properties"]["severity"]["enum"]) == set(Severity)
    assert set(SCHEMAS["repairsqlmigrations"]["properties"]["action"]["enum"]) == set(Action)
    assert set(violation["properties"]) == {field.name for field in fields(Violation)}


@pytest.mark.parametrize(
    "arguments", [[], ["--plan"], ["--check"], ["--baseline", "1"], ["--fake", "0001_a"]]
)
@pytest.mark.parametrize("state", ["clean", "edited", "broken", "skipped", "failing"])
def test_runsqlmigrations_when_it_reports_json_keeps_its_schema(
    sqlite, migrations, guard, state, arguments
):
    files = {"0001_a.sql": CREATE, "0002_b.sql": "ALTER TABLE users ADD COLUMN name varchar(9);\n"}
    migrations(files)
    assert guard("runsqlmigrations", "--target", "1").code == 0
    migrations(
        {
            "clean": files,
            "edited": {**files, "0001_a.sql": CREATE.replace("users", "people")},
            "broken": {**files, "0003_c.sql": "-- guard: nonsense = 1\nSELECT 1;\n"},
            "skipped": {**files, "0003_c.sql": "-- guard: environments = dev\nSELECT 1;\n"},
            "failing": {**files, "0003_c.sql": "INSERT INTO nowhere VALUES (1);\n"},
        }[state]
    )

    result = guard("runsqlmigrations", *arguments, "--format", "json")

    validate("runsqlmigrations", result.json)


def test_runsqlmigrations_when_it_fails_half_way_keeps_its_schema(database, migrations, guard):
    migrations(
        {"0001_a.sql": CREATE, "0002_b.sql": f"{CREATE.replace('users', 'x')}SELECT nothing;\n"}
    )

    result = guard("runsqlmigrations", "--format", "json")

    assert result.code == 1
    validate("runsqlmigrations", result.json)


def test_runsqlmigrations_when_it_cannot_connect_keeps_its_schema(postgres, migrations, guard):
    migrations({"0001_a.sql": CREATE})
    postgres.configure(PORT="1")

    result = guard("runsqlmigrations", "--format", "json")

    assert result.code == 2
    validate("runsqlmigrations", result.json)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["0001_a", "--accept-edit"], 0),
        (["0002_b", "--mark-applied"], 0),
        (["0001_a", "--forget"], 1),
        (["0009_x", "--mark-applied"], None),
        (["--stamp", "staging"], None),
    ],
)
def test_repairsqlmigrations_when_it_reports_json_keeps_its_schema(
    database, migrations, guard, arguments, code
):
    migrations({"0001_a.sql": CREATE})
    assert guard("runsqlmigrations").code == 0
    migrations({"0001_a.sql": CREATE + "SELECT 1;\n", "0002_b.sql": "SELECT 2;\n"})

    result = guard("repairsqlmigrations", *arguments, "--reason", "a test", "--format", "json")

    assert code is None or result.code == code
    validate("repairsqlmigrations", result.json)


def test_makesqlmigration_when_it_reports_json_keeps_its_schema(sqlite, migrations, guard):
    migrations({"0001_a.sql": CREATE})

    result = guard("makesqlmigration", "prices", "--format", "json")

    validate("makesqlmigration", result.json)
    assert result.json["number"] == 2


@pytest.mark.parametrize(
    "sql",
    [CREATE, "CREATE TABLE 'x;", "ALTER TABLE later ADD COLUMN x int;\n", "DELETE FROM users;\n"],
)
def test_checksqlmigrations_when_it_reports_json_keeps_its_schema(database, migrations, guard, sql):
    migrations({"0001_a.sql": sql, "0003_later.sql": "CREATE TABLE later (id bigint);\n"})

    validate("checksqlmigrations", guard("checksqlmigrations", "--format", "json").json)


# What a command is told in each test of what it cannot find out; without JSON it is exit 2 too.
ENOUGH = {
    "runsqlmigrations": [],
    "repairsqlmigrations": ["0001_a", "--forget", "--reason", "a test"],
    "makesqlmigration": ["prices"],
    "checksqlmigrations": [],
    "checkschema": [],
    "runauditedsql": ["once.sql", "--reason", "a test", "--expect-rows", "1"],
}
UNTELLABLE = {
    "no such database": (["--database", "nowhere"], {}, "nowhere"),
    "no folder": ([], {"DIRS": {}}, 'names no folder for the database \\"default\\"'),
    "a wrong setting": ([], {"ENVIRONMENT": "mars"}, "is not an environment"),
}
NEED_NO_FOLDER = {("checkschema", "no folder"), ("runauditedsql", "no folder")}
UNTELLABLE_TO = [
    (command, cause)
    for command in COMMANDS
    for cause in UNTELLABLE
    if (command, cause) not in NEED_NO_FOLDER
]


@pytest.mark.parametrize(("command", "cause"), UNTELLABLE_TO)
def test_command_when_it_cannot_find_out_still_reports_why_as_json(
    sqlite, migrations, guard, tmp_path, monkeypatch, command, cause
):
    arguments, settings, said = UNTELLABLE[cause]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "once.sql").write_text("SELECT 1;")
    migrations({"0001_a.sql": CREATE}, **settings)

    result = guard(command, *ENOUGH[command], *arguments, "--format", "json")

    assert result.code == 2
    validate(command, result.json)
    assert said in result.out
    assert said.replace("\\", "") in result.err


@pytest.mark.parametrize(
    ("command", "cause"),
    [(command, cause) for command, cause in UNTELLABLE_TO if command.startswith("check")],
)
def test_command_when_it_cannot_find_out_still_reports_why_to_the_pull_request(
    sqlite, migrations, guard, command, cause
):
    arguments, settings, said = UNTELLABLE[cause]
    migrations({"0001_a.sql": CREATE}, **settings)

    log = guard(command, *arguments, "--format", "sarif")
    annotations = guard(command, *arguments, "--format", "github")

    validate_sarif(log.json)
    (invocation,) = log.json["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert annotations.out.startswith("::error title=cannot-tell::")
    assert said.replace("\\", "") in annotations.out


@pytest.mark.parametrize("name", EVERY)
def test_checkschema_when_it_reports_any_outcome_keeps_its_schema(name):
    validate("checkschema", json.loads(schema_check(EVERY[name])))


@pytest.mark.parametrize(
    "arguments",
    [[], ["--fresh"], ["--fresh", "--timeline"], ["--drift"], ["--contract", "nowhere.toml"]],
)
@pytest.mark.parametrize(
    "second", ["ALTER TABLE users ADD COLUMN name varchar(9);", "SELECT nothing;"]
)
def test_checkschema_when_it_reports_json_keeps_its_schema(
    database, migrations, guard, arguments, second
):
    migrations({"0001_a.sql": CREATE, "0002_b.sql": second})
    assert guard("runsqlmigrations", "--target", "1").code == 0

    result = guard("checkschema", *arguments, "--format", "json")

    validate("checkschema", result.json)
    assert ("fresh" in result.json) == bool({"--fresh", "--drift"} & set(arguments))


def test_checkschema_when_a_template_is_copied_keeps_its_schema(postgres, migrations, guard):
    migrations({"0001_a.sql": CREATE})

    for _ in range(2):
        result = guard("checkschema", "--fresh", "--template", "--format", "json")
        validate("checkschema", result.json)

    template = result.json["fresh"]["template"]
    assert template
    # A template stays for the next run; the server is shared by other tests.
    postgres.execute(f'DROP DATABASE "{template}"')


@pytest.mark.parametrize(
    ("script", "rows"),
    [
        ("INSERT INTO users VALUES (1), (2);", 2),
        ("DELETE FROM users;", 5),
        ("SELECT nothing;", 0),
        ("'", 0),
    ],
)
def test_runauditedsql_when_it_reports_json_keeps_its_schema(
    database, migrations, guard, tmp_path, script, rows
):
    migrations({"0001_a.sql": CREATE})
    assert guard("runsqlmigrations").code == 0
    path = tmp_path / "once.sql"
    path.write_text(script)

    result = guard(
        *("runauditedsql", path, "--reason", "a test", "--expect-rows", rows, "--format", "json")
    )

    assert result.code == (0 if script.startswith("INSERT") else 1)
    validate("runauditedsql", result.json)


def test_schema_when_a_key_is_added_or_missing_notices():
    value = json.loads(schema_check(EVERY["kept"]))

    with pytest.raises(ValidationError):
        validate("checkschema", {**value, "surprise": 1})
    with pytest.raises(ValidationError):
        validate("checkschema", {key: value[key] for key in value if key != "checked"})


# The contract file

# What needs more than the shape of the document, and so is for the reader alone.
BEYOND_A_SCHEMA = {
    "a bad reference",
    "a range that runs backwards",
    "an absent column without table",
}


def test_contract_when_it_is_the_demo_s_keeps_the_schema():
    validate_contract((ROOT.parent / "schema_contract.toml").read_text())


def test_contract_when_the_guard_wrote_it_keeps_the_schema(database, migrations, guard, tmp_path):
    migrations({"0001_a.sql": CREATE, "0002_b.sql": "CREATE INDEX i ON users (id);\n"})
    assert guard("runsqlmigrations").code == 0
    path = tmp_path / "contract.toml"

    assert guard("checkschema", "--write", path).code == 0

    validate_contract(path.read_text())


@pytest.mark.skipif(shutil.which("taplo", path=BIN) is None, reason="there is no taplo here")
@pytest.mark.parametrize(("key", "code"), [("null", 0), ("nul", 1)])
def test_contract_when_an_editor_s_language_server_reads_it_knows_its_keys(tmp_path, key, code):
    """Taplo is what "Even Better TOML" and others complete with; it reads the first line."""
    shutil.copy(ROOT / "schemas" / "contract.json", tmp_path)
    contract = tmp_path / "schema_contract.toml"
    demo = (ROOT.parent / "schema_contract.toml").read_text().partition("\n")[2]
    assert "null = false" in demo
    contract.write_text(
        f"#:schema ./contract.json\n{demo.replace('null = false', key + ' = false')}"
    )

    taplo = subprocess.run(
        [shutil.which("taplo", path=BIN), "lint", contract],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert taplo.returncode == code, taplo.stderr
    assert ("nul = false" in taplo.stderr) is bool(code)


@pytest.mark.parametrize("name", REFUSED)
def test_contract_when_the_reader_refuses_it_breaks_the_schema(name):
    text = REFUSED[name][0]

    try:
        validate_contract(text)
    except (ValidationError, tomllib.TOMLDecodeError):
        assert name not in BEYOND_A_SCHEMA
    else:
        assert name in BEYOND_A_SCHEMA


def test_contract_when_its_keys_are_counted_has_those_that_the_reader_knows():
    definitions = CONTRACT["definitions"]
    named = {kind.__name__: grammar for kind, grammar in from_toml.GRAMMAR.items()}
    places = {
        "Column": "column", "PrimaryKey": "primary_key", "Unique": "unique", "Index": "index",
        "Check": "check", "ForeignKey": "foreign_key", "Exclusion": "exclusion", "Enum": "enum",
        "Extension": "extension", "AbsentTable": "absent", "Migrations": "migrations",
    }  # fmt: skip

    def keys(definition):
        forms = [definition, *definition.get("anyOf", [])]
        return next(set(form["properties"]) for form in forms if "properties" in form)

    assert set(CONTRACT["properties"]) == set(from_toml.SECTIONS)
    assert keys(definitions["table"]) == {*from_toml.TABLE, *from_toml.WHO}
    assert keys(definitions["view"]) == {*from_toml.VIEW, *from_toml.WHO}
    assert set(places) == set(named)
    for kind, name in places.items():
        assert keys(definitions[name]) == {*named[kind], *from_toml.WHO}, kind


@pytest.mark.parametrize(
    "line",
    [
        "checkschema --timeline",
        "checkschema --drift users",
        "checkschema --upgrade-from v1 --fresh",
        "checkschema --matrix v1",
        "checkschema --clear-templates",
        "checksqlmigrations --base nowhere",
        "makesqlmigration",
        "makesqlmigration --table x y",
        "repairsqlmigrations --accept-edit --reason x",
        "runauditedsql nowhere.sql --reason x",
        "runsqlmigrations --impact --plan",
        "runsqlmigrations --check --wait 1 --plan",
    ],
)
def test_command_when_options_do_not_fit_still_reports_why_as_json(sqlite, guard, line):
    result = guard(*line.split(), "--format", "json")

    assert result.code
    assert result.json
