"""Where a file is for those who read a report beside its repository: relative to the root of it."""

from functools import lru_cache
from pathlib import Path


def in_repository(path: Path) -> Path:
    """Return a path relative to the root of its repository, else to the working directory.

    A path that is in neither stays as it is.
    """
    absolute = path if path.is_absolute() else Path.cwd() / path
    root = _root(absolute.parent) or Path.cwd()
    return absolute.relative_to(root) if absolute.is_relative_to(root) else path


@lru_cache
def _root(folder: Path) -> Path | None:
    """Return the nearest folder with a ``.git``, which is a file in worktrees and submodules."""
    return next(
        (parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None
    )
