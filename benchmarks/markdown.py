"""Measurements as Markdown: tables with medians, their spread, and ratios."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measuring import Measured
from benchmarks.picture import Bar

_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Table:
    """One table; `note` stands below it. `bars` are for the picture of the page."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    bars: tuple[Bar, ...] = ()

    def __str__(self) -> str:
        lines = [f"### {self.title}", "", _line(self.head)]
        lines.append(_line(["---", *["---:"] * (len(self.head) - 1)]))
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, *(["", self.note] if self.note else [])])


def compared(
    title: str,
    measured: Sequence[Measured],
    reference: str,
    note: str = "",
    *,
    memory: bool = True,
    bars: tuple[Bar, ...] = (),
) -> Table:
    """Return medians, what they are of, and how many times the reference's; the quickest first.

    Without ``memory`` where this process has held much itself: a process begins with its parent's.
    """
    by = next((each for each in measured if each.name == reference and each.runs), None)
    done = sorted((each for each in measured if each.runs), key=lambda each: each.wall)
    rows = [
        (
            f"**{each.name}**" if each.name == reference else each.name,
            f"{each.wall:.2f} s",
            each.spread,
            f"{each.wall / by.wall:.2f} x" if by else "",
            f"{each.cpu:.2f} s",
            *([f"{each.memory:.0f} MB"] if memory else []),
        )
        for each in done
    ]
    last = ["peak memory"] if memory else []
    head = ("", "median", "min to max, runs", f"x {reference}", "processor", *last)
    rows += [(each.name, each.note, *[""] * (len(head) - 2)) for each in measured if not each.runs]
    return Table(title, head, tuple(rows), note, bars)


_MACHINE: Final = re.compile(r"^(Measured on .+)$", re.MULTILINE)
_SECTION: Final = re.compile(r"^(?=### )", re.MULTILINE)


def replace_tables(path: Path, machine: str, tables: Sequence[Table], *, are_all: bool) -> str:
    """Return the page with these tables between its marks; others stay, with their machine.

    They go where these ``are_all``. Without marks, or without a page, the tables are all there is.
    """
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    before, begin, rest = page.partition(_BEGIN)
    old, end, after = rest.partition(_END)
    titles = {table.title for table in tables}
    kept: list[str] = []
    last = machine
    # What was measured on several machines stands below a line for each.
    for old_machine, sections in zip(*[iter(_MACHINE.split(old.strip())[1:])] * 2, strict=True):
        others = [
            text.strip()
            for text in _SECTION.split(sections)
            if text.strip() and text.splitlines()[0].removeprefix("### ") not in titles
        ]
        if others and not are_all:
            kept += others if old_machine == last else [old_machine, *others]
            last = old_machine
    text = "\n\n".join([machine, *map(str, tables), *kept])
    return f"{before}{begin}\n\n{text}\n\n{end}{after}" if begin and end else f"{text}\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
