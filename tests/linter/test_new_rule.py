"""The command that writes the stubs of a rule, run in a copy of the project."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.linter.new_rule import ROOT, RULES, TABLE, add_row
from tests.pipelines import copy_project


@pytest.fixture
def copy(tmp_path):
    """Give a function that runs Python with arguments in a copy of the project."""
    folder = tmp_path / "project"
    folder.mkdir()
    copy_project(folder)

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    python.folder = folder
    return python


def in_copy(copy, path: Path) -> Path:
    return copy.folder / path.relative_to(ROOT)


def test_stubs_when_written_fail_in_the_new_row_alone_until_the_rule_finds_it(copy):
    module = in_copy(copy, RULES) / "new_danger.py"
    table = str(TABLE.relative_to(ROOT))
    tests = ("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", table)

    written = copy("-m", "tests.linter.new_rule", "new-danger")
    red = copy(*tests)
    module.write_text(module.read_text().replace("= ()", '= ("SELECT \'THE SQL",)'))
    green = copy(*tests)

    assert (written.returncode, written.stderr) == (0, "")
    assert red.returncode == 1, red.stdout
    assert "1 failed" in red.stdout
    assert "[new-danger-" in red.stdout
    assert "assert [] == [1]" in red.stdout
    assert green.returncode == 0, green.stdout


def test_stubs_when_written_are_as_the_linter_and_the_formatter_want_them(copy):
    copy("-m", "tests.linter.new_rule", "new-danger")
    files = [str(in_copy(copy, RULES) / "new_danger.py"), str(in_copy(copy, TABLE))]

    for command in (["check"], ["format", "--check"]):
        done = copy("-m", "ruff", *command, "--no-cache", *files)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("slug", ["gap", "Not A Slug", "../up", "a--b"])
def test_slug_when_it_is_taken_or_no_slug_writes_nothing(copy, slug):
    before = sorted(in_copy(copy, RULES).iterdir())

    done = copy("-m", "tests.linter.new_rule", slug)

    assert done.returncode == 1
    assert slug in done.stderr
    assert sorted(path for path in in_copy(copy, RULES).iterdir() if path.is_file()) == [
        path for path in before if path.is_file()
    ]


@pytest.mark.parametrize(("slug", "place"), [("aaa", 1), ("gap", 2), ("zzz", 3)])
def test_row_when_added_stands_in_the_order_of_the_slugs(slug, place):
    text = 'BAD = [\n    ("b-rule", "x", 1),\n    ("m-rule", "x", 1),\n]  # fmt: skip\n'

    lines = add_row(text, slug).splitlines()

    assert lines[place].startswith(f'    ("{slug}", ')
    assert len(lines) == 5
