"""The lexical rules of each vendor's SQL, as data. A new vendor needs one more `Dialect`.

Patterns are fragments of regular expressions without capturing groups. Every repetition in them is
possessive, so a pattern that is built from them never backtracks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """The lexical rules of one vendor; `vendor` is Django's `connection.vendor`."""

    vendor: str
    space: str  # the characters that separate tokens; Python's \s has more than any database
    name_start: str  # the character class of an identifier's first character, without quotes
    name_part: str  # the character class of its other characters
    prefix: str  # letters that begin a literal or a quoted identifier and not a word
    line_comment: str
    minus: str  # a hyphen that begins no comment
    block_comment: str  # a whole comment that nothing is nested in
    string: str  # a whole literal with its prefix, for the token stream
    quoted: str  # a whole quoted identifier, for the token stream
    operator: str
    string_quotes: str
    name_quotes: str
    body_strings: str  # literals and quoted identifiers from their quote character, for `split`
    kept_comment: str = ""  # comments that the server executes or obeys, or their opening mark
    string_setting: str = ""  # the setting that changes how plain literals are read
    nested_comments: bool = False
    dollar_quotes: bool = False
    parentheses: bool = False  # a terminator inside brackets does not end the statement
    blocks: bool = False  # BEGIN … END blocks nest, and BEGIN NOT ATOMIC opens one
    backslash_commands: bool = False  # the client is psql
    delimiter_command: bool = False  # the client is mysql
    folds_names: bool = False  # unquoted names are stored in lower case, all cut to 63 bytes

    def quote(self, name: str) -> str:
        """Return a name as SQL takes it, whatever its characters."""
        quote = self.name_quotes[0]
        return f"{quote}{name.replace(quote, quote * 2)}{quote}"


def dialect(vendor: str) -> Dialect:
    """Return the rules of one of Django's vendors. Raise ValueError for an unknown vendor."""
    try:
        return _DIALECTS[vendor]
    except KeyError:
        vendors = ", ".join(sorted(_DIALECTS))
        raise ValueError(f"unknown database vendor {vendor!r}; known are {vendors}") from None


def mysql_dialect(*, ansi_quotes: bool, plain_backslash: bool) -> Dialect:
    """Return MySQL's rules under ANSI_QUOTES and NO_BACKSLASH_ESCAPES."""
    return _MYSQL_BY_MODE[ansi_quotes, plain_backslash]


def expression_dialect(vendor: str) -> Dialect:
    """Return the rules to read an expression by; standard SQL's for a vendor without its own."""
    return _DIALECTS.get(vendor, STANDARD)


def letters(more: str = "") -> str:
    """Return the character class of letters, `_`, `more` and everything outside ASCII."""
    # The class names what it excludes: one that lists a million characters compiles in 1 ms.
    ascii_ = "".join(map(chr, range(128)))
    return f"[^{re.escape(re.sub(f'[A-Za-z_{more}]', '', ascii_))}]"


CONFORMING: Final = "standard_conforming_strings"

_COMMENT = r"/\*(?:[^*]++|\*(?!/))*+"
_COMMENT_OF_ONE_LEVEL = r"/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/"

_ESCAPED = r"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_PLAIN = r"'[^']*+(?:''[^']*+)*+'"
# PostgreSQL joins string constants with white space and a line end between (manual, 4.1.2.1).
_CONTINUED = r"(?:(?:[ \t\f\v]++|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]++|--[^\n\r]*+[\n\r])*+{0})*+"
_PG_ESCAPED = _ESCAPED + _CONTINUED.format(_ESCAPED)
_PG_PLAIN = _PLAIN + _CONTINUED.format(_PLAIN)
_PG_BITS = "'[^']*+'" + _CONTINUED.format("'[^']*+'")  # without '' for '
_PG_WORD, _PG_PART = letters("0-9"), letters("0-9$")

# PostgreSQL's operators are the longest run of their characters, up to a comment. A run ends in
# + or - only if it has a character of `_PG_OWN` (manual, 4.1.3).
_PG_SIGN = r"(?:\+|-(?!-))"
_PG_COMMON = r"(?:[*<>=]|/(?!\*))"
_PG_OWN = "[~!@#^&|`?%]"
_PG_OPERATOR = (
    f"(?:{_PG_SIGN}|{_PG_COMMON}){{0,62}}+{_PG_OWN}(?:{_PG_SIGN}|{_PG_COMMON}|{_PG_OWN})*+"
    f"|(?:{_PG_SIGN}{{0,62}}+{_PG_COMMON})++|::|:=|=>|\\.\\."
)

POSTGRESQL = Dialect(
    vendor="postgresql",
    space=" \t\n\r\f\v",
    name_start=letters(),
    name_part=_PG_PART,
    prefix="[bBeExX](?=')|[uU]&(?=['\"])",
    line_comment=r"--[^\n\r]*+",
    minus="-(?!-)",
    block_comment=_COMMENT_OF_ONE_LEVEL,
    string=f"(?:[eE]{_PG_ESCAPED}|[bBxX]{_PG_BITS}|(?:[uU]&)?+{_PG_PLAIN})",
    quoted='(?:[uU]&)?+"[^"]*+(?:""[^"]*+)*+"',
    operator=_PG_OPERATOR,
    string_quotes="'",
    name_quotes='"',
    # E'' has backslash escapes unless the E ends a longer identifier, as in DATE'…'. `$E'` does
    # not match: only the tokens show whether the $ ends a dollar quote.
    body_strings=(
        r"'(?<![eE]')[^']*+'"
        rf"|'(?<={_PG_WORD}[eE]')[^']*+'"
        rf"|'(?<=[eE]')(?<!{_PG_PART}[eE]'){_PG_ESCAPED[1:]}"
        '|"[^"]*+"'
    ),
    string_setting=CONFORMING,
    nested_comments=True,
    dollar_quotes=True,
    parentheses=True,
    backslash_commands=True,
    folds_names=True,
)

# PostgreSQL after SET standard_conforming_strings = off.
POSTGRESQL_ESCAPING = replace(
    POSTGRESQL,
    string=f"(?:[bBxX]{_PG_BITS}|(?:[eE]|[uU]&)?+{_PG_ESCAPED})",
    body_strings=_PG_ESCAPED + '|"[^"]*+"',
)

_OPERATOR = r"->>?+|[<>=!|&:]++"

SQLITE = Dialect(
    vendor="sqlite",
    space=" \t\n\r\f",
    name_start=letters(),
    name_part=letters("0-9$"),
    prefix="[xX](?=')",
    line_comment=r"--[^\n]*+",
    minus="-(?!-)",
    block_comment=_COMMENT + r"(?:\*/|\Z)",  # the end of the input closes it
    string=f"[xX]?+{_PLAIN}",
    quoted=r'"[^"]*+(?:""[^"]*+)*+"|`[^`]*+(?:``[^`]*+)*+`|\[[^\]]*+\]',
    operator=_OPERATOR,
    string_quotes="'",
    name_quotes='"`[',
    body_strings=r"""'[^']*+'|"[^"]*+"|`[^`]*+`|\[[^\]]*+\]""",
)

# For expressions that any other server wrote; nothing is split or run by it.
STANDARD = replace(
    SQLITE,
    vendor="",
    quoted='"[^"]*+(?:""[^"]*+)*+"',
    operator="::|" + _OPERATOR,
    name_quotes='"',
    body_strings="""'[^']*+'|"[^"]*+\"""",
)

_MY_STRING = _ESCAPED + "|" + _ESCAPED.replace("'", '"')

MYSQL = Dialect(
    vendor="mysql",
    space=" \t\n\r\f\v",
    name_start=letters("$"),
    name_part=letters("0-9$"),
    prefix="[bBnNxX](?=['\"])",
    line_comment=r"(?:#|--(?=[\x00-\x20\x7f]|\Z))[^\n]*+",
    minus=r"-(?!-(?:[\x00-\x20\x7f]|\Z))",
    block_comment=r"(?!/\*(?:M?!|\+))" + _COMMENT + r"\*/",
    string=f"[bBxXnN]?+(?:{_MY_STRING})",
    quoted="`[^`]*+(?:``[^`]*+)*+`",
    operator=_OPERATOR,
    string_quotes="'\"",
    name_quotes="`",
    body_strings=_MY_STRING + "|`[^`]*+`",
    string_setting="sql_mode",
    kept_comment=r"/\*M?![0-9]*+|/\*\+(?:[^*]++|\*(?!/))*+\*/",
    blocks=True,
    delimiter_command=True,
)

_PLAIN_STRINGS = _PLAIN + "|" + _PLAIN.replace("'", '"')


def _mysql(*, ansi_quotes: bool, plain_backslash: bool) -> Dialect:
    strings = _PLAIN_STRINGS if plain_backslash else _MY_STRING
    quoted, quotes = MYSQL.quoted, "'\""
    if ansi_quotes:
        strings = _PLAIN if plain_backslash else _ESCAPED
        quoted, quotes = MYSQL.quoted + '|"[^"]*+(?:""[^"]*+)*+"', "'"
    return replace(
        MYSQL,
        prefix=f"[bBnNxX](?=[{quotes}])",
        string=f"[bBxXnN]?+(?:{strings})",
        quoted=quoted,
        string_quotes=quotes,
        name_quotes='`"' if ansi_quotes else "`",
        body_strings=f"{strings}|{quoted}",
    )


_MYSQL_BY_MODE: Final = {
    (ansi, plain): _mysql(ansi_quotes=ansi, plain_backslash=plain) if ansi or plain else MYSQL
    for ansi in (False, True)
    for plain in (False, True)
}
_DIALECTS: Final = {lexis.vendor: lexis for lexis in (POSTGRESQL, SQLITE, MYSQL)}
