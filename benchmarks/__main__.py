"""`python -m benchmarks [NAME…] [--rounds N] [--size N…] [--output FILE]`."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import (
    commands,
    fresh_run,
    impact,
    nothing_to_do,
    schema_check,
    splitting,
    suites,
    usage,
)
from benchmarks.markdown import Table, replace_tables
from benchmarks.measuring import ENOUGH, say
from benchmarks.options import Options
from benchmarks.picture import draw
from benchmarks.versions import machine

ALL: dict[str, Callable[[Options], Iterable[Table]]] = {
    "test-database": suites.tables,
    "fresh-run": fresh_run.tables,
    "impact": impact.tables,
    "nothing-to-do": nothing_to_do.tables,
    "schema-check": schema_check.tables,
    "splitting": splitting.tables,
    "static-check": commands.static_check,
    "fresh-database": commands.fresh_database,
    "usage": usage.tables,
    "start-up": commands.start_up,
    "memory": commands.memory,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks that are named, or all, and write their tables."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(ALL):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(ALL)}")
    options = Options(asked.rounds, tuple(asked.size))
    rule = f"Rounds: {options.rounds}; who has run for more than {ENOUGH} s sits out the others."
    head = f"{machine()} {rule}"
    print(head, flush=True)  # noqa: T201
    tables: list[Table] = []
    for name in asked.names or ALL:
        say(f"{name}:")
        for table in ALL[name](options):
            tables.append(table)
            print(f"\n{table}", flush=True)  # noqa: T201
            if asked.output:  # who stops it keeps what is measured
                _write(asked.output, head, tables, are_all=not asked.names)


def _write(page: Path, head: str, tables: Sequence[Table], *, are_all: bool) -> None:
    """Write the page, and the picture beside it."""
    text = replace_tables(page, head, tables, are_all=are_all)
    page.write_text(text, encoding="utf-8")
    if tables[-1].bars:
        picture = page.parent / "images" / f"{page.stem}.svg"
        picture.parent.mkdir(exist_ok=True)
        picture.write_text(draw(tables[-1].title, tables[-1].bars), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run, if quick; 5")
    parser.add_argument(
        "--size", type=int, nargs="*", default=[], help="instead of the usual sizes"
    )
    parser.add_argument("--output", type=Path, help="a page with marks, or a new file")
    return parser


if __name__ == "__main__":
    main()
