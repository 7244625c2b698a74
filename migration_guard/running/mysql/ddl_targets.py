"""Which objects a DDL statement of MySQL changes: those whose definitions tell whether it was done.

Pure: it reads the statement alone.
"""

import re

from migration_guard.sql.lexer import normalized

_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
_QUALIFIED = rf"(?P<name>{_NAME}(?:\s*\.\s*{_NAME})?)"
_ON_TABLE = re.compile(
    rf"(?:CREATE|DROP)\b[^`'\"(]*?\bINDEX\b.*?\bON\s+{_QUALIFIED}", re.IGNORECASE | re.DOTALL
)
_OBJECT = re.compile(
    r"(?P<verb>CREATE|DROP|ALTER|RENAME)\s+"
    r"(?:OR\s+REPLACE\s+|ONLINE\s+|IGNORE\s+|AGGREGATE\s+|"
    r"(?:DEFINER|ALGORITHM)\s*=\s*[\w`'@%.]+\s+|SQL\s+SECURITY\s+\w+\s+)*"
    r"(?P<kind>TABLE|VIEW|PROCEDURE|FUNCTION|TRIGGER|EVENT|SEQUENCE|DATABASE|SCHEMA)\s+"
    rf"(?P<if>IF\s+(?:NOT\s+)?EXISTS\s+)?{_QUALIFIED}",
    re.IGNORECASE,
)
_FURTHER = re.compile(rf",\s*({_NAME}(?:\s*\.\s*{_NAME})?)")
_NEW_NAME = re.compile(rf"\bTO\s+({_NAME}(?:\s*\.\s*{_NAME})?)", re.IGNORECASE)


def targets(sql: str) -> list[tuple[str, str]]:
    """Return kind and name of the objects whose definitions tell whether ``sql`` was done."""
    match = _OBJECT.match(sql)
    if match is None:
        match = _ON_TABLE.match(sql)
        return [("TABLE", match["name"])] if match is not None else []
    verb, kind, rest = match["verb"].upper(), match["kind"].upper(), sql[match.end() :]
    words = list(normalized(rest, "mysql"))
    if "exchange" in words:  # what is exchanged looks the same afterwards
        return []
    if verb not in ("DROP", "RENAME") or "," not in words:
        return [(kind, match["name"])]
    names = [match["name"], *_FURTHER.findall(rest)]
    # In a swap, too, the names stand for the same as before.
    taken = {name.strip("`").lower() for name in _NEW_NAME.findall(rest)}
    swaps = taken & {name.strip("`").lower() for name in names}
    return [] if swaps else [(kind, name) for name in names]
