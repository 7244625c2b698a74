"""Hide the secrets in SQL that is stored or printed, and in what servers answer.

It hides too much rather than too little. A literal behind a secret name (`secret_names`) is hidden
everywhere, also in `UPDATE … SET password = '…'`, and so are the rows of an INSERT or COPY whose
column list has such a name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration_guard.sql.dialects import Dialect, dialect
from migration_guard.sql.scanner import Kind, Token, scan
from migration_guard.sql.secret_names import PATTERN, has_secret_name, is_secret_name
from migration_guard.sql.unlisted_columns import WRITES

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "'***'"


def mask_secrets(text: str, vendor: str) -> str:
    """Return `text` with `'***'` for each password literal, and `***` for one inside a literal.

    It finds PASSWORD '…' in all its forms, MySQL's IDENTIFIED BY '…' and WITH/VIA … AS/USING '…',
    and `password=…` and `//user:…@` in connection strings, also in dollar-quoted bodies, comments
    and the literals of dynamic SQL. It finds variables, settings, columns and JSON keys with a
    secret name, arguments of crypt(…), and literals that dynamic SQL puts behind the word
    (`format('… PASSWORD %L', '…')`).
    """
    if not _WORTH_A_LOOK.search(text) and not has_secret_name(text):
        return text
    text = _COPY.sub(_mask_copy, text)
    return "".join(_mask_tokens(text, dialect(vendor)))


def show_statement(text: str, vendor: str) -> str:
    """Return a statement for a message: without secrets, and an INSERT only up to VALUES."""
    lexis = dialect(vendor)
    first = ""
    for token in scan(text, lexis):
        if token.kind is Kind.WORD:
            word = token.text.upper()
            first = first or word
            if first not in _INSERTS:
                break
            if word in {"VALUES", "VALUE"}:
                return mask_secrets(text[: token.start + len(word)], vendor) + " …"
    return mask_secrets(text, vendor)


def mask_answer(answer: str, statement: str) -> str:
    """Return a server's answer to ``statement`` without the rows and values that it quotes.

    Names of tables, columns and constraints stay, and so does the key of a duplicate, unless a
    column of that key has a secret name.
    """
    answer = _FAILING_ROW.sub("Failing row contains (***).", answer)
    answer = _COPY_CONTEXT.sub(r"\1", answer)
    answer = _SQL_CONTEXT.sub(r"\1 ***", answer)
    answer = _KEY.sub(lambda key: f"{key[1]}(***)" if has_secret_name(key[1]) else key[0], answer)
    answer = _ENTRY.sub(_mask_entry, answer)
    if has_secret_name(statement) or WRITES.search(statement):
        answer = _CLASS_22.sub(r"\1***", answer)
        answer = _INCORRECT.sub(r"\1'***'", answer)
    return mask_text(answer)


def _mask_entry(entry: re.Match[str]) -> str:
    return f"{entry[1]}'***'{entry[2]}" if has_secret_name(entry[2]) else entry[0]


def _mask_copy(copy: re.Match[str]) -> str:
    return (
        f"{copy[1]}***\n{copy[4]}"
        if has_secret_name(copy[2]) and copy[3].strip() != "***"
        else copy[0]
    )


def has_secret(text: str, vendor: str) -> bool:
    """Return whether `mask_secrets` hides anything."""
    return mask_secrets(text, vendor) != text


def mask_text(text: str) -> str:
    """Return text that is no SQL, such as a message, without passwords, also those in URLs."""
    text = _URL.sub(r"\1***@", text)
    if not _WORTH_A_LOOK.search(text) and not has_secret_name(text):
        return text
    text = _PAIR.sub(_mask_pair, text)
    return _ASSIGNED.sub(lambda match: (match[1] or match[2]) + "***", text)


def _mask_inner(text: str) -> str:
    """Return the inside of a literal or comment without secrets; it may be SQL."""
    return mask_text(_INSERT.sub(_mask_insert, text))


def _mask_insert(insert: re.Match[str]) -> str:
    return f"{insert[1]} ***" if has_secret_name(insert[2]) else insert[0]


def _mask_pair(pair: re.Match[str]) -> str:
    """Hide the value behind a quoted key, as of JSON; in the same quotes, so that JSON stays."""
    if not is_secret_name(pair["name"]) or pair["value"].lower() in _NOTHING:
        return pair[0]
    quote = pair["quote"]
    return f"{pair['head']}{quote}***{quote}"


def _mask_tokens(text: str, lexis: Dialect, depth: int = 0) -> Iterator[str]:
    """Yield the texts of the tokens with their secrets hidden."""
    context = _Context()
    for token in scan(text, lexis):
        if token.kind in {Kind.STRING, Kind.DOLLAR}:
            is_value = token.text not in _EMPTY
            yield HIDDEN if context.hides and is_value else _mask_literal(token, lexis, depth)
            context.pass_literal(token.text)
        elif token.kind in {Kind.COMMENT, Kind.META}:
            yield _mask_inner(token.text)
        else:
            yield token.text
            context.pass_token(token)


class _Context:
    """Whether the next literal is a secret. Space, comments and most literals do not change it."""

    def __init__(self) -> None:
        self.is_secret = False
        self.identified = False  # in MySQL's IDENTIFIED BY or IDENTIFIED WITH … AS
        self.of_user = False  # in MySQL's SET PASSWORD FOR user = …
        self.comments = False  # in COMMENT ON … IS
        self.named = False  # behind the name of a variable that holds a password
        self.announced = False  # an earlier literal has a place for a password
        self.keyed = False  # behind a literal that is a secret name, such as a key of JSON
        self.rows = _Rows()
        self.call = 0  # how many brackets are open in a call that takes secrets
        self.word = ""

    @property
    def hides(self) -> bool:
        """Whether the next literal is a secret."""
        return self.is_secret or self.keyed or self.call > 0 or self.rows.secret

    def pass_token(self, token: Token) -> None:
        """Apply a token that is no literal."""
        if token.kind is Kind.SPACE:
            return
        self.rows.pass_token(token)
        if self.call or (token.text == "(" and self.word.lower() in _CALLS):
            self.call += (token.text == "(") - (token.text == ")")
        self.keyed = self.keyed and token.text in _BEHIND_KEY
        if token.kind in {Kind.WORD, Kind.QUOTED}:
            before, self.word = self.word, token.text.upper().strip('"`')
            self.comments = self.comments or (before, self.word) == ("COMMENT", "ON")
            self.identified = self.identified or self.word == "IDENTIFIED"
            self.of_user = self.of_user or (before, self.word) == ("PASSWORD", "FOR")
            self.named = self.named or is_secret_name(self.word)
            self.is_secret = (
                self.announced
                or is_secret_name(self.word)
                or (self.is_secret and self.word in _COMPARES and not self.comments)
                or (self.identified and self.word in {"BY", "AS", "USING", "REPLACE"})
            )
        elif token.kind not in {Kind.SPACE, Kind.KEPT_COMMENT}:
            self.announced = self.announced and token.text != ";"
            self.comments = self.comments and token.text != ";"
            opens = token.text in _OPENS
            if token.text not in _OPENS:
                self.word = ""
            self.is_secret = (
                self.announced
                or (self.named and token.text == ":=")
                or (opens and (self.is_secret or (self.of_user and token.text == "=")))
            )
            self.named = self.named and token.text not in {";", ","}

    def pass_literal(self, text: str) -> None:
        """Apply a literal, which may be a query with a place for a password."""
        if _ANNOUNCES.search(text):
            self.announced = self.is_secret = True
        key = _KEY_LITERAL.fullmatch(text)
        self.keyed = key is not None and is_secret_name(key["name"])


class _Rows:
    """Whether the rows of an INSERT follow, whose column list has a secret name."""

    def __init__(self) -> None:
        self.secret = False
        self._words: list[str] = []
        self._columns: bool | None = None  # whether one is secret; None before their end
        self._depth = 0

    def pass_token(self, token: Token) -> None:
        """Apply a token that is no literal."""
        if token.text == ";":
            self.__init__()  # type: ignore[misc]
            return
        if token.kind is Kind.WORD and not self._depth:
            word = token.text.upper()
            if word in _INSERTS and not self._columns:
                self._words, self._columns = [word], None
            elif word in _ROWS_BEGIN:
                self.secret = bool(self._columns)
            elif word in _ROWS_END:
                self.secret = False
        if self._words and not self.secret and self._columns is not False:
            self._depth += (token.text == "(") - (token.text == ")")
            if self._depth and token.kind in {Kind.WORD, Kind.QUOTED}:
                self._columns = self._columns or is_secret_name(token.text) or None


def _mask_literal(token: Token, lexis: Dialect, depth: int) -> str:
    """Return a literal with the secrets inside it hidden."""
    text = token.text
    if token.kind is Kind.STRING:
        quote = next((at for at, char in enumerate(text) if char in lexis.string_quotes), 0)
        start, end = quote + 1, max(quote + 1, len(text) - 1)
        return text[:start] + _mask_inner(text[start:-1]) + text[end:]
    tag = text[: text.index("$", 1) + 1]
    end = len(text) - len(tag) if text.endswith(tag, len(tag)) else len(text)
    body = text[len(tag) : end]
    if depth == _DEEPEST or _KEYWORDS.fullmatch(body):
        body = mask_text(body)
    else:
        body = (
            mask_text(body) if _JSON.match(body) else "".join(_mask_tokens(body, lexis, depth + 1))
        )
        body = _URL.sub(r"\1***@", body)
    return tag + body + text[end:]


_WORTH_A_LOOK = re.compile(r"(?i)passw|identified|://|crypt|hmac")
_DEEPEST = 3  # dollar quotes in dollar quotes that are read as SQL
_QUOTED = (
    r"''(?:[^']|'''')*+(?:''|\Z)"
    r"|\\'(?:(?!\\').)*+(?:\\'|\Z)"
    r"|'[^']*+(?:'|\Z)"
    r'|"[^"]*+(?:"|\Z)'
)
# PASSWORD %L; PASSWORD $1; a query that goes on behind PASSWORD; my.password.
_ANNOUNCES = re.compile(
    r"(?i)passw(?:or)?d['\s=:]*+(?:%[-\w$]|\$[0-9]|\?)|passw(?:or)?d[\s=:]++'*+\Z"
    r"|^[eEnN]?'[\w.]*\.\w*passw(?:or)?d'\Z"
)
_WORD = r"passw(?:or)?d\s*+"
_INSERTS = frozenset({"INSERT", "REPLACE"})
_ROWS_BEGIN = frozenset({"VALUES", "VALUE", "SELECT"})
_ROWS_END = frozenset({"RETURNING"})
_EMPTY = frozenset({"''", '""'})
_NOTHING = frozenset({"null", "true", "false", '""', "''", '"***"', "'***'", "***", "{", "["})
_OPENS = frozenset(
    {"=", ":=", "=>", "(", "<", ">", "!", "<>", "!=", "::", ":", "+", "|", "||", "~"}
)
_COMPARES = frozenset(
    {"IN", "LIKE", "ILIKE", "TO", "IS", "NOT", "DISTINCT", "FROM", "ANY", "ARRAY", "E", "N"}
)
# What may stand between a key and its value: jsonb_build_object('key', 'value'), x->>'key' = '…'.
_BEHIND_KEY = frozenset({",", "=", ">", "=>", ":", "::", ")", "(", "<>", "<", "!=", "TEXT", "text"})
# Functions whose arguments are secrets, of pgcrypto and MySQL.
_CALLS = frozenset(
    {"crypt", "hmac", "encrypt", "decrypt", "encrypt_iv", "decrypt_iv", "pgp_sym_encrypt"}
    | {"pgp_sym_decrypt", "pgp_pub_decrypt", "aes_encrypt", "aes_decrypt", "des_encrypt"}
    | {"des_decrypt", "password", "old_password"}
)
_KEY_LITERAL = re.compile(r"""[eEnN]?['"][\s{$.\w,]*?(?P<name>[\w-]+)\s*\}?['"]""")
_JSON = re.compile(r"\s*[\[{]")
_COPY = re.compile(
    r"(^[ \t]*COPY\b[^;(]*(\([^;)]*\))\s*FROM\s+STDIN\b[^;]*;[ \t]*\n)(.*?)(^\\\.|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
# A quoted key and its value: JSON, a dict of Python, a hstore; also escaped within a literal.
_PAIR = re.compile(
    r"""(?P<head>(?P<quote>\\*["']{1,2})(?P<name>[\w.-]{2,60})(?P=quote)\s*+(?::|=>|=|,)\s*+)"""
    r"""(?P<value>\[[^\]]*+\]|\\+"(?:(?!\\+").)*+\\+"|"(?:\\.|[^"\\])*+"?"""
    r"""|''(?:(?!'').)*+''|'(?:\\.|[^'\\])*+'?|[^\s,}\]{\["']++)""",
    re.DOTALL,
)
# An INSERT in a literal or a comment, to its end.
_INSERT = re.compile(
    r"(\b(?:INSERT|REPLACE)\s[^;()]{0,200}\(([^()]*+)\)\s*+(?:VALUES?|SELECT)\b)[^;]*?(?=;|\s*\*/|\s*\Z)",
    re.IGNORECASE,
)
_FAILING_ROW = re.compile(r"Failing row contains \(.*?\)\.?(?=\n\S|\Z)", re.DOTALL)
_COPY_CONTEXT = re.compile(
    r"(COPY [^\n:]*?, line [0-9]+(?:, column [^\n:]*)?): .*?(?=\n\S|\Z)", re.DOTALL
)
_SQL_CONTEXT = re.compile(
    r"(SQL statement|SQL expression|PL/pgSQL assignment|PL/pgSQL expression)"
    r' ".*?"(?=\n {4}(?:PL/|SQL |COPY )|\n\S|\Z)',
    re.DOTALL,
)
_KEY = re.compile(
    r"(Key \([^=]*?\)=)\(.*?\)"
    r"(?= already exists| is not present| is still| conflicts| is duplicated|\.\n|\n\S|\Z)",
    re.DOTALL,
)
_ENTRY = re.compile(r"(Duplicate entry )'.*?'( for key .*)", re.DOTALL)
_CLASS_22 = re.compile(
    r"(\bERROR 22\w{3}: [^\n\"]*?)\".*?\"(?=\n\S|\Z|[^\"]*(?:\n\S|\Z))", re.DOTALL
)
_INCORRECT = re.compile(
    r"((?:Incorrect|Truncated incorrect) [\w ]*?value: )'.*?'(?= for |\Z)", re.DOTALL
)
_ASSIGNED = re.compile(
    rf"((?:{_WORD}|{PATTERN}\s*+)=\s*+)(?:{_QUOTED}|(?:\\.|[^\s'&])++)"
    rf"|((?:(?:{_WORD}(?!['\"]{{1,2}}\s*[:,=)}}]))\(?+"
    rf"|identified\s++(?:by|as)\s++(?:{_WORD})?+)\s*+)(?:{_QUOTED})",
    re.IGNORECASE | re.DOTALL,
)
# The last @ before a space or a quote ends the password, which may have @ and / in it.
_URL = re.compile(r"(://[^\s:/@'\"]*+:)(?!\*\*\*@)[^\s'\"]{1,512}@")
_KEYWORDS = re.compile(
    r"\s*+(?:\w++\s*+=\s*+(?:'(?:\\.|[^'\\])*+'|(?:\\.|[^\s'\\])++)\s*+)++", re.DOTALL
)
