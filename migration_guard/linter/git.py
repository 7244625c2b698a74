"""Read the migration folders through git, and move files for a renumbering.

Every call is one ``git`` process. Source: the manual pages git-ls-tree, git-diff, git-cat-file.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from migration_guard.exceptions import CannotTell

_HOOK_VARIABLES: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
FETCH_HINT: Final = (
    "Fetch the branch with its history first (git fetch origin; in GitHub Actions: "
    "actions/checkout with fetch-depth: 0)."
)


@dataclass(frozen=True, slots=True)
class Repository:
    """The work tree that holds the migration folders."""

    root: Path

    def commit(self, ref: str) -> str:
        """Return the commit that ``ref`` names. Raises CannotTell if there is none."""
        result = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        )
        if result.returncode:
            raise CannotTell(f'git does not know the commit or branch "{ref}".', FETCH_HINT)
        return result.stdout.decode().strip()

    def merge_base(self, ref: str) -> str:
        """Return the commit at which HEAD left ``ref``. Raises CannotTell if there is none."""
        result = self._run("merge-base", self.commit(ref), "HEAD")
        if result.returncode:
            raise CannotTell(f'HEAD and "{ref}" have no commit in common.', FETCH_HINT)
        return result.stdout.decode().strip()

    def blobs(self, commit: str, folders: Sequence[Path]) -> dict[Path, str]:
        """Return the files below ``folders`` in a commit, each with the id of its blob."""
        output = self._output("ls-tree", "-r", "-z", commit, "--", *self._inside(folders))
        entries = (entry.partition("\t") for entry in output.split("\0") if entry)
        return {self.root / name: head.split()[2] for head, _, name in entries}

    def changed_files(self, commit: str, folders: Sequence[Path]) -> frozenset[Path]:
        """Return the files whose content in the work tree differs from that in ``commit``."""
        inside = self._inside(folders)
        changed = self._output("diff", "--name-only", "-z", "--no-renames", commit, "--", *inside)
        new = self._output("ls-files", "--others", "--exclude-standard", "-z", "--", *inside)
        return frozenset(self.root / name for name in f"{changed}{new}".split("\0") if name)

    def blob_text(self, blob: str) -> str:
        """Return the text of a blob, with LF line ends and no byte order mark."""
        raw = self._run("cat-file", "blob", blob).stdout
        return raw.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")

    def has_commits(self) -> bool:
        """Return True if HEAD names a commit."""
        return self.knows("HEAD")

    def knows(self, ref: str) -> bool:
        """Return True if ``ref`` names a commit that is in this checkout."""
        commit = f"{ref}^{{commit}}"
        return not self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", commit
        ).returncode

    def has_remotes(self) -> bool:
        """Return True if the repository names another one."""
        return bool(self._output("remote").strip())

    def is_detached(self) -> bool:
        """Return True if HEAD is on no branch."""
        return self._run("symbolic-ref", "--quiet", "HEAD").returncode != 0

    def parents(self) -> list[str]:
        """Return the parents of HEAD, none where a shallow clone ends."""
        return self._output("rev-list", "--parents", "-n", "1", "HEAD").split()[1:]

    def is_ancestor(self, ref: str, other: str) -> bool:
        """Return True if ``other`` has the commit ``ref``."""
        return self._run("merge-base", "--is-ancestor", ref, other).returncode == 0

    def superproject(self) -> "Repository | None":
        """Return the repository of which this one is a submodule, None if there is none."""
        root = self._output("rev-parse", "--show-superproject-working-tree").strip()
        return Repository(Path(root).resolve()) if root else None

    def submodule_commit(self, commit: str, folder: Path) -> str | None:
        """Return the commit of the submodule in ``folder`` that ``commit`` records, if any."""
        entry = self._output("ls-tree", commit, "--", str(folder)).split()
        return entry[2] if entry[1:2] == ["commit"] else None

    def submodules(self, commit: str) -> dict[str, str]:
        """Return the path of each submodule in a commit, with the commit that is recorded of it."""
        entries = self._output("ls-tree", "-r", "-z", commit).split("\0")
        parts = (entry.partition("\t") for entry in entries if entry.startswith("160000 "))
        return {path: head.split()[2] for head, _, path in parts}

    def old_path(self, commit: str, path: Path) -> str | None:
        """Return what a file of the work tree was called in ``commit``, None unless renamed."""
        options = ("--find-renames", "--diff-filter=R", "--name-status", "-z")
        output = self._output("diff", *options, commit)
        words = iter(output.split("\0"))
        renames = {new: old for _, old, new in zip(words, words, words, strict=False)}
        return renames.get(path.relative_to(self.root).as_posix())

    def check_out(self, commit: str, folder: Path) -> None:
        """Write the files of a commit into ``folder``, as a checkout does; no other file changes.

        ``git archive`` would leave out and rewrite what the attributes export-ignore and
        export-subst name. The folders of submodules are empty.
        """
        index = folder / "index-of-the-commit"
        variables = {"GIT_INDEX_FILE": str(index)}
        self._output("read-tree", "--no-sparse-checkout", commit, variables=variables)
        self._output("checkout-index", "--all", f"--prefix={folder}{os.sep}", variables=variables)
        index.unlink(missing_ok=True)

    def move(self, source: Path, target: Path) -> None:
        """Rename a file, also in the index if git tracks it."""
        if self._is_tracked(source):
            self._output("mv", "--", str(source), str(target))
        else:
            source.rename(target)

    def add(self, paths: Iterable[Path]) -> None:
        """Stage the files among ``paths`` that git tracks."""
        for path in paths:
            if self._is_tracked(path):
                self._output("add", "--", str(path))

    def _is_tracked(self, path: Path) -> bool:
        return self._run("ls-files", "--error-unmatch", "--", str(path)).returncode == 0

    def _inside(self, folders: Sequence[Path]) -> list[str]:
        resolved = (folder.resolve() for folder in folders)
        return [str(folder) for folder in resolved if folder.is_relative_to(self.root)]

    def _output(self, *arguments: str, variables: Mapping[str, str] = _NONE) -> str:
        """Return what git prints. Raises CannotTell if it fails."""
        result = self._run(*arguments, variables=variables)
        if result.returncode:
            raise CannotTell(
                f"git {arguments[0]} failed: {result.stderr.decode(errors='replace').strip()}",
                "Run it by hand to see why.",
            )
        return os.fsdecode(result.stdout)

    def _run(
        self, *arguments: str, variables: Mapping[str, str] = _NONE
    ) -> "subprocess.CompletedProcess[bytes]":
        return _git(self.root, *arguments, variables=variables)


def find_repository(folders: Sequence[Path]) -> Repository | None:
    """Return the repository of the folders, None if they are in none or git is missing."""
    if shutil.which("git") is None or not folders:
        return None
    result = _git(folders[0], "rev-parse", "--show-toplevel")
    if result.returncode:
        return None
    return Repository(Path(os.fsdecode(result.stdout).removesuffix("\n")).resolve())


def _git(
    folder: Path, *arguments: str, variables: Mapping[str, str] = _NONE
) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(folder), *arguments]
    # A hook runs with these variables, and their paths are relative to another folder.
    environment = {key: value for key, value in os.environ.items() if key not in _HOOK_VARIABLES}
    environment.update(variables)
    return subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603
