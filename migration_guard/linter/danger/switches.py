"""What switches off the checks that guard rows: triggers, foreign keys, constraints, row security.

Pure, by tokens, for all vendors. What is switched off and on again in one file counts only where
statements between them touch rows that people have put there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.linter.danger.clauses import take_target
from migration_guard.linter.danger.losses import is_harmless, read_losses
from migration_guard.sql.cursor import Cursor, Name, keyword

if TYPE_CHECKING:
    from migration_guard.linter.danger.walk import Step

_OFF: Final = frozenset({"0", "OFF", "FALSE", "'0'", "'OFF'"})
_ON: Final = frozenset({"1", "ON", "TRUE", "'1'", "'ON'"})
# Variables and pragmas, and whether off or on is the danger.
_VARIABLES: Final = {
    "FOREIGN_KEY_CHECKS": "foreign keys are not checked",
    "UNIQUE_CHECKS": "unique indexes may not be checked",
    "CHECK_CONSTRAINT_CHECKS": "CHECK constraints are not checked",
    "FOREIGN_KEYS": "foreign keys are not checked",
}
_PRAGMAS: Final = {
    "IGNORE_CHECK_CONSTRAINTS": "CHECK constraints are not checked",
    "WRITABLE_SCHEMA": "the schema can be overwritten, and a mistake there loses the database",
}
WORDS: Final = frozenset(
    ["DISABLE", "REPLICA", "ENFORCED", "SESSION_REPLICATION_ROLE", "PRAGMA", *_VARIABLES]
)
_WRITES: Final = frozenset("INSERT UPDATE DELETE REPLACE MERGE COPY LOAD CALL".split())  # noqa: SIM905


class Switch(NamedTuple):
    """A check that a statement switches.

    ``key`` is the same for off and on. ``stays``: it outlasts the migration. ``fault`` is what
    follows where it is off.
    """

    key: tuple[str, str]
    is_off: bool
    stays: bool
    fault: str
    table: Name | None = None
    checks_rows: bool = True


def read_switches(step: Step) -> Iterator[Switch]:
    """Yield the checks that a statement switches off or on."""
    first = keyword(step.part.tokens[0])
    if first == "ALTER":
        yield from _of_alter(step)
    if first in {"SET", "ALTER", "SELECT", "RESET"}:
        yield from _replication_role(step)
    if first == "SET" and not step.lexis.dollar_quotes:
        yield from _variables(step)
    if first == "PRAGMA":
        yield from _pragma(step)


def touches_rows(step: Step) -> bool:
    """Return True if a statement writes, or loses, rows of a table that is not new."""
    if any(not is_harmless(step, loss) for loss in read_losses(step)):
        return True
    cursor = Cursor(step.part.tokens, step.lexis)
    verb = cursor.take()
    if verb not in _WRITES:
        return verb == "ALTER" and _adds_key(step)
    _ = cursor.accept_any({"INTO", "FROM"})
    if verb in {"LOAD", "CALL"}:
        return True
    name = take_target(cursor)
    return name is None or not step.tables.is_fresh(name)


def _adds_key(step: Step) -> bool:
    ddl, words = step.ddl, step.part.words
    is_key = ("FOREIGN", "KEY") in pairwise(words)
    is_old = ddl is not None and bool(ddl.names) and not step.tables.is_fresh(ddl.names[0])
    return is_key and "ADD" in words and is_old


def _of_alter(step: Step) -> Iterator[Switch]:
    ddl = step.ddl
    if ddl is None or not ddl.names:
        return
    name = ddl.names[0]
    if ddl.kind == "EVENT TRIGGER":
        words = step.part.words
        if "DISABLE" in words or "ENABLE" in words:
            yield Switch(
                (str(name), "EVENT"), "DISABLE" in words, True,
                "from now on it does not fire", None, checks_rows=False,
            )  # fmt: skip
    if ddl.kind != "TABLE":
        return
    for words in step.part.clause_words:
        switch = _of_clause(words, name)
        if switch is not None:
            yield switch


def _of_clause(words: Sequence[str], name: Name) -> Switch | None:
    verb, *rest = words
    if verb in {"ENABLE", "DISABLE"} and {"TRIGGER", "RULE"} & set(rest[:2]):
        noun = "TRIGGER" if "TRIGGER" in rest[:2] else "RULE"
        which = rest[rest.index(noun) + 1] if len(rest) > rest.index(noun) + 1 else ""
        is_off = verb == "DISABLE" or rest[:1] == ["REPLICA"]
        return Switch(
            (str(name), f"{noun} {which}"), is_off, True, _TRIGGER_FAULTS.get(which, _NO_TRIGGER),
            name, checks_rows=which in _TRIGGER_FAULTS and which == "ALL",
        )  # fmt: skip
    if words[-2:] == ["NOT", "ENFORCED"]:
        return Switch((str(name), ""), True, True, "the constraint checks no row", name)
    return None


_NO_TRIGGER: Final = "from now on it does not fire"
_TRIGGER_FAULTS: Final = {
    "ALL": "its foreign keys are off too, so rows without a parent get in",
    "USER": "from now on none of the table's own triggers fires",
}


def _replication_role(step: Step) -> Iterator[Switch]:
    words = [word.strip("'\"").upper() for word in step.part.words]
    if "SESSION_REPLICATION_ROLE" not in words:
        return
    at = words.index("SESSION_REPLICATION_ROLE")
    is_off = "REPLICA" in words[at + 1 : at + 4]
    stays = words[0] == "ALTER" and words[1:2] != ["SYSTEM"]
    fault = "no trigger fires and no foreign key is checked"
    yield Switch(("", "SESSION_REPLICATION_ROLE"), is_off, stays, fault)


def _variables(step: Step) -> Iterator[Switch]:
    words = step.part.words
    for at, word in enumerate(words):
        if word in _VARIABLES and words[at + 1 : at + 2] in (["="], [":="]):
            is_global = "GLOBAL" in words[max(at - 3, 0) : at]
            value = words[at + 2] if len(words) > at + 2 else ""
            yield Switch(("", word), value in _OFF, is_global, _VARIABLES[word])


def _pragma(step: Step) -> Iterator[Switch]:
    texts = [word.strip("'\"").upper() for word in step.part.words]
    *_, name, value = ["", *(text for text in texts if text not in {"(", ")", "=", "."})]
    if name == "FOREIGN_KEYS":
        yield Switch(("", name), value in _OFF | {"NO"}, False, _VARIABLES[name])
    elif name in _PRAGMAS:
        yield Switch(("", name), value in _ON | {"YES"}, False, _PRAGMAS[name])
