"""What a DDL statement is about, read from its tokens: the thing it names, the columns it adds.

Pure. PostgreSQL's grammar knows better; this serves all vendors, and needs no dependency.
"""

from collections.abc import Iterator

from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, Token, significant

_HEADS = {
    *("ALTER", "CREATE", "DROP", "IF", "NOT", "EXISTS", "OR", "REPLACE", "ONLY", "CONCURRENTLY"),
    *("TEMP", "TEMPORARY", "UNLOGGED", "VIRTUAL", "FOREIGN", "MATERIALIZED", "RECURSIVE"),
    *("UNIQUE", "FULLTEXT", "SPATIAL", "CONSTRAINT", "TABLE", "VIEW", "INDEX", "TYPE", "DOMAIN"),
    *("EXTENSION", "SEQUENCE", "STATISTICS", "FUNCTION", "PROCEDURE", "AGGREGATE", "TRIGGER"),
    *("EVENT", "POLICY", "RULE"),
}
_NO_COLUMN = {
    *("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE", "INDEX", "KEY", "FULLTEXT"),
    *("SPATIAL", "PARTITION", "PERIOD", "SYSTEM", "GENERATED", "VALUE", "ATTRIBUTE"),
}
_BEFORE_COLUMN = {"COLUMN", "IF", "NOT", "EXISTS"}


def target(text: str, vendor: str) -> str:
    """Return the first name in ``VERB kind [IF EXISTS] name …``, without its schema; "" for none.

    >>> target("DROP TABLE IF EXISTS shop.items CASCADE", "postgresql")
    'items'
    """
    names = _tokens(text, vendor)
    place = next((at for at, one in enumerate(names) if not _is_word(one, _HEADS)), len(names))
    while place + 2 < len(names) and names[place + 1].text == ".":
        place += 2
    return _name(names[place]) if place < len(names) else ""


def columns_added(text: str, vendor: str) -> Iterator[str]:
    """Yield the columns of ``ALTER TABLE … ADD [COLUMN] name …, ADD …``."""
    tokens = _tokens(text, vendor)
    depth = 0
    for at, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and _is_word(token, {"ADD"}):
            rest = (one for one in tokens[at + 1 :] if not _is_word(one, _BEFORE_COLUMN))
            name = next(rest, None)
            if name is not None and not _is_word(name, _NO_COLUMN) and name.text != "(":
                yield _name(name)


def _tokens(text: str, vendor: str) -> list[Token]:
    return [one for one in significant(text, dialect(vendor)) if one.kind is not Kind.KEPT_COMMENT]


def _is_word(token: Token, words: set[str]) -> bool:
    return token.kind is Kind.WORD and token.text.upper() in words


def _name(token: Token) -> str:
    return token.text[1:-1] if token.kind is Kind.QUOTED else token.text
