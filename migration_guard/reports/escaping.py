r"""Make text of others harmless in terminals, CI logs and files: SQL, servers' answers, names.

A terminal obeys ESC sequences, and bidirectional characters change the order of what is read. A CI
runner obeys lines that begin with ``::``, after any space, and ``##[`` anywhere in a line
(https://github.com/actions/runner, ``ActionCommand.cs``), ``##vso[`` and ``##teamcity[`` too.
What is escaped stays readable, as ``\x1b`` or ``\u202e``. Escaping twice changes nothing more.
"""

import re
from typing import Any, Final

from migration_guard.sql.masking import mask_text

# Control, bidirectional and invisible characters, separators of lines, and lone surrogates. The
# joiners U+200C and U+200D stay: several languages need them.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_COMMAND_LINE: Final = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
_COMMAND_PREFIX: Final = re.compile(r"##(?=\w*\[)")


def escape_text(text: str) -> str:
    """Return text for a terminal or a log: no secrets, no control characters, no CI commands."""
    text = _COMMAND_LINE.sub(r"\1\\x3a", escape_characters(mask_text(text)))
    return _COMMAND_PREFIX.sub(r"#\\x23", text)


def escape_characters(text: str) -> str:
    """Return ``text`` with control and bidirectional characters escaped; newlines and tabs stay."""
    return _UNSEEN.sub(lambda match: _escape(match[0]), text.replace("\r\n", "\n"))


def escape_json(document: str) -> str:
    """Return a JSON document of the same value, with JSON's own escapes for such characters."""
    document = _UNSEEN.sub(lambda match: _escape_utf16(match[0]), document)
    return _COMMAND_PREFIX.sub(r"#\\u0023", document)


def mask_values(value: Any) -> Any:
    """Return ``value``, which JSON can hold, without the secrets in its strings."""
    if isinstance(value, str):
        # A plain str also of an enumeration's member.
        return mask_text(value)
    if isinstance(value, dict):
        return {key: mask_values(item) for key, item in value.items()}
    return [mask_values(item) for item in value] if isinstance(value, list | tuple) else value


def indent_continuation(text: str) -> str:
    """Return ``text`` with all lines but the first indented, so that they show where it ends."""
    return text.replace("\n", "\n    ")


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def _escape_utf16(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
