"""Flyway, by its own source: names, versions, checksums, placeholders and the last word of rows."""

from datetime import datetime

import pytest

from migration_guard.adopting.readers import load
from migration_guard.adopting.tool import ForeignProblem, State

FLYWAY = load("flyway")
AT = datetime(2025, 3, 1, 9)  # noqa: DTZ001 - as the driver gives it


def write(tmp_path, **files):
    for name, text in files.items():
        path = tmp_path / name.replace("__dot__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def keys(folder):
    return [file.key for file in FLYWAY.read_files(folder)]


def row(rank, version, kind="SQL", *, success=True, checksum=1, description="x"):
    return {
        "installed_rank": rank,
        "version": version,
        "description": description,
        "type": kind,
        "script": f"V{version}__x.sql",
        "checksum": checksum,
        "installed_on": AT,
        "success": success,
    }


def states(rows, keys=("1", "2", "3")):
    return {word.key: word.state for word in FLYWAY.read_rows(rows, keys)}


def test_files_when_read_come_by_version_then_the_repeatable_ones(tmp_path):
    write(
        tmp_path,
        **{
            "V10__b.sql": "SELECT 1;",
            "V2__a.sql": "SELECT 1;",
            "V1_1_0__half.SQL": "SELECT 1;",
            "v3__not_ours.sql": "SELECT 1;",
            "deep/V1__first.sql": "SELECT 1;",
            "R__z_view.sql": "SELECT 1;",
            "R__a_view.sql": "SELECT 1;",
            "U2__a.sql": "SELECT 1;",
            "afterMigrate.sql": "SELECT 1;",
        },
    )

    files = FLYWAY.read_files(tmp_path)

    assert [(file.key, file.number) for file in files] == [
        ("1", 1),
        ("1.1", None),
        ("2", 2),
        ("10", 10),
        ("R__a view", None),
        ("R__z view", None),
    ]
    assert [file.down_parts for file in files] == [0, 0, 1, 0, 0, 0]
    assert "callback: afterMigrate.sql" in "".join(FLYWAY.describe_rest(tmp_path))


# From the line ends that Java's readLine takes away: the CRC-32 of the lines, signed.
@pytest.mark.parametrize(
    ("text", "checksum"),
    [
        ("123456789", "-873187034"),
        ("1234\n56789\n", "-873187034"),
        ("1234\r\n567\r89", "-873187034"),
        ("\ufeff123456789", "-873187034"),
        ("", "0"),
    ],
)
def test_checksum_when_line_ends_differ_is_the_same(tmp_path, text, checksum):
    write(tmp_path, **{"V1__a.sql": text})

    assert FLYWAY.read_files(tmp_path)[0].checksum == checksum


def test_placeholders_when_the_settings_have_them_are_written_into_the_text(tmp_path):
    write(
        tmp_path,
        **{
            "flyway.conf": "# ours\nflyway.placeholders.owner=app\n",
            "V1__a.sql": "GRANT SELECT ON t TO ${Owner};",
            "R__v.sql": "-- ${flyway:filename}\nGRANT SELECT ON v TO ${owner};",
        },
    )

    versioned, repeatable = FLYWAY.read_files(tmp_path)

    assert versioned.text == "GRANT SELECT ON t TO app;"
    assert repeatable.text == "-- R__v.sql\nGRANT SELECT ON v TO app;"
    # A versioned file counts as it stands, a repeatable one either way.
    assert len(versioned.checksum.split()) == 1
    assert len(repeatable.checksum.split()) == 2
    assert "placeholder: Owner, flyway:filename, owner" in "".join(FLYWAY.describe_rest(tmp_path))


def test_placeholders_in_toml_with_marks_of_their_own_are_replaced(tmp_path):
    write(
        tmp_path,
        **{
            "flyway.toml": '[flyway]\nplaceholderPrefix = "<<"\nplaceholderSuffix = ">>"\n'
            '[flyway.placeholders]\nowner = "app"\n',
            "sql/V1__a.sql": "SELECT '${x}', '<<owner>>';",
        },
    )

    assert FLYWAY.read_files(tmp_path / "sql")[0].text == "SELECT '${x}', 'app';"


def test_placeholders_when_nothing_gives_the_value_are_named(tmp_path):
    write(tmp_path, **{"V1__a.sql": "SELECT 1;\nSELECT '${who}';"})

    with pytest.raises(ForeignProblem, match=r"V1__a\.sql:2 has the placeholder \$\{who\}"):
        FLYWAY.read_files(tmp_path)


def test_script_settings_when_beside_a_file_are_obeyed(tmp_path):
    write(
        tmp_path,
        **{
            "V1__a.sql": "SELECT '${who}';",
            "V1__a.sql.conf": "executeInTransaction=false\nplaceholderReplacement=false\n",
        },
    )

    (file,) = FLYWAY.read_files(tmp_path)

    assert (file.text, file.in_transaction) == ("SELECT '${who}';", False)


def test_baseline_file_when_its_versions_are_gone_is_the_first(tmp_path):
    write(tmp_path, **{"B3__all.sql": "SELECT 3;", "V4__d.sql": "SELECT 4;"})

    assert keys(tmp_path) == ["B3", "4"]
    write(tmp_path, **{"V3__c.sql": "SELECT 3;"})
    assert keys(tmp_path) == ["3", "4"]
    assert "B3__all.sql" in "".join(FLYWAY.describe_rest(tmp_path))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(2, "2"), row(1, "1.0")], {"1": State.APPLIED, "2": State.APPLIED}),
        ([row(1, "1"), row(2, "1", "UNDO_SQL")], {"1": State.UNDONE}),
        ([row(1, "1"), row(2, "1", "UNDO_SQL"), row(3, "1")], {"1": State.APPLIED}),
        ([row(1, "1"), row(2, "1", "DELETE")], {"1": State.UNDONE}),
        ([row(1, "1", success=False)], {"1": State.FAILED}),
        ([row(0, None, "SCHEMA"), row(1, "1")], {"1": State.APPLIED}),
    ],
)
def test_rows_when_a_version_comes_again_the_last_word_counts(rows, expected):
    assert states(rows) == expected


def test_rows_below_a_baseline_are_believed():
    words = FLYWAY.read_rows([row(1, "2", "BASELINE", checksum=None), row(2, "3")], ["1", "2", "3"])

    assert {word.key: word.believed for word in words} == {
        "1": "below Flyway's baseline 2",
        "2": "below Flyway's baseline 2",
        "3": "",
    }


def test_rows_when_their_versions_are_in_a_baseline_file_believe_that(tmp_path):
    old = FLYWAY.read_rows([row(1, "1"), row(2, "3"), row(3, "4")], ["B3", "4"])
    new = FLYWAY.read_rows([row(1, "3", "SQL_BASELINE"), row(2, "4")], ["B3", "4"])

    assert [(word.key, bool(word.believed)) for word in old] == [("B3", True), ("4", False)]
    assert [(word.key, bool(word.believed)) for word in new] == [("B3", False), ("4", False)]


def test_rows_of_java_are_refused_by_name():
    with pytest.raises(ForeignProblem, match="is not SQL"):
        states([row(1, "1", "JDBC")])


def test_repeatable_row_when_it_ran_again_has_the_newest_checksum():
    rows = [
        row(1, None, checksum=5, description="a view"),
        row(2, None, checksum=-7, description="a view"),
    ]

    (word,) = FLYWAY.read_rows(rows, ["R__a view"])

    assert (word.key, word.checksum) == ("R__a view", "-7")
