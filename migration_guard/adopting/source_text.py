"""The files of another tool's folder: their bytes and text, and the number in their names."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from migration_guard.adopting.tool import ForeignProblem
from migration_guard.planning import regular_files
from migration_guard.planning.names import MAX_DIGITS

WAY_OUT: Final = "Take over the schema instead: makesqlmigration --from database"
_NUMBER: Final = re.compile(r"([0-9]+)[._-]?(.*)", re.DOTALL)
_TIME: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_LISTED: Final = 3  # names in one message


def read_text(path: Path) -> str:
    """Return a file with LF line ends and no byte order mark. Raises ForeignProblem."""
    return read_source(path)[1]


def read_source(path: Path) -> tuple[bytes, str]:
    """Return the bytes of a file, and its text as ``read_text`` does. Raises ForeignProblem."""
    try:
        content = regular_files.read_bytes(str(path))
        return content, content.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ForeignProblem(f"{path} is not UTF-8: {error.reason} at {error.start}.") from error
    except OSError as error:
        raise ForeignProblem(f"{path} cannot be read: {error.strerror or error}.") from error


def list_files(folder: Path, pattern: str = "*.sql") -> list[Path]:
    """Return the files of a folder in the order of their names."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def sha256_of_line_ends(content: bytes) -> list[bytes]:
    """Return the digests of a file with LF, with CRLF, and as it is; git changes line ends."""
    unix = content.replace(b"\r\n", b"\n")
    variants = dict.fromkeys((unix, unix.replace(b"\n", b"\r\n"), content))
    return [hashlib.sha256(variant).digest() for variant in variants]


def list_folder(folder: Path) -> list[Path]:
    """Return the entries of a folder in the order of their names. Raises ForeignProblem."""
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise ForeignProblem(f"{folder} cannot be read: {error.strerror or error}.") from error


def split_number(stem: str) -> tuple[int | None, str]:
    """Return the number that a name begins with, None if we cannot keep it, and the rest."""
    match = _NUMBER.fullmatch(stem)
    if match is None:
        return None, stem
    digits, rest = match.groups()
    return (int(digits), rest) if len(digits) <= MAX_DIGITS else (None, stem)


def time_of_digits(text: str) -> datetime | None:
    """Return the UTC time that a name begins with, as YYYYMMDDHHMMSS."""
    match = _TIME.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def end_statement(text: str) -> str:
    """Return text that a tool sends by itself with a semicolon behind it.

    One too many does no harm: nothing stands between two of them.
    """
    lines = text.splitlines()
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("--")]
    if not code or ends_with_semicolon(code[-1]):
        return text
    return f"{text.rstrip()}\n;\n"


def ends_with_semicolon(line: str) -> bool:
    """Return True if the last word before a comment ends with a semicolon."""
    last = ""
    for word in line.split():
        if word.startswith("--"):
            break
        last = word
    return last.endswith(";")


def refuse_code(paths: Sequence[Path], title: str) -> None:
    """Raise ForeignProblem if there are migrations in code among the files of a tool."""
    if paths:
        raise ForeignProblem(
            f"{_list_names(paths)}: {title} runs this as code, and only SQL can be taken over. "
            f"{WAY_OUT}."
        )


def refuse_none(folder: Path, title: str, shape: str) -> None:
    """Raise ForeignProblem for a folder without a migration of a tool."""
    below = folder / "migrations"
    advice = f"Did you mean {below}?" if below.is_dir() else "Name the right folder."
    raise ForeignProblem(f"{folder} has no migration of {title} ({shape}). {advice}")


def _list_names(paths: Sequence[Path]) -> str:
    names = ", ".join(str(path) for path in paths[:_LISTED])
    more = len(paths) - _LISTED
    return f"{names} and {more} more" if more > 0 else names
