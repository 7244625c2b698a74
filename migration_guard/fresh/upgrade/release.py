"""The files of an older release, from the project's repository."""

import sys
from pathlib import Path
from typing import Final, NamedTuple

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.upgrade import child
from migration_guard.linter.git import Repository, find_repository

_POINTER: Final = b"version https://git-lfs.github.com/spec/"


class Release(NamedTuple):
    """A commit of the project's repository, and what it was called by the option of a command."""

    ref: str
    commit: str
    repository: Repository
    option: str

    @property
    def name(self) -> str:
        """The release as messages call it."""
        return f"{self.ref} ({self.commit[:10]})"


class Checkout(NamedTuple):
    """The files of a release in a folder; ``absent`` are submodules that are not in it."""

    release: Release
    folder: Path
    absent: tuple[str, ...]


def find_release(ref: str, option: str) -> Release:
    """Return the release that a git reference names, as the value of ``option``.

    Raises CannotTell.
    """
    script = project_script()
    folder = script.parent if script is not None else Path.cwd()
    repository = find_repository([folder])
    if repository is None:
        raise CannotTell(
            f"git finds no repository at {folder}, so there is no older release.",
            "git status tells why. In a container: it needs git, and the folder .git.",
        )
    return Release(ref, repository.commit(ref), repository, option)


def check_out(release: Release, folder: Path) -> Checkout:
    """Write the files of a release, and of its submodules, into an empty folder.

    Raises CannotTell where code or SQL is a pointer of Git LFS.
    """
    absent = _fill(release.repository, release.commit, folder, "")
    pointers = [
        path.relative_to(folder)
        for suffix in ("py", "sql")
        for path in sorted(folder.rglob(f"*.{suffix}"))
        if path.is_file() and _starts_with(path, _POINTER)
    ]
    if pointers:
        raise CannotTell(
            f"{pointers[0]} of {release.name} is a pointer of Git LFS, not the file itself.",
            "Install git-lfs, and fetch what it keeps: git lfs fetch origin "
            f"{release.commit[:10]}.",
        )
    return Checkout(release, folder, tuple(absent))


def project_script() -> Path | None:
    """Return the project's manage.py, None where the command came by a program of a package."""
    script = Path(sys.argv[0]).resolve()
    programs = {Path(sys.executable).parent.resolve(), Path(sys.prefix).resolve() / "bin"}
    is_programs = script.parent in programs or child.is_installed(script, script.parent)
    return script if script.is_file() and not is_programs else None


def _fill(repository: Repository, commit: str, folder: Path, prefix: str) -> list[str]:
    """Check out a commit and its submodules; return the submodules that are not here."""
    repository.check_out(commit, folder)
    absent = []
    for path, inner in repository.submodules(commit).items():
        name, root = f"{prefix}{path}", repository.root / path
        submodule = find_repository([root]) if root.is_dir() else None
        if submodule is None or submodule.root != root.resolve() or not submodule.knows(inner):
            absent.append(name)
        else:
            absent += _fill(submodule, inner, folder / path, f"{name}/")
    return absent


def _starts_with(path: Path, beginning: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(beginning)) == beginning
