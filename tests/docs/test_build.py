"""The documentation builds without a warning, and speaks of everything that there is."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import load_command_class

from migration_guard import conf
from migration_guard.linter import registry
from migration_guard.planning import directives
from migration_guard.planning.plan import State

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the HTML pages; a warning is an error."""
    folder = tmp_path_factory.mktemp("html")
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS, folder],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def headings(page: str) -> set[str]:
    return set(re.findall(r"^##+ (.*)$", (DOCS / page).read_text(), re.MULTILINE))


def page(built: Path, name: str) -> str:
    return re.sub(r"<[^>]+>", "", (built / name).read_text())


def test_build_when_warnings_are_errors_makes_every_page(built):
    sources = {
        p.relative_to(DOCS).with_suffix(".html")
        for p in DOCS.rglob("*.md")
        if "_build" not in p.parts
    }

    assert sources <= {p.relative_to(built) for p in built.rglob("*.html")}


def test_build_when_done_leaves_nothing_to_be_generated(built):
    for path in built.rglob("*.html"):
        assert "generated:" not in path.read_text(), path


def test_commands_when_there_is_one_more_has_its_section_and_every_option(built, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import generated

    commands = {
        path.stem for path in (ROOT / "migration_guard/management/commands").glob("*.py")
        if path.stem not in {"__init__", "test", "testserver"}  # Django's own, extended
    }  # fmt: skip
    html = (built / "reference/commands.html").read_text()
    shown = page(built, "reference/commands.html")

    assert headings("reference/commands.md") == commands
    assert headings("reference/json.md") == commands
    for name in commands:
        section = html.partition(f'<section id="{name}">')[2].partition("</section>")[0]
        for action in load_command_class("migration_guard", name).create_parser("", name)._actions:
            if action.dest not in generated.COMMON_OPTIONS:
                names = action.option_strings or [str(action.metavar)]
                assert all(option in section for option in names), (name, action)
                assert action.help, (name, action)
    assert "--no-color" not in re.sub(
        r"(?s)^.*?runsqlmigrations", "", shown.split("All commands")[1]
    )


def test_settings_when_there_is_one_more_has_its_section_and_default(built):
    shown = page(built, "reference/settings.html")

    assert headings("reference/settings.md") == set(conf.DEFAULTS)
    assert "Default: '5s'." in shown
    assert shown.count("Default: ") == len(conf.DEFAULTS)


def test_directives_when_there_is_one_more_has_its_section():
    assert headings("reference/directives.md") == set(directives._SETTERS)


def test_rules_when_there_is_one_more_has_its_section(built):
    shown = (built / "reference/rules.html").read_text()

    for slug in registry.rules():
        assert f'id="{slug}"' in shown, slug
        assert f'href="#{slug}"' in shown, slug


def test_states_when_there_is_one_more_is_explained():
    text = (DOCS / "reference/files.md").read_text()

    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(State)


def test_generator_when_asked_for_something_unknown_stops_the_build(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import generated

    with pytest.raises(KeyError):
        generated.expand("<!-- generated: nonsense x -->")
    with pytest.raises(KeyError):
        generated.expand("<!-- generated: default NO_SUCH_SETTING -->")


def test_generator_when_an_example_holds_a_line_like_a_heading_leaves_it_alone(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import generated

    assert generated._as_section("# a\n\n## b\n\n```console\n# c\n## d\n```") == (
        "## a\n\n**b**\n\n```console\n# c\n## d\n```\n"
    )


def test_picture_when_it_is_read_aloud_says_what_it_shows():
    picture = (DOCS / "images/layers.svg").read_text()

    assert "<title" in picture
    assert "<desc" in picture
    for word in ("Authoring guard", "Static guard", "Fresh database", "Runner", "Schema contract"):
        assert f">{word}<" in picture
