"""Every shell and Python example of the documentation is run, in the order of its page."""

import re
from pathlib import Path

import pytest

from tests.docs import examples
from tests.docs.examples import Page, Sandbox, blocks, printed, project_files

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# These speak of servers that the tests have to make; their own tests run what stands in them.
ELSEWHERE = {
    "pgbouncer.md": "tests/faults/test_pgbouncer.py",
    "rights.md": "tests/faults/test_rights.py",
    "faults.md": "tests/faults/test_record.py",
    "speed.md": "tests/benchmarks/test_smoke.py",
}
PAGES = sorted(
    path for path in DOCS.rglob("*.md")
    if "_build" not in path.parts and path.relative_to(DOCS).as_posix() not in ELSEWHERE
)  # fmt: skip
PROJECT = re.compile(r"<!-- test: project (\w+) -->")


def name(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_page_when_followed_from_top_to_bottom_is_true(path, tmp_path, request):
    folder = tmp_path / "project"
    folder.mkdir()
    sandbox = Sandbox(folder)
    if wanted := PROJECT.search(path.read_text()):
        database = request.getfixturevalue(
            {"postgresql": "postgres", "sqlite": "sqlite"}[wanted[1]]
        )
        for file, text in project_files(wanted[1], database.url).items():
            (folder / file).write_text(text)
        (folder / "schema_contract.toml").touch()
        sandbox.env |= {"DATABASE_URL": database.url, "DJANGO_SETTINGS_MODULE": "settings"}

    page = Page(path, sandbox)
    page.run()

    runnable = [
        b for b in blocks(path.read_text()) if b.language in {"console", "python"} and not b.caption
    ]
    shown = sum(
        b.text.startswith("shown only, ")
        for b in blocks(path.read_text())
        if b.language == "comment"
    )
    assert page.ran >= len(runnable) - shown


@pytest.mark.parametrize(
    ("expected", "out", "agrees"),
    [
        ("", "anything", True),
        ("one\ntwo", "zero\none\ntwo\nthree\n", True),
        ("one\nthree", "one\ntwo\nthree\n", False),
        ("one\n…\nthree", "one\ntwo\nthree\n", True),
        ("  1. a @ 2026-01-22 10:15:23.456", "  1. a @ 2031-12-01 00:00:00.001\n", True),
        ("a … c", "a b c\n", True),
        ("ne", "one\n", False),
        ("in 1.26 s: 3 kept.", "in 0.01 s: 3 kept.\n", True),
    ],
)
def test_output_when_compared_may_differ_in_times_alone(expected, out, agrees):
    assert printed(expected, out) is agrees


def test_page_when_it_lies_is_caught(tmp_path):
    path = tmp_path / "lie.md"
    path.write_text("```console\n$ echo one\ntwo\n```\n")

    with pytest.raises(AssertionError, match=r"lie\.md:2: echo one"):
        Page(path, Sandbox(tmp_path)).run()


def test_blocks_when_a_language_is_new_must_be_thought_about(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("```cobol\nDISPLAY 'x'.\n```\n")

    with pytest.raises(AssertionError, match="cobol"):
        Page(path, Sandbox(tmp_path)).run()


def test_page_when_it_is_tested_elsewhere_names_where():
    assert all((ROOT / test).is_file() for test in ELSEWHERE.values())


def test_examples_when_read_have_a_convention_that_is_written_down():
    assert "shown only" in (examples.__doc__ or "")
