"""graphile-migrate's committed files with their chain of hashes, and its two tables."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from migration_guard.adopting.readers.graphile_migrate import TOOL
from migration_guard.adopting.tool import ForeignProblem, ForeignRow, State
from tests.adopting.readers.folders import SQL, keys, read_only_file, refusal, write_texts


def commit(body, previous="", **headers):
    """Return a committed file and its hash, as `graphile-migrate commit` writes it."""
    hashed = f"{previous}\n{body.strip()}".strip() + "\n"
    digest = "sha1:" + hashlib.sha1(hashed.encode(), usedforsecurity=False).hexdigest()
    listed = {"Previous": previous or "-", "Hash": digest, **headers}
    lines = "\n".join(f"--! {key}: {value}" for key, value in listed.items())
    return f"{lines}\n\n{body.strip()}\n", digest


FIRST, FIRST_HASH = commit(SQL)
SECOND, _ = commit("SELECT 2;", FIRST_HASH, Message="more")
CRLF = FIRST.replace("\n", "\r\n")


def test_committed_files_when_read_then_the_body_and_the_hash(tmp_path):
    write_texts(tmp_path, {"committed/000002-more.sql": SECOND, "committed/000001.sql": FIRST})
    write_texts(tmp_path, {"current.sql": "-- Enter migration here\n", "committed/notes.sql": SQL})

    first, second = TOOL.read_files(tmp_path)

    assert (first.key, first.number, first.name) == ("000001.sql", 1, "")
    assert (second.key, second.number, second.name) == ("000002.sql", 2, "more")
    assert (first.text.strip(), first.checksum) == (SQL.strip(), FIRST_HASH)


def test_folder_committed_when_named_itself_then_it_is_read(tmp_path):
    write_texts(tmp_path, {"committed/000001.sql": FIRST})

    assert keys(TOOL, tmp_path / "committed") == ["000001.sql"]


@pytest.mark.parametrize(
    ("body", "kept", "in_transaction"),
    [
        ("--! no-transaction\nSELECT 1;", "SELECT 1;", False),
        ("--!no-transaction at all\nSELECT 1;", "SELECT 1;", False),
        ("SELECT 1;\n--! no-transaction", "SELECT 1;\n--! no-transaction", True),
    ],
)
def test_no_transaction_when_in_the_first_line_then_it_runs_alone(
    tmp_path, body, kept, in_transaction
):
    write_texts(tmp_path, {"committed/000001.sql": commit(body)[0]})

    file = read_only_file(TOOL, tmp_path)

    assert (file.text.strip(), file.in_transaction) == (kept, in_transaction)


def test_hash_when_allowed_to_be_invalid_then_the_header_counts(tmp_path):
    text = FIRST.replace("\n\n", "\n--! AllowInvalidHash\n\n").replace("1;", "3;")
    write_texts(tmp_path, {"committed/000001.sql": text})

    assert read_only_file(TOOL, tmp_path).checksum == FIRST_HASH


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"1.sql": FIRST}, "has no migration of graphile-migrate"),
        ({"committed/a.sql": FIRST}, "has no migration of graphile-migrate"),
        ({"committed/000001.sql": FIRST.replace("SELECT 1", "SELECT 2")}, "was edited"),
        ({"committed/000001.sql": SECOND}, "the file before it is none"),
        ({"committed/1.sql": FIRST, "committed/2.sql": FIRST}, "follows -, but the file before"),
        ({"committed/000001.sql": CRLF}, "Its line ends are CRLF"),
        ({"committed/000001.sql": SQL}, "has no blank line"),
        ({"committed/000001.sql": f"--! Hash: {FIRST_HASH}\n\n{SQL}"}, "no line --! Previous"),
        ({"committed/000001.sql": f"--! Hash: x\n--! Hash: x\n\n{SQL}"}, "Hash twice"),
        ({"committed/1.sql": FIRST, "current.sql": SQL}, "current.sql holds a migration"),
        ({"committed/1.sql": FIRST, "current.sql": "--!include a.sql"}, "current.sql holds"),
        ({"committed/1.sql": FIRST, "current/001.sql": SQL}, "001.sql holds a migration"),
        (
            {"committed/1.sql": commit("GRANT ALL ON DATABASE :DATABASE_NAME TO x;")[0]},
            "has :DATABASE_NAME",
        ),
    ],
)
def test_folder_when_refused_then_the_reason_is_said(tmp_path, files, reason):
    assert reason in refusal(TOOL, write_texts(tmp_path, files))


def test_placeholder_when_the_settings_have_it_then_it_is_refused(tmp_path):
    body = "GRANT a TO :VISITOR; SELECT to_char(now(), 'HH24:MI');"
    write_texts(tmp_path, {"migrations/committed/1.sql": commit(body)[0]})

    assert keys(TOOL, tmp_path / "migrations") == ["1.sql"]

    write_texts(tmp_path, {".gmrc": '{"placeholders": {":VISITOR": "!ENV"}}'})
    assert "has :VISITOR" in refusal(TOOL, tmp_path / "migrations")


def test_row_when_read_then_it_has_the_hash():
    time = datetime(2024, 1, 1, tzinfo=UTC)
    row = {"hash": FIRST_HASH, "previous_hash": None, "filename": "000001.sql", "date": time}

    assert TOOL.read_rows([row], []) == [ForeignRow("000001.sql", State.APPLIED, time, FIRST_HASH)]


@pytest.mark.parametrize("content", ["", "-- Enter migration here\n", " ; "])
def test_current_row_when_blank_then_it_is_no_work_in_progress(content):
    TOOL.check_side_rows([{"filename": "current.sql", "content": content}])


@pytest.mark.parametrize("content", [SQL, "SELECT '"])
def test_current_row_when_it_ran_then_it_is_refused(content):
    with pytest.raises(ForeignProblem, match="graphile-migrate commit"):
        TOOL.check_side_rows([{"filename": "current.sql", "content": content}])
