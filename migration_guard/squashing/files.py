"""Puts a finished file among the migrations, and names the newest one."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from migration_guard.exceptions import CannotTell
from migration_guard.planning import max_migration
from migration_guard.planning.names import scan


def write(
    path: Path,
    migration_id: str,
    text: str,
    folders: Sequence[Path],
    replaced: Collection[str] = (),
) -> None:
    """Write a whole file or none. Raises CannotTell where the folder does not take it."""
    # A hidden file, so that an interrupted write leaves nothing that looks like a migration.
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.write_bytes(text.encode())
        os.link(draft, path)  # never over a file that came meanwhile
    except OSError as error:
        raise CannotTell(
            f"{path} cannot be made: {error.strerror or error}. Nothing was written.",
            "Make the folder writable, and run it again.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    names, _ = scan(folders)
    newest = [n.id for n in names if n.id not in replaced and n.path.parent.samefile(path.parent)]
    max_migration.write(path, newest[-1] if newest else migration_id)
