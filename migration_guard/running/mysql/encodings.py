"""MySQL and MariaDB: which characters the column of the applied SQL can hold.

The app makes its tables in utf8mb4, and somebody may have converted them.
"""

from typing import Final

from migration_guard.planning.history_rows import HISTORY_TABLE
from migration_guard.running.connection import can_encode

CHARSET: Final = (
    "SELECT character_set_name FROM information_schema.columns "
    f"WHERE table_schema = DATABASE() AND table_name = '{HISTORY_TABLE}' AND column_name = 'sql'"
)
MADE: Final = "utf8mb4"
_UTF8MB3: Final = ("utf8mb3", "utf8")  # without characters above U+FFFF
# MySQL's latin1 is Windows' code page.
_CODECS: Final = {MADE: "utf-8", **dict.fromkeys(_UTF8MB3, "utf-8"), "latin1": "cp1252"}


def has_characters(charset: str, text: str) -> bool:
    """Return whether a character set has all characters of ``text``; ASCII's of an unknown one."""
    is_basic = charset not in _UTF8MB3 or all(character <= "\uffff" for character in text)
    return is_basic and can_encode(text, _CODECS.get(charset, "ascii"))
