"""What the checks of the files say, with the line of each."""

import pytest

from migration_guard.problems import Problem
from migration_guard.reports import lint

LONG = "SELECT 1;" + " " * 500 + "SELECT 2;"


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        (1, 3, ["     1 | \tCREATE TABLE t;", "       | \t ^"]),
        (2, None, []),  # blank
        (3, 510, []),  # further right than a terminal is wide
        (9, None, []),  # the file has changed since
    ],
)
def test_text_when_the_line_says_something_then_it_stands_below(tmp_path, line, column, shown):
    path = tmp_path / "0001_a.sql"
    path.write_text(f"\tCREATE TABLE t;\n\n{LONG}\n")

    text = lint.text([Problem("rule", "wrong", "", path=path, line=line, column=column)])

    assert [each for each in text.split("\n") if " | " in each] == shown
    assert "wrong" in text
