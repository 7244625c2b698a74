"""The two digests of a migration: the checksum of its text, and the fingerprint of its meaning.

Pure. The checksum changes with every visible character. The fingerprint changes only with what the
database can see, and with the directives.
"""

import hashlib
from itertools import chain, islice
from typing import Final

from migration_guard.planning import directives

CHUNK: Final = 1024 * 1024  # characters


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
    """Return the SHA-256 of the tokens of ``text`` and of its directives.

    Comments, white space and the case of unquoted words do not count. Strings, MySQL's executable
    comments and COPY data do. Raises SQLError if ``text`` does not split into tokens.
    """
    # Imported late: the system checks run with every command, and read no SQL.
    from migration_guard.sql.lexer import fingerprint_tokens

    digest = hashlib.sha256()
    parts = chain(directives.normal_lines(text), [""], fingerprint_tokens(text, vendor))
    while batch := list(islice(parts, 1000)):
        # The length keeps ["ab", "c"] and ["a", "bc"] apart.
        if sum(map(len, batch)) < CHUNK:
            digest.update("".join(f"{len(part)}:{part}" for part in batch).encode())
            continue
        for part in batch:
            feed(digest, f"{len(part)}:")
            feed(digest, part)
    return digest.hexdigest()
