"""Contract files: the grammar, and refusals with their line and the nearest known name."""

from pathlib import Path

import pytest

from migration_guard.contracts import (
    AbsentColumn,
    AbsentTable,
    Check,
    Column,
    Enum,
    Exclusion,
    Extension,
    ForeignKey,
    Index,
    Migrations,
    Models,
    PrimaryKey,
    Unique,
    load,
    parse,
)
from migration_guard.exceptions import CannotTell

ISSUE = """\
[tables.user_identity_map]
exact = false                       # true: no other columns allowed
primary_key = ["id"]
unique = [["provider", "provider_user_id"]]
indexes = [["vi_user_id"]]
checks = ["trust_level_range"]
foreign_keys = [{ columns = ["vi_user_id"], references = "users(id)", on_delete = "cascade" }]
[tables.user_identity_map.columns]
vi_user_id = { type = "uuid", null = false }
provider   = { type = "varchar(40)", null = false, default = "'local'" }
note       = "text"                 # short for { type = "text" }
[absent]
tables  = ["old_profiles"]
columns = ["users.legacy_flag"]
[migrations]
applied = ["0027_preferences_and_profiles", "0028_multidimensional_memory"]   # or "0027-0030"
"""


def test_toml_when_it_is_the_issue_s_example_then_every_clause_has_its_line():
    contract = parse(ISSUE, Path("schema_contract.toml"))

    (table,) = contract.tables
    at = "schema_contract.toml:{}".format
    assert (table.name, table.source, table.exact) == ("user_identity_map", at(1), False)
    assert table.primary_key == PrimaryKey(["id"], source=at(3))
    assert table.unique == (Unique(["provider", "provider_user_id"], source=at(4)),)
    assert table.indexes == (Index(["vi_user_id"], source=at(5)),)
    assert table.checks == (Check("trust_level_range", source=at(6)),)
    assert table.foreign_keys == (ForeignKey(["vi_user_id"], "users(id)", "cascade", source=at(7)),)
    assert table.columns == (
        Column("vi_user_id", "uuid", null=False, source=at(9)),
        Column("provider", "varchar(40)", null=False, default="'local'", source=at(10)),
        Column("note", "text", source=at(11)),
    )
    assert contract.absent_tables == (AbsentTable("old_profiles", source=at(13)),)
    assert contract.absent_columns == (AbsentColumn("users", "legacy_flag", source=at(14)),)
    assert contract.migrations == (
        Migrations("0027_preferences_and_profiles", source=at(16)),
        Migrations("0028_multidimensional_memory", source=at(16)),
    )


def test_toml_when_forms_are_long_then_owner_reason_and_each_key_s_line_are_kept():
    contract = parse(
        """
        exact = true
        [tables."billing.invoices"]
        owner = "billing"
        reason = "closing the books"
        primary_key = { columns = ["id"], owner = "export" }
        unique = [
            ["a"],
            { columns = ["lower(b)"], where = "c > 0", nulls_distinct = false },
        ]
        indexes = [{ columns = ["a DESC"], method = "gin", include = ["b"], exact = true }]
        checks = [{ expression = "a > 0", valid = false }]
        exclusions = ["no_overlap"]
        [tables."billing.invoices".columns.total]
        type = "numeric(10, 2)"
        null = false
        owner = "ledger"
        [views.open]
        materialized = true
        columns = { id = "uuid" }
        [enums]
        mood = ["sad", "happy"]
        size = { values = ["s"], owner = "shop" }
        [extensions]
        citext = true
        pg_trgm = "1.6"
        [absent]
        tables = [{ name = "old", reason = "dropped in release 3" }]
        columns = "billing.invoices.legacy"
        [migrations]
        applied = "0027-0030"
        [models]
        include = ["shop.*"]
        exclude = ["shop.Draft"]
        """
    )

    (table,) = contract.tables
    (total,) = table.columns
    assert (table.owner, table.reason) == ("billing", "closing the books")
    assert table.primary_key == PrimaryKey(["id"], owner="export", source="line 6")
    assert [unique.source for unique in table.unique] == ["line 8", "line 9"]
    assert table.unique[1].where == "c > 0"
    assert table.indexes[0].exact
    assert table.checks[0].valid is False
    assert table.exclusions == (Exclusion("no_overlap", source="line 13"),)
    assert (total.owner, total.source) == ("ledger", "line 14")
    assert (total.source_of("type"), total.source_of("null")) == ("line 15", "line 16")
    assert contract.views[0].materialized is True
    assert contract.enums == (
        Enum("mood", ["sad", "happy"], source="line 22"),
        Enum("size", ["s"], owner="shop", source="line 23"),
    )
    assert contract.extensions == (
        Extension("citext", source="line 25"),
        Extension("pg_trgm", "1.6", source="line 26"),
    )
    assert contract.absent_tables[0].reason == "dropped in release 3"
    assert contract.absent_columns[0].table == "billing.invoices"
    assert contract.migrations[0].numbers == (27, 30)
    assert contract.models == Models(["shop.*"], ["shop.Draft"])
    assert (contract.exact, contract.source) == (True, "line 2")


REFUSED = {
    "an unknown section": ("a = 1", 1, "section", "Known are tables"),
    "a section mistyped": ("[table.users]", 1, '"table" is not a known section', '"tables"'),
    "a key mistyped": (
        "[tables.users]\n\nprimary_keys = ['id']",
        3,
        '"primary_keys" is not a known key of [tables.users]',
        '"primary_key"',
    ),
    "a column's key mistyped": (
        "[tables.users.columns]\nid = { typ = 'uuid' }",
        2,
        '"typ" is not a known key',
        '"type"',
    ),
    "a constraint's key mistyped": (
        "[tables.users]\nunique = [\n['a'],\n{ column = ['b'] },\n]",
        4,
        '"column" is not a known key',
        '"columns"',
    ),
    "a flat list": ("[tables.t]\nunique = ['a', 'b']", 2, '"a" is wrong', "list of names"),
    "a text for a flag": (
        "[tables.t]\nexact = 'yes'",
        2,
        'exact = "yes" is wrong',
        "true or false",
    ),
    "a number for a type": ("[tables.t.columns]\na = 3", 2, "a = 3 is wrong", "a text"),
    "a bare default": (
        "[tables.t.columns]\na = { default = 3 }",
        2,
        "default = 3 is wrong",
        "SQL in quotes",
    ),
    "an empty name": ("[tables.t]\nprimary_key = ['']", 2, '"" is wrong', "a text"),
    "a day that is none": ("[tables.t]\nuntil = '31.3.2027'", 2, "is wrong", "a day, such as"),
    "a time": ("[tables.t]\nuntil = 2027-03-31T00:00:00", 2, "is wrong", "a day, such as"),
    "no columns": ("[tables.t]\nunique = [[]]", 2, "[] is wrong", "at least one column"),
    "a key that is missing": (
        "[tables.t]\nforeign_keys = [{ columns = ['a'] }]",
        2,
        "a key is missing",
        "references = …",
    ),
    "a bad reference": (
        "[tables.t]\nforeign_keys = [{ columns = ['a'], references = 'b(' }]",
        2,
        '"b(" is not a reference',
        "Correct the line",
    ),
    "an unknown action": (
        "[tables.t]\nforeign_keys = [{ columns = ['a'], references = 'b', on_delete = 'drop' }]",
        2,
        'on_delete = "drop" is none of',
        "Correct the line",
    ),
    "a check of nothing": ("[tables.t]\nchecks = [{}]", 2, "a name or an expression", "Correct"),
    "a section that is no table": ("tables = 3", 1, "tables = 3 is wrong", "a table"),
    "another schema, not quoted": (
        "[tables.billing.invoices]\nprimary_key = ['id']",
        1,
        '"invoices" is not a key of a table',
        '[tables."billing.invoices"]',
    ),
    "a range that runs backwards": (
        "[migrations]\napplied = [\n'0001_a',\n'0030-0027']",
        4,
        "runs backwards",
        "Correct the line",
    ),
    "a range of nothing": ("[migrations]\napplied = '27-'", 2, "neither a migration's id", ""),
    "an absent column without table": ("[absent]\ncolumns = ['flag']", 2, "not a column", "users."),
    "not TOML": ("[tables.t]\na = = 3", 2, "not valid TOML", "Correct the line"),
    "TOML that ends too soon": ("[tables.t]\na = [", 2, "not valid TOML", "Correct the line"),
}


@pytest.mark.parametrize(("text", "line", "message", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_toml_when_something_is_wrong_then_it_is_refused_with_its_line(text, line, message, hint):
    with pytest.raises(CannotTell) as refused:
        parse(text, Path("c.toml"))

    assert refused.value.message.startswith(f"c.toml:{line}: ")
    assert message in refused.value.message
    assert hint in refused.value.hint
    assert refused.value.returncode == 2


def test_toml_when_names_and_labels_are_blank_then_they_are_read():
    contract = parse(
        """
        [tables." "]
        primary_key = [" "]
        [tables." ".columns]
        a = { type = "", collation = " " }
        [enums]
        mood = ["", " ", "a, b"]
        """
    )

    (table,) = contract.tables
    assert (table.primary_key.columns, table.columns[0].type) == ((" ",), "")
    assert contract.enums[0].values == ("", " ", "a, b")


def test_load_when_there_are_two_files_then_they_are_one_contract(tmp_path):
    (tmp_path / "a.toml").write_text("[tables.a]\n[models]\nexclude = ['x.*']", encoding="utf-8")
    (tmp_path / "b.toml").write_text("\ufeff[tables.b]\n", encoding="utf-8")

    contract = load(tmp_path / "a.toml", tmp_path / "b.toml")

    assert [table.name for table in contract.tables] == ["a", "b"]
    assert contract.models.exclude == ("x.*",)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_load_when_a_file_cannot_be_read_then_it_says_why(tmp_path, content):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CannotTell, match=r"c.toml cannot be read"):
        load(path)
