"""A loop over psycopg and nothing more: what any Python runner of SQL files is measured by.

`python -m benchmarks.bare_loop URL FOLDER` sends every file whole in a transaction, with its name.
"""

import sys
from pathlib import Path

import psycopg


def main(url: str, folder: str) -> None:
    """Apply the files in the order of their names."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE loop_history (id text PRIMARY KEY)")
        for path in sorted(Path(folder).glob("*.sql")):
            with connection.transaction():
                connection.execute(path.read_bytes())
                connection.execute("INSERT INTO loop_history (id) VALUES (%s)", (path.stem,))


if __name__ == "__main__":
    main(*sys.argv[1:])
