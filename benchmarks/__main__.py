"""`python -m benchmarks [NAME…] [--rounds N] [--size N…] [--output FILE]`."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import commands, fresh_run, impact, nothing_to_do, schema_check, splitting, usage
from benchmarks.markdown import Table, replace_between
from benchmarks.measuring import ENOUGH, say
from benchmarks.options import Options
from benchmarks.versions import machine

ALL: dict[str, Callable[[Options], Iterable[Table]]] = {
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
    parts = [f"{machine()} {rule}"]
    print(parts[0], flush=True)  # noqa: T201
    for name in asked.names or ALL:
        say(f"{name}:")
        for table in ALL[name](options):
            parts.append(str(table))
            print(f"\n{table}", flush=True)  # noqa: T201
            if asked.output:  # who stops it keeps what is measured
                text = replace_between(asked.output, "\n\n".join(parts))
                asked.output.write_text(text, encoding="utf-8")


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
