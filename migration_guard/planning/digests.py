"""The two digests of a migration: of its text, and of its meaning.

Pure. The checksum changes with every byte that a reader can see, the fingerprint only with what
the database can see (and with the directives).
"""

import hashlib
from itertools import chain, islice

from migration_guard.planning import directives

CHUNK = 1024 * 1024  # characters


def checksum(text: str) -> str:
    """Return the SHA-256, in hexadecimal, of ``text`` (LF line ends, no byte order mark)."""
    digest = hashlib.sha256()
    feed(digest, text)
    return digest.hexdigest()


def feed(digest: "hashlib._Hash", text: str) -> None:
    """Add ``text`` to a digest bit by bit: encoded, COPY data would be in memory once more."""
    for start in range(0, len(text), CHUNK):
        digest.update(text[start : start + CHUNK].encode())


def fingerprint(text: str, vendor: str) -> str:
    """Return the SHA-256 of the token stream of ``text`` and its directives.

    Comments, white space and the case of unquoted words do not count; strings, MySQL's executable
    comments and COPY data do. Raises ``SQLError`` where ``text`` does not split into tokens.
    """
    # Imported late: the system checks, which run with every command, need no SQL read.
    from migration_guard.sql.lexer import normalized

    digest = hashlib.sha256()
    parts = chain(directives.normalized(text), [""], normalized(text, vendor))
    while some := list(islice(parts, 1000)):
        # The length keeps ["ab", "c"] and ["a", "bc"] apart.
        if sum(map(len, some)) < CHUNK:
            digest.update("".join(f"{len(part)}:{part}" for part in some).encode())
            continue
        for part in some:
            feed(digest, f"{len(part)}:")
            feed(digest, part)
    return digest.hexdigest()
