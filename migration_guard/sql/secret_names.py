"""Names of columns, JSON keys, variables and settings whose values are secrets."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_PART: Final = re.compile(
    r"\w*(?:password|passwd|passphrase|passcode|pwd|secret|token|apikey|credential)s?"
    r"|passw(?:or)?d\w*|pwd\w*|pass|apikey\w*"
)
_PAIRS: Final = frozenset(
    (first, second)
    for first in ("api", "private", "access", "auth", "encryption", "signing", "master")
    for second in ("key", "keys")
)
# Last words of names that tell something about a secret: password_changed_at, token_count.
_ABOUT: Final = frozenset(
    {"at", "on", "date", "time", "count", "counter", "changed", "updated", "created", "expires"}
    | {"expired", "expiry", "expiration", "attempts", "length", "days", "ttl", "policy", "type"}
    | {"kind", "required", "enabled", "age", "max", "min"}
)
_ASKS: Final = frozenset(
    {"is", "has", "must", "needs", "requires", "can", "max", "min", "n", "num"}
)
# A name inside a text; finer is `is_secret_name`.
PATTERN: Final = (
    r"\b[\w.-]{0,60}?(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key"
    r"|(?:private|access|auth)[_-]key)(?:[_-](?:hash|key|value|id))?"
)
_MAY_BE: Final = re.compile(
    r"(?i)passw|passphrase|passcode|\bpass\b|_pass\b|pwd|secret|token|key|credential"
)
_NAME: Final = re.compile(r"[A-Za-z_][\w-]*")


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether the values of a column, key or variable of this name are secrets."""
    if not _MAY_BE.search(name):
        return False
    words = tuple(_PARTS.findall(name)) if name.upper() != name else name.lower().split("_")
    parts = [part for word in words for part in re.split("[^a-z0-9]+", word.lower()) if part]
    if not parts or parts[-1] in _ABOUT or parts[0] in _ASKS:
        return False
    pairs = pairwise(parts)
    return any(map(_SECRET_PART.fullmatch, parts)) or any(pair in _PAIRS for pair in pairs)


def has_secret_name(text: str) -> bool:
    """Return whether any word of ``text`` is a secret name."""
    return bool(_MAY_BE.search(text)) and any(map(is_secret_name, _NAME.findall(text)))
