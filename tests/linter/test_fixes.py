"""What `--fix` changes, and the edits that `--format json` carries."""

import itertools
from pathlib import Path

import pytest

from tests.linter.checkout import Checkout

A = "CREATE TABLE a (id bigint PRIMARY KEY, x text, y bigint);\n"
INDEX = "CREATE INDEX i ON a (x);\n"
CHECK = "ALTER TABLE a ADD CONSTRAINT c CHECK (y > 0);\n"
KEY = "ALTER TABLE a ADD CONSTRAINT k FOREIGN KEY (y) REFERENCES a (id), ADD COLUMN z text;\n"


@pytest.fixture
def checkout(tmp_path, migrations, postgres):
    made = Checkout(tmp_path, migrations({}))
    made.commit({"0001_a.sql": A})
    made.branch("mine")
    return made


def fix(guard):
    return guard("checksqlmigrations", "--base", "main", "--fix", "--format", "json")


def own_files(checkout):
    names = (path.name for path in checkout.folder.glob("*.sql") if path.name != "0001_a.sql")
    return {name: (checkout.folder / name).read_text() for name in sorted(names)}


OFF = "-- guard: transaction = off\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"0002_i.sql": INDEX}, {"0002_i.sql": f"{OFF}CREATE INDEX CONCURRENTLY i ON a (x);\n"}),
        ({"0002_i.sql": f"-- why\n{INDEX}CREATE UNIQUE INDEX IF NOT EXISTS j ON a (y);\n"},
         {"0002_i.sql": f"{OFF}-- why\nCREATE INDEX CONCURRENTLY i ON a (x);\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS j ON a (y);\n"}),
        ({"0002_i.sql": "CREATE INDEX CONCURRENTLY i ON a (x);\n"}, {"0002_i.sql": f"{OFF}CREATE INDEX CONCURRENTLY i ON a (x);\n"}),
        ({"0002_i.sql": f"ALTER TABLE a ADD COLUMN z text;\n{INDEX}"},
         {"0002_i.sql": "ALTER TABLE a ADD COLUMN z text;\n",
          "0003_i_indexes.sql": f"{OFF}\nCREATE INDEX CONCURRENTLY i ON a (x);\n"}),
        ({"0002_c.sql": CHECK},
         {"0002_c.sql": "ALTER TABLE a ADD CONSTRAINT c CHECK (y > 0) NOT VALID;\n",
          "0003_validate_c.sql": "ALTER TABLE a VALIDATE CONSTRAINT c;\n"}),
        ({"0002_k.sql": KEY},
         {"0002_k.sql": "ALTER TABLE a ADD CONSTRAINT k FOREIGN KEY (y) REFERENCES a (id) NOT VALID, ADD COLUMN z text;\n",
          "0003_validate_k.sql": "ALTER TABLE a VALIDATE CONSTRAINT k;\n"}),
        ({"0002_c.sql": CHECK, "0003_i.sql": INDEX},
         {"0002_c.sql": "ALTER TABLE a ADD CONSTRAINT c CHECK (y > 0) NOT VALID;\n",
          "0003_i.sql": f"{OFF}CREATE INDEX CONCURRENTLY i ON a (x);\n",
          "0004_validate_c.sql": "ALTER TABLE a VALIDATE CONSTRAINT c;\n"}),
    ],
)  # fmt: skip
def test_fix_when_it_is_certain_leaves_a_green_check_and_changes_nothing_twice(
    checkout, guard, files, expected
):
    checkout.commit(files)

    result = fix(guard)

    assert own_files(checkout) == expected
    assert (result.code, result.json["problems"]) == (0, [])
    assert guard("checksqlmigrations", "--base", "main", "--strict").code == 0
    assert (checkout.folder / "max_migration.txt").read_text() == f"{max(expected)[:-4]}\n"
    assert (fix(guard).code, own_files(checkout)) == (0, expected)
    assert guard("migrate").code == guard("runsqlmigrations").code == 0


def test_fix_when_a_number_is_taken_takes_the_next(checkout, guard):
    checkout.commit({"0002_c.sql": CHECK})
    checkout.git("checkout", "-q", "main")
    checkout.commit({"0002_theirs.sql": "SELECT 1;\n", "0003_theirs.sql": "SELECT 1;\n"})
    checkout.git("checkout", "-q", "mine")

    result = fix(guard)

    assert list(own_files(checkout)) == ["0004_c.sql", "0005_validate_c.sql"]
    assert (result.code, {p["rule"] for p in result.json["problems"]}) == (0, {"gap"})


def test_fix_when_the_file_is_merged_leaves_it(checkout, guard):
    checkout.git("checkout", "-q", "main")
    checkout.commit({"0002_c.sql": CHECK})
    checkout.git("checkout", "-q", "-b", "later")
    checkout.write({"0002_c.sql": CHECK + INDEX})

    fix(guard)

    assert own_files(checkout) == {"0002_c.sql": CHECK + INDEX}


@pytest.mark.parametrize("options", [["--base", "main"], []])
def test_fix_when_the_file_is_applied_leaves_it(checkout, guard, options):
    checkout.commit({"0002_c.sql": CHECK, "0003_i.sql": INDEX})
    assert guard("migrate").code == guard("runsqlmigrations", "--target", "2").code == 0

    result = guard("checksqlmigrations", *options, "--fix", "--format", "json")

    assert own_files(checkout) == {
        "0002_c.sql": CHECK,
        "0003_i.sql": f"{OFF}CREATE INDEX CONCURRENTLY i ON a (x);\n",
    }
    fixes = {p["rule"]: p["fix"] for p in result.json["problems"]}
    assert fixes == {"constraint-missing-not-valid": []}


def test_fix_when_the_file_failed_half_way_leaves_it(checkout, guard):
    text = f"{OFF}SELECT 1;\nSELECT 1/0;\nALTER TABLE a ADD CONSTRAINT c CHECK (y > 0);\n"
    checkout.commit({"0002_c.sql": text})
    guard("migrate")
    assert guard("runsqlmigrations").code == 1

    fix(guard)

    assert own_files(checkout) == {"0002_c.sql": text}


@pytest.mark.parametrize(
    "text",
    [
        "CREATE INDEX i ON nobody_knows (x);\n",
        f"{INDEX}ALTER TABLE a ADD COLUMN z text;\n",
        "ALTER TABLE a ADD CHECK (y > 0);\n",
        f"-- guard: environments = production, staging\n{CHECK}",
        CHECK.replace("\n", "\r\n"),
    ],
)
def test_fix_when_it_is_not_certain_changes_nothing(checkout, guard, text):
    path = checkout.folder / "0002_c.sql"
    path.write_bytes(text.encode())
    (checkout.folder / "max_migration.txt").write_text("0002_c\n")

    result = fix(guard)

    assert path.read_bytes() == text.encode()
    assert all(problem["fix"] == [] for problem in result.json["problems"])
    assert result.json["problems"]


def apply(edits):
    """Apply edits as an editor would."""
    for edit in sorted(edits, key=lambda edit: -edit["start"]):
        path = Path(edit["path"])
        text = path.read_text() if path.exists() else ""
        path.write_text(text[: edit["start"]] + edit["text"] + text[edit["end"] :])
        if edit["new_path"]:
            path.rename(edit["new_path"])


def test_edits_when_an_agent_applies_them_give_what_fix_gives(checkout, guard):
    files = {"0002_c.sql": CHECK, "0003_i.sql": f"SELECT 1;\n{INDEX}", "0004_k.sql": KEY}
    checkout.commit(files)
    for _ in range(9):
        result = guard("checksqlmigrations", "--base", "main", "--format", "json")
        edits = next((p["fix"] for p in result.json["problems"] if p["fix"]), [])
        if not edits:
            break
        apply(edits)
    by_agent = own_files(checkout)
    checkout.git("reset", "-q", "--hard")
    checkout.git("clean", "-q", "-f")

    fix(guard)

    assert own_files(checkout) == by_agent
    assert result.json["problems"] == []


@pytest.mark.parametrize("order", list(itertools.permutations([INDEX, CHECK, KEY], 2)), ids=str)
def test_fix_when_statements_stand_together_ends_and_is_taken_by_postgresql(checkout, guard, order):
    checkout.commit({"0002_m.sql": "".join(order)})

    once, before = fix(guard), own_files(checkout)
    again = fix(guard)

    assert once.code == again.code == 0
    assert own_files(checkout) == before
    assert all(problem["fix"] == [] for problem in again.json["problems"])
    assert guard("migrate").code == guard("runsqlmigrations").code == 0
