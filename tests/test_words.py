"""Words of messages and pages: phrases that a reader stumbles over do not come back.

The left side was used once, the right side says it plainly.
"""

import ast
import re
from pathlib import Path

import pytest

import migration_guard

ROOT = Path(migration_guard.__file__).parent
DOCS = ROOT.parent / "docs"
PLAINER = {
    r"\b(cannot|could not) be told\b": "could not find out, is not known",
    r"\bmend(s|ed)?\b": "correct, repair",
    r"\b(is|are) none\b(?! of)": "is not a …",
    r"\bgo(es)? on (behind|at|where)\b": "continue with, continue where",
    r"\banew\b": "again",
    r"\bwhoever\b": "anybody who",
    r"\bspeaks? of\b": "names",
    r"\bsay(s)? nothing of\b": "does not name",
    r"\bstay(s)? silent\b": "report nothing",
    r"\bwhat lacks\b": "what is missing",
    r"\bit is meant\b": "you mean it",
}
# What a measuring program wrote, or quotes of the server.
WRITTEN = {"speed.md", "faults.md"}


def texts_of(path: Path) -> list[tuple[int, str]]:
    """Return the strings of a module that are sentences, without its docstrings."""
    tree = ast.parse(path.read_text())
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0]) for node in ast.walk(tree) if isinstance(node, kinds) and node.body
    }
    return [
        (node.lineno, node.value)
        for parent in ast.walk(tree)
        if id(parent) not in docstrings
        for node in ast.iter_child_nodes(parent)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    ]


def sentences() -> list[tuple[str, str]]:
    """Return each text of messages, rules and pages with its place."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        found += [
            (f"{path.relative_to(ROOT.parent)}:{line}", text) for line, text in texts_of(path)
        ]
    pages = [*ROOT.rglob("*.md"), *DOCS.rglob("*.md"), ROOT.parent / "README.md"]
    for path in sorted(pages):
        if "_build" not in path.parts and path.name not in WRITTEN:
            found.append((str(path.relative_to(ROOT.parent)), path.read_text()))
    return found


SENTENCES = sentences()


@pytest.mark.parametrize("phrase", PLAINER)
def test_text_when_there_is_a_plainer_phrase_uses_that(phrase):
    hard = re.compile(phrase)

    places = [f"{place}: {match[0]}" for place, text in SENTENCES if (match := hard.search(text))]

    assert places == [], f"Write {PLAINER[phrase]}."


def test_texts_when_read_are_those_of_messages_and_pages():
    places = " ".join(place for place, _ in SENTENCES)

    assert len(SENTENCES) > 2000
    assert "docs/how-to/repair.md" in places
    assert "linter/rules/gap.md" in places
