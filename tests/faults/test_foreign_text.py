"""Text of strangers in SQL, rows, errors and names: no terminal and no CI runner obeys it."""

import json
import re

import pytest

ESC, OVERRIDE = "\x1b[31m", "\u202e"
COMMAND = "::error file=settings.py,line=1::hacked"
OLD_COMMAND = "##[add-mask]hacked"
EVIL = f"x{ESC}{OVERRIDE}\n  {COMMAND}\n{OLD_COMMAND}"
assert "'" not in EVIL

POSTGRESQL = {
    "a key in DETAIL": (
        "CREATE TABLE c (email text UNIQUE); INSERT INTO c VALUES ('{evil}'), ('{evil}')"
    ),
    "RAISE EXCEPTION": "DO $$ BEGIN RAISE EXCEPTION '{evil}'; END $$",
    "RAISE with all fields": (
        "DO $$ BEGIN RAISE EXCEPTION 'a' USING DETAIL = '{evil}', HINT = '{evil}'; END $$"
    ),
    "RAISE NOTICE": "DO $$ BEGIN RAISE NOTICE '{evil}'; END $$; SELECT 1 / 0",
    "an invalid value": "SELECT '{evil}'::int",
    "a name": 'SELECT * FROM "{evil}"',
    "a comment": "SELECT /* {evil} */ 1 / 0",
}
MARIADB = {
    "a key": (
        "CREATE TABLE c (email varchar(200) UNIQUE) CHARSET utf8mb4; "
        "INSERT INTO c VALUES ('{evil}'), ('{evil}')"
    ),
    "SIGNAL": "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{evil}'",
    "a comment": "SELECT nope /* {evil} */ FROM nowhere",
}
SQLITE = {
    "RAISE": (
        "CREATE TABLE c (a int); CREATE TRIGGER t BEFORE INSERT ON c BEGIN "
        "SELECT RAISE(ABORT, '{evil}'); END; INSERT INTO c VALUES (1)"
    ),
    "a name": 'SELECT * FROM "{evil}"',
    "a comment": "SELECT nope /* {evil} */ FROM nowhere",
}
CASES = [
    pytest.param(vendor, sql, id=f"{vendor}-{name}")
    for vendor, cases in (("postgres", POSTGRESQL), ("mariadb", MARIADB), ("sqlite", SQLITE))
    for name, sql in cases.items()
]


def harmless(*texts):
    for text in texts:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", text), text
        assert not any(line.lstrip().startswith("::") for line in text.split("\n")), text
        assert "##[" not in text


@pytest.fixture
def vendor_database(request):
    """Give the database of the case's vendor."""
    return request.getfixturevalue(request.node.callspec.params["vendor"])


@pytest.mark.parametrize("head", ["", "-- guard: transaction = off\n"], ids=["whole", "journaled"])
@pytest.mark.parametrize(("vendor", "sql"), CASES)
def test_foreign_text_when_a_migration_fails_then_nothing_obeys_it(
    vendor, sql, head, vendor_database, migrations, guard, tried
):
    migrations({"1_a.sql": head + sql.replace("{evil}", EVIL) + ";\n"})

    failed = guard("runsqlmigrations", "-v", "2")

    assert failed.code == 1
    again = guard("runsqlmigrations")
    plan = guard("runsqlmigrations", "--plan")
    document = guard("runsqlmigrations", "--format", "json")
    harmless(
        *(text for result in (failed, again, plan, document) for text in (result.out, result.err))
    )
    # A notice is not shown, and of an INSERT neither rows nor all of a long key.
    if "NOTICE" not in sql and "utf8mb4" not in sql:
        assert "hacked" in failed.err
        assert "\\x1b[31m" in failed.err
        assert "\\u202e" in failed.err
    # Other lines of an answer stand below its first one, indented.
    assert not re.search(r"^(\\x3a:|#\\x23)", failed.err, re.MULTILINE)
    assert json.loads(document.out)["problems"]
    tried(
        f"ESC, ::error and bidirectional characters in SQL ({vendor_database.vendor})",
        item=9,
        result="escaped in every output",
    )


def test_foreign_text_when_it_is_a_files_name_then_nothing_obeys_it(postgres, migrations, guard):
    folder = migrations({"1_a.sql": "SELECT 1"})
    (folder / f"2_{EVIL.replace('/', '')}.sql").write_text("SELECT 1")

    results = [
        guard(*args)
        for args in (
            ("runsqlmigrations",),
            ("runsqlmigrations", "--plan"),
            ("checksqlmigrations",),
            ("checksqlmigrations", "--format", "json"),
            ("checksqlmigrations", "--format", "sarif"),
            ("check", "--tag", "migration_guard"),
        )
    ]
    harmless(*(text for result in results for text in (result.out, result.err)))
    assert any("hacked" in result.err + result.out for result in results)

    annotations = guard("checksqlmigrations", "--format", "github")
    lines = annotations.out.splitlines()
    assert all(line.startswith(("::error ", "::notice ", "::warning ")) for line in lines), lines
    assert "\x1b" not in annotations.out
    assert "settings.py" not in {line.partition("file=")[2].partition(",")[0] for line in lines}


@pytest.mark.parametrize("report", ["text", "json", "junit", "sarif", "github"])
def test_foreign_text_when_the_contract_is_checked_then_nothing_obeys_it(
    postgres, migrations, guard, tmp_path, report
):
    """A default in the database, and a table's name in the contract."""
    postgres.execute(f"CREATE TABLE c (a text DEFAULT '{EVIL}')")
    contract = tmp_path / "contract.toml"
    name = json.dumps(f"{EVIL}")
    contract.write_text(
        f'[tables.c.columns.a]\ntype = "text"\ndefault = "1"\n[tables.{name}.columns.b]\ntype="int"\n'
    )
    arguments = ("--contract", str(contract), "--no-models", "--format", report)

    result = guard("checkschema", *arguments, "--force-color")

    assert result.code in (1, 2)
    assert "hacked" in result.out + result.err
    harmless(result.err.replace("\x1b[31;1m", "").replace("\x1b[0m", ""))
    out = re.sub("\x1b\\[[0-9;]*m", "", result.out) if report == "text" else result.out
    if report == "github":
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert not any(line.startswith("::error file=settings.py") for line in out.splitlines())
    else:
        harmless(out)
    assert "\x1b[31m" not in result.out
