"""``_adopted.json``, which says what each migration was called by the tool that it comes from.

It lies beside the files. The database step reads it instead of the tool's own folder.
"""

from dataclasses import dataclass
from typing import Final

RECORD: Final = "_adopted.json"


@dataclass(frozen=True)
class AdoptedFile:
    """A migration that was taken over: the tool's key and checksum, our id and fingerprint."""

    key: str
    checksum: str
    id: str
    fingerprint: str


@dataclass(frozen=True)
class Source:
    """What was taken over at a time, from one folder of one tool.

    ``table`` is "" for the tool's usual one. ``columns`` are those of the key and of the time,
    where the user names them. ``vendor`` is that of the fingerprints.
    """

    tool: str
    vendor: str
    table: str = ""
    columns: tuple[str, ...] = ()
    migrations: tuple[AdoptedFile, ...] = ()
