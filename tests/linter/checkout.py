"""A real git repository with migrations."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WHO = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip


class Checkout:
    """A repository with migrations, on the branch main."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.root), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **WHO},
            check=not fails,
        )
        assert done.returncode == 0 or fails, done.stderr
        return done.stdout

    def write(self, files: dict[str, str | None]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.unlink(missing_ok=True) if text is None else path.write_text(text)

    def commit(self, files: dict[str, str | None]) -> None:
        newest = max(
            (
                path.stem
                for path in {
                    *self.folder.glob("[0-9]*.sql"),
                    *(self.folder / n for n, t in files.items() if t),
                }
            ),
            default="",
        )
        self.write({**files, "max_migration.txt": f"{newest}\n"})
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")

    def branch(self, name: str, start: str = "main") -> None:
        self.git("checkout", "-q", "-b", name, start)
