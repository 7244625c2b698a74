"""The settings under which the runner's own statements run on MySQL and MariaDB.

A server or a project may have others, and a file may set others: EMPTY_STRING_IS_NULL makes NULL of
an empty text, sql_select_limit hides rows, completion_type ends the session with each COMMIT.
Source: MariaDB knowledge base, "Server System Variables", "SQL_MODE".
"""

import re
from typing import Final

from migration_guard.sql.classify import words

# With the value that own statements need.
_SETTINGS: Final = {
    "sql_mode": "''",
    "sql_select_limit": "18446744073709551615",
    "sql_big_selects": "1",
    "sql_safe_updates": "0",
    "completion_type": "0",
    "default_storage_engine": "InnoDB",
    "sql_quote_show_create": "1",
}
READ: Final = ", ".join(f"@@session.{name}" for name in _SETTINGS)
# Modes of which no own statement takes notice.
_STRICT: Final = {
    *("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "NO_ENGINE_SUBSTITUTION", "TRADITIONAL"),
    *("ERROR_FOR_DIVISION_BY_ZERO", "NO_ZERO_DATE", "NO_ZERO_IN_DATE"),
}
_HARMLESS: Final = {*_STRICT, "NO_AUTO_CREATE_USER", "ONLY_FULL_GROUP_BY", ""}
# What the server answers for these values.
_USUAL: Final = {"NO_CHAIN": "0", "ON": "1", "OFF": "0"}
_NAMED: Final = re.compile("|".join((*_SETTINGS, "max_join_size")), re.IGNORECASE)
_SAVED: Final = "@migration_guard_{}"
LEAVE: Final = "SET " + ", ".join(f"{name} = {_SAVED.format(name)}" for name in _SETTINGS)


def enter(mode: str) -> str:
    """Return the statement that keeps the settings and makes the runner's own.

    Of ``mode``, the session's sql_mode at its start, what makes the server strict stays.
    """
    strict = ",".join(name for name in mode.split(",") if name in _STRICT)
    values = {**_SETTINGS, "sql_mode": f"'{strict}'"}
    saved = [f"{_SAVED.format(name)} = @@session.{name}" for name in values]
    return "SET " + ", ".join([*saved, *(f"{name} = {value}" for name, value in values.items())])


def is_foreign(values: tuple[object, ...]) -> bool:
    """Return whether own statements would notice these values, in the order of ``READ``."""
    mode, *others = map(str, values)
    expected = list(_SETTINGS.values())[1:]
    return not _HARMLESS.issuperset(mode.split(",")) or any(
        _USUAL.get(value, value) != usual for value, usual in zip(others, expected, strict=True)
    )


def may_change(sql: str) -> bool:
    """Return whether a statement of a file may change a setting: it names one, or runs code."""
    return bool(_NAMED.search(sql)) or words(sql, "mysql", 1) in (("CALL",), ("EXECUTE",))
