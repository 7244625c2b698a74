"""What kind of statement a text is, by its tokens.

Pure functions that never raise. They take a statement's text as `split` returns it. Only unquoted
words count, and of comments only those that MySQL executes.
"""

from __future__ import annotations

import re
from enum import Enum
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from migration_guard.sql.cursor import keyword, read_tokens, split_at_commas
from migration_guard.sql.dialects import dialect
from migration_guard.sql.effects import copies_to_stdout
from migration_guard.sql.indexes import ConcurrentIndex, concurrent_index, index_if_missing
from migration_guard.sql.masking import (
    has_secret,
    mask_answer,
    mask_secrets,
    mask_text,
    show_statement,
)
from migration_guard.sql.scanner import Kind, significant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "ConcurrentIndex",
    "Control",
    "concurrent_index",
    "control",
    "copies_out",
    "ends_with_transaction",
    "has_secret",
    "index_if_missing",
    "is_session",
    "makes_temporary",
    "mask_answer",
    "mask_secrets",
    "mask_text",
    "mentions",
    "show_statement",
    "words",
]


class Control(Enum):
    """How a statement controls transactions."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    PREPARE = "prepare"  # two-phase commit, MySQL's XA too
    AUTOCOMMIT = "autocommit"
    SAVEPOINT = "savepoint"


def words(text: str, vendor: str, limit: int) -> tuple[str, ...]:
    """Return up to `limit` leading unquoted words in upper case.

    They end before the first token of another kind: `SELECT a.b` gives SELECT and A, `(SELECT 1)`
    nothing, `DROP TABLE "t"` DROP and TABLE.
    """
    leading: list[str] = []
    for token in significant(text, dialect(vendor)):
        if token.kind is Kind.KEPT_COMMENT:
            continue
        if token.kind is not Kind.WORD or len(leading) == limit:
            break
        leading.append(token.text.upper())
    return tuple(leading)


def control(text: str, vendor: str) -> Control | None:
    """Return how a statement controls transactions, None if it does not.

    SET TRANSACTION and MySQL's LOCK TABLES do not. MariaDB's BEGIN NOT ATOMIC is a block of
    statements.
    """
    begins = _LETTERS.match(text)
    if begins and begins[0].upper() not in _MAY_CONTROL:
        return None
    first, second, third = (*_head(text, vendor, 3), "", "", "")[:3]
    if first in {"COMMIT", "ROLLBACK"} and second == "PREPARED":
        return Control.PREPARE
    if first == "ROLLBACK" and "TO" in {second, third}:
        return Control.SAVEPOINT
    plain = _CONTROL[vendor].get(first)
    if first == "SET":
        return plain if plain and _sets_autocommit(text, vendor) else None
    is_other = {
        "BEGIN": dialect(vendor).blocks and (second, third) == ("NOT", "ATOMIC"),
        "START": second != "TRANSACTION",
        "PREPARE": second != "TRANSACTION" or third in {"AS", "("},
        "XA": second == "RECOVER",
    }
    return None if is_other.get(first) else plain


def is_session(text: str, vendor: str) -> bool:
    """Return whether a statement changes its session, so that a new one needs it again.

    These do: SET (but not for one transaction or the whole server), RESET, DISCARD, USE, PRAGMA,
    ATTACH, DETACH, and set_config() unless its last argument is literally true. MySQL's user
    variables and prepared statements are not followed.
    """
    head = _head(text, vendor, 4)
    first, second = (*head, "", "")[:2]
    if first == "SET":
        is_of_server = head[1:3] == ["@", "@"] and head[3:] in _SERVER
        return not is_of_server and second not in _SETS_ELSEWHERE[vendor]
    return first in _SESSION[vendor] and (first != "SELECT" or _configures(text, vendor))


def ends_with_transaction(text: str) -> bool:
    """Return whether all that a PostgreSQL statement does ends with its transaction.

    These do: SET LOCAL, SET TRANSACTION, SET CONSTRAINTS, LOCK, DECLARE without WITH HOLD, and a
    SELECT of nothing but set_config(…, true) and advisory locks of the transaction.
    """
    head = _head(text, "postgresql", 2)
    if head[:1] == ["SET"]:
        return head[1:] in (["LOCAL"], ["TRANSACTION"], ["CONSTRAINTS"])
    if head[:1] == ["DECLARE"]:
        return ("WITH", "HOLD") not in pairwise(_upper(text, "postgresql"))
    if head[:1] == ["SELECT"]:
        return _selects_only(text, _OF_TRANSACTION) and not _configures(text, "postgresql")
    return head[:1] == ["LOCK"]


def makes_temporary(text: str, vendor: str) -> bool:
    """Return whether a statement makes an object that ends with the session.

    These do: CREATE [OR REPLACE] [GLOBAL|LOCAL] TEMP[ORARY] …, CREATE … in the schema of temporary
    objects, and PostgreSQL's SELECT … INTO TEMP.
    """
    head = _head(text, vendor, 9)
    if head[:1] == ["CREATE"]:
        options = [word for word in head[1:] if word not in {"OR", "REPLACE", "GLOBAL", "LOCAL"}]
        if options[:1] in (["TEMP"], ["TEMPORARY"]):
            return True
        return (_TEMPORARY_SCHEMAS[vendor], ".") in set(pairwise(head))
    if _MAKE_TABLES[vendor].isdisjoint(head[:1]):
        return False
    tokens = list(_upper(text, vendor))
    return any(
        into == "INTO" and before not in {"INSERT", "MERGE"} and _is_temporary(tokens[index + 2 :])
        for index, (before, into) in enumerate(pairwise(tokens))
    )


def copies_out(text: str, vendor: str) -> bool:
    """Return whether `text` is PostgreSQL's COPY … TO STDOUT, which only psql can carry out."""
    lexis = dialect(vendor)
    is_copy = lexis.backslash_commands and text[:4].upper() == "COPY"
    return is_copy and copies_to_stdout(text, lexis)


def mentions(text: str, name: str, vendor: str) -> bool:
    """Return whether `name` stands in `text` as a whole identifier, in any case.

    Unquoted words, quoted identifiers, literals and dollar-quoted bodies count, with the comments
    inside such a body. Comments of the statement itself do not.
    """
    if name.lower() not in text.lower():
        return False
    lexis = dialect(vendor)
    part = lexis.name_part
    whole = re.compile(f"(?<!{part})(?i:{re.escape(name)})(?!{part})")
    return any(
        whole.search(_ESCAPE.sub("  ", token.text) if token.kind is Kind.STRING else token.text)
        for token in significant(text, lexis)
    )


def _upper(text: str, vendor: str) -> Iterator[str]:
    """Yield the significant tokens, unquoted words in upper case, without kept comments."""
    for token in significant(text, dialect(vendor)):
        if token.kind is not Kind.KEPT_COMMENT:
            yield keyword(token)


def _head(text: str, vendor: str, limit: int) -> list[str]:
    return list(islice(_upper(text, vendor), limit))


def _sets_autocommit(text: str, vendor: str) -> bool:
    """Return whether one of the assignments of MySQL's SET is to autocommit."""
    target: list[str] = []
    for word in islice(_upper(text, vendor), 1, None):
        if word in {"=", ":="} and "".join(target).strip("`") in _AUTOCOMMIT:
            return True
        target = [] if word == "," else [*target[:5], word.upper().strip("`")]
    return False


def _configures(text: str, vendor: str) -> bool:
    """Return whether any call of set_config() has a last argument that is not literally true."""
    cursor = read_tokens(text, dialect(vendor))
    while word := cursor.take():
        if word == "SET_CONFIG":
            arguments = split_at_commas(cursor.take_group())[2:]
            if [list(map(keyword, argument)) for argument in arguments] not in _LITERALLY_TRUE:
                return True
    return False


def _selects_only(text: str, functions: frozenset[str]) -> bool:
    """Return whether a SELECT consists of calls of these functions, each perhaps with an alias."""
    cursor = read_tokens(text, dialect("postgresql"))
    cursor.take()
    while True:
        name = cursor.take_name()
        if name is None or name.name not in functions or not cursor.take_group():
            return False
        if cursor.accept("AS"):
            cursor.take()
        if not cursor.accept(","):
            return cursor.is_at_end


def _is_temporary(target: Sequence[str]) -> bool:
    """Return whether INTO makes a temporary table. A table itself may be called `temp`."""
    names = target[1:] if target[:1] in (["GLOBAL"], ["LOCAL"]) else target
    return names[:1] in (["TEMP"], ["TEMPORARY"]) and (*names, "FROM")[1] not in _AFTER_NAME


_ESCAPE = re.compile(r"\\[nrtbfvZ0]")  # in '\\ntable' the letter is not part of the name
_BASE = {
    "BEGIN": Control.BEGIN,
    "START": Control.BEGIN,
    "COMMIT": Control.COMMIT,
    "ROLLBACK": Control.ROLLBACK,
    "SAVEPOINT": Control.SAVEPOINT,
    "RELEASE": Control.SAVEPOINT,
}
_CONTROL = {
    "postgresql": _BASE
    | {"END": Control.COMMIT, "ABORT": Control.ROLLBACK, "PREPARE": Control.PREPARE},
    "sqlite": _BASE | {"END": Control.COMMIT},
    "mysql": _BASE | {"XA": Control.PREPARE, "SET": Control.AUTOCOMMIT},
}
_LETTERS = re.compile("[A-Za-z]{2,}+")  # one letter may be the prefix of a literal
_MAY_CONTROL = frozenset({"SET"}.union(*_CONTROL.values()))
_SESSION = {
    "postgresql": frozenset({"RESET", "DISCARD", "SELECT"}),
    "sqlite": frozenset({"PRAGMA", "ATTACH", "DETACH"}),
    "mysql": frozenset({"USE"}),
}
# The words behind SET that do not change the session.
_SETS_ELSEWHERE = {
    "postgresql": frozenset({"LOCAL", "CONSTRAINTS", "TRANSACTION"}),
    "sqlite": frozenset({"LOCAL", "CONSTRAINTS", "TRANSACTION"}),  # which has no SET
    # MySQL's SET LOCAL is SET SESSION.
    "mysql": frozenset(
        {"GLOBAL", "PERSIST", "PERSIST_ONLY", "TRANSACTION", "PASSWORD", "DEFAULT", "STATEMENT"}
    ),
}
# MySQL keeps temporary tables in ordinary schemas.
_TEMPORARY_SCHEMAS = {"postgresql": "PG_TEMP", "sqlite": "TEMP", "mysql": None}
# The first words of queries that may make a table by INTO.
_MAKE_TABLES: dict[str, frozenset[str]] = {
    "postgresql": frozenset({"SELECT", "WITH", "TABLE", "VALUES"}),
    "sqlite": frozenset(),
    "mysql": frozenset(),
}
_SERVER = (["GLOBAL"], ["PERSIST"], ["PERSIST_ONLY"])
_AUTOCOMMIT = frozenset(
    f"{scope}AUTOCOMMIT" for scope in ("", "SESSION", "LOCAL", "@@", "@@SESSION.", "@@LOCAL.")
)
_LITERALLY_TRUE = tuple(
    [[word]] for word in ("TRUE", "'true'", "'t'", "'on'", "'1'", "'yes'", "'y'")
)
_OF_TRANSACTION = frozenset({"set_config", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"})
_AFTER_NAME = frozenset({"FROM", "WHERE", ",", ".", ";", "UNION", "ORDER", "LIMIT", "GROUP"})
