"""Public histories squashed at their middle: `python -m benchmarks.squashes FOLDER…`.

Each folder holds the plain SQL migrations of one project, which the person who runs this fetches.
What PostgreSQL refuses of them is left out. The first half becomes one file, with its proof; then
that file and the second half are built, and compared with a build of all files.
"""

import argparse
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks import corpora
from benchmarks.markdown import Table
from benchmarks.measuring import say
from benchmarks.swaps import Corpus, open_server, run_history
from tests import servers

_HEAD: Final = (
    "corpus", "files", "left out", "squashed", "statements", "squash", "tables", "rows",
    "sequences", "times", "differences", "seconds",
)  # fmt: skip


def main() -> None:
    """Squash the folders that are named, and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.squashes", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--programs", type=Path, help="the folder of the server's pg_dump")
    options = parser.parse_args()
    if options.programs:
        os.environ["PATH"] = f"{options.programs}{os.pathsep}{os.environ['PATH']}"
    rows = []
    with open_server() as server:
        for folder in options.folders:
            corpus = run_history(server, folder.name, corpora.read(folder))
            with server.database() as database, tempfile.TemporaryDirectory() as files:
                rows.append(_measure(corpus, database, Path(files)))
            say(" ".join(rows[-1]))
    print(Table("Squashes", _HEAD, tuple(rows)))  # noqa: T201


def write(corpus: Corpus, folder: Path) -> None:
    """Write the files of a corpus as ours."""
    for number, migration in enumerate(corpus.migrations, 1):
        name = re.sub(r"[^A-Za-z0-9_-]", "_", migration.id)[:100]
        head = "-- guard: transaction = off\n" if migration.id in corpus.alone else ""
        head += "" if migration.statements else "-- guard: allow = empty\n"
        (folder / f"{number:04}_{name}.sql").write_text(head + migration.text)


def _measure(corpus: Corpus, database: servers.Database, folder: Path) -> tuple[str, ...]:
    from django.db import connections
    from django.db.utils import ConnectionHandler

    from migration_guard.exceptions import GuardError
    from migration_guard.squashing.squash import squash

    write(corpus, folder)
    connections.settings.update(ConnectionHandler({"default": database.settings}).settings)
    servers.forget_connection("default")
    _point_to(folder)
    started = perf_counter()
    middle = len(corpus.migrations) // 2
    before = [len(corpus.migrations), corpus.left_out, middle]
    try:
        squashed = squash("default", (1, middle), "squash", say)
        facts = _compare(squashed.path, squashed.replaced)
        times = len(squashed.times)
    except GuardError as error:
        say(str(error))
        facts, times = ["", "", "", "", "", str(error).splitlines()[0]], 0
    statements = sum(len(migration.statements) for migration in corpus.migrations[:middle])
    seconds = f"{perf_counter() - started:.0f}"
    values = [*before, statements, *facts[:4], times, facts[-1], seconds]
    return (corpus.name, *map(str, values))


def _compare(path: Path, replaced: Sequence[Path]) -> list[object]:
    """Return what was built of all files, and how it differs from squash and second half."""
    from migration_guard.fresh.throwaway import open_host
    from migration_guard.squashing.builds import build, schema_differences
    from migration_guard.squashing.contents import find_varying

    with open_host("default") as host:
        squash_and_rest = build("default", host)
        hidden = path.rename(path.with_name(f"_{path.name}"))
        files = build("default", host)
        hidden.rename(path)
    varying = find_varying(files.contents, squash_and_rest.contents)
    differing = [
        *varying.others,
        *schema_differences(files.snapshot, squash_and_rest.snapshot),
    ]
    tables = files.contents.tables
    rows = sum(len(table.rows) for table in tables.values())
    size = len(path.read_text().splitlines())
    return [
        f"{size} lines for {len(replaced)}",
        len(tables),
        rows,
        len(files.contents.counters),
        ", ".join(differing) or "none",
    ]


def _point_to(folder: Path) -> None:
    from django.conf import settings

    settings.MIGRATION_GUARD = {"DIRS": {"default": [folder]}}


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure(INSTALLED_APPS=["migration_guard"], DATABASES={}, USE_TZ=True)
    django.setup()
    main()
