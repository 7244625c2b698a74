"""The examples of the documentation, read from its Markdown and run as a reader would.

The convention, in comments that no reader sees:

``<!-- test: project VENDOR -->``  the page happens in a project that has the app installed;
``<!-- test: exit 1 -->``          the last command of the next block ends with that code;
``<!-- test: hidden … -->``        commands that set the scene, one a line after ``$``;
``<!-- test: shown only, WHY -->`` the next block is not run, but its syntax is checked.

A block with a caption is a file, with ``(add)`` after its name the end of one, with ``(add, on
PostgreSQL)`` only where the page is followed on PostgreSQL. In a ``console`` block
each ``$ `` line is run, and the lines below it are what it prints: ``…`` stands for any text in a
line, or on a line of its own for any lines; times and durations need not agree.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from markdown_it import MarkdownIt

from migration_guard.contracts import from_toml
from migration_guard.sql.statements import split
from tests.pipelines import WHO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMMENT = re.compile(r"<!-- test: (.*?) -->", re.DOTALL)
OPTION = re.compile(r":([a-z-]+): (.*)\n")
VARIES = [
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"), "<time>"),
    (re.compile(r"\d+ ms\b"), "<n> ms"),
    (re.compile(r"\d+\.\d\d s\b"), "<n> s"),
]
# What shows how something looks, or what Sphinx puts in its place, claims nothing that could be run.
PLAIN = {
    "text", "diff", "dockerfile", "ini", "literalinclude", "include", "image", "toctree",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A fenced block, or a comment (``language`` is "comment")."""

    language: str
    text: str
    line: int
    caption: str = ""


@dataclass
class Sandbox:
    """The folder that a page works in, and its environment."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    vendor: str = ""

    def run(self, command: str) -> tuple[int, str]:
        """Run a command as a reader types it; return the exit code, and what it printed."""
        if match := re.fullmatch(r"export (\w+)=(\S+)", command):
            self.env[match[1]] = match[2]
            return 0, ""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {
            k: v for k, v in os.environ.items() if k in {"HOME", "LANG", "TMPDIR", "POSTGRES_URL"}
        }
        cache = {"XDG_CACHE_HOME": str(self.folder.parent / "cache")}
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command],
            cwd=self.folder,
            env={**kept, **WHO, "PATH": path, "COLUMNS": "100", **cache, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks and the test comments of a page, in order."""
    for token in MarkdownIt("commonmark").parse(text):
        line = (token.map or [0])[0] + 1
        if token.type == "html_block":
            for match in COMMENT.finditer(token.content):
                yield Block("comment", match[1].strip(), line)
        elif token.type == "fence":
            yield _block(token.info.strip(), token.content, line)


def _block(info: str, content: str, line: int) -> Block:
    directive = re.fullmatch(r"\{([a-z-]+)\} ?(.*)", info)
    if directive is None:
        return Block(info.partition(" ")[0], content, line)
    options = {}
    while match := OPTION.match(content):
        options[match[1]] = match[2]
        content = content[match.end() :]
    language = directive[2] if directive[1] == "code-block" else directive[1]
    return Block(language, content.lstrip("\n"), line, options.get("caption", ""))


@dataclass
class Page:
    """Runs a page from top to bottom; ``ran`` counts what was executed."""

    path: Path
    sandbox: Sandbox
    ran: int = 0
    exit_code: int = 0
    shown_only: bool = False

    def run(self) -> None:
        """Run all blocks; raise AssertionError with the line where the page is wrong."""
        for block in blocks(self.path.read_text()):
            if block.language == "comment":
                self._instruct(block)
            elif self.shown_only:
                self.shown_only = False
                check_syntax(block)
            elif block.caption:
                self._write(block)
            else:
                self._do(block)

    def _instruct(self, block: Block) -> None:
        word, _, rest = block.text.partition(" ")
        if word == "exit":
            self.exit_code = int(rest)
        elif word == "hidden":
            for command, _, _ in commands(rest):
                code, out = self.sandbox.run(command)
                assert code == 0, f"{self._at(block)}: {command}\n{out}"
        elif block.text.startswith("shown only, "):
            self.shown_only = True
        else:
            assert word == "project", f"{self._at(block)}: {block.text} is no instruction"

    def _write(self, block: Block) -> None:
        name, add, only = re.fullmatch(
            r"(.+?)( \(add(, on PostgreSQL)?\))?", block.caption
        ).groups()
        if only and self.sandbox.vendor != "postgresql":
            return
        path = self.sandbox.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if add else ""
        path.write_text(f"{before}\n{block.text}" if before else block.text)
        check_syntax(block)

    def _do(self, block: Block) -> None:
        if block.language == "console":
            self._console(block)
        elif block.language == "python":
            self.ran += 1
            path = self.sandbox.folder / "_example.py"
            path.write_text(f"import django\ndjango.setup()\n{block.text}")
            code, out = self.sandbox.run("python _example.py")
            assert code == 0, f"{self._at(block)}:\n{out}"
        else:
            check_syntax(block)

    def _console(self, block: Block) -> None:
        lines = list(commands(block.text))
        assert lines, f"{self._at(block)}: a console block without a command"
        for number, (command, expected, offset) in enumerate(lines, 1):
            code, out = self.sandbox.run(command)
            self.ran += 1
            last = number == len(lines)
            exit_code = self.exit_code if last else 0
            place = f"{self.path}:{block.line + 1 + offset}: {command}"
            assert code == exit_code, f"{place}\nexit {code}, the page says {exit_code}:\n{out}"
            assert printed(expected, out), f"{place}\nprints\n{out}\nthe page says\n{expected}"
        self.exit_code = 0

    def _at(self, block: Block) -> str:
        return f"{self.path}:{block.line}"


def follow(path: Path, sandbox: Sandbox) -> None:
    """Run a page; raise AssertionError where it is wrong, or where an example was left out."""
    page = Page(path, sandbox)
    page.run()
    of_page = list(blocks(path.read_text()))
    runnable = [b for b in of_page if b.language in {"console", "python"} and not b.caption]
    comments = [b.text for b in of_page if b.language == "comment"]
    shown = sum(text.startswith("shown only, ") for text in comments)
    assert page.ran >= len(runnable) - shown, f"{path}: {page.ran} examples ran"


def commands(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield each command of a console block, what it is said to print, and its line."""
    lines, place = text.splitlines(), 0
    while place < len(lines):
        assert lines[place].startswith("$ "), f"not a command: {lines[place]}"
        start, command = place, lines[place][2:]
        place += 1
        while place < len(lines) and lines[place].startswith("> "):
            command += "\n" + lines[place][2:]
            place += 1
        expected = []
        while place < len(lines) and not lines[place].startswith("$ "):
            expected.append(lines[place])
            place += 1
        yield command, "\n".join(expected).strip("\n"), start


def printed(expected: str, out: str) -> bool:
    """Tell whether a command printed what the page says, somewhere in its output."""
    if not expected:
        return True
    pattern = "".join(
        "(?:.*\n)*?" if line.strip() == "…" else _line(line) + "\n"
        for line in expected.splitlines()
    )
    return re.search(f"(?m)^{pattern}", _same(out) + "\n") is not None


def _line(line: str) -> str:
    return ".*".join(map(re.escape, _same(line).rstrip().split("…"))) + " *"


def _same(text: str) -> str:
    for pattern, word in VARIES:
        text = pattern.sub(word, text)
    return text


def check_syntax(block: Block) -> None:
    """Parse a block by its language; raise what the parser raises."""
    if block.language in {"console", "bash"}:
        script = block.text
        if block.language == "console":
            script = "\n".join(command for command, _, _ in commands(script))
        done = subprocess.run(
            ["bash", "-n"], input=script, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    elif block.language == "python":
        compile(block.text, "example", "exec")
    elif block.language == "sql":
        assert split(block.text, "postgresql")
    elif block.language == "toml":
        tomllib.loads(block.text)
        if block.caption.startswith("schema_contract"):
            from_toml.parse(block.text)
    elif block.language in {"yaml", "json"}:
        assert all(document for document in yaml.safe_load_all(block.text))
    else:
        assert block.language in PLAIN, block


def project_files(vendor: str, url: str) -> Mapping[str, str]:
    """Return the files of a project that has the app installed."""
    return {"manage.py": MANAGE, "settings.py": SETTINGS.format(vendor=vendor, url=url)}


MANAGE = """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
execute_from_command_line(sys.argv)
"""
SETTINGS = """\
import os
from pathlib import Path

import dj_database_url

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "only-for-tests"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "migration_guard"]
DATABASES = {{"default": dj_database_url.config()}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIGRATION_GUARD = {{
    "DIRS": {{"default": [BASE_DIR / "sql_migrations"]}},
    "CONTRACTS": {{"default": [BASE_DIR / "schema_contract.toml"]}},
    "ENVIRONMENT": os.environ.get("APP_ENV", "production"),
}}
"""
