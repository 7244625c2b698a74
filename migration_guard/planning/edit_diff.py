"""The diff between two texts of a migration, which spells out what looks the same.

Pure. A no-break space, another normal form or a letter of another script is a difference that no
reader sees, so a line of the diff names the characters and their bytes.
"""

import difflib
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from migration_guard.planning.files import MigrationFile

_NO_NEWLINE: Final = "\n\\ No newline at end of file"
_LONGEST: Final = 300  # characters of a difference that is looked through in detail
_NAMED: Final = 6  # characters, or runs of one, that one note names
_NOTES: Final = 4  # of one pair of lines
# Unicode gives control characters no names.
_CONTROLS: Final = {"\t": "TAB", "\r": "CARRIAGE RETURN", "\f": "FORM FEED", "\v": "LINE TAB"}


class Difference(NamedTuple):
    """Where two lines differ: the column in the old one, and what stands there in each of them."""

    column: int
    old: str
    new: str
    at_end: bool

    @property
    def is_unseen(self) -> bool:
        """Whether a reader may not see it, or take it for another one."""
        if self.at_end and " " in (self.old[-1:], self.new[-1:]):
            return True
        return any(not " " <= character <= "~" for character in self.old + self.new)

    @property
    def text(self) -> str:
        """The difference in words."""
        if self.old and self.new:
            return f"{_name(self.old)} became {_name(self.new)}"
        return f"{_name(self.old or self.new)} was {'removed' if self.old else 'added'}"


def edit_diff(file: MigrationFile, applied_sql: str, limit: int = 40) -> str:
    """Return the diff from the SQL that was applied to the file, in at most ``limit`` lines."""
    names = f"{file.id} (applied)", f"{file.path.name} (now)"
    lines = diff_lines(applied_sql, file.text, *names, context=2)
    rest = [f"… {len(lines) - limit} more lines"] if len(lines) > limit else []
    return "\n".join([*lines[:limit], *rest])


def first_difference(before: str, after: str) -> int:
    """Return the line of ``after``, from 1, at which the texts begin to differ."""
    new = after.splitlines() or [""]
    pairs = zip(before.splitlines(), new, strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), None)
    shorter = min(len(before.splitlines()), len(new))
    return min(shorter if same is None else same, len(new) - 1) + 1


def diff_lines(before: str, after: str, name: str, new_name: str, context: int) -> list[str]:
    """Return the lines of a unified diff; those that begin with ``?`` name what looks the same."""
    old, new = _lines(before), _lines(after)
    diff = difflib.unified_diff(old, new, name, new_name, lineterm="", n=context)
    lines: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    for place, line in enumerate(diff):
        mark = line[0] if place > 1 else ""  # the first two lines are names
        if mark not in ("-", "+") or (mark == "-" and added):
            lines += _notes(removed, added)
            removed, added = [], []
        if mark in ("-", "+"):
            (removed if mark == "-" else added).append(line[1:])
        lines += line.split("\n")
    return [*lines, *_notes(removed, added)]


def _lines(text: str) -> list[str]:
    """Return the lines of a text; the last one says so if it does not end."""
    # Not splitlines, for which a carriage return or a form feed ends a line too.
    *lines, last = text.split("\n")
    return [*lines, last + _NO_NEWLINE] if last else lines


def _notes(removed: Sequence[str], added: Sequence[str]) -> Iterator[str]:
    """Yield lines that name the differences which no reader sees, pair by pair."""
    several = max(len(removed), len(added)) > 1
    for number, (old, new) in enumerate(_pairs(removed, added), 1):
        place = f"line {number}, " if several else ""
        differences = _differences(old.removesuffix(_NO_NEWLINE), new.removesuffix(_NO_NEWLINE))
        unseen = [difference for difference in differences if difference.is_unseen]
        for difference in unseen[:_NOTES]:
            yield f"? {place}column {difference.column + 1}: {difference.text}"


def _pairs(removed: Sequence[str], added: Sequence[str]) -> list[tuple[str, str]]:
    """Return the removed lines with the added ones that took their places."""
    if len(removed) == len(added):
        return list(zip(removed, added, strict=True))
    by_look = {_look(line): line for line in added}
    return [(line, by_look[_look(line)]) for line in removed if _look(line) in by_look]


def _look(line: str) -> str:
    """Return a line as most readers see it: without space, marks and what has no width."""
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", line)
        if unicodedata.category(character)[0] not in "ZCM"
    )


def _differences(old: str, new: str) -> list[Difference]:
    """Return where two lines differ; nothing for lines that have little in common."""
    start = _common_length(old, new)
    end = _common_length(old[start:][::-1], new[start:][::-1])
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    longest = max(len(gone), len(come))
    if start + end < longest and len(old) != len(new) and _look(old) != _look(new):
        return []
    if longest > _LONGEST:
        return [Difference(start, gone, come, not end)]
    matcher = difflib.SequenceMatcher(None, gone, come, autojunk=False)
    return [
        Difference(
            start + at,
            gone[at:to],
            come[new_at:new_to],
            not end and (to, new_to) == (len(gone), len(come)),
        )
        for kind, at, to, new_at, new_to in matcher.get_opcodes()
        if kind != "equal"
    ]


def _common_length(old: str, new: str) -> int:
    """Return how many characters at the beginning are the same."""
    pairs = enumerate(zip(old, new, strict=False))
    shorter = min(len(old), len(new))
    return next((place for place, (old, new) in pairs if old != new), shorter)


def _name(text: str) -> str:
    """Return the code points of ``text``, their names and bytes."""
    names = []
    for character, run in groupby(text):
        count = sum(1 for _ in run)
        name = _CONTROLS.get(character) or unicodedata.name(character, "without a name")
        encoded = character.encode("utf-8", "surrogatepass").hex(" ")
        times = f"{count} times " if count > 1 else ""
        names.append(f"{times}U+{ord(character):04X} {name} ({encoded})")
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return " + ".join(names[:_NAMED]) + more
