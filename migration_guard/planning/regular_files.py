"""Reading of regular files only, since a FIFO or a device could make a reader wait forever."""

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

_CHUNK: Final = 64 * 1024  # bytes
_OTHERS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
)
# Windows has no such files, and text there has other line ends.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def irregularity(path: str) -> str:
    """Return in words what stands at ``path`` in place of a regular file, or an empty string."""
    try:
        return _irregularity(os.stat(path).st_mode)  # noqa: PTH116 - a string, for speed
    except OSError as error:
        return f"a link that leads to no file ({error.strerror or error})"


def read_bytes(path: str) -> bytes:
    """Return the content of a regular file. Raises OSError, for anything else too."""
    # Without a file object, which would make the reading of thousands of files slower.
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ENXIO:  # what a socket answers
            raise _not_a_file(path, irregularity(path)) from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _not_a_file(path, _irregularity(status.st_mode))
        parts = [os.read(descriptor, status.st_size + 1)]
        # The file grew, or the system gives less at a time.
        while part := os.read(descriptor, _CHUNK):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def read_text(path: str) -> str:
    """Return the text of a regular file, without a byte order mark; wrong bytes become U+FFFD."""
    return read_bytes(path).decode("utf-8-sig", "replace").replace("\r\n", "\n")


def _not_a_file(path: str, other: str) -> OSError:
    return OSError(errno.EINVAL, f"it is {other}, not a file", path)


def _irregularity(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    return next((words for is_kind, words in _OTHERS if is_kind(mode)), "a device")
