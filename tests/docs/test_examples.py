"""Every shell and Python example of the documentation is run, in the order of its page."""

import re
from pathlib import Path

import pytest

from migration_guard import conf
from tests.docs import examples
from tests.docs.examples import (
    Block,
    Page,
    Sandbox,
    blocks,
    check_syntax,
    follow,
    printed,
    project_files,
)

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# These speak of servers that the tests have to make; their own tests run what stands in them.
ELSEWHERE = {
    "pgbouncer.md": "tests/faults/test_pgbouncer.py",
    "rights.md": "tests/faults/test_rights.py",
    "faults.md": "tests/faults/test_record.py",
    "speed.md": "tests/benchmarks/test_smoke.py",
}
# Followed with the wheel, as a newcomer does, in tests/test_wheel.py.
NEWCOMER = "tutorial/index.md"
PAGES = sorted(
    path for path in DOCS.rglob("*.md")
    if "_build" not in path.parts and path.relative_to(DOCS).as_posix() not in {*ELSEWHERE, NEWCOMER}
)  # fmt: skip
PROJECT = re.compile(r"<!-- test: project (\w+) -->")


def name(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_page_when_followed_from_top_to_bottom_is_true(path, tmp_path, request):
    folder = tmp_path / "project"
    folder.mkdir()
    sandbox = Sandbox(folder)
    if match := PROJECT.search(path.read_text()):
        database = request.getfixturevalue({"postgresql": "postgres", "sqlite": "sqlite"}[match[1]])
        for file, text in project_files(match[1], database.url).items():
            (folder / file).write_text(text)
        (folder / "schema_contract.toml").touch()
        sandbox.env |= {"DATABASE_URL": database.url, "DJANGO_SETTINGS_MODULE": "settings"}

    follow(path, sandbox)


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


@pytest.mark.parametrize("page", ELSEWHERE)
def test_page_when_it_is_tested_elsewhere_is_well_formed_and_its_settings_are_settings(
    page, settings, tmp_path
):
    settings.MIGRATION_GUARD = {}
    for block in blocks((DOCS / page).read_text()):
        if block.language == "python":
            names = {"BASE_DIR": tmp_path, "DATABASES": {"default": {"NAME": "app"}}}
            exec(compile(block.text, page, "exec"), names)  # noqa: S102 - it is ours
            settings.MIGRATION_GUARD = names["MIGRATION_GUARD"]
            assert set(conf.load().dirs) == set(names["DATABASES"])
        elif block.language == "console":
            check_syntax(Block("bash", block.text, block.line))
        elif block.language != "comment":
            check_syntax(block)

    assert (ROOT / ELSEWHERE[page]).is_file()
    assert conf.unknown_keys() == {}


def test_examples_when_read_have_a_convention_that_is_written_down():
    assert "shown only" in (examples.__doc__ or "")
