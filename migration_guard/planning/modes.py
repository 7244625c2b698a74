"""The modes that a file gives its transactions: isolation level, READ ONLY, DEFERRABLE, a snapshot.

Pure. Sources: PostgreSQL manual, "SET TRANSACTION", "BEGIN"; MariaDB knowledge base, "SET
TRANSACTION", "START TRANSACTION"; sqlite.org, "Transactions".
"""

import re
from typing import Final, NamedTuple

from migration_guard.problems import Problem
from migration_guard.sql.dialects import dialect
from migration_guard.sql.excerpt import excerpt
from migration_guard.sql.scanner import Token, significant
from migration_guard.sql.statements import Statement

_MAY_SET: Final = re.compile(r"(?:BEGIN|START|SET)\b", re.IGNORECASE)
_MODE: Final = re.compile(
    r"ISOLATION LEVEL (?:SERIALIZABLE|REPEATABLE READ|READ COMMITTED|READ UNCOMMITTED)"
    r"|READ ONLY|READ WRITE|NOT DEFERRABLE|DEFERRABLE|WITH CONSISTENT SNAPSHOT|SNAPSHOT"
)
# What the runner's own transactions are like, so that a file may say it at no cost.
_OURS: Final = {"ISOLATION LEVEL READ COMMITTED", "READ WRITE"}
_ISOLATION: Final = {"TRANSACTION_ISOLATION", "TX_ISOLATION", "DEFAULT_TRANSACTION_ISOLATION"}
_READ_ONLY: Final = {"TRANSACTION_READ_ONLY", "TX_READ_ONLY", "DEFAULT_TRANSACTION_READ_ONLY"}
_DEFERRABLE: Final = {"TRANSACTION_DEFERRABLE", "DEFAULT_TRANSACTION_DEFERRABLE"}
_VARIABLES: Final = _ISOLATION | _READ_ONLY | _DEFERRABLE
# Which of them hold for the session, and the words of SET TRANSACTION that do.
OF_SESSION: Final = {
    "postgresql": {name for name in _VARIABLES if name.startswith("DEFAULT_")},
    "mysql": _VARIABLES,
    "sqlite": _VARIABLES,
}
_SESSION_SCOPES: Final = {"postgresql": (), "mysql": ("SESSION", "LOCAL"), "sqlite": ()}
_OFF: Final = {"OFF", "FALSE", "F", "NO", "N", "0", "DEFAULT"}
# Words that may stand between BEGIN and its modes.
_FILLERS: Final = {"WORK", "TRANSACTION"}


class Modes(NamedTuple):
    """What one statement says of transactions.

    ``modes`` in capitals; ``text`` is what the statement says; ``for_session`` if it says so of
    those that follow.
    """

    modes: frozenset[str]
    text: str
    for_session: bool = False

    @property
    def differ(self) -> bool:
        """Whether the runner's own transaction would be another one."""
        return bool(self.text) and not (self.modes and self.modes <= _OURS and self._is_read)

    @property
    def _is_read(self) -> bool:
        """Whether the text holds nothing but modes that are known."""
        words = " ".join(re.sub(r"[,\s]+", " ", self.text.upper()).split())
        return not _MODE.sub("", words).strip()


def read_modes(text: str, vendor: str) -> Modes | None:
    """Return the modes that BEGIN, START TRANSACTION or a SET gives transactions, else None."""
    if not _MAY_SET.match(text):
        return None
    tokens = list(significant(text, dialect(vendor)))
    words = [token.text.upper().strip('"`') for token in tokens]
    if words[0] != "SET":
        start = 2 if words[0] == "START" else 1
        while words[start : start + 1] and words[start] in _FILLERS:
            start += 1
        return _read(text, tokens, words, start)
    scope = words[1] if words[1:2] and words[1] in {"SESSION", "LOCAL", "GLOBAL"} else ""
    rest = words[2:] if scope else words[1:]
    if scope == "GLOBAL":
        return None
    if scope == "SESSION" and rest[:3] == ["CHARACTERISTICS", "AS", "TRANSACTION"]:
        return _read(text, tokens, words, 5, for_session=True)
    if rest[:1] == ["TRANSACTION"]:
        is_for_session = scope in _SESSION_SCOPES[vendor]
        return _read(text, tokens, words, 3 if scope else 2, for_session=is_for_session)
    return _read_variables(words, scope, vendor)


def _read(
    text: str, tokens: list[Token], words: list[str], start: int, *, for_session: bool = False
) -> Modes:
    source = text[tokens[start].start :] if start < len(tokens) else ""
    spoken = " ".join(word for word in words[start:] if word != ",")
    return Modes(frozenset(_MODE.findall(spoken)), source, for_session)


def _read_variables(words: list[str], scope: str, vendor: str) -> Modes | None:
    """Return the modes of assignments to variables, None where there are none."""
    modes, for_session = set(), False
    for index, word in enumerate(words[:-2]):
        if word not in _VARIABLES or words[index + 1] not in {"=", ":=", "TO"}:
            continue
        if words[index - 1] == "@" and words[index - 2] != "@":  # a user variable
            continue
        value = re.sub(r"[\s_-]+", " ", words[index + 2].strip("'"))
        for_session = for_session or word in OF_SESSION[vendor]
        if word in _ISOLATION:
            modes.add(f"ISOLATION LEVEL {value}")
        elif value not in _OFF:
            modes.add("READ ONLY" if word in _READ_ONLY else "DEFERRABLE")
    # SET LOCAL of what holds for later transactions says nothing; in MySQL it is SET SESSION.
    if not modes or (for_session and scope == "LOCAL" and scope not in _SESSION_SCOPES[vendor]):
        return None
    return Modes(frozenset(modes), ", ".join(sorted(modes)), for_session)


def as_statement(statement: Statement, modes: Modes) -> Statement:
    """Return the SET TRANSACTION that gives a transaction the modes of ``statement``."""
    return statement._replace(text=f"SET TRANSACTION {modes.text}")


def mode_problem(statement: Statement, modes: Modes, vendor: str) -> Problem | None:
    """Return a problem of modes in which no migration can be recorded."""
    shown = excerpt(statement.text, vendor)
    if "READ ONLY" in modes.modes:
        return Problem(
            "transaction-control",
            f"a read-only transaction, in which the migration cannot be recorded: {shown}",
            "Take READ ONLY out: what only reads needs no migration.",
            line=statement.line,
        )
    if "SNAPSHOT" in modes.modes:
        return Problem(
            "transaction-control",
            f"a snapshot of another session, which ends with that session: {shown}",
            "Take it out; BEGIN ISOLATION LEVEL REPEATABLE READ has a snapshot of its own.",
            line=statement.line,
        )
    return None
