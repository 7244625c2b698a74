"""What differs between the vendors' SQL, as data: a new vendor is one more `Dialect` here.

Patterns are fragments of regular expressions without capturing groups, and every repetition in
them is possessive, so that nothing built from them can backtrack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """The lexical rules of one vendor. `vendor` is Django's `connection.vendor`."""

    vendor: str
    space: str  # the characters that separate tokens; Python's \s knows more than any database
    name_start: str  # a character class: how an unquoted identifier begins
    name_part: str  # likewise: how it goes on
    prefix: str  # what looks like a word but begins a literal or a quoted identifier
    line_comment: str
    minus: str  # a hyphen that begins no comment
    block_comment: str  # a whole comment that nothing is nested in
    string: str  # a whole literal with its prefix, for the token stream
    quoted: str  # a whole quoted identifier, likewise
    operator: str
    string_quotes: str
    name_quotes: str
    body_strings: str  # the literals again as `split` meets them: at their quote character
    kept_comment: str = ""  # comments that the server executes or obeys, or their opening mark
    nested_comments: bool = False
    dollar_quotes: bool = False
    parentheses: bool = False  # the terminator does not count inside them
    backslash_commands: bool = False  # the client is psql
    delimiter_command: bool = False  # the client is mysql
    folds_names: bool = False  # unquoted names to lower case, and names are cut to 63 bytes


def dialect(vendor: str) -> Dialect:
    """Return the rules for one of Django's vendor names; raise ValueError for any other."""
    try:
        return _DIALECTS[vendor]
    except KeyError:
        known = ", ".join(sorted(_DIALECTS))
        raise ValueError(f"unknown database vendor {vendor!r}; known are {known}") from None


def expression_dialect(vendor: str) -> Dialect:
    """Return the rules to read an expression by; standard SQL's for a vendor without its own."""
    return _DIALECTS.get(vendor, STANDARD)


def letters(more: str = "") -> str:
    """Return the class of letters, `_`, `more` and all that is not ASCII.

    It names what it excludes, since one that names a million characters takes 1 ms to compile.
    """
    ascii_ = "".join(map(chr, range(128)))
    return f"[^{re.escape(re.sub(f'[A-Za-z_{more}]', '', ascii_))}]"


_COMMENT = r"/\*(?:[^*]++|\*(?!/))*+"
_COMMENT_OF_ONE_LEVEL = r"/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/"

_ESCAPED = r"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_PLAIN = r"'[^']*+(?:''[^']*+)*+'"
# PostgreSQL's string constants go on after white space with a line end in it (manual, 4.1.2.1).
_CONTINUED = r"(?:(?:[ \t\f\v]++|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]++|--[^\n\r]*+[\n\r])*+{0})*+"
_PG_ESCAPED = _ESCAPED + _CONTINUED.format(_ESCAPED)
_PG_PLAIN = _PLAIN + _CONTINUED.format(_PLAIN)
_PG_BITS = "'[^']*+'" + _CONTINUED.format("'[^']*+'")  # without '' for '
_PG_WORD, _PG_PART = letters("0-9"), letters("0-9$")

# PostgreSQL's rule for operators (manual, 4.1.3): the longest run, up to a comment; it ends in
# + or - only if one of the second class is in it.
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
    # E'' has backslash escapes unless the E ends a longer identifier, as in DATE'…'. After
    # `$E` only the tokens tell: the $ may end a dollar quote.
    body_strings=(
        r"'(?<![eE]')[^']*+'"
        rf"|'(?<={_PG_WORD}[eE]')[^']*+'"
        rf"|'(?<=[eE]')(?<!{_PG_PART}[eE]'){_PG_ESCAPED[1:]}"
        '|"[^"]*+"'
    ),
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
    kept_comment=r"/\*M?![0-9]*+|/\*\+(?:[^*]++|\*(?!/))*+\*/",
    delimiter_command=True,
)

_DIALECTS = {each.vendor: each for each in (POSTGRESQL, SQLITE, MYSQL)}
