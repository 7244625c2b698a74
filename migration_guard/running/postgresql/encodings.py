"""PostgreSQL: Python's codecs for the encodings of databases.

Only those that have the same characters on both sides, which a test compares with the server.
Source: PostgreSQL manual, "Character Set Support".
"""

import re
from typing import Final

# SQL_ASCII takes any bytes, and clients send UTF-8.
_UNICODE: Final = ("UTF8", "SQL_ASCII")
_SAME: Final = re.compile(r"LATIN\d+|ISO_8859_\d|EUC_CN")


def codec_of(encoding: str) -> str:
    """Return the codec of an encoding, that of ASCII where Python has other characters."""
    if encoding in _UNICODE:
        return "utf-8"
    if encoding.startswith("WIN"):
        return f"cp{encoding.removeprefix('WIN')}"
    if encoding.startswith("KOI8"):
        return f"koi8_{encoding.removeprefix('KOI8').lower()}"
    return encoding.lower() if _SAME.fullmatch(encoding) else "ascii"
