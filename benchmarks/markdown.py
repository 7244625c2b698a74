"""Measurements as Markdown: tables with medians, their spread, and ratios."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Measured


@dataclass(frozen=True)
class Table:
    """One table; `note` stands below it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

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
    return Table(title, head, tuple(rows), note)


def replace_between(path: Path, text: str) -> str:
    """Return the page with `text` between its two marks, or `text` alone where it has none."""
    begin, end = "<!-- measured: begin -->", "<!-- measured: end -->"
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    if begin not in page or end not in page:
        return f"{text}\n"
    before, after = page.split(begin)[0], page.split(end)[1]
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
