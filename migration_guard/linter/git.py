"""What git knows of the migration folders; reads, and for a renumbering moves files.

Every call is one ``git`` process. Source: the manual pages git-ls-tree, git-diff, git-cat-file.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from migration_guard.exceptions import CannotTell

_OF_A_HOOK = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
_SHALLOW = (
    "Fetch the branch with its history first (git fetch origin; in GitHub Actions: "
    "actions/checkout with fetch-depth: 0)."
)


@dataclass(frozen=True, slots=True)
class Repository:
    """The work tree that holds the migration folders."""

    root: Path

    def commit(self, ref: str) -> str:
        """Return the commit that ``ref`` names; raise CannotTell where there is none."""
        found = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        )
        if found.returncode:
            raise CannotTell(f'git does not know the commit or branch "{ref}".', _SHALLOW)
        return found.stdout.decode().strip()

    def merge_base(self, ref: str) -> str:
        """Return the commit at which HEAD left ``ref``."""
        found = self._run("merge-base", self.commit(ref), "HEAD")
        if found.returncode:
            raise CannotTell(f'HEAD and "{ref}" have no commit in common.', _SHALLOW)
        return found.stdout.decode().strip()

    def paths(self, commit: str, folders: Sequence[Path]) -> dict[Path, str]:
        """Return the files below ``folders`` in a commit, each with its blob."""
        listed = self._ok("ls-tree", "-r", "-z", commit, "--", *self._inside(folders))
        entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
        return {self.root / name: head.split()[2] for head, _, name in entries}

    def differing(self, commit: str, folders: Sequence[Path]) -> frozenset[Path]:
        """Return the files whose content in the work tree is not that in ``commit``."""
        inside = self._inside(folders)
        changed = self._ok("diff", "--name-only", "-z", "--no-renames", commit, "--", *inside)
        new = self._ok("ls-files", "--others", "--exclude-standard", "-z", "--", *inside)
        return frozenset(self.root / name for name in f"{changed}{new}".split("\0") if name)

    def text(self, blob: str) -> str:
        """Return the text of a blob, with LF line ends and no byte order mark."""
        raw = self._run("cat-file", "blob", blob).stdout
        return raw.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")

    def has_commits(self) -> bool:
        """Tell whether there is a commit at all."""
        return self._run("rev-parse", "--verify", "--quiet", "HEAD").returncode == 0

    def move(self, source: Path, target: Path) -> None:
        """Rename a file, in the index too where git tracks it."""
        if self._run("ls-files", "--error-unmatch", "--", str(source)).returncode:
            source.rename(target)
        else:
            self._ok("mv", "--", str(source), str(target))

    def add(self, paths: Iterable[Path]) -> None:
        """Put those files into the index that git tracks."""
        for path in paths:
            if self._run("ls-files", "--error-unmatch", "--", str(path)).returncode == 0:
                self._ok("add", "--", str(path))

    def _inside(self, folders: Sequence[Path]) -> list[str]:
        resolved = (folder.resolve() for folder in folders)
        return [str(folder) for folder in resolved if folder.is_relative_to(self.root)]

    def _ok(self, *arguments: str) -> str:
        found = self._run(*arguments)
        if found.returncode:
            raise CannotTell(
                f"git {arguments[0]} failed: {found.stderr.decode(errors='replace').strip()}",
                "Run it by hand to see why.",
            )
        return found.stdout.decode(errors="surrogateescape")

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        return _git(self.root, *arguments)


def repository(folders: Sequence[Path]) -> Repository | None:
    """Return the repository of the folders, None where they are in none or git is missing."""
    if shutil.which("git") is None or not folders:
        return None
    found = _git(folders[0], "rev-parse", "--show-toplevel")
    if found.returncode:
        return None
    return Repository(Path(found.stdout.decode(errors="surrogateescape").strip()).resolve())


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(folder), *arguments]
    # In a hook git says where it is, relative to another folder than this.
    environment = {key: value for key, value in os.environ.items() if key not in _OF_A_HOOK}
    return subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603
