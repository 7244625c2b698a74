"""Measurements as Markdown: tables with medians and ratios, and the machine they are from."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
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
    """Return medians, and how many times the reference's each is, the quickest first.

    Without ``memory`` where this process has held much itself: a process begins with its parent's.
    """
    by = next((each for each in measured if each.name == reference and each.runs), None)
    done = sorted((each for each in measured if each.runs), key=lambda each: each.wall)
    rows = [
        (
            f"**{each.name}**" if each.name == reference else each.name,
            f"{each.wall:.2f} s",
            f"{each.wall / by.wall:.2f} x" if by else "",
            f"{each.cpu:.2f} s",
            *([f"{each.memory:.0f} MB"] if memory else []),
        )
        for each in done
    ]
    head = ("", "median", f"x {reference}", "processor", *(["peak memory"] if memory else []))
    rows += [(each.name, each.note, *[""] * (len(head) - 2)) for each in measured if not each.runs]
    return Table(title, head, tuple(rows), note)


def machine() -> str:
    """Return processors, memory and versions; nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ("Django", "psycopg", "mysqlclient", "sqlparse", "postgast", "yoyo-migrations")
    parts = [
        f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GB of memory",
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        *(f"{name} {found}" for name in packages if (found := _version(name))),
        *(found for name in ("psql", "dbmate", "sqitch", "mariadbd") if (found := _says(name))),
    ]
    return "Measured on " + "; ".join(parts) + "."


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


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _says(program: str) -> str:
    try:
        said = subprocess.run(  # noqa: S603
            [program, "--version"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.splitlines()[0].split(" (Debian")[0] if said.stdout else ""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.machine()
    lines = info.read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
