"""The lines of a written contract that its own database keeps; the others become comments. Pure.

Every clause has a line of its own, so that one which cannot be stated takes no other with it.
"""

import re
from collections.abc import Iterator
from typing import Final

from migration_guard.contracts.assertions import compare
from migration_guard.contracts.from_toml import parse
from migration_guard.exceptions import CannotTell
from migration_guard.results import Assertion, Verdict
from migration_guard.schema.objects import Snapshot

EXACT: Final = "exact = true"
NOT_STATED: Final = "not stated, since its check would fail"

_LINE: Final = re.compile(r"line (\d+)")
_COLUMN: Final = re.compile(r'((?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*") = )\{ .*')
# TOML allows a tab in a comment, and no other control character.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+")


def keep_true_lines(text: str, snapshot: Snapshot) -> str:
    """Return the contract with comments in place of what the snapshot does not keep."""
    lines = text.split("\n")
    before: list[str] = []
    # Each round makes comments of some lines, or lets a column state less.
    while lines != before:
        before = lines.copy()
        for position, why in dict(_faults(lines, snapshot)).items():
            _leave_out(lines, position, why)
    return "\n".join(lines)


def comment(text: str) -> str:
    """Return a line of comment."""
    return f"# {_CONTROL.sub(' ', text)}"


def _faults(lines: list[str], snapshot: Snapshot) -> Iterator[tuple[int, str]]:
    """Yield the positions of lines that cannot be read or are not kept, and why."""
    try:
        contract = parse("\n".join(lines))
    except CannotTell as error:
        yield _position(error.message), error.message.partition(": ")[2]
        return
    for assertion in compare(contract, snapshot):
        if assertion.verdict is not Verdict.KEPT:
            yield _position_of(assertion, lines), _reason(assertion)


def _position(place: str) -> int:
    match = _LINE.match(place)
    return int(match[1]) - 1 if match else 0


def _position_of(assertion: Assertion, lines: list[str]) -> int:
    """Return the position of the line that an assertion comes from."""
    position = _position(assertion.source)
    # The place of ``exact`` is that of its table.
    return lines.index(EXACT, position) if assertion.id.endswith("::exact") else position


def _reason(assertion: Assertion) -> str:
    return assertion.unknown if assertion.violation is None else assertion.violation.message


def _leave_out(lines: list[str], position: int, why: str) -> None:
    """Make a comment of a line, of a whole table at its header; a column is still named."""
    line = lines[position]
    if line.startswith("#"):
        return
    column = _COLUMN.fullmatch(line)
    if column is not None:
        lines[position] = f"{column[1]}{{}}  {_not_stated(line, why)}"
        return
    lines[position] = _not_stated(line, why)
    if line.startswith("["):
        parts = {f"{line[:-1]}.columns]"}
        for after in range(position + 1, len(lines)):
            if lines[after].startswith("[") and lines[after] not in parts:
                break
            lines[after] = comment(lines[after]) if lines[after] else ""


def _not_stated(line: str, why: str) -> str:
    return comment(f"{NOT_STATED} ({why}): {line.strip()}")
