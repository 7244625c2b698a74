"""What a DDL statement makes, alters, renames and drops, read from its tokens.

Pure, and for all vendors. It is lenient: of what it does not know it returns less, and raises
nothing but ValueError for an unknown vendor.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.sql.cursor import (
    Cursor,
    Name,
    identifier,
    keyword,
    outside_brackets,
    split_at_commas,
)
from migration_guard.sql.dialects import dialect
from migration_guard.sql.scanner import Kind, Token, significant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migration_guard.sql.dialects import Dialect


class Clause(NamedTuple):
    """One action of an ALTER, such as ``ADD COLUMN IF NOT EXISTS born date``.

    `kind` is COLUMN in an ALTER TABLE that names no other; `name` is "" where none is given, and
    `words` are all words of the clause in upper case, names without their quotes. `new_name` is
    the name or the schema that RENAME, CHANGE and SET SCHEMA give, to the table itself where
    `kind` is "".
    """

    verb: str
    kind: str
    name: str
    words: tuple[str, ...]
    new_name: str = ""


class DDL(NamedTuple):
    """A statement that changes the schema. Words are in upper case.

    `verb` is CREATE, ALTER, DROP or RENAME; `kind` is a word such as TABLE or INDEX; `options` are
    those around it (TEMPORARY, MATERIALIZED, CONCURRENTLY, …). `names` are what it makes, alters,
    renames or drops, `new_names` what RENAME TABLE turns them into, and `table` is the one that an
    index, trigger, policy, rule or statistics object is on. `is_conditional` stands for IF EXISTS
    and IF NOT EXISTS before the name.
    """

    verb: str
    kind: str
    options: frozenset[str] = frozenset()
    names: tuple[Name, ...] = ()
    new_names: tuple[Name, ...] = ()
    table: Name | None = None
    is_conditional: bool = False
    clauses: tuple[Clause, ...] = ()

    @property
    def name(self) -> str:
        """The first name, without its schema; "" for a statement that names nothing."""
        return self.names[0].name if self.names else ""

    @property
    def columns_added(self) -> list[str]:
        """The columns of ``ALTER TABLE … ADD [COLUMN] name …, ADD …``."""
        return [
            clause.name
            for clause in self.clauses
            if (clause.verb, clause.kind) == ("ADD", "COLUMN") and clause.name
        ]


def read_ddl(text: str, vendor: str) -> DDL | None:
    """Return what a statement of DDL does to the schema; None for any other statement.

    >>> read_ddl("DROP TABLE IF EXISTS shop.items CASCADE", "postgresql").names
    (Name(name='items', schema='shop'),)
    """
    lexis = dialect(vendor)
    tokens = (token for token in significant(text, lexis) if token.kind is not Kind.KEPT_COMMENT)
    first = next(tokens, None)
    # Other statements may be long, and no more than their first word is read.
    if first is None or keyword(first) not in _VERBS:
        return None
    cursor = Cursor(chain([first], tokens), lexis)
    verb = cursor.take()
    options = _take_options(cursor)
    kind = _take_kind(cursor, options)
    if cursor.accept("CONCURRENTLY"):
        options.add("CONCURRENTLY")
    is_conditional = _take_condition(cursor)
    cursor.accept("ONLY")
    read = DDL(verb, kind, frozenset(options), is_conditional=is_conditional)
    if verb == "ALTER":
        name = cursor.take_name() if kind in _NAMED else None
        cursor.take_group()  # the arguments of a function
        table = cursor.take_name() if kind in _ON_A_TABLE and cursor.accept("ON") else None
        # PostgreSQL's sign for tables that inherit, MariaDB's time to wait for a lock.
        if not (cursor.accept("*") or cursor.accept("NOWAIT")) and cursor.accept("WAIT"):
            cursor.take()
        clauses = tuple(_read_clauses(cursor.rest, kind, lexis))
        return read._replace(names=(name,) if name else (), table=table, clauses=clauses)
    if kind not in _NAMED:
        return read
    if verb == "CREATE":
        has_name = kind not in _MAY_BE_UNNAMED or cursor.peek() != "ON"
        name = cursor.take_name() if has_name else None
        return read._replace(names=(name,) if name else (), table=_table_of(cursor, read))
    pairs = list(_read_names(cursor.rest, lexis))
    return read._replace(
        names=tuple(name for name, _ in pairs),
        new_names=tuple(new for _, new in pairs if new),
        table=_table_of(cursor, read),
    )


def _take_options(cursor: Cursor) -> set[str]:
    """Go past the words between the verb and the kind; return those that are options."""
    options: set[str] = set()
    while word := cursor.accept_any(_OPTIONS):
        if word in _ASSIGNED and cursor.accept("="):
            # DEFINER = 'name'@'host', CURRENT_USER() or the like, ALGORITHM = MERGE.
            cursor.take()
            cursor.take_group()
            if cursor.accept("@"):
                cursor.take()
        elif word == "SQL" and cursor.accept("SECURITY"):
            cursor.take()
        elif word not in _COMMENT_END:
            options.add("TEMPORARY" if word == "TEMP" else word)
    return options


def _take_kind(cursor: Cursor, options: set[str]) -> str:
    """Go past the kind of thing, one word or two."""
    kind = cursor.take()
    if kind == "AGGREGATE" and cursor.accept("FUNCTION"):  # MySQL
        options.add(kind)
        return "FUNCTION"
    second = _SECOND_WORDS.get(kind, "")
    return f"{kind} {second}" if second and cursor.accept(second) else kind


def _take_condition(cursor: Cursor) -> bool:
    return cursor.accept("IF", "EXISTS") or cursor.accept("IF", "NOT", "EXISTS")


def _read_names(tokens: Sequence[Token], lexis: Dialect) -> Iterator[tuple[Name, Name | None]]:
    """Yield each name of a DROP or RENAME, with the new name that it gets."""
    for part in split_at_commas(tokens):
        cursor = Cursor(part, lexis)
        if name := cursor.take_name():
            while not cursor.is_at_end and not cursor.accept("TO"):
                cursor.take()
            yield name, cursor.take_name()


def _table_of(cursor: Cursor, statement: DDL) -> Name | None:
    """Return the table of an index, trigger or the like; the cursor stands behind its name."""
    if statement.kind not in _ON_A_TABLE:
        return None
    before = _TABLE_FOLLOWS.get((statement.verb, statement.kind), "ON")
    rest = Cursor(outside_brackets(cursor.rest), cursor.lexis)
    while not rest.is_at_end:
        if rest.take() == before:
            rest.accept("ONLY")
            return rest.take_name()
    return None


def read_items(text: str, vendor: str) -> Iterator[Clause]:
    """Yield the columns and constraints in the brackets of a CREATE TABLE, as ADD clauses."""
    cursor = Cursor(significant(text, dialect(vendor)), dialect(vendor))
    while not (cursor.is_at_end or cursor.peek() in _BEFORE_ITEMS):
        cursor.take()
    for part in split_at_commas(cursor.take_group()):
        if part:
            yield _read_clause("ADD", Cursor(part, cursor.lexis), "TABLE")


def _read_clauses(tokens: Sequence[Token], kind: str, lexis: Dialect) -> Iterator[Clause]:
    for part in split_at_commas(tokens):
        cursor = Cursor(part, lexis)
        if not cursor.is_at_end:
            yield _read_clause(cursor.take(), cursor, kind)


def _read_clause(verb: str, cursor: Cursor, kind: str) -> Clause:
    words = tuple(
        (identifier(token, cursor.lexis) if token.kind is Kind.QUOTED else token.text).upper()
        for token in cursor.tokens
    )
    if (verb, cursor.peek()) == ("SET", "SCHEMA"):
        cursor.take()
        return Clause(verb, "", "", words, _take_identifier(cursor))
    if verb == "RENAME" and (cursor.accept_any({"TO", "AS"}) or not _has_new_name(words)):
        return Clause(verb, "", "", words, _take_identifier(cursor))
    if kind == "TABLE":
        noun = cursor.accept_any(_OF_TABLES) or "COLUMN"
    else:
        noun = cursor.accept_any(_OF_OTHERS)
    if noun in _BEFORE_KEY:
        cursor.accept_any(_KEY_WORDS)
    _take_condition(cursor)
    # PostgreSQL: ADD UNIQUE USING INDEX i. MySQL: ADD INDEX USING BTREE (a).
    name = "" if noun in _BEFORE_KEY and cursor.peek() == "USING" else _take_identifier(cursor)
    new_name = ""
    if verb == "CHANGE" or (verb == "RENAME" and cursor.accept("TO")):
        new_name = _take_identifier(cursor)
    return Clause(verb, noun, name, words, new_name)


def _has_new_name(words: Sequence[str]) -> bool:
    """Return whether a RENAME names two things; MySQL also has RENAME alone with a new name."""
    return "TO" in words[1:]


def _take_identifier(cursor: Cursor) -> str:
    name = cursor.take_name()
    return name.name if name else ""


_VERBS: Final = frozenset({"CREATE", "ALTER", "DROP", "RENAME"})
_ASSIGNED: Final = frozenset({"DEFINER", "ALGORITHM"})
_COMMENT_END: Final = frozenset("*/")  # of a kept comment, two tokens
_OPTIONS: Final = (
    _ASSIGNED
    | _COMMENT_END
    | {
        *(
            "OR",
            "REPLACE",
            "GLOBAL",
            "LOCAL",
            "TEMP",
            "TEMPORARY",
            "UNLOGGED",
            "VIRTUAL",
            "FOREIGN",
        ),
        *("MATERIALIZED", "RECURSIVE", "UNIQUE", "FULLTEXT", "SPATIAL", "CONSTRAINT", "ONLINE"),
        *("OFFLINE", "IGNORE", "SQL"),
    }
)
_SECOND_WORDS: Final[Mapping[str, str]] = {"EVENT": "TRIGGER"}
_NAMED: Final = frozenset(
    {
        *("TABLE", "VIEW", "INDEX", "TYPE", "DOMAIN", "EXTENSION", "SEQUENCE", "STATISTICS"),
        *("FUNCTION", "PROCEDURE", "AGGREGATE", "TRIGGER", "EVENT", "EVENT TRIGGER", "POLICY"),
        *("RULE", "DATABASE", "SCHEMA"),
    }
)
_MAY_BE_UNNAMED: Final = frozenset({"INDEX", "STATISTICS"})
_ON_A_TABLE: Final = frozenset({"INDEX", "TRIGGER", "POLICY", "RULE", "STATISTICS"})
# The word before that table, where it is not ON.
_TABLE_FOLLOWS: Final[Mapping[tuple[str, str], str]] = {
    ("CREATE", "RULE"): "TO",
    ("CREATE", "STATISTICS"): "FROM",
}
# What an ALTER adds, drops or renames: of tables, where no such word means a column, and of others.
_OF_TABLES: Final = frozenset(
    {
        *("COLUMN", "CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE", "INDEX"),
        *("KEY", "FULLTEXT", "SPATIAL", "PARTITION", "PERIOD", "SYSTEM"),
    }
)
# These are followed by the word KEY or INDEX, and by a name or none.
_BEFORE_KEY: Final = frozenset(
    {"PRIMARY", "UNIQUE", "FOREIGN", "FULLTEXT", "SPATIAL", "INDEX", "KEY"}
)
_KEY_WORDS: Final = frozenset({"KEY", "INDEX"})
# What ends the head of a CREATE TABLE; without the bracket it has no items of its own.
_BEFORE_ITEMS: Final = frozenset({"(", "AS", "SELECT", "LIKE", "PARTITION"})
_OF_OTHERS: Final = frozenset({"COLUMN", "CONSTRAINT", "VALUE", "ATTRIBUTE"})
