"""The files that a user names for what a command writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migration_guard.exceptions import CannotTell


def save(path: Path, content: str) -> None:
    """Write a file that ends with one line break. Raises CannotTell."""
    with _refusal(path):
        path.write_text(content.rstrip("\n") + "\n", encoding="utf-8")


def require_writable(path: Path) -> None:
    """Raise CannotTell for a file that cannot be written; make it where there is none."""
    with _refusal(path):
        path.open("a", encoding="utf-8").close()


@contextmanager
def _refusal(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotTell(
            f"{path} cannot be written: {error.strerror}.",
            "Name a file in a folder that exists and that you may write to.",
        ) from error
