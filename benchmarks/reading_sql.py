"""One reader of SQL over one file: prints the processor seconds of its work, and the statements.

`python -m benchmarks.reading_sql TOOL VENDOR FILE`
"""

import gc
import sys
import time
from collections.abc import Callable, Sized
from pathlib import Path


def _reader(tool: str, vendor: str) -> Callable[[str], Sized]:
    if tool == "sqlparse":
        import sqlparse

        split_text: Callable[[str], Sized] = sqlparse.split
        return split_text
    if tool.startswith("libpg_query"):
        import postgast

        method = "scanner" if tool.endswith("scanner") else "parser"
        return lambda text: postgast.split(text, method=method)
    if tool == "fingerprint":
        from migration_guard.planning.digests import fingerprint

        return lambda text: fingerprint(text, vendor)
    from migration_guard.sql.statements import split

    return lambda text: split(text, vendor)


def main(tool: str, vendor: str, path: str) -> None:
    """Read the file once."""
    text = Path(path).read_text(encoding="utf-8")
    read = _reader(tool, vendor)
    gc.disable()  # as the commands do while they read
    started = time.process_time()
    found = read(text)
    print(time.process_time() - started, len(found))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
