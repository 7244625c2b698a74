"""The table of faults: honest counts, and no row for what failed."""

from tests.faults.record import Ledger, Recorder, page


def test_rows_when_tests_try_the_same_fault_are_added_up():
    tried = Recorder()
    tried("SIGKILL", item=2, result="converges", times=2)
    tried("SIGKILL", item=2, result="converges")
    other = Recorder()
    other("SIGKILL", item=2, result="converges")

    ledger = Ledger(tried={"a.py::test_a": tried.rows, "a.py::test_b": other.rows})

    assert [(row.fault, row.times) for row in ledger.rows()] == [("SIGKILL", 4)]


def test_rows_when_one_variant_failed_has_none_of_that_test_nor_of_that_fault():
    tried = Recorder()
    tried("SIGKILL", item=2, result="converges")
    good = Recorder()
    good("SIGTERM", item=2, result="converges")

    ledger = Ledger(
        tried={
            "a.py::test_a[1]": good.rows,
            "a.py::test_a[2]": tried.rows,
            "a.py::test_b": tried.rows,
            "a.py::test_c": good.rows,
        },
        failed={"a.py::test_a[2]"},
    )

    assert [(row.fault, row.times) for row in ledger.rows()] == [("SIGTERM", 1)]


def test_page_when_rows_have_pipes_and_lines_stays_a_table():
    tried = Recorder()
    tried("a | b", item=1, result="fine,\n  and well", lost="nothing")

    text = page(tried.rows)

    assert "## Races\n\n| fault | times tried | result | lost |" in text
    assert "| a \\| b | 1 | fine, and well | nothing |" in text
    assert "## Kills" not in text
