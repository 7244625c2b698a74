"""What the fault suite tried, and the table that the documentation shows of it.

A fault has a row only if every test that tried it passed; what was not tried has none.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ASKED = os.environ.get("FAULTS", "bounded")
FULL = ASKED.partition("/")[0] == "full"
# `full/10` tries every tenth of a run's moments, and all else as `full` does.
SHARE = int(ASKED.partition("/")[2] or 1)
TABLE = os.environ.get("FAULTS_TABLE", "")
only_full = pytest.mark.skipif(not FULL, reason="runs with FAULTS=full")
COMMAND = f"FAULTS={ASKED} FAULTS_TABLE=docs/faults.md uv run pytest tests/faults"

LAST: set[str] = set()  # tests that run behind all others
Test = TypeVar("Test", bound="Callable[..., object]")

HEADINGS = {
    1: "Races",
    2: "Kills",
    3: "PgBouncer",
    4: "Half-applied files",
    5: "Locks",
    6: "Sessions",
    7: "Disk and limits",
    8: "Hostile and huge input",
    9: "Secrets and rights",
}
PAGE = """\
<!-- Written by the fault suite: {command} -->
# Faults

*Applied and recorded, or neither* is a promise about bad days, so it is tested on them: real servers,
real processes, and faults whose moment is chosen, not left to luck. This page is written by the
suite itself; a fault that fails has no row.

```console
{command}
```

Without `FAULTS` the same tests run with fewer rounds, as they do on every change. `full/20` strikes at
every twentieth of a run's moments, where `full` strikes at every single one; all else is the same.

The fuzzer alone, for as long as you like, and guided by coverage with [atheris](https://github.com/google/atheris):

```console
uv run python -m tests.faults.fuzz --seconds 600
uv run --with atheris python -m tests.faults.fuzz --atheris -max_total_time=600
```
{tables}"""


def last(function: Test) -> Test:
    """Decorate a test that waits for what goes on beside the others."""
    LAST.add(f"{function.__module__}.{function.__qualname__}")
    return function


def rounds(*, bounded: int, full: int) -> int:
    """Return how often to try: a few times on every change, often in the full run."""
    return full if FULL else bounded


def stride(*, bounded: int) -> int:
    """Return how many moments to go on by: to each single one in the full run."""
    return SHARE if FULL else bounded


@dataclass(frozen=True)
class Tried:
    """One row: a fault, how often it was tried, what came of it and what of it was lost."""

    item: int
    fault: str
    result: str
    lost: str = "nothing"
    times: int = 1

    def same_row(self, other: Tried) -> bool:
        """Tell whether both are counted in one row."""
        return replace(self, times=0) == replace(other, times=0)


@dataclass
class Recorder:
    """Takes what one test tried; call it after each time that went well.

    `fault` and `result` are words for the reader of the table. `item` is a key of HEADINGS.
    Calls with the same words are added up, also those of other tests.
    """

    rows: list[Tried] = field(default_factory=list)

    def __call__(
        self, fault: str, *, item: int, result: str, lost: str = "nothing", times: int = 1
    ) -> None:
        if item not in HEADINGS:
            raise ValueError(f"item {item} is not one of {sorted(HEADINGS)}")
        self.rows.append(Tried(item, fault, result, lost, times))


@dataclass
class Ledger:
    """What the tests of one session tried, and which of them did not pass."""

    tried: dict[str, list[Tried]] = field(default_factory=dict)  # node id -> rows
    failed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)

    def rows(self) -> list[Tried]:
        """Add up the rows of each fault, without those of which any test failed."""
        bad = {(row.item, row.fault) for node in self.failed for row in self.tried.get(node, ())}
        failed = {function(node) for node in self.failed}
        found: list[Tried] = []
        for node, rows in self.tried.items():
            if function(node) in failed:
                continue
            for row in rows:
                if (row.item, row.fault) not in bad:
                    _add(found, row)
        return found


def function(node: str) -> str:
    """Return a test's node id without its parameters."""
    return node.partition("[")[0]


def page(rows: Iterable[Tried]) -> str:
    """Return the Markdown page."""
    rows = list(rows)
    tables = [_table(item, [row for row in rows if row.item == item]) for item in HEADINGS]
    return PAGE.format(command=COMMAND, tables="".join(tables))


def write(path: Path, ledger: Ledger) -> None:
    """Write the page of a session's ledger."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(ledger.rows()), encoding="utf-8")


def reasons_not_to_write(chosen: Mapping[str, object]) -> list[str]:
    """Say why the table would not be the whole truth; `chosen` is what narrowed the session."""
    found = [] if FULL else ["only the bounded part ran (FAULTS=full runs all of it)"]
    found += [f"the session was narrowed by {name}" for name, value in chosen.items() if value]
    return found


def _add(rows: list[Tried], new: Tried) -> None:
    for index, row in enumerate(rows):
        if row.same_row(new):
            rows[index] = replace(row, times=row.times + new.times)
            return
    rows.append(new)


def _table(item: int, rows: list[Tried]) -> str:
    if not rows:
        return ""
    lines = [
        f"\n## {HEADINGS[item]}\n",
        "| fault | times tried | result | lost |",
        "|---|--:|---|---|",
    ]
    lines += [
        f"| {_cell(row.fault)} | {row.times} | {_cell(row.result)} | {_cell(row.lost)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
