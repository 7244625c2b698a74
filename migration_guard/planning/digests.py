"""The two digests of a migration: the checksum of its text, and the fingerprint of its meaning.

Pure. The checksum changes with every character. The fingerprint changes only with what the database
can see, and with the environments in which the file runs.
"""

import hashlib
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from migration_guard.planning import directives

CHUNK: Final = 1024 * 1024  # characters
VERSION: Final = "v2:"  # of the definition of a fingerprint; that of 0.1 was stored without one
_WIDTH: Final = 64  # characters of the column: 61 digits are 244 bits


def checksum(text: str) -> str:
    """Return the SHA-256, in hexadecimal, of ``text`` (LF line ends, no byte order mark)."""
    digest = hashlib.sha256()
    feed(digest, text)
    return digest.hexdigest()


def feed(digest: "hashlib._Hash", text: str) -> None:
    """Add ``text`` to a digest."""
    # In chunks, since encoded COPY data would take the memory a second time.
    for start in range(0, len(text), CHUNK):
        digest.update(text[start : start + CHUNK].encode())


def fingerprint(text: str, vendor: str) -> str:
    """Return the digest of the tokens of ``text`` and of its environments, with its version.

    Comments, white space, the case of unquoted words and other directives do not count. Strings,
    MySQL's executable comments and COPY data do. Strings are read by the vendor's default rules;
    where a text does not split into tokens by these, every character counts.
    """
    environments = ", ".join(sorted(directives.stated_environments(text) or ()))
    return f"{VERSION}{_token_digest([environments], text, vendor)}"[:_WIDTH]


def is_fingerprint(stored: str, text: str, vendor: str) -> bool:
    """Return True if a stored fingerprint, by the definition of its version, is that of ``text``.

    Version 0.1 counted all directives.
    """
    if stored.startswith(VERSION):
        return stored == fingerprint(text, vendor)
    return stored == _token_digest([*directives.normal_lines(text), ""], text, vendor)


def _token_digest(head: list[str], text: str, vendor: str) -> str:
    """Return the SHA-256 of some texts and the tokens of ``text``."""
    # Imported late: the system checks run with every command, and read no SQL.
    from migration_guard.sql.lexer import fingerprint_tokens
    from migration_guard.sql.statements import SQLError

    try:
        return _digest(chain(head, fingerprint_tokens(text, vendor)))
    except SQLError:
        return _digest(iter([*head, text]))


def _digest(parts: Iterator[str]) -> str:
    digest = hashlib.sha256()
    while batch := list(islice(parts, 1000)):
        # The length keeps ["ab", "c"] and ["a", "bc"] apart.
        if sum(map(len, batch)) < CHUNK:
            digest.update("".join(f"{len(part)}:{part}" for part in batch).encode())
            continue
        for part in batch:
            feed(digest, f"{len(part)}:")
            feed(digest, part)
    return digest.hexdigest()
