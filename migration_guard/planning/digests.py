"""The two digests of a migration: of its text, and of its meaning.

Pure. The checksum changes with every byte that a reader can see, the fingerprint only with what
the database can see (and with the directives).
"""

import hashlib

from migration_guard.planning import directives
from migration_guard.sql.lexer import normalized


def checksum(text: str) -> str:
    """Return the SHA-256, in hexadecimal, of ``text`` (LF line ends, no byte order mark)."""
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(text: str, vendor: str) -> str:
    """Return the SHA-256 of the token stream of ``text`` and its directives.

    Comments, white space and the case of unquoted words do not count; strings, MySQL's executable
    comments and COPY data do. Raises ``SQLError`` where ``text`` does not split into tokens.
    """
    digest = hashlib.sha256()
    for part in (*directives.normalized(text), "", *normalized(text, vendor)):
        # The length keeps ["ab", "c"] and ["a", "bc"] apart.
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()
