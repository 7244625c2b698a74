"""What an adoption records, decided from rows, _adopted.json and files alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from migration_guard.adopting.decision import Request, decide, keep_order
from migration_guard.adopting.record import AdoptedFile, Source
from migration_guard.adopting.tool import ForeignRow, ForeignTool, State
from migration_guard.exceptions import Refused
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import parse
from migration_guard.planning.names import FileName

AT = datetime(2025, 3, 1, tzinfo=UTC)
TEXT = "SELECT 1;\n"


def request(*, lets_edits_pass=False, accepted=(), recorded=(), text=TEXT):
    names = [FileName(f"{number}_m", number, None, f"{number}_m.sql") for number in (1, 2, 3)]
    files = {name.id: parse(name, text.encode(), ())[0] for name in names}
    tool = ForeignTool("x", "Tool X", list, lambda *_: [], lets_edits_pass)
    digest = fingerprint(TEXT, "postgresql")
    migrations = tuple(
        AdoptedFile(str(name.number), "sum other", name.id, digest) for name in names
    )
    source = Source("x", "postgresql", migrations=migrations)
    return Request(tool, source, "x_table", files, recorded, accepted)


def changed(request_, name, text):
    """Return the request with the file 1 as another file of this name."""
    file_name = FileName(name, 9, None, f"{name}.sql")
    file = parse(file_name, text.encode(), ())[0]
    files = {name_: file_ for name_, file_ in request_.files.items() if name_ != "1_m"}
    return replace(request_, files={**files, file.id: file})


def row(key, checksum="sum", state=State.APPLIED, at=AT):
    return ForeignRow(key, state, at, checksum)


def recorded(decision):
    return [entry.file.id for entry in decision.entries]


@pytest.mark.parametrize("checksum", ["", "sum", "other"])
def test_row_with_any_checksum_of_the_file_is_recorded(checksum):
    assert recorded(decide(request(), [row("1", checksum)])) == ["1_m"]


def test_edit_when_the_tool_lets_it_pass_needs_to_be_accepted_by_name():
    rows = [row("1", "changed")]

    with pytest.raises(Refused, match="1_m is edited") as refusal:
        decide(request(lets_edits_pass=True), rows)
    accepted = decide(request(lets_edits_pass=True, accepted=["1_m"]), rows)

    assert "--adopt --accept-edit 1_m --reason TEXT" in refusal.value.hint
    assert (recorded(accepted), accepted.accepted) == (["1_m"], ("1_m",))


def test_edit_when_the_tool_stops_at_it_is_no_matter_of_accepting():
    with pytest.raises(Refused) as refusal:
        decide(request(), [row("1", "changed")])

    assert "--accept-edit" not in refusal.value.hint


def test_faults_when_there_are_several_are_all_named():
    rows = [row("1", "changed"), row("2", state=State.FAILED), row("9")]

    with pytest.raises(Refused) as refusal:
        decide(request(), rows)

    lines = refusal.value.message.splitlines()
    assert [line.split()[0] for line in lines] == ["1_m", "2_m", "9", "Nothing"]
    assert len(refusal.value.hint.splitlines()) == 3


def test_row_that_is_in_the_history_is_known_and_not_judged_again():
    decision = decide(request(recorded={"1_m"}, text="SELECT 2;"), [row("1", "changed")])

    assert (recorded(decision), decision.known, decision.pending) == ([], ("1_m",), ("2_m", "3_m"))


def test_entries_when_times_are_equal_keep_the_order_of_the_rows():
    rows = [row("3"), row("1"), row("2", at=AT - timedelta(days=1))]

    decision = decide(request(), rows)
    times = keep_order(decision.entries, [entry.applied_at for entry in decision.entries])

    assert recorded(decision) == ["2_m", "3_m", "1_m"]
    assert times == [AT - timedelta(days=1), AT, AT + timedelta(microseconds=1)]


@pytest.mark.parametrize("recorded", [[], ["1_m"], ["9_new"]])
def test_decide_when_a_file_was_renamed_records_it_once_under_its_name(recorded):
    renamed = changed(request(recorded=recorded), "9_new", f"-- guard: formerly = 1_m\n{TEXT}")

    chosen = decide(renamed, [row("1"), row("2")])

    expected = ["9_new", "2_m"] if not recorded else ["2_m"]
    assert sorted(entry.file.id for entry in chosen.entries) == sorted(expected)
    assert chosen.known == (("9_new",) if recorded else ())


def test_decide_when_a_squash_replaced_the_file_names_the_release_before():
    squashed = changed(request(), "9_squash", f"-- guard: replaces = 1_m\n{TEXT}")

    with pytest.raises(Refused, match="9_squash has replaced its file") as refusal:
        decide(squashed, [row("1")])

    assert "release before the squash" in refusal.value.hint
