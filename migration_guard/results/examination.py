"""Whether a database is what a contract, or another database, says."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from migration_guard.problems import Violation


class Verdict(StrEnum):
    """The result of one assertion. An unknown one never passes silently."""

    KEPT = "kept"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


class Assertion(NamedTuple):
    """One statement of a contract about a database, and whether it holds.

    ``id`` is readable and stable (``user_profiles::relationship_type::exists``). ``violation`` is
    set if and only if the verdict is VIOLATED; ``unknown`` is the reason for UNKNOWN. ``owner`` is
    who relies on it; ``warning`` says what deserves a look, by the rule ``warning_rule``. One value
    may stand for all kept assertions of a table, where nobody lists them.
    """

    # A tuple, because a check of thousands of tables makes hundreds of thousands of them.

    id: str
    table: str
    object: str
    source: str
    verdict: Verdict
    violation: Violation | None = None
    unknown: str = ""
    owner: str = ""
    warning: str = ""
    warning_rule: str = "expires"
    stands_for: int = 1


@dataclass(frozen=True)
class Examination:
    """All assertions about one database, in the order of the contract.

    ``seconds`` is the time that reading and comparing took.
    """

    database: str
    vendor: str
    assertions: tuple[Assertion, ...]
    seconds: float = 0.0

    @cached_property
    def violations(self) -> tuple[Violation, ...]:
        """The violations, each once, in order."""
        # All assertions about parts of a missing object share the object's violation.
        violations = (assertion.violation for assertion in self.assertions)
        return tuple(dict.fromkeys(filter(None, violations)))

    @cached_property
    def unknown(self) -> tuple[Assertion, ...]:
        """The assertions that could not be checked."""
        return tuple(
            assertion for assertion in self.assertions if assertion.verdict is Verdict.UNKNOWN
        )
