"""Edits of files: what a fix changes, and how it is written to the disk."""

from collections.abc import Iterable
from pathlib import Path

from migration_guard.exceptions import CannotTell
from migration_guard.results import Edit


def read(path: Path) -> str:
    """Return the text of a file with its line ends; "" if there is none."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTell(f"{path} cannot be read: {error}.", "Correct it by hand.") from error


def write(edits: Iterable[Edit]) -> None:
    """Apply edits, the last of each file first. Raises CannotTell where a file refuses them."""
    for edit in sorted(edits, key=lambda edit: (str(edit.path), -edit.start, -edit.end)):
        text = read(edit.path)
        changed = text[: edit.start] + edit.text + text[edit.end :]
        try:
            if changed != text:
                edit.path.write_bytes(changed.encode())
        except OSError as error:
            raise CannotTell(
                f"{edit.path} cannot be changed: {error.strerror or error}.",
                "Make it writable, and run the command again: it continues where it stopped.",
            ) from error
